/*
 * Writes the draft's test vectors: make_vectors DIRECTORY. Seeds are fixed, so each run gives the
 * same octets; tests/vectors/check.sh compares them with the committed ones.
 */
#include <stdio.h>

#include "tests/vectors/make.h"

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: make_vectors DIRECTORY\n", stderr);
		return 1;
	}
	make_instances(argv[1]);
	make_records(argv[1]);
	make_proofs(argv[1]);
	make_messages(argv[1]);
	make_failing(argv[1]);
	make_network(argv[1]);
	return 0;
}
