/*
 * What goes between sender and receiver, over TCP: frames of a type (1 octet), a length (4, big
 * endian), a ticket in text, a NUL, and octets. A connection carries one frame there and one back.
 */
#ifndef CUSTODY_WIRE_H
#define CUSTODY_WIRE_H

#include <event2/bufferevent.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* of the sender: */
	WIRE_OFFER = 'O',    /* a draft with the sender's locks, and the message */
	WIRE_ASK = 'A',	     /* what became of it? */
	WIRE_TELL = 'T',     /* this did: a record that proves it */
	WIRE_WITHDRAW = 'W', /* nothing, and nothing will: the sender keeps the message */
	/* of the receiver: */
	WIRE_ACCEPT = 'a', /* the draft with both locks: a ticket */
	WIRE_REFUSE = 'r', /* not now; octets: why */
	WIRE_RECORD = 't', /* this became of it */
	WIRE_NONE = 'n',   /* not known yet */
	WIRE_KNOWN = 'k'   /* the receiver has it in its books */
};

enum { WIRE_MAX = (1 << 20) + 16384 };

struct wire_frame {
	uint8_t type;
	const char *ticket; /* borrowed, with the rest, until the buffer is drained */
	const void *octets;
	size_t len;
	size_t whole; /* octets of the frame, to be drained */
};

void wire_put(struct bufferevent *to, uint8_t type, const char *ticket, const void *octets,
	      size_t len);
/* 1: a frame; 0: it is not all there yet; -1: it is none. */
int wire_get(struct bufferevent *from, struct wire_frame *frame);

#endif
