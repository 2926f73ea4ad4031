/* errors.h: what the functions of daemon/frost/ return when they refuse; 0 is success everywhere.
 * One row has name, number and a text for the log. The numbers keep clear of the AGREE_E* of
 * libproto, so that a stray one is recognised. */
#ifndef FROST_ERRORS_H
#define FROST_ERRORS_H

#define FROST_ERRORS(E)                                                                            \
	/* the library and this process */                                                         \
	E(FROST_ESODIUM, -200, "libsodium did not start: does the system give random octets?")     \
	E(FROST_ECANARY, -201,                                                                     \
	  "this libsodium accepts points outside the group (CVE-2025-69277): install "             \
	  "1.0.18-1+deb12u1 or a later build")                                                     \
	E(FROST_EMEMORY, -202, "no private memory for key share and nonces")                       \
	E(FROST_ENOKEY, -203, "no key share is loaded in this process")                            \
	E(FROST_EBOOT, -204, "run number is not above the one in use: count it up, store, retry")  \
	/* values from outside */                                                                  \
	E(FROST_ESCALAR, -210, "a scalar is not below the group order")                            \
	E(FROST_EZERO, -211, "a scalar that must not be zero is zero")                             \
	E(FROST_EPOINT, -212, "a point is not in the prime-order group, or is the identity")       \
	E(FROST_EIDENTITY, -213, "points cancel: their sum is the identity")                       \
	E(FROST_ELIMIT, -214, "a count or size is outside its limits")                             \
	E(FROST_EMEMBER, -215, "an identifier is not in the member list")                          \
	/* signing: before a nonce is touched */                                                   \
	E(FROST_ECOUNT, -220, "the commitment list has not exactly threshold entries")             \
	E(FROST_EORDER, -221, "identifiers in the commitment list are unsorted or repeated")       \
	E(FROST_EFOREIGN, -222, "the commitment list names somebody who is no member")             \
	E(FROST_ELISTEPOCH, -223, "the commitment list belongs to another epoch")                  \
	E(FROST_EEPOCH, -224, "the statement belongs to another epoch")                            \
	E(FROST_EABSENT, -225, "the commitment list has no entry of this replica")                 \
	E(FROST_ENOSLOT, -226, "no nonce under this run number and counter")                       \
	E(FROST_ESPENT, -227, "the nonce under this run number and counter is spent")              \
	E(FROST_EMISMATCH, -228, "own commitments in the list are not those in memory")            \
	E(FROST_ESECOND, -229, "another statement was signed for this epoch and sequence")         \
	E(FROST_EWINDOW, -230, "the sequence lies behind the window of remembered statements")     \
	E(FROST_EKIND, -231, "no statement of this kind is ever signed")                           \
	/* signing: afterwards */                                                                  \
	E(FROST_ESHARE, -240, "a signature share does not fit its member's commitments and key")   \
	E(FROST_ESIGNATURE, -241, "the group signature does not verify")                           \
	E(FROST_EFULL, -242, "the pool is full: use up or wipe older nonces first")                \
	/* key generation */                                                                       \
	E(FROST_EPOINTS, -250, "a dealing has not exactly threshold commitments")                  \
	E(FROST_ESHARES, -251, "a dealing has not exactly one encrypted share per member")         \
	E(FROST_EPROOF, -252, "the proof of possession of a dealing's secret fails")               \
	E(FROST_EPROOFKEY, -253, "the proof of possession of a dealing's ephemeral key fails")     \
	E(FROST_ESUBSHARE, -254, "the share dealt to this member does not fit the commitments")    \
	E(FROST_EDLEQ, -255, "the proof of a complaint fails: its sender is at fault")             \
	E(FROST_EUNFOUNDED, -256, "the share complained of is good: the sender is at fault")       \
	E(FROST_EREPEATED, -257, "two members have the same encryption key")                       \
	E(FROST_ERESULT, -258, "the key share does not fit the public result")                     \
	/* files */                                                                                \
	E(FROST_EFORMAT, -260, "not a key file of this program, or cut short")                     \
	E(FROST_EVERSION, -261, "key file of an unknown version")                                  \
	E(FROST_ECHECKSUM, -262, "key file is damaged: its checksum is wrong")                     \
	E(FROST_EKEY, -263, "key file is inconsistent: share and public keys do not fit together") \
	E(FROST_EOTHER, -264, "key file belongs to another key generation or member")

enum frost_error {
#define E(name, number, text) name = number,
	FROST_ERRORS(E)
#undef E
};

/* The row's text; never NULL. */
const char *frost_error_text(int error);

#endif
