// SPDX-License-Identifier: GPL-2.0-or-later
/* The card's own firmware: made by the card's maker, loaded by anybody, activated by security officers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "keys.h"
#include "progress.h"

const struct option_spec options_of_firmware_pack[] = {
	{ "image", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "what the card executes" },
	{ "board", 0, OPTION_REQUIRED, VALUE_TEXT, "NAME", "the kind of card that it is made for" },
	{ "release", 0, OPTION_REQUIRED, VALUE_TEXT, "TEXT", "its version, for people" },
	{ "security-version", 0, OPTION_REQUIRED, VALUE_NUMBER, "N", "1 to 1023; once it has run, none below it starts any more" },
	{ "key", 0, OPTION_SOME, VALUE_FILE, "KEY", "the maker's signing keys, P-384 and ML-DSA-87: PEM files or store URIs" },
	{ "cert", 0, OPTION_SOME, VALUE_FILE, "FILE", "their certificates, in the same order, PEM" },
	{ "output", 0, OPTION_REQUIRED, VALUE_FILE, "FILE", "the firmware file" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_firmware_inspect[] = {
	{ "anchors", 0, OPTION_OPTIONAL, VALUE_FILE, "FILE", "the maker's anchors, PEM; without them nobody is trusted" },
	END_OF_OPTIONS,
};

const struct option_spec options_of_firmware_load[] = { END_OF_OPTIONS };
const struct option_spec options_of_firmware_status[] = { END_OF_OPTIONS };
const struct option_spec options_of_firmware_activate[] = { SIGNING_OPTIONS, END_OF_OPTIONS };

static int copy_text(const struct options *options, const char *name, char text[PROVPKG_FIRMWARE_TEXT_MAX + 1])
{
	const char *given = option_text(options, name);

	if (!*given || strlen(given) > PROVPKG_FIRMWARE_TEXT_MAX)
		return report_usage(command_find("firmware pack"), "--%s has 1 to %d bytes", name, PROVPKG_FIRMWARE_TEXT_MAX);
	memcpy(text, given, strlen(given) + 1);
	return 0;
}

static int read_terms(const struct options *options, struct provpkg_firmware *firmware)
{
	unsigned long long security = 0;
	int code = copy_text(options, "board", firmware->board);

	if (!code)
		code = copy_text(options, "release", firmware->version);
	if (!code)
		code = option_number(options, "security-version", 1, PROVPKG_FIRMWARE_SECURITY_MAX, &security);
	firmware->security_version = (uint32_t)security;
	return code;
}

static int load_signers(const struct options *options, struct provpkg_signer signers[PROVPKG_FIRMWARE_SIGNERS])
{
	int code = 0;

	if (option_count(options, "key") != PROVPKG_FIRMWARE_SIGNERS || option_count(options, "cert") != PROVPKG_FIRMWARE_SIGNERS)
		return report_input("signing", PROVCARD_REFUSAL_FIRMWARE_SIGNATURE,
				    "--key and --cert are needed twice: P-384 and ML-DSA-87");
	for (size_t i = 0; i < PROVPKG_FIRMWARE_SIGNERS && !code; i++)
		code = signer_load(option_at(options, "key", i), option_at(options, "cert", i), &signers[i]);
	return code;
}

static int write_file(const char *path, const struct provpkg_blob *head, struct provpkg_view image)
{
	struct new_file file;
	int code = file_begin(&file, path, 0666);

	if (code)
		return code;
	code = file_write_at(&file, 0, head->data, head->size);
	if (!code)
		code = file_write_at(&file, head->size, image.data, image.size);
	if (!code)
		code = file_finish(&file, false);
	file_abandon(&file);
	return code;
}

static int make(struct context *context, const struct options *options, struct provpkg_firmware *firmware,
		const struct provpkg_signer *signers, const struct mapped_file *image)
{
	const char *path = option_text(options, "output");
	struct provpkg_view bytes = { image->data, image->size };
	struct firmware_report report = { .path = path, .firmware = firmware };
	struct provpkg_blob head = { 0 };
	int code, result = provpkg_firmware_make(firmware, bytes, signers, PROVPKG_FIRMWARE_SIGNERS, &head);

	if (result)
		return report_provpkg(option_text(options, "image"), result, "while the firmware was packed");
	code = write_file(path, &head, bytes);
	if (!code)
		context->output.ops->firmware_file(&context->output, &report);
	provpkg_blob_free(&head);
	return code;
}

int command_firmware_pack(struct context *context, const struct options *options)
{
	struct provpkg_signer signers[PROVPKG_FIRMWARE_SIGNERS] = { { 0 } };
	struct provpkg_firmware firmware = { .size = 0 };
	struct mapped_file image = { 0 };
	int code = read_terms(options, &firmware);

	if (!code)
		code = load_signers(options, signers);
	if (!code)
		code = file_map(option_text(options, "image"), &image);
	if (!code) {
		code = make(context, options, &firmware, signers, &image);
		file_unmap(&image);
	}
	for (size_t i = 0; i < PROVPKG_FIRMWARE_SIGNERS; i++)
		signer_clear(&signers[i]);
	return code;
}

/* All that can be known of a firmware file without a card. @anchors may be NULL. */
static int open_file(const char *path, const struct mapped_file *file, STACK_OF(X509) *anchors, struct provpkg_firmware *firmware)
{
	struct provpkg_firmware_layout layout;
	struct provpkg_view manifest, image, gap;
	int result = provpkg_firmware_layout_decode((struct provpkg_view){ file->data, file->size }, file->size, &layout);

	if (result)
		return report_provpkg(path, result, NULL);
	manifest = (struct provpkg_view){ file->data + layout.manifest.offset, (size_t)layout.manifest.size };
	image = (struct provpkg_view){ file->data + layout.image.offset, (size_t)layout.image.size };
	gap = (struct provpkg_view){ manifest.data + manifest.size, (size_t)(image.data - manifest.data) - manifest.size };
	result = provpkg_firmware_check_gap(gap);
	if (!result)
		result = provpkg_firmware_open(manifest, anchors, firmware);
	if (!result)
		result = provpkg_firmware_check_image(firmware, image);
	return result ? report_provpkg(path, result, NULL) : 0;
}

