/*
 * Bugs on purpose: `configure --enable-seeded-bugs` builds them in, and a test chooses one while
 * running, to see whether somebody notices (tests/sim/bugs.def lists them). In every other build
 * BUG() is 0 and nothing of them is left.
 */
#ifndef DAEMON_BUG_H
#define DAEMON_BUG_H

#ifdef AGREE_SEEDED_BUGS
__attribute__((weak)) int bug_number; /* the one that is on; 0: none */
#define BUG(n) (bug_number == (n))
#else
#define BUG(n) 0
#endif

#endif
