/*
 * How many are enough: draft {#quorums}. Counts members, knows no message. A set of members has bit
 * id-1 for each; bits beyond n never count.
 */
#ifndef DAEMON_PBFT_QUORUM_H
#define DAEMON_PBFT_QUORUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is this a number of members that a network can have: 4, 7, 10 or 13? */
bool pbft_quorum_possible(uint8_t n);

/* f: how many may fail in any way whatever. */
uint8_t pbft_quorum_faulty(uint8_t n);

/* The set of one member; none for an identifier that is no member's. */
uint16_t pbft_quorum_bit(uint8_t n, uint8_t id);

/* The set of all members but one. */
uint16_t pbft_quorum_others(uint8_t n, uint8_t id);

uint8_t pbft_quorum_count(uint8_t n, uint16_t who);

/* f+1: at least one of them is correct. */
bool pbft_quorum_weak(uint8_t n, uint16_t who);

/* 2f+1: any two such sets share a correct member. */
bool pbft_quorum_strong(uint8_t n, uint16_t who);

/* 2f backups beside the primary's PRE-PREPARE: what the primary itself adds counts nothing. */
bool pbft_quorum_prepared(uint8_t n, uint8_t primary, uint16_t who);

/* The highest value that at least f+1 of the `count` (at most n) values reach; 0 if there are
 * fewer. */
uint64_t pbft_quorum_reached(uint8_t n, const uint64_t *values, size_t count, uint8_t more);

#endif
