/*
 * What the linker puts before functions of others (--wrap=x: a call of x goes to __wrap_x, which
 * finds x itself under __real_x). wraps.def lists them.
 */
#ifndef SIM_WRAP_H
#define SIM_WRAP_H

#include <sched.h>
#include <sodium.h>
#include <sys/types.h>
#include <time.h>

#include "daemon/curve/curve.h"
#include "daemon/fetch_state.h"
#include "daemon/frost/frost.h"
#include "daemon/keygen.h"
#include "daemon/machine/machine.h"
#include "daemon/pbft/pbft.h"
#include "daemon/relay.h"
#include "libproto/crypto.h"

/* clang-format off */
#define WRAP(type, name, arguments) type __wrap_##name arguments; type __real_##name arguments;
#include "tests/sim/wraps.def"
/* clang-format on */

#endif
