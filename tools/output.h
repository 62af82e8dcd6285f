/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tool says, in the form that was asked for. A command fills structures; each form has one table of functions that
 * print them. JSON is one object, printed at the end; its keys are never renamed, and schema_version counts new layouts.
 */
#ifndef TOOL_OUTPUT_H
#define TOOL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>
#include <provcard.h>
#include <provpkg.h>

#define OUTPUT_SCHEMA_VERSION 1

struct error_report {
	const char *what;
	unsigned int code; /* 0 for none */
	const char *name;
	const char *sentence;
	const char *remedy;
	const char *detail;
};

struct versions {
	const char *tool;
	const char *library;
	const char *card; /* serial number, NULL when no card was reached */
	const char *firmware;
};

/* How a run ended. */
struct run_summary {
	uint64_t good;
	uint64_t scrap;
	uint64_t refused;
	double seconds;
	bool has_job;
	struct provcard_job_status job;
};

struct package_report {
	const char *path;
	uint64_t size;
	const struct provpkg_manifest_fields *fields;
	const char *signer; /* subject of the first signer */
	bool trusted; /* the signers chain to the anchors given */
	bool checked; /* every segment was compared with its digest */
};

struct grant_report {
	const char *path;
	const struct provpkg_grant *grant;
	const char *signer; /* subject of the first signer */
	bool trusted; /* the signers chain to the anchors given, or enough of the authority signed */
	const struct provpkg_authority *authority; /* of the package given, NULL for none */
	uint32_t signed_by; /* a bit for each of its members who signed */
};

struct request_report {
	const char *path;
	const struct provpkg_request *request;
};

/* One signature on a file. */
struct signer_report {
	char subject[256];
	const char *key; /* its kind */
	uint8_t certificate_digest[PROVPKG_HASH_SIZE];
	int64_t not_before;
	int64_t not_after;
};

struct delivery_report {
	const char *path;
	const char *serial;
	const struct provpkg_end_certificate *end;
	uint64_t records;
	uint64_t certificates;
	bool verified;
	const char *uid; /* one unit only, NULL for all */
	/* When verified: the moment that the card's certificates were judged at, and whose clock named it. */
	int64_t judged_at;
	bool at_given; /* the caller's; else the card's, */
	bool time_authenticated; /* which somebody had set; known when all records were looked at */
};

struct birth_report {
	const char *path;
	const char *serial; /* of the card */
	const struct provpkg_record *record;
	uint64_t log_size;
	bool certified;
	bool sealed; /* secrets of its own came along */
	/* When the card's certificates were judged; the caller's moment, or the record's, whose clock is the card's. */
	int64_t judged_at;
	bool at_given;
};

struct log_report {
	const char *path;
	const char *serial;
	uint64_t from;
	uint64_t entries; /* in the file */
	uint64_t log_size;
	const char *after; /* the earlier file, whose log was of earlier_size; NULL for none */
	uint64_t earlier_size;
	int64_t judged_at;
	bool at_given; /* or there is no entry: by the caller's clock, else by the card's, */
	bool time_authenticated;
};

struct evidence_report {
	const char *path;
	const struct provpkg_evidence *evidence;
	bool verified; /* signed by the card of the bundle given, and as demanded */
};

struct firmware_report {
	const char *path;
	const struct provpkg_firmware *firmware;
	bool trusted; /* the signers chain to the anchors given */
};

struct output;

