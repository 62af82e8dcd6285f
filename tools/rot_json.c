// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <openssl/crypto.h>

#include "errors.h"
#include "files.h"
#include "rot_json.h"

#define CONFIGURATION_MAX (1u << 20)
#define NESTING_MAX 8
#define TIMEOUT_MAX_US 60000000

/* An object of the configuration and where it stands, "images[0]". */
struct place {
	const char *file; /* of the configuration */
	const char *folder; /* of that file */
	struct json_object *object;
	char path[64];
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct place *place, unsigned int code, const char *format, ...)
{
	char detail[256];
	va_list arguments;
	int used = snprintf(detail, sizeof(detail), "%s%s", place->path, *place->path ? "." : "");

	va_start(arguments, format);
	vsnprintf(detail + used, sizeof(detail) - used, format, arguments);
	va_end(arguments);
	return report_input(place->file, code, detail);
}

/* Every key of the object must be one of @known, a list that ends with NULL. */
static int check_keys(const struct place *place, const char *const *known)
{
	json_object_object_foreach(place->object, key, value)
	{
		const char *const *at = known;

		(void)value;
		while (*at && strcmp(*at, key))
			at++;
		if (!*at)
			return refuse(place, PROVCARD_REFUSAL_ROT_UNKNOWN_KEY, "%s", key);
	}
	return 0;
}

/* The value of @key when it is there and of @type; *value is NULL when it is missing and that is allowed. */
static int get(const struct place *place, const char *key, enum json_type type, bool required, struct json_object **value)
{
	static const char *const names[] = {
		[json_type_boolean] = "true or false", [json_type_int] = "a whole number", [json_type_object] = "an object",
		[json_type_array] = "a list",	       [json_type_string] = "text",
	};

	*value = NULL;
	if (!json_object_object_get_ex(place->object, key, value))
		return required ? refuse(place, PROVCARD_REFUSAL_ROT_MISSING, "%s", key) : 0;
	if (json_object_get_type(*value) != type)
		return refuse(place, PROVCARD_REFUSAL_ROT_TYPE, "%s must be %s", key, names[type]);
	return 0;
}

/* Text of 1 to size - 1 bytes. */
static int get_text(const struct place *place, const char *key, char *text, size_t size)
{
	struct json_object *value;
	int code = get(place, key, json_type_string, true, &value);
	size_t length;

	if (code)
		return code;
	length = json_object_get_string_len(value);
	if (!length || length >= size || strlen(json_object_get_string(value)) != length)
		return refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "%s must have 1 to %zu bytes", key, size - 1);
	memcpy(text, json_object_get_string(value), length + 1);
	return 0;
}

static int get_number(const struct place *place, const char *key, bool required, uint32_t least, uint32_t most, uint32_t *number)
{
	struct json_object *value;
	int code = get(place, key, json_type_int, required, &value);

	if (code || !value)
		return code;
	errno = 0;
	if (json_object_get_int64(value) < least || json_object_get_int64(value) > most || errno)
		return refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "%s must be %" PRIu32 " to %" PRIu32, key, least, most);
	*number = json_object_get_int64(value);
	return 0;
}

/* A number, or text as "0x000fe000". *found may be NULL where the address is required. */
static int get_address(const struct place *place, const char *key, uint32_t *address, bool *found)
{
	struct json_object *value;
	const char *text;

	if (found)
		*found = json_object_object_get_ex(place->object, key, &value);
	if (found && !*found)
		return 0;
	if (json_object_object_get_ex(place->object, key, &value) && json_object_is_type(value, json_type_int))
		return get_number(place, key, true, 0, UINT32_MAX, address);
	if (value && !json_object_is_type(value, json_type_string))
		return refuse(place, PROVCARD_REFUSAL_ROT_TYPE, "%s must be a whole number or hexadecimal text", key);
	if (!value)
		return refuse(place, PROVCARD_REFUSAL_ROT_MISSING, "%s", key);
	text = json_object_get_string(value);
	if (text[0] != '0' || (text[1] | 0x20) != 'x' || strlen(text) < 3 || strlen(text) > 10 ||
	    text[2 + strspn(text + 2, "0123456789abcdefABCDEF")])
		return refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "%s must be like \"0x000fe000\"", key);
	*address = strtoul(text, NULL, 16);
	return 0;
}

