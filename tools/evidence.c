// SPDX-License-Identifier: GPL-2.0-or-later
#include "evidence.h"

#include <string.h>
#include <time.h>

#include "errors.h"
#include "files.h"
#include "output.h"

static int load_nonce(const struct options *options, struct evidence_demands *wanted)
{
	const char *hex = option_text(options, "nonce"), *path = option_text(options, "nonce-file");
	struct provpkg_blob file = { 0 };
	int code;

	if (!hex && !path)
		return 0;
	wanted->demands.nonce = wanted->nonce;
	if (hex && path)
		return report_usage(NULL, "give either --nonce or --nonce-file");
	if (hex)
		return from_hex(hex, wanted->nonce, sizeof(wanted->nonce)) ? 0 :
									     report_usage(NULL, "--nonce has 64 hexadecimal digits");
	code = file_read(path, sizeof(wanted->nonce), &file);
	if (!code && file.size != sizeof(wanted->nonce))
		code = report_bad_input(path, "the file is not of 32 bytes", "make a nonce with 'openssl rand -out FILE 32'");
	if (!code)
		memcpy(wanted->nonce, file.data, sizeof(wanted->nonce));
	provpkg_blob_free(&file);
	return code;
}

int evidence_demands_load(const struct options *options, struct evidence_demands *wanted)
{
	const char *digest = option_text(options, "firmware-digest");
	unsigned long long age = 0;
	int code = load_nonce(options, wanted);

	if (!code && digest) {
		wanted->demands.firmware_digest = wanted->firmware_digest;
		if (!from_hex(digest, wanted->firmware_digest, sizeof(wanted->firmware_digest)))
			code = report_usage(NULL, "--firmware-digest has 64 hexadecimal digits");
	}
	if (!code)
		code = option_number(options, "max-age", 1, UINT32_MAX, &age);
	wanted->demands.max_age = age;
	wanted->demands.now = time(NULL);
	return code;
}

int evidence_check(const char *path, const struct provpkg_card *card, const struct provpkg_evidence_demands *demands,
		   struct provpkg_evidence *evidence)
{
	struct provpkg_blob cms = { 0 };
	int code = file_read(path, EVIDENCE_FILE_MAX, &cms);
	int result;

	if (code)
		return code;
	result = provpkg_evidence_open(provpkg_blob_view(&cms), card, evidence);
	if (!result)
		result = provpkg_evidence_judge(evidence, card, demands);
	provpkg_blob_free(&cms);
	return result ? report_provpkg(path, result, NULL) : 0;
}
