// SPDX-License-Identifier: LGPL-2.1-or-later
/* The suites. Another one is another row. None is classical alone: packages are harvested today to be opened later. */
#include "provpkg/sign.h"
#include "suite.h"

static const struct provpkg_suite suites[] = {
	{
		.id = PROVPKG_SUITE_HYBRID,
		.signers = 2,
		.signer = { { "P-384", "EC" }, { "ML-DSA-65", "ML-DSA" } },
		.shares = 2,
		.agreement = "P-384",
		.kem = "ML-KEM-768",
		.kem_chain = "ML-DSA",
		.kem_digest = "SHA256",
	},
	{
		.id = PROVPKG_SUITE_CNSA2,
		.signers = 1,
		.signer = { { "ML-DSA-87", "ML-DSA-87" } },
		.shares = 1,
		.kem = "ML-KEM-1024",
		.kem_chain = "ML-DSA-87",
		.kem_digest = "SHA384",
	},
};

const struct provpkg_suite *provpkg_suite_find(unsigned int id)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

size_t provpkg_suite_signers(unsigned int suite)
{
	const struct provpkg_suite *found = provpkg_suite_find(suite);

	return found ? found->signers : 0;
}

X509 *provpkg_suite_kem_certificate(const struct provpkg_suite *suite, const struct provpkg_card_certificates *certificates)
{
	return suite->id == PROVPKG_SUITE_CNSA2 ? certificates->kem_1024 : certificates->kem_768;
}

EVP_PKEY *provpkg_suite_kem_key(const struct provpkg_suite *suite, const struct provpkg_card_keys *keys)
{
	return suite->id == PROVPKG_SUITE_CNSA2 ? keys->kem_1024 : keys->kem_768;
}