/* One of @words; *index tells which. */
static int get_choice(const struct place *place, const char *key, bool required, const char *const *words, int *index)
{
	struct json_object *value;
	int code = get(place, key, json_type_string, required, &value);

	if (code || !value)
		return code;
	for (*index = 0; words[*index]; (*index)++)
		if (!strcmp(words[*index], json_object_get_string(value)))
			return 0;
	return refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "%s has an unknown value", key);
}

/* A file name, made relative to the configuration; free() it. */
static int get_file(const struct place *place, const char *key, char **path)
{
	char name[4096];
	int code = get_text(place, key, name, sizeof(name));

	if (code)
		return code;
	*path = path_join(place->folder, name);
	return *path ? 0 : report_errno(place->file, -ENOMEM);
}

static int load_image(const struct place *place, struct provpkg_rot *rot, struct image_area *area)
{
	static const char *const known[] = { "name", "file", "format", "address", NULL };
	static const char *const formats[] = { "binary", "elf", "ihex", NULL };
	char name[PROVPKG_NAME_MAX + 1];
	struct image_request request = { .name = name };
	char *path = NULL;
	int format = -1;
	int code = check_keys(place, known);

	if (!code)
		code = get_text(place, "name", name, sizeof(name));
	for (size_t i = 0; !code && i < rot->images; i++)
		if (!strcmp(rot->image[i].name, name))
			code = refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "name '%s' is used already", name);
	if (!code)
		code = get_choice(place, "format", false, formats, &format);
	if (!code)
		code = get_address(place, "address", &request.address, &request.has_address);
	if (!code)
		code = get_file(place, "file", &path);
	request.format = IMAGE_BINARY + format; /* -1 is one less: guess */
	request.path = path;
	if (!code)
		code = image_add(area, rot, &request);
	free(path);
	return code;
}

_Static_assert(IMAGE_GUESS + 1 == IMAGE_BINARY, "the order of the formats is used");

static int load_secret(const struct place *place, uint8_t secret[32])
{
	struct provpkg_blob blob = { 0 };
	char *path = NULL;
	int code = get_file(place, "secret_file", &path);

	if (!code)
		code = file_read(path, 32, &blob);
	if (!code && blob.size != 32)
		code = refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "secret_file: %s must hold exactly 32 bytes", path);
	if (!code)
		memcpy(secret, blob.data, 32);
	provpkg_blob_free(&blob);
	free(path);
	return code;
}

/* A derived key has its secret, a random one has none; a random one is returned, a derived one when that is asked for. */
static int load_lifecycle_mode(const struct place *place, struct provpkg_lifecycle *lifecycle)
{
	static const char *const modes[] = { "derived", "random", NULL };
	struct json_object *returned = NULL;
	int mode = PROVPKG_LIFECYCLE_DERIVED;
	int code = get_choice(place, "mode", false, modes, &mode);

	if (!code)
		code = get(place, "return", json_type_boolean, false, &returned);
	if (code)
		return code;
	lifecycle->mode = mode;
	lifecycle->returned = returned ? json_object_get_boolean(returned) : mode == PROVPKG_LIFECYCLE_RANDOM;
	if (mode == PROVPKG_LIFECYCLE_DERIVED)
		return load_secret(place, lifecycle->secret);
	if (json_object_object_get_ex(place->object, "secret_file", NULL))
		return refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "secret_file does not go with mode \"random\"");
	return lifecycle->returned ? 0 : refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "return must be true: nobody else has a random key");
}

