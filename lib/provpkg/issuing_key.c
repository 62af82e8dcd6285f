// SPDX-License-Identifier: LGPL-2.1-or-later
#include "issuing_key.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "der.h"
#include "provcard-refusal.h"
#include "provpkg/certificate.h"
#include "provpkg/escrow.h"

#define KEY_DER_MAX 8192 /* an ML-DSA-65 key with its seed has some 4100 */

int provpkg_issuing_key_encode(const EVP_PKEY *key, struct provpkg_blob *der)
{
	PKCS8_PRIV_KEY_INFO *form;
	unsigned char *data = NULL;
	int size;

	ERR_set_mark();
	form = EVP_PKEY2PKCS8(key);
	size = form ? i2d_PKCS8_PRIV_KEY_INFO(form, &data) : 0;
	PKCS8_PRIV_KEY_INFO_free(form);
	ERR_pop_to_mark();
	if (size <= 0)
		return PROVCARD_REFUSAL_ISSUING_KEY;
	*der = (struct provpkg_blob){ data, (size_t)size };
	return 0;
}

int provpkg_issuing_key_decode(struct provpkg_view der, EVP_PKEY **key)
{
	const unsigned char *at = der.data;
	PKCS8_PRIV_KEY_INFO *form;
	EVP_PKEY *found = NULL;
	size_t size;

	if (der.size > KEY_DER_MAX || !provpkg_der_walk(der, &size) || size != der.size)
		return PROVCARD_REFUSAL_ISSUING_KEY;
	ERR_set_mark();
	form = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.size);
	if (form && at == der.data + der.size)
		found = EVP_PKCS82PKEY(form);
	PKCS8_PRIV_KEY_INFO_free(form);
	ERR_pop_to_mark();
	if (!found)
		return PROVCARD_REFUSAL_ISSUING_KEY;
	*key = found;
	return 0;
}

static bool of_one_piece(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool good;

	ERR_set_mark();
	good = context && EVP_PKEY_pairwise_check(context) == 1;
	ERR_pop_to_mark();
	EVP_PKEY_CTX_free(context);
	return good;
}

int provpkg_issuing_key_check(EVP_PKEY *key, X509 *certificate)
{
	if (!provpkg_key_may_issue(key) || !of_one_piece(key))
		return PROVCARD_REFUSAL_ISSUING_KEY;
	return EVP_PKEY_eq(X509_get0_pubkey(certificate), key) == 1 ? 0 : PROVCARD_REFUSAL_ISSUER_MISMATCH;
}

int provpkg_escrow_fits(unsigned int suite, const struct provpkg_rot *rot, STACK_OF(X509) *certificates)
{
	if (!provpkg_rot_returns(rot) != !certificates)
		return PROVCARD_REFUSAL_ESCROW_MISSING;
	return certificates ? provpkg_escrow_check(suite, certificates) : 0;
}
