/*
 * The control socket, where agreectl reaches a running daemon: a Unix stream socket, mode 0660. One
 * request a connection, `COMMAND ARGUMENT...` and LF; the reply is `ok` or `error: SENTENCE` on the
 * first line, then lines of text, then the end of the connection. Who may connect may command.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <stddef.h>

#include <event2/event.h>

#include "libproto/text.h"

#define CONTROL_REQUEST_MAX 512	  /* octets of a request, LF included */
#define CONTROL_REPLY_MAX   65536 /* octets of a reply */
#define CONTROL_ARGS_MAX    8	  /* arguments of a command */
#define CONTROL_CLIENTS_MAX 8	  /* connections at once */
#define CONTROL_TIMEOUT_S   10	  /* for a request to arrive, for a reply to leave */
#define CONTROL_PATH_MAX    108	  /* octets of the path, final NUL included: the system's bound */

/*
 * Carries out a command. argv[0] is its name. Writes the reply's text (full lines) into `out`; what
 * does not fit is cut. 0, or another number and `out` is a sentence for the operator.
 */
typedef int control_run(void *arg, int argc, const char *const *argv, struct ap_text *out);

struct control_command {
	const char *name;
	int args_min, args_max; /* behind the name */
	const char *help;	/* "ARGUMENTS: what it does" for the reply to `help` */
	control_run *run;
};

struct control;

/*
 * Listens at `path`, in place of a socket that nobody listens at any more. `commands` ends with a
 * name that is NULL and stays the caller's. 0, or AGREE_EFILE, AGREE_ENOMEM and why has the
 * sentence (also when another daemon listens there).
 */
int control_new(struct control **control, struct event_base *base, const char *path,
		const struct control_command *commands, void *arg, struct ap_text *why);
/* Ends all connections and removes the socket; may be NULL. A command may ask the loop to end, but
 * not call this: its reply has then been sent. */
void control_free(struct control *control);

/*
 * The other side: sends one request and waits for the whole reply, at most `timeout_ms`. Returns
 * the octets in `reply` (NUL behind them), AGREE_ENOANSWER if nobody listens, AGREE_EFILE,
 * AGREE_ETIMEOUT; then why has the sentence.
 */
int control_ask(const char *path, const char *request, char *reply, size_t size, int timeout_ms,
		struct ap_text *why);

#endif