_Static_assert(PROVPKG_LIFECYCLE_DERIVED == 0 && PROVPKG_LIFECYCLE_RANDOM == 1, "the order of the modes is used");

static int load_lifecycle(const struct place *place, struct provpkg_rot *rot, struct image_area *area)
{
	static const char *const known[] = { "name", "address", "size", "mode", "secret_file", "return", NULL };
	struct provpkg_lifecycle *lifecycle = &rot->lifecycle[rot->lifecycles];
	int code = check_keys(place, known);

	(void)area;
	if (!code)
		code = get_text(place, "name", lifecycle->name, sizeof(lifecycle->name));
	for (size_t i = 0; !code && i < rot->lifecycles; i++)
		if (!strcmp(rot->lifecycle[i].name, lifecycle->name))
			code = refuse(place, PROVCARD_REFUSAL_ROT_RANGE, "name '%s' is used already", lifecycle->name);
	if (!code)
		code = get_address(place, "address", &lifecycle->address, NULL);
	if (!code)
		code = get_number(place, "size", true, 16, 64, &lifecycle->size);
	if (!code)
		code = load_lifecycle_mode(place, lifecycle);
	if (!code)
		rot->lifecycles++;
	return code;
}

static int load_identity(const struct place *place, struct provpkg_identity *identity)
{
	static const char *const known[] = { "algorithm",    "key_address", "certificate_address", "certificate_size",
					     "organisation", "common_name", "hardware_type",	   NULL };
	static const char *const algorithms[] = { "P-256", "P-384", "Ed25519", "ML-DSA-44", "ML-DSA-65", NULL };
	int algorithm = 0;
	int code = check_keys(place, known);

	if (!code)
		code = get_choice(place, "algorithm", false, algorithms, &algorithm);
	if (!code)
		code = get_address(place, "key_address", &identity->key_address, NULL);
	if (!code)
		code = get_address(place, "certificate_address", &identity->certificate_address, NULL);
	if (!code)
		code = get_number(place, "certificate_size", true, 1, 65536, &identity->certificate_size);
	if (!code)
		code = get_text(place, "organisation", identity->organisation, sizeof(identity->organisation));
	if (!code)
		code = get_text(place, "common_name", identity->common_name, sizeof(identity->common_name));
	if (!code)
		code = get_text(place, "hardware_type", identity->hardware_type, sizeof(identity->hardware_type));
	identity->algorithm = PROVPKG_KEY_P256 + algorithm;
	identity->present = true;
	return code;
}

/* Load each object of the list @key with @load. */
static int load_list(const struct place *root, const char *key, bool required, size_t most, struct provpkg_rot *rot,
		     struct image_area *area, int (*load)(const struct place *, struct provpkg_rot *, struct image_area *))
{
	struct json_object *list;
	int code = get(root, key, json_type_array, required, &list);

	if (code || !list)
		return code;
	if (json_object_array_length(list) > most || (required && !json_object_array_length(list)))
		return refuse(root, PROVCARD_REFUSAL_ROT_RANGE, "%s must have %d to %zu entries", key, required, most);
	for (size_t i = 0; i < json_object_array_length(list) && !code; i++) {
		struct place place = { root->file, root->folder, json_object_array_get_idx(list, i), "" };

		snprintf(place.path, sizeof(place.path), "%s[%zu]", key, i);
		if (!json_object_is_type(place.object, json_type_object))
			return refuse(root, PROVCARD_REFUSAL_ROT_TYPE, "%s must be an object", place.path);
		code = load(&place, rot, area);
	}
	return code;
}

