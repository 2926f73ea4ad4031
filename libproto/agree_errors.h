/*
 * Everything that can go wrong, one row each: name, number, RFC 8914 code (0: never sent), exit
 * status of the `agree` program, and a text that says what to do. Numbers are never reused or
 * changed; new rows go to the end of their group. draft {#refusals}
 *
 * Exit status: 1 usage, 9 no answer, 10 internal, 11 refused, 12 verification failed, 18 no trusted
 * key.
 */
#ifndef AGREE_ERRORS_H
#define AGREE_ERRORS_H

#define AGREE_ERRORS(E)                                                                            \
	/* this process */                                                                         \
	E(AGREE_EINTERNAL, -1, 0, 10, "internal error: please report what led here")               \
	E(AGREE_ENOMEM, -2, 0, 10, "out of memory: free some, then ask again")                     \
	E(AGREE_ECANCELED, -3, 0, 10,                                                              \
	  "canceled before an answer arrived: the request may still be executed")                  \
	E(AGREE_EFORK, -4, 0, 10,                                                                  \
	  "this context was made before a fork: make a new one in each process")                   \
	E(AGREE_EFILE, -5, 0, 10,                                                                  \
	  "a file cannot be read or written: look at its path and permissions")                    \
	/* what the caller gave */                                                                 \
	E(AGREE_EUSAGE, -20, 0, 1, "bad argument: see agree -h, or the manual of the function")    \
	E(AGREE_EDOMAIN, -21, 0, 1, "not a domain name: labels of 1 to 63 octets, 255 in all")     \
	E(AGREE_ELABEL, -22, 0, 1,                                                                 \
	  "bad label: give 1 to 63 octets of UTF-8 without control characters")                    \
	E(AGREE_EVALUE, -23, 0, 1, "bad value: give at most 255 octets")                           \
	E(AGREE_ETICKET, -24, 0, 1,                                                                \
	  "bad ticket: copy it whole, and use it with the network that it was made for")           \
	E(AGREE_EID, -25, 0, 1, "not an instance id: give 60 characters of base32hex")             \
	E(AGREE_ETIME, -26, 0, 1,                                                                  \
	  "bad time: give seconds from now (600s) or RFC 3339 (2026-12-01T12:00:00Z)")             \
	E(AGREE_EKEY, -27, 0, 1,                                                                   \
	  "bad key: give 43 characters of base64url, as in k= of the network's TXT record")        \
	E(AGREE_EIDENTITY, -28, 0, 1, "bad identity file: make one with agree keygen")             \
	E(AGREE_ESPACE, -29, 0, 1, "buffer too small: the size that is needed is in its length")   \
	E(AGREE_EOPTION, -30, 0, 1, "unknown option: see agree -h for the list")                   \
	E(AGREE_EADDRESS, -31, 0, 1,                                                               \
	  "bad address: give a numeric IPv4 or IPv6 address, and #PORT")                           \
	E(AGREE_ETICKETNET, -32, 0, 1,                                                             \
	  "the ticket is damaged, or is for another network: copy it whole, and name its domain")  \
	E(AGREE_ETICKETTERMS, -33, 0, 1,                                                           \
	  "the ticket is whole, but its terms are impossible: ask its maker for another")          \
	E(AGREE_EPERIOD, -34, 0, 1, "bad period: give 60s to 366d (90s, 10m, 1h, 1d)")             \
	E(AGREE_EPARTIES, -35, 0, 1, "bad parties: give at most 32, and no key twice")             \
	E(AGREE_EK, -36, 0, 1, "bad k: give 1 to the number of parties; without parties it is 1")  \
	E(AGREE_ENOVALUE, -37, 0, 1,                                                               \
	  "no value: parties that vote with secrets need a fixed one, and so does an approval of " \
	  "none")                                                                                  \
	E(AGREE_EDRAFT, -38, 0, 1,                                                                 \
	  "the ticket is a draft: its parties have yet to add their locks, with agree lock")       \
	E(AGREE_ELOCKED, -39, 0, 1,                                                                \
	  "this party has other locks in the ticket: each party adds its own once")                \
	E(AGREE_EPAST, -50, 0, 1, "the deadline has passed: choose a later one")                   \
	E(AGREE_ESECRET, -51, 0, 1,                                                                \
	  "the secret opens no lock: use the one that was made for this ticket, party and answer") \
	E(AGREE_ESECRETS, -52, 0, 1,                                                               \
	  "not a file of secrets, or damaged, or another ticket's: use what agree new or agree "   \
	  "lock wrote")                                                                            \
	E(AGREE_EGROUP, -53, 0, 1,                                                                 \
	  "bad group secret: give 16 to 1024 octets, the same on all hosts")                       \
	/* finding and asking */                                                                   \
	E(AGREE_ENOANSWER, -40, 0, 9,                                                              \
	  "no replica answered: look at the network, or name one with @ADDRESS")                   \
	E(AGREE_ETIMEOUT, -41, 0, 9, "time is up: ask again, or allow more with +time=")           \
	E(AGREE_ENONETWORK, -42, 0, 9,                                                             \
	  "no network at this domain: it has no SRV and v=agree1 TXT records at _agree._udp")      \
	E(AGREE_ERESOLVER, -43, 0, 9,                                                              \
	  "the DNS resolver did not answer, or not for this domain: name another with "            \
	  "+dns=ADDRESS#PORT")                                                                     \
	E(AGREE_ETXT, -44, 0, 9,                                                                   \
	  "the domain must have exactly one v=agree1 TXT record with a key: ask its operators")    \
	E(AGREE_EREPLY, -45, 0, 9,                                                                 \
	  "replies could not be read: they are not from a replica of this protocol")               \
	E(AGREE_ESERVER, -46, 0, 9,                                                                \
	  "no replica could carry out the request now: ask again in a while")                      \
	E(AGREE_EWITHHELD, -47, 0, 9,                                                              \
	  "the replica answered without having had this vote ordered: ask another")                \
	/* verification: nothing of the answer is believed */                                      \
	E(AGREE_ESIGNATURE, -60, 0, 12, "the signature is wrong: do not believe this answer")      \
	E(AGREE_ERECORD, -61, 0, 12, "the record cannot be decoded: do not believe this answer")   \
	E(AGREE_EINSTANCE, -62, 0, 12, "the answer is about another instance: do not believe it")  \
	E(AGREE_EPROOF, -63, 0, 12,                                                                \
	  "the record contradicts itself, or its Merkle path does not fit: do not believe this "   \
	  "answer")                                                                                \
	E(AGREE_ENONCE, -64, 0, 12,                                                                \
	  "the answer is not fresh, it lacks the nonce of this request: ask another replica")      \
	E(AGREE_EKEYCHANGED, -66, 0, 12,                                                           \
	  "THE NETWORK'S KEY HAS CHANGED: somebody may be posing as the network; ask its "         \
	  "operators before you remove the old key")                                               \
	E(AGREE_EPROOFFILE, -67, 0, 12,                                                            \
	  "not a proof file, or damaged: save it again with +proof=FILE")                          \
	E(AGREE_ETERMS, -68, 0, 12,                                                                \
	  "the answer is about the same id under other terms: do not reveal anything")             \
	E(AGREE_EWRONGKEY, -70, 0, 12,                                                             \
	  "the key is not this network's: compare it with what the network's operators say, and "  \
	  "believe nothing until then")                                                            \
	E(AGREE_EKNOWN, -71, 0, 12,                                                                \
	  "not a line of known_networks, so no key of it is trusted: correct or remove the line")  \
	E(AGREE_ENOKEY, -69, 0, 18,                                                                \
	  "no trusted key for this network: give +key=, or +tofu to trust the one in the DNS "     \
	  "from now on")                                                                           \
	/* refused by a replica: sent as extended errors */                                        \
	E(AGREE_EREFUSED, -80, 49152, 11, "refused: this replica does not say why")                \
	E(AGREE_EFORM, -81, 49153, 11,                                                             \
	  "the message cannot be decoded: see the field that is named")                            \
	E(AGREE_EDESCRIPTOR, -106, 49178, 11,                                                      \
	  "the descriptor cannot be decoded: copy the ticket whole")                               \
	E(AGREE_EWRONGID, -82, 49154, 11,                                                          \
	  "the owner name is not the id of this descriptor: check the ticket and the network's "   \
	  "key")                                                                                   \
	E(AGREE_ENOTOPEN, -83, 49155, 11,                                                          \
	  "not an open instance: this replica is older, and executes those without parties only")  \
	E(AGREE_EBADTERMS, -84, 49156, 11,                                                         \
	  "impossible terms: k between 1 and the number of parties, all different; open "          \
	  "instances have k=1 and no veto")                                                        \
	E(AGREE_EFIXED, -85, 49157, 11,                                                            \
	  "the instance has a fixed value: propose exactly that one")                              \
	E(AGREE_ENOTPARTY, -86, 49158, 11, "not a party: use the key that the ticket names")       \
	E(AGREE_ECREDENTIAL, -87, 49159, 11,                                                       \
	  "the party's signature or secret is wrong: use the one that belongs to this ticket")     \
	E(AGREE_EHORIZON, -88, 49160, 11,                                                          \
	  "the deadline is beyond the network's horizon: choose an earlier one")                   \
	E(AGREE_ECAPACITY, -89, 49161, 11,                                                         \
	  "the network keeps as many instances as it can: ask another replica, or later")          \
	E(AGREE_EEARLY, -90, 49162, 11, "too early: ask again when the period has begun")          \
	E(AGREE_ELATE, -91, 49163, 11,                                                             \
	  "the deadline has passed: ask for the outcome instead of proposing")                     \
	E(AGREE_EFORGOTTEN, -92, 49164, 11,                                                        \
	  "past retention: the network has forgotten this instance; use a saved proof")            \
	E(AGREE_EFORMING, -93, 49165, 11,                                                          \
	  "the network is still making its key: ask again in a moment")                            \
	E(AGREE_ERATE, -94, 49166, 11,                                                             \
	  "too many requests: send a DNS cookie, use TCP, or ask again later")                     \
	E(AGREE_ETSIG, -95, 49167, 11,                                                             \
	  "this replica knows no such TSIG key: send the message without TSIG")                    \
	E(AGREE_EORDER, -96, 49168, 11,                                                            \
	  "cannot be ordered now, too few replicas answer: ask another replica, or again later")   \
	E(AGREE_EDISK, -97, 49169, 11,                                                             \
	  "this network's disks are nearly full: ask again when its operators have made room")     \
	E(AGREE_EUPDATE, -98, 49170, 11,                                                           \
	  "not a proposal: add one PROPOSE record, with at most the prerequisite that no AGREE "   \
	  "record is there")                                                                       \
	E(AGREE_ENAME, -99, 49171, 11,                                                             \
	  "not a name of this network: see its domain with agree info")                            \
	E(AGREE_ETOOBIG, -100, 49172, 11, "the message is too large for UDP: send it over TCP")    \
	E(AGREE_EVERB, -101, 49173, 11,                                                            \
	  "unknown verb or version: the replica is older than this program")                       \
	E(AGREE_ECATCHUP, -102, 49174, 11,                                                         \
	  "this replica is catching up with the others: ask another")                              \
	E(AGREE_ENODESCRIPTOR, -103, 49175, 11, "the descriptor is missing: a vote must carry it") \
	E(AGREE_ETRANSFER, -104, 49176, 11, "zone transfers are not given: ask for single names")  \
	E(AGREE_EWAIT, -105, 49177, 11, "waiting needs TCP: send the message again over TCP")      \
	E(AGREE_EUNDECIDED, -107, 49179, 11,                                                       \
	  "this replica's share of undecided instances is full: ask another replica, or later")    \
	E(AGREE_ELOCKS, -108, 49180, 11,                                                           \
	  "the instance is registered with other locks: reveal nothing, and make another")         \
	E(AGREE_ECLIENTINSTANCES, -109, 49181, 11,                                                 \
	  "too many undecided instances of your network: let some end, or ask another replica")    \
	E(AGREE_ECLIENTVOTES, -110, 49182, 11,                                                     \
	  "too many votes a second of your network: ask again later, or another replica")          \
	E(AGREE_ENOWAIT, -111, 49183, 11,                                                          \
	  "no room for another wait here: ask again in a while, or another replica")               \
	E(AGREE_ETSIGNEEDED, -112, 49184, 11,                                                      \
	  "this replica takes requests under a TSIG key only: ask its operator for one")

enum agree_error {
	AGREE_OK = 0,
#define AGREE_ENUM(name, number, ede, status, text) name = number,
	AGREE_ERRORS(AGREE_ENUM)
#undef AGREE_ENUM
};

#endif
