/* daemon/log.h: into the trace. */
#include "config.h"

#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/oracle.h"

void log_tick(void)
{
}

bool log_is_on(enum log_level level)
{
	return level <= LOG_L_DETAIL;
}

void log_say(enum log_level level, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	if (strncmp(format, "bad signature share", 19) == 0)
		oracle_blamed((uint8_t)va_arg(args, int));
	va_end(args);
	if (!log_is_on(level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	trace_say("%u says: %s", sim->current == NULL ? 0 : sim->current->id, text);
}