int command_firmware_inspect(struct context *context, const struct options *options)
{
	const char *path = option_argument(options), *anchors_path = option_text(options, "anchors");
	struct provpkg_firmware firmware;
	struct firmware_report report = { .path = path, .firmware = &firmware, .trusted = anchors_path };
	STACK_OF(X509) *anchors = NULL;
	struct mapped_file file;
	int code = anchors_path ? certificates_load(anchors_path, &anchors) : 0;

	if (!code)
		code = file_map(path, &file);
	if (!code) {
		code = open_file(path, &file, anchors, &firmware);
		file_unmap(&file);
	}
	if (!code)
		context->output.ops->firmware_file(&context->output, &report);
	certificates_free(anchors);
	return code;
}

static int show_load(void *context, uint64_t done, uint64_t whole)
{
	(void)context;
	if (done < whole)
		progress_bytes("loading", done, whole);
	else
		progress_show("the card verifies the firmware and writes it into its slot");
	return 0;
}

int command_firmware_load(struct context *context, const struct options *options)
{
	const char *path = option_argument(options);
	struct provcard_answer answer = { 0 };
	struct provcard_firmware firmware;
	struct mapped_file file;
	int code = file_map(path, &file);

	if (code)
		return code;
	if (!file.size)
		code = report_input(path, PROVCARD_REFUSAL_FIRMWARE_FILE, "the file is empty");
	if (!code)
		code = card_open(context);
	if (!code)
		code = card_check(path,
				  provcard_firmware_load(context->card, file.data, file.size, show_load, NULL, &firmware, &answer),
				  &answer, NULL);
	progress_clear();
	if (!code) {
		context->output.ops->firmware(&context->output, &firmware);
		output_done(&context->output, "verified and stored: %s; 'provcard firmware activate' has it started", path);
	}
	file_unmap(&file);
	return code;
}

int command_firmware_activate(struct context *context, const struct options *options)
{
	struct provpkg_request request = { .operation = PROVPKG_OPERATION_ACTIVATE_FIRMWARE };
	const char *path = option_argument(options);
	struct provpkg_firmware firmware;
	struct mapped_file file;
	int code = file_map(path, &file);

	if (code)
		return code;
	/* Whose it is the card judges, by anchors of its own. */
	code = open_file(path, &file, NULL, &firmware);
	file_unmap(&file);
	if (code)
		return code;
	memcpy(request.activate.digest, firmware.sha256, sizeof(request.activate.digest));
	request.activate.security_version = firmware.security_version;
	code = card_request(context, options, "firmware activate", &request);
	if (!code)
		output_done(&context->output, "firmware %s, security version %u, starts with the next power-on of the card",
			    firmware.version, firmware.security_version);
	return code;
}

int command_firmware_status(struct context *context, const struct options *options)
{
	struct provcard_answer answer;
	struct provcard_firmware firmware;
	int code = card_open(context);

	(void)options;
	if (!code)
		code = card_check("firmware status", provcard_firmware_read(context->card, &firmware, &answer), &answer, NULL);
	if (!code)
		context->output.ops->firmware(&context->output, &firmware);
	return code;
}
