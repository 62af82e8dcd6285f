// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "tests/unit/vectors.h"

static FILE *open_vector(const char *path)
{
	const char *folder = getenv("PROVCARD_VECTORS");
	char whole[512];

	if (!folder || !*folder)
		return NULL;
	snprintf(whole, sizeof(whole), "%s/%s", folder, path);
	return fopen(whole, "rb");
}

void vectors_need(const char *path)
{
	FILE *file = open_vector(path);

	if (!file) {
		print_message("SKIP: no %s in PROVCARD_VECTORS\n", path);
		skip();
	}
	fclose(file);
}

struct provpkg_blob vectors_read(const char *path)
{
	struct provpkg_blob blob = { NULL, 0 };
	FILE *file = open_vector(path);
	long size;

	if (!file)
		return blob;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	blob.data = OPENSSL_zalloc((size_t)size + 1);
	blob.size = fread(blob.data, 1, (size_t)size, file);
	fclose(file);
	return blob;
}

static struct provpkg_blob from_hex(const char *text, size_t size)
{
	struct provpkg_blob blob = { OPENSSL_zalloc(size / 2 + 1), size / 2 };

	for (size_t i = 0; i < blob.size; i++) {
		int high = OPENSSL_hexchar2int((unsigned char)text[2 * i]), low = OPENSSL_hexchar2int((unsigned char)text[2 * i + 1]);

		assert_true(high >= 0 && low >= 0);
		blob.data[i] = (uint8_t)(high << 4 | low);
	}
	return blob;
}

struct provpkg_blob vectors_hex(const char *path)
{
	struct provpkg_blob text = vectors_read(path), blob = { NULL, 0 };

	if (text.data)
		blob = from_hex((const char *)text.data, strcspn((const char *)text.data, "\r\n"));
	provpkg_blob_free(&text);
	return blob;
}

/* Wycheproof's tests are flat objects that begin with their number and hold no braces. */
bool vectors_next(const struct provpkg_blob *file, struct vectors_case *test)
{
	const char *from = test->end ? test->end : (const char *)file->data;

	test->begin = strstr(from, "\"tcId\"");
	test->end = test->begin ? strchr(test->begin, '}') : NULL;
	return test->end != NULL;
}

static const char *find(const struct vectors_case *test, const char *member)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\"", member);
	at = strstr(test->begin, quoted);
	assert_true(at && at < test->end);
	at += strlen(quoted);
	return at + strspn(at, " :");
}

struct provpkg_blob vectors_bytes(const struct vectors_case *test, const char *member)
{
	const char *at = find(test, member);

	assert_int_equal(*at, '"');
	return from_hex(at + 1, strcspn(at + 1, "\""));
}

bool vectors_is(const struct vectors_case *test, const char *member, const char *value)
{
	const char *at = find(test, member);

	return *at == '"' && strcspn(at + 1, "\"") == strlen(value) && !strncmp(at + 1, value, strlen(value));
}

long vectors_number(const struct vectors_case *test, const char *member)
{
	return strtol(find(test, member), NULL, 10);
}
