// SPDX-License-Identifier: GPL-2.0-or-later
#include "pin.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "errors.h"
#include "files.h"

#define PIN_FILE_MAX 4096

/* The command line's; one tool runs one command. */
static const char *pin_file;

void pin_from_file(const char *path)
{
	pin_file = path;
}

/* The first line. */
static int read_file(char *pin, int room)
{
	struct provpkg_blob text = { 0 };
	int length = -1;

	if (file_read(pin_file, PIN_FILE_MAX, &text))
		return -1;
	for (size_t i = 0; i <= text.size && length < 0; i++)
		if (i == text.size || text.data[i] == '\n' || text.data[i] == '\r')
			length = (int)i;
	if (length > room)
		length = -1;
	else
		memcpy(pin, text.data, (size_t)length);
	OPENSSL_cleanse(text.data, text.size);
	provpkg_blob_free(&text);
	return length;
}

static int ask_terminal(const struct pin_ask *ask, char *pin, int room)
{
	char prompt[256];

	snprintf(prompt, sizeof(prompt), "%s of %.200s: ", ask->is_token ? "PIN" : "passphrase", ask->location);
	return EVP_read_pw_string(pin, room, prompt, 0) ? -1 : (int)strlen(pin);
}

static int give_pin(char *pin, int room, int writing, void *context)
{
	const char *environment = getenv("PROVCARD_PIN");
	struct pin_ask *ask = context;
	int length;

	(void)writing;
	if (ask->is_token && ask->given)
		return -1;
	ask->given = true;
	if (pin_file) {
		length = read_file(pin, room);
		ask->failed = length < 0;
		return length;
	}
	if (!environment)
		return ask_terminal(ask, pin, room);
	length = (int)strlen(environment);
	if (length > room)
		return -1;
	memcpy(pin, environment, (size_t)length);
	return length;
}

UI_METHOD *pin_method(void)
{
	return UI_UTIL_wrap_read_pem_callback(give_pin, 0);
}
