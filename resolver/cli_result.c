/* What is reported of an outcome besides itself, and saved with it. */
#include "config.h"

#include "resolver/cli.h"

#include <string.h>

#include "resolver/cli_proof.h"

int cli_result_fill(struct cli_result *result, const agree_network *network,
		    const agree_ticket *ticket)
{
	size_t size = sizeof(result->name);
	int err = agree_ticket_name(ticket, result->name, &size);

	if (err != 0)
		return err;
	size = sizeof(result->ticket);
	err = agree_ticket_text(ticket, result->ticket, &size);
	if (err == AGREE_ETICKET)
		result->ticket[0] = '\0';
	else if (err != 0)
		return err;
	snprintf(result->domain, sizeof(result->domain), "%s", agree_network_domain(network));
	result->parties = (unsigned)agree_ticket_parties(ticket);
	result->is_draft = agree_ticket_is_draft(ticket) != 0;
	result->trust = agree_trust_text(agree_network_trust(network));
	return 0;
}

int cli_result_save(struct cli *cli, const struct cli_result *r)
{
	static struct cli_proof proof;
	const void *wire;

	if (cli->options->proof == NULL)
		return 0;
	memset(&proof, 0, sizeof(proof));
	strcpy(proof.domain, r->domain);
	strcpy(proof.ticket, r->ticket);
	agree_outcome_id(r->outcome, proof.id);
	wire = agree_outcome_wire(r->outcome, &proof.record_len);
	if (proof.record_len > sizeof(proof.record))
		return AGREE_EINTERNAL;
	memcpy(proof.record, wire, proof.record_len);
	return cli_proof_save(cli->options->proof, &proof);
}
