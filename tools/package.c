// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "files.h"
#include "package.h"
#include "progress.h"

static int check_segments(const struct mapped_file *file, const struct provpkg_layout *layout, uint64_t *segment)
{
	const uint8_t *leaf = file->data + layout->leaves.offset;
	uint8_t digest[PROVPKG_HASH_SIZE];

	*segment = 0;
	for (uint64_t done = 0; done < layout->payload.size; leaf += PROVPKG_HASH_SIZE, (*segment)++) {
		size_t now = layout->payload.size - done < PROVPKG_SEGMENT_SIZE ? layout->payload.size - done : PROVPKG_SEGMENT_SIZE;

		if (EVP_Digest(file->data + layout->payload.offset + done, now, digest, NULL, EVP_sha256(), NULL) != 1)
			return -EIO;
		if (memcmp(digest, leaf, sizeof(digest)))
			return PROVCARD_REFUSAL_SEGMENT_DIGEST;
		done += now;
		progress_bytes("checking", done, layout->payload.size);
	}
	progress_clear();
	return 0;
}

static int check_gaps(const struct mapped_file *file, const struct provpkg_layout *layout)
{
	struct provpkg_section gaps[PROVPKG_GAPS];
	int result = 0;

	provpkg_layout_gaps(layout, gaps);
	for (size_t i = 0; i < PROVPKG_GAPS && !result; i++)
		result = provpkg_layout_check_gap((struct provpkg_view){ file->data + gaps[i].offset, gaps[i].size });
	return result;
}

static int check_manifest(struct provpkg_manifest *manifest, const struct mapped_file *file, const struct provpkg_layout *layout,
			  STACK_OF(X509) *anchors)
{
	struct provpkg_view leaves = { file->data + layout->leaves.offset, layout->leaves.size };
	int result = anchors ? provpkg_manifest_trust(manifest, anchors, time(NULL)) : 0;

	if (!result)
		result = provpkg_manifest_leaves(manifest, leaves);
	if (!result && provpkg_manifest_fields(manifest)->payload_size != layout->payload.size)
		result = PROVCARD_REFUSAL_PACKAGE_LAYOUT;
	return result;
}

static int verify(struct context *context, const char *path, const struct mapped_file *file, STACK_OF(X509) *anchors)
{
	struct provpkg_manifest *manifest = NULL;
	struct provpkg_layout layout;
	char detail[64] = "";
	uint64_t segment;
	int result = provpkg_layout_decode((struct provpkg_view){ file->data, file->size }, file->size, &layout);

	if (!result)
		result = check_gaps(file, &layout);
	if (!result)
		result = provpkg_manifest_open((struct provpkg_view){ file->data + layout.manifest.offset, layout.manifest.size }, &manifest);
	if (!result)
		result = check_manifest(manifest, file, &layout, anchors);
	if (!result) {
		result = check_segments(file, &layout, &segment);
		snprintf(detail, sizeof(detail), "segment %llu", (unsigned long long)segment);
	}
	if (!result)
		package_report(context, path, file->size, manifest, anchors ? PACKAGE_TRUSTED : PACKAGE_INTACT);
	provpkg_manifest_free(manifest);
	return result ? report_provpkg(path, result, detail) : 0;
}

int package_manifest(const char *path, struct provpkg_manifest **manifest, uint64_t *size)
{
	struct provpkg_layout layout;
	struct mapped_file file;
	int code = file_map(path, &file);
	int result;

	if (code)
		return code;
	*size = file.size;
	result = provpkg_layout_decode((struct provpkg_view){ file.data, file.size }, file.size, &layout);
	if (!result)
		result = provpkg_manifest_open((struct provpkg_view){ file.data + layout.manifest.offset, layout.manifest.size }, manifest);
	file_unmap(&file);
	return result ? report_provpkg(path, result, NULL) : 0;
}

int package_verify(struct context *context, const char *path, STACK_OF(X509) *anchors)
{
	struct mapped_file file;
	int code = file_map(path, &file);

	if (code)
		return code;
	code = verify(context, path, &file, anchors);
	if (!code)
		output_done(&context->output, anchors ? "package verified" : "package intact; give --anchor to check who signed it");
	file_unmap(&file);
	return code;
}

void package_report(struct context *context, const char *path, uint64_t size, struct provpkg_manifest *manifest,
		    enum package_trust trust)
{
	const struct provpkg_signed *object = provpkg_manifest_signed(manifest);
	struct package_report report = {
		.path = path,
		.size = size,
		.fields = provpkg_manifest_fields(manifest),
		.trusted = trust == PACKAGE_TRUSTED,
		.checked = trust == PACKAGE_INTACT || trust == PACKAGE_TRUSTED,
	};
	char subject[256] = "";

	X509_NAME_oneline(X509_get_subject_name(provpkg_signed_signer(object, 0)), subject, sizeof(subject));
	report.signer = subject;
	if (trust != PACKAGE_PACKED)
		context->output.ops->package(&context->output, &report);
	else
		context->output.ops->packed(&context->output, &report);
}
