/*
 * What a service manager is told, sd_notify(3)'s protocol: a datagram to $NOTIFY_SOCKET, a path or
 * (after `@`) an abstract name. Without that variable nothing happens.
 */
#ifndef DAEMON_SDNOTIFY_H
#define DAEMON_SDNOTIFY_H

#include <stdint.h>

/* Lines such as "READY=1\nSTATUS=serving". 1: sent; 0: nobody to tell; AGREE_EFILE: could not. */
int sdnotify(const char *lines);

/* How often "WATCHDOG=1" is due, half of what the manager asks for: ms, or 0 for never. */
uint64_t sdnotify_watchdog_ms(void);

#endif
