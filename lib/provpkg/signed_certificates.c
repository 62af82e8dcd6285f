// SPDX-License-Identifier: LGPL-2.1-or-later
/* Certificates go with a signed object unsigned: anybody could add some. Those that say nothing on its signers are not wanted. */
#include "signed_form.h"
#include "x509.h"

/* More signers than a signed object may have, each with a chain as long as any. */
#define CERTIFICATES_MAX 128

/* Mark what issued any certificate that is marked; true when there was something new. */
static bool mark_issuers(STACK_OF(X509) *certificates, bool *marked)
{
	bool any = false;

	for (int above = 0; above < sk_X509_num(certificates); above++)
		for (int below = 0; below < sk_X509_num(certificates) && !marked[above]; below++)
			if (marked[below] && provpkg_x509_issued(sk_X509_value(certificates, above), sk_X509_value(certificates, below)))
				any = marked[above] = true;
	return any;
}

bool provpkg_signed_certificates_belong(STACK_OF(X509) *certificates, STACK_OF(X509) *signers)
{
	bool marked[CERTIFICATES_MAX] = { false };
	int count = sk_X509_num(certificates);

	if (count > CERTIFICATES_MAX)
		return false;
	for (int i = 0; i < count; i++)
		for (int k = 0; k < sk_X509_num(signers); k++)
			marked[i] |= !X509_cmp(sk_X509_value(certificates, i), sk_X509_value(signers, k));
	while (mark_issuers(certificates, marked))
		;
	for (int i = 0; i < count; i++)
		if (!marked[i])
			return false;
	return true;
}
