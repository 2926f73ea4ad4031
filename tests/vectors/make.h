/* The files of rfc-draft/vectors, one function each: they write into the directory `dir`. */
#ifndef TESTS_VECTORS_MAKE_H
#define TESTS_VECTORS_MAKE_H

void make_instances(const char *dir);
void make_records(const char *dir);
void make_proofs(const char *dir);
void make_messages(const char *dir);
void make_failing(const char *dir);
void make_network(const char *dir);

#endif