struct print_ops {
	void (*versions)(struct output *output, const struct versions *versions);
	/* @people and @policy: the card's texts, NULL where it has none. */
	void (*status)(struct output *output, const struct provcard_status *status, const struct provcard_firmware *firmware,
		       const char *people, const char *policy);
	void (*head)(struct output *output, const struct provcard_head *head);
	void (*job)(struct output *output, const struct provcard_job_status *job);
	void (*unit)(struct output *output, const struct provcard_unit *unit);
	/* At once, a line; the output is a stream of them. */
	void (*event)(struct output *output, const struct provcard_monitor_event *event);
	void (*run_summary)(struct output *output, const struct run_summary *summary);
	void (*record)(struct output *output, const struct provpkg_record *record);
	void (*refusal)(struct output *output, const struct provcard_refusal_info *refusal);
	void (*packed)(struct output *output, const struct package_report *package); /* just made */
	void (*package)(struct output *output, const struct package_report *package); /* looked into */
	void (*grant)(struct output *output, const struct grant_report *grant);
	void (*request)(struct output *output, const struct request_report *request);
	void (*signer)(struct output *output, const struct signer_report *signer); /* of what was printed before */
	void (*delivery)(struct output *output, const struct delivery_report *delivery);
	void (*log)(struct output *output, const struct log_report *log);
	void (*birth)(struct output *output, const struct birth_report *birth);
	void (*evidence)(struct output *output, const struct evidence_report *report);
	void (*firmware)(struct output *output, const struct provcard_firmware *firmware);
	void (*firmware_file)(struct output *output, const struct firmware_report *report);
	/* Text that is the result itself, like a certificate. */
	void (*text)(struct output *output, const char *key, const char *text, size_t size);
	/* One line on success. */
	void (*done)(struct output *output, const char *line);
	void (*error)(struct output *output, const struct error_report *error);
	/* After everything. */
	void (*finish)(struct output *output);
};

struct output {
	const struct print_ops *ops;
	struct json_object *root; /* JSON only */
	unsigned int lines; /* text only: rows of the table so far */
	bool is_stream; /* JSON only: lines of their own were printed, and an error is another one */
};

extern const struct print_ops print_text;
extern const struct print_ops print_json;

void output_error(struct output *output, const struct error_report *error);
void output_done(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* output_event.c */
void text_event(struct output *output, const struct provcard_monitor_event *event);
void json_event(struct output *output, const struct provcard_monitor_event *event);

/* Names of states; "unknown" for what this version does not know. */
const char *card_state_name(uint32_t state);
const char *job_state_name(uint32_t state);
const char *unit_state_name(uint32_t state);
const char *unit_step_name(uint32_t step);
const char *proof_name(uint32_t proof);
const char *slot_state_name(uint32_t state);

/* What a request asks for beside job, count, role and name, a field at a time: @add gets each name and value. */
void request_fields(const struct provpkg_request *request, void (*add)(void *context, const char *name, const char *value), void *context);

/* One enrolment of the card's list, or one line of its policy. */
struct enrolment {
	const char *role;
	const char *name;
	const char *digest; /* SHA-256 of the certificate */
	const char *state; /* ok, paused, locked */
	const char *failures; /* since the last approval */
};

/* The next of @lines, which is moved on and written into; false at the end. */
bool enrolment_next(char **lines, struct enrolment *enrolment);
/* What the policy says of @name; NULL when nothing. */
const char *policy_find(const char *policy, const char *name, char *value, size_t room);

/* Room for bytes in hexadecimal and the zero. */
#define HEX_SIZE(bytes) (2 * (bytes) + 1)
const char *to_hex(char *text, const void *data, size_t size); /* gives @text */
bool from_hex(const char *text, uint8_t *data, size_t size); /* exactly @size bytes */
/* ISO 8601, UTC; @text has room for 32 bytes. */
const char *to_time(char *text, int64_t seconds);

void json_add_text(struct json_object *object, const char *key, const char *text);
void json_add_hex(struct json_object *object, const char *key, const void *data, size_t size);
void json_add_number(struct json_object *object, const char *key, uint64_t value);
/* A code, its name and its sentence; null when there is none. */
void json_add_refusal(struct json_object *object, const char *key, unsigned int code);
void json_add_time(struct json_object *object, const char *key, int64_t seconds);

/* A record as JSON: what 'provcard log' and a delivery's records.jsonl hold. */
struct json_object *record_to_json(const struct provpkg_record *record);

#endif
