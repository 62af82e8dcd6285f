// SPDX-License-Identifier: GPL-2.0-or-later
/* What both forms of output need. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "output.h"

void output_error(struct output *output, const struct error_report *error)
{
	output->ops->error(output, error);
}

void output_done(struct output *output, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	output->ops->done(output, line);
}

#define NAME_OF(names, index) ((index) < sizeof(names) / sizeof((names)[0]) && (names)[index] ? (names)[index] : "unknown")

const char *card_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PROVCARD_CARD_BLANK] = "blank",
		[PROVCARD_CARD_INITIALISED] = "initialised",
		[PROVCARD_CARD_OPERATIONAL] = "operational",
		[PROVCARD_CARD_MAINTENANCE] = "maintenance",
		[PROVCARD_CARD_TAMPERED] = "tampered",
		[PROVCARD_CARD_DECOMMISSIONED] = "decommissioned",
		[PROVCARD_CARD_FAILED] = "failed",
	};

	return NAME_OF(names, state);
}

const char *slot_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PROVCARD_SLOT_EMPTY] = "empty",   [PROVCARD_SLOT_STORED] = "stored", [PROVCARD_SLOT_PENDING] = "pending",
		[PROVCARD_SLOT_TRYING] = "trying", [PROVCARD_SLOT_GOOD] = "good",     [PROVCARD_SLOT_BAD] = "bad",
	};

	return NAME_OF(names, state);
}

const char *job_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PROVCARD_JOB_EMPTY] = "empty",
		[PROVCARD_JOB_ARMED] = "armed",
		[PROVCARD_JOB_CLOSED] = "closed",
	};

	return NAME_OF(names, state);
}

const char *unit_state_name(uint32_t state)
{
	static const char *const names[] = {
		[PROVCARD_UNIT_NONE] = "none",		   [PROVCARD_UNIT_RESERVED] = "reserved", [PROVCARD_UNIT_KEYED] = "keyed",
		[PROVCARD_UNIT_PROGRAMMED] = "programmed", [PROVCARD_UNIT_LOCKED] = "locked",	  [PROVCARD_UNIT_GOOD] = "good",
		[PROVCARD_UNIT_SCRAP] = "scrap",
	};

	return NAME_OF(names, state);
}

const char *unit_step_name(uint32_t step)
{
	static const char *const names[] = {
		[PROVCARD_STEP_IDLE] = "idle",	     [PROVCARD_STEP_ATTACH] = "attach",	  [PROVCARD_STEP_RESERVE] = "reserve",
		[PROVCARD_STEP_KEY] = "key",	     [PROVCARD_STEP_ERASE] = "erase",	  [PROVCARD_STEP_PROGRAM] = "program",
		[PROVCARD_STEP_VERIFY] = "verify",   [PROVCARD_STEP_LOCK] = "lock",	  [PROVCARD_STEP_PROVE] = "prove",
		[PROVCARD_STEP_COMMIT] = "commit",
	};

	return NAME_OF(names, step);
}

const char *proof_name(uint32_t proof)
{
	static const char *const names[] = {
		[PROVCARD_PROOF_NONE] = "none",
		[PROVCARD_PROOF_LOCK_ONLY] = "lock",
		[PROVCARD_PROOF_CHALLENGE] = "challenge",
	};

	return NAME_OF(names, proof);
}

const char *to_hex(char *text, const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 15];
	}
	text[2 * size] = '\0';
	return text;
}

bool from_hex(const char *text, uint8_t *data, size_t size)
{
	if (strlen(text) != 2 * size || strspn(text, "0123456789abcdefABCDEF") != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++)
		sscanf(text + 2 * i, "%2hhx", &data[i]);
	return true;
}

const char *to_time(char *text, int64_t seconds)
{
	time_t when = seconds;
	struct tm parts;

	if (!gmtime_r(&when, &parts) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts))
		strcpy(text, "invalid");
	return text;
}

void json_add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

void json_add_hex(struct json_object *object, const char *key, const void *data, size_t size)
{
	char text[HEX_SIZE(64)];

	json_add_text(object, key, size <= 64 ? to_hex(text, data, size) : "");
}

void json_add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

void json_add_time(struct json_object *object, const char *key, int64_t seconds)
{
	char text[32];

	json_add_text(object, key, to_time(text, seconds));
}

bool enrolment_next(char **lines, struct enrolment *enrolment)
{
	const char **field[] = { &enrolment->role, &enrolment->name, &enrolment->digest, &enrolment->state, &enrolment->failures };
	char *line = strsep(lines, "\n");

	if (!line || !*line)
		return false;
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
		*field[i] = strsep(&line, "\t");
		if (!*field[i])
			return false;
	}
	return true;
}

const char *policy_find(const char *policy, const char *name, char *value, size_t room)
{
	size_t length = strlen(name);

	for (const char *line = policy; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, length) || line[length] != '\t')
			continue;
		snprintf(value, room, "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
		return value;
	}
	return NULL;
}

static void add_number(uint64_t number, const char *name, void (*add)(void *context, const char *name, const char *value), void *context)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	add(context, name, text);
}

static void add_certificate(X509 *certificate, const char *name, void (*add)(void *context, const char *name, const char *value),
			    void *context)
{
	char subject[256] = "", hex[HEX_SIZE(PROVPKG_HASH_SIZE)];
	uint8_t digest[PROVPKG_HASH_SIZE];
	unsigned int size = sizeof(digest);

	X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof(subject));
	add(context, name, subject);
	if (X509_digest(certificate, EVP_sha256(), digest, &size) == 1)
		add(context, "certificate_sha256", to_hex(hex, digest, sizeof(digest)));
}

void request_fields(const struct provpkg_request *request, void (*add)(void *context, const char *name, const char *value), void *context)
{
	char hex[HEX_SIZE(PROVPKG_HASH_SIZE)], when[32];

	switch (request->operation) {
	case PROVPKG_OPERATION_INITIALISE:
		add(context, "person", request->initialise.officer_name);
		add_certificate(request->initialise.officer, "subject", add, context);
		break;
	case PROVPKG_OPERATION_ENROL:
		add_certificate(sk_X509_value(request->enrol.certificates, 0), "subject", add, context);
		break;
	case PROVPKG_OPERATION_ALLOCATE:
	case PROVPKG_OPERATION_CLOSE:
	case PROVPKG_OPERATION_ZEROISE:
		break;
	case PROVPKG_OPERATION_REMOVE:
		add(context, "person", request->remove.name);
		break;
	case PROVPKG_OPERATION_POLICY:
		add_number(request->policy.officers, "officers", add, context);
		add_number(request->policy.failures, "failures", add, context);
		break;
	case PROVPKG_OPERATION_UNLOCK:
		add(context, "person", request->unlock.name);
		break;
	case PROVPKG_OPERATION_AUDIT:
		add_number(request->audit.size, "log_size", add, context);
		add(context, "log_root", to_hex(hex, request->audit.root, PROVPKG_HASH_SIZE));
		if (request->audit.has_job)
			add(context, "audited_job", to_hex(hex, request->audit.package_id, PROVPKG_ID_SIZE));
		break;
	case PROVPKG_OPERATION_ACTIVATE_FIRMWARE:
		add(context, "firmware", to_hex(hex, request->activate.digest, sizeof(request->activate.digest)));
		add_number(request->activate.security_version, "security_version", add, context);
		break;
	case PROVPKG_OPERATION_SET_STATE:
		add(context, "state", card_state_name(request->set_state.state));
		break;
	case PROVPKG_OPERATION_SET_TIME:
		add(context, "time", to_time(when, request->set_time.time));
		break;
	}
}
