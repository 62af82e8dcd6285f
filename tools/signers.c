// SPDX-License-Identifier: GPL-2.0-or-later
#include "signers.h"

#include <openssl/x509v3.h>

#include "errors.h"
#include "keys.h"

/* Suite 1's order is P-384 first. */
static void order_signers(struct provpkg_signer signers[SIGNERS])
{
	if (signers[1].key && EVP_PKEY_is_a(signers[1].key, "EC")) {
		struct provpkg_signer first = signers[0];

		signers[0] = signers[1];
		signers[1] = first;
	}
}

/* Who checks what is signed has the roots, or does not trust them; altered on the way, nobody would notice. */
static void leave_roots_out(STACK_OF(X509) *chain)
{
	for (int i = chain ? sk_X509_num(chain) : 0; i-- > 0;)
		if (X509_get_extension_flags(sk_X509_value(chain, i)) & EXFLAG_SS)
			X509_free(sk_X509_delete(chain, i));
}

int signers_load(const struct options *options, unsigned int suite, struct provpkg_signer signers[SIGNERS])
{
	size_t count = provpkg_suite_signers(suite);
	int code = 0;

	if (option_count(options, "key") != count || option_count(options, "cert") != count)
		return report_input("signing", PROVCARD_REFUSAL_MANIFEST_SIGNER_MISSING,
				    suite == PROVPKG_SUITE_CNSA2 ? "--key and --cert are needed once: ML-DSA-87"
								 : "--key and --cert are needed twice: P-384 and ML-DSA-65");
	for (size_t i = 0; i < count && !code; i++)
		code = signer_load(option_at(options, "key", i), option_at(options, "cert", i), &signers[i]);
	for (size_t i = 0; i < option_count(options, "chain") && !code; i++)
		code = certificates_append(option_at(options, "chain", i), &signers[0].chain);
	leave_roots_out(signers[0].chain);
	if (!code)
		order_signers(signers);
	return code;
}

void signers_clear(struct provpkg_signer signers[SIGNERS])
{
	for (size_t i = 0; i < SIGNERS; i++)
		signer_clear(&signers[i]);
}

int approvers_load(const struct options *options, struct provpkg_signer signers[APPROVERS_MAX], size_t *count)
{
	size_t given = option_count(options, "key");
	int code = 0;

	if (!given || given > APPROVERS_MAX || given != option_count(options, "cert"))
		return report_usage(NULL, "--key and --cert are given equally often, 1 to %d times", APPROVERS_MAX);
	for (*count = 0; *count < given && !code; (*count)++)
		code = signer_load(option_at(options, "key", *count), option_at(options, "cert", *count), &signers[*count]);
	return code;
}

void approvers_clear(struct provpkg_signer *signers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		signer_clear(&signers[i]);
}
