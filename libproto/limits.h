/*
 * Every maximum that has a name: of what crosses a wire, of what is kept in memory, of what is
 * waited for. A count from outside meets its maximum, and the octets that are left, before it is
 * used.
 */
#ifndef AP_LIMITS_H
#define AP_LIMITS_H

/* instances: draft {#descriptor} */
#define AP_VALUE_MAX	  255 /* octets of a value */
#define AP_LABEL_MAX	  63  /* octets of a label */
#define AP_PARTIES_MAX	  32
#define AP_CREDENTIAL_MAX 64 /* octets of the longest, a signature */
#define AP_ID_LEN	  37 /* octets: 5 of deadline, 32 of hash */
#define AP_ID_TEXT	  60 /* characters of base32hex */

/* networks: draft {#network} */
#define AP_REPLICAS_MAX	 13 /* n = 3f+1 */
#define AP_THRESHOLD_MAX 5  /* f+1 */

/* batches: draft {#batches} */
#define AP_BATCH_REQUESTS_MAX 1024
#define AP_PATH_MAX	      10   /* nodes from a leaf to the root of that many */
#define AP_TREE_NODES_MAX     2047 /* of a whole tree, all levels */
#define AP_FRONTIER_MAX	      64   /* peaks of a tree of up to 2^64 - 1 leaves */
#define AP_HASH_PARTS_MAX     16   /* parts that one leaf is hashed from */
#define AP_NONCES_MAX	      64   /* commitments in one NONCES operation: draft {#nonces} */
#define AP_FRAME_MAX	      (4 * 1024 * 1024) /* octets of a frame between replicas, type included */
#define AP_SPAN_MAX	      AP_FRAME_MAX	/* octets behind a u32 length */
#define AP_SPAN16_MAX	      65535		/* octets behind a u16 length */

/* bundles and batches between replicas: draft {#operations}, {#replica-messages} */
#define AP_BUNDLE_REQUESTS_MAX 256		  /* operations in one bundle */
#define AP_BUNDLE_OPS_MAX      (256 * 1024)	  /* octets of them */
#define AP_BATCH_OCTETS_MAX    (1024 * 1024)	  /* octets of a batch's bundles */
#define AP_PEER_BACKLOG_MAX    (64 * 1024 * 1024) /* octets waiting for one slow link */

/* state transfer: draft {#transfer} */
#define AP_SECTION_LEAVES 128		/* of the history, whose hashes go together */
#define AP_CHUNKS_MAX	  (1024 * 1024) /* octets of chunks in one answer, if more than one */

/* DNS messages: RFC 1035, RFC 6891, draft {#transport} */
#define AP_NAME_MAX	   255	 /* octets of a domain name, the root's zero included */
#define AP_NAME_LABELS_MAX 127	 /* labels, the root not counted */
#define AP_NAME_HOPS_MAX   127	 /* compression pointers followed for one name */
#define AP_NAME_TEXT	   1021	 /* characters of one, escaped, with the NUL */
#define AP_UDP_MAX	   1232	 /* octets of a datagram that we send */
#define AP_DNS_MAX	   65535 /* octets of a message over TCP */
#define AP_DNS_RECORDS_MAX 32	 /* records of a message that is parsed as a whole */
#define AP_COOKIE_MIN	   8	 /* octets of a COOKIE option: client cookie alone */
#define AP_COOKIE_MAX	   40	 /* client and longest server cookie */
#define AP_COOKIE_LEN	   24	 /* the one that we make: 8 of the client, 16 of ours */
#define AP_EDE_TEXT_MAX	   255	 /* octets of extra text that we send or keep */

/* text for people: where a hostile string is cut */
#define AP_TEXT_HOSTILE_MAX 256

_Static_assert(1 << AP_PATH_MAX == AP_BATCH_REQUESTS_MAX,
	       "a path reaches the root of a full batch");
_Static_assert(AP_TREE_NODES_MAX == 2 * AP_BATCH_REQUESTS_MAX - 1, "a full tree");
_Static_assert(3 * (AP_THRESHOLD_MAX - 1) + 1 == AP_REPLICAS_MAX, "n = 3f+1, threshold f+1");
_Static_assert((AP_ID_LEN * 8 + 4) / 5 == AP_ID_TEXT, "base32hex without padding");
_Static_assert(AP_ID_TEXT <= 63, "an id is one DNS label");

#endif
