// SPDX-License-Identifier: GPL-2.0-or-later
/* Before anybody signs or loads a file: what it says, and who has signed it. And adding one's own signatures to it. */
#include <errno.h>
#include <string.h>

#include <openssl/objects.h>

#include "commands.h"
#include "files.h"
#include "grant.h"
#include "keys.h"
#include "package.h"

#define SIGNED_FILE_MAX (256u << 10) /* what a card takes */
#define OWN_SIGNERS_MAX 4

#define PACKAGE_OPTION                                                                                                                     \
	{ "package", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "of a grant: its package, to tell whose of a quota authority are missing" }

const struct option_spec options_of_inspect[] = { PACKAGE_OPTION, END_OF_OPTIONS };

const struct option_spec options_of_sign[] = {
	{ "key", 0, OPTION_SOME, VALUE_FILE, "KEY", "your private keys: PEM files or store URIs; for a grant as many as a package has" },
	{ "cert", 0, OPTION_SOME, VALUE_FILE, "FILE", "their certificates, in the same order, PEM" },
	PACKAGE_OPTION,
	{ "output", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "the same with your signatures" },
	END_OF_OPTIONS,
};

/* A grant or a request. */
struct signed_file {
	struct provpkg_blob cms;
	enum provpkg_content type;
	struct provpkg_signed *object;
};

static int64_t to_seconds(const ASN1_TIME *time)
{
	struct tm parts;

	return ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : 0;
}

/* The algorithm, of an elliptic curve its name. */
static const char *kind_of(EVP_PKEY *key, char *group, size_t room)
{
	size_t size;

	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, room, &size) == 1) {
		const char *curve = EC_curve_nid2nist(OBJ_sn2nid(group));

		return curve ? curve : group;
	}
	return EVP_PKEY_get0_type_name(key);
}

static int show_signer(struct context *context, X509 *certificate)
{
	struct signer_report report = { .not_before = to_seconds(X509_get0_notBefore(certificate)),
					.not_after = to_seconds(X509_get0_notAfter(certificate)) };
	char group[64];
	int result = provpkg_certificate_digest(certificate, report.certificate_digest);

	if (result)
		return report_provpkg("inspect", result, NULL);
	X509_NAME_oneline(X509_get_subject_name(certificate), report.subject, sizeof(report.subject));
	report.key = kind_of(X509_get0_pubkey(certificate), group, sizeof(group));
	context->output.ops->signer(&context->output, &report);
	return 0;
}

static int show_signers(struct context *context, const struct provpkg_signed *object)
{
	int code = 0;

	for (size_t i = 0; i < provpkg_signed_count(object) && !code; i++)
		code = show_signer(context, provpkg_signed_signer(object, i));
	return code;
}

static int show_request(struct context *context, const char *path, const struct provpkg_signed *object)
{
	struct provpkg_request request = { 0 };
	int result = provpkg_request_decode(provpkg_signed_content(object), &request);

	if (result)
		return report_provpkg(path, result, NULL);
	context->output.ops->request(&context->output, &(struct request_report){ path, &request });
	provpkg_request_clear(&request);
	return 0;
}

static int show_grant(struct context *context, const char *path, const char *package, const struct provpkg_signed *object)
{
	struct grant_check check = { 0 };
	uint64_t size;
	int code = package ? package_manifest(package, &check.package, &size) : 0;

	if (!code)
		code = grant_show(context, path, object, &check);
	provpkg_manifest_free(check.package);
	return code;
}

static int show(struct context *context, const char *path, const char *package, const struct signed_file *file)
{
	int code;

	if (file->type == PROVPKG_CONTENT_GRANT)
		code = show_grant(context, path, package, file->object);
	else
		code = show_request(context, path, file->object);
	return code ? code : show_signers(context, file->object);
}

/* A file of another type is not of this type's form. */
static int open_signed(const char *path, struct signed_file *file)
{
	int result;

	file->type = PROVPKG_CONTENT_GRANT;
	result = provpkg_signed_open(file->type, provpkg_blob_view(&file->cms), &file->object);
	if (result == PROVCARD_REFUSAL_MANIFEST_DER) {
		file->type = PROVPKG_CONTENT_REQUEST;
		result = provpkg_signed_open(file->type, provpkg_blob_view(&file->cms), &file->object);
	}
	return result ? report_provpkg(path, result, result == PROVCARD_REFUSAL_REQUEST_DER ? "neither a grant nor a request" : NULL) : 0;
}

static int read_signed(const char *path, struct signed_file *file)
{
	int code = file_read(path, SIGNED_FILE_MAX, &file->cms);

	return code ? code : open_signed(path, file);
}

static void clear(struct signed_file *file)
{
	provpkg_signed_free(file->object);
	provpkg_blob_free(&file->cms);
}

static int inspect_package(struct context *context, const char *path)
{
	struct provpkg_manifest *manifest = NULL;
	uint64_t size;
	int code = package_manifest(path, &manifest, &size);

	if (!code) {
		package_report(context, path, size, manifest, PACKAGE_SEEN);
		code = show_signers(context, provpkg_manifest_signed(manifest));
	}
	provpkg_manifest_free(manifest);
	return code;
}

int command_inspect(struct context *context, const struct options *options)
{
	const char *path = option_argument(options);
	struct signed_file file = { 0 };
	int code;

	if (!grant_is_file(path))
		return inspect_package(context, path);
	code = read_signed(path, &file);
	if (!code)
		code = show(context, path, option_text(options, "package"), &file);
	clear(&file);
	return code;
}

/* ---- Signing ---- */

static int load_signers(const struct options *options, struct provpkg_signer signers[OWN_SIGNERS_MAX], size_t *count)
{
	int code = 0;

	*count = option_count(options, "key");
	if (*count > OWN_SIGNERS_MAX || *count != option_count(options, "cert"))
		return report_usage(command_find("sign"), "--key and --cert belong together, %d pairs at most", OWN_SIGNERS_MAX);
	for (size_t i = 0; i < *count && !code; i++)
		code = signer_load(option_at(options, "key", i), option_at(options, "cert", i), &signers[i]);
	return code;
}

static int add_signatures(const char *path, const struct signed_file *file, const struct provpkg_signer *signers, size_t count,
			  struct signed_file *to)
{
	int result = provpkg_sign_add(file->type, provpkg_blob_view(&file->cms), signers, count, &to->cms);

	if (result == -E2BIG)
		return report_bad_input(path, "it has as many signatures as a file may have", "load it into the card");
	if (!result && to->cms.size > SIGNED_FILE_MAX)
		return report_bad_input(path, "with these signatures it is larger than a card takes", "have fewer sign it");
	return result ? report_provpkg(path, result, "nothing was signed") : open_signed(path, to);
}

int command_sign(struct context *context, const struct options *options)
{
	const char *path = option_argument(options), *output = option_text(options, "output");
	struct provpkg_signer signers[OWN_SIGNERS_MAX] = { 0 };
	struct signed_file file = { 0 }, made = { 0 };
	size_t count;
	int code = read_signed(path, &file);

	if (!code)
		code = load_signers(options, signers, &count);
	if (!code)
		code = add_signatures(path, &file, signers, count, &made);
	if (!code)
		code = file_write(output, made.cms.data, made.cms.size, 0666);
	if (!code)
		code = show(context, output, option_text(options, "package"), &made);
	for (size_t i = 0; i < OWN_SIGNERS_MAX; i++)
		signer_clear(&signers[i]);
	clear(&file);
	clear(&made);
	return code;
}