static int load_lock(const struct place *root, struct provpkg_rot *rot)
{
	static const char *const locks[] = { "none", "recoverable", "permanent", NULL };
	struct json_object *confirmed;
	int lock = 0;
	int code = get_choice(root, "lock", true, locks, &lock);

	if (!code)
		code = get(root, "irreversible", json_type_boolean, false, &confirmed);
	if (!code && lock == PROVPKG_LOCK_PERMANENT && !(confirmed && json_object_get_boolean(confirmed)))
		code = refuse(root, PROVCARD_REFUSAL_ROT_IRREVERSIBLE, "lock");
	rot->lock = lock;
	return code;
}

static int load_root(const struct place *root, struct provpkg_rot *rot, struct image_area *area)
{
	static const char *const known[] = { "$schema",	       "part", "images",       "identity",
					     "lifecycle_keys", "lock", "irreversible", "responder_timeout_us",
					     NULL };
	struct place identity = { root->file, root->folder, NULL, "identity" };
	int code = check_keys(root, known);

	if (!code)
		code = get_text(root, "part", rot->part, sizeof(rot->part));
	if (!code)
		code = load_lock(root, rot);
	if (!code)
		code = get_number(root, "responder_timeout_us", false, 0, TIMEOUT_MAX_US, &rot->responder_timeout_us);
	if (!code)
		code = get(root, "identity", json_type_object, false, &identity.object);
	if (!code && identity.object)
		code = load_identity(&identity, &rot->identity);
	if (!code)
		code = load_list(root, "lifecycle_keys", false, PROVPKG_LIFECYCLE_MAX, rot, area, load_lifecycle);
	if (!code)
		code = load_list(root, "images", true, PROVPKG_IMAGES_MAX, rot, area, load_image);
	return code;
}

static unsigned int line_of(const char *text, size_t offset)
{
	unsigned int line = 1;

	for (size_t i = 0; i < offset && text[i]; i++)
		line += text[i] == '\n';
	return line;
}

static int parse(const char *path, const struct provpkg_blob *text, struct json_object **object)
{
	struct json_tokener *tokener = json_tokener_new_ex(NESTING_MAX);
	enum json_tokener_error error;
	char detail[128];
	int code = 0;

	if (!tokener)
		return report_errno(path, -ENOMEM);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	*object = json_tokener_parse_ex(tokener, (const char *)text->data, text->size);
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_continue)
		error = json_tokener_error_parse_eof;
	if (error != json_tokener_success || !json_object_is_type(*object, json_type_object)) {
		snprintf(detail, sizeof(detail), "line %u: %s", line_of((const char *)text->data, json_tokener_get_parse_end(tokener)),
			 error == json_tokener_success ? "an object is needed" : json_tokener_error_desc(error));
		code = report_input(path, PROVCARD_REFUSAL_ROT_JSON, detail);
	}
	json_tokener_free(tokener);
	return code;
}

/* What the form of the package cannot hold, said while there is a file to name. */
static int check_values(const char *path, const struct provpkg_rot *rot)
{
	struct provpkg_blob der = { 0 };
	int result = provpkg_rot_encode(rot, &der);

	provpkg_blob_free(&der);
	return result ? report_provpkg(path, result,
				       "a name holds control characters, identity.hardware_type is no object identifier, or "
				       "identity.common_name is longer than 31 bytes") :
			0;
}

int rot_json_load(const char *path, struct provpkg_rot *rot, struct image_area *area)
{
	struct provpkg_blob text = { 0 };
	struct json_object *object = NULL;
	char *copy = strdup(path);
	char detail[256] = "";
	int code = copy ? file_read(path, CONFIGURATION_MAX, &text) : report_errno(path, -ENOMEM);
	int result;

	if (!code)
		code = parse(path, &text, &object);
	if (!code) {
		struct place root = { path, dirname(copy), object, "" };

		code = load_root(&root, rot, area);
	}
	result = code ? 0 : provpkg_rot_check(rot, detail, sizeof(detail));
	if (result)
		code = report_provpkg(path, result, detail);
	if (!code)
		code = check_values(path, rot);
	json_object_put(object);
	provpkg_blob_free(&text);
	free(copy);
	return code;
}
