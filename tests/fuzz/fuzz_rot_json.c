// SPDX-License-Identifier: GPL-2.0-or-later
/* RoT configurations in JSON, in a folder with an image and a secret. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "tools/rot_json.h"

static char folder[] = "/tmp/fuzz-rot-XXXXXX";
static int configuration;

static void write_file(const char *name, const char *data, size_t size)
{
	FILE *file = fopen(name, "wb");

	FUZZ_MUST(file && fwrite(data, 1, size, file) == size && !fclose(file));
}

static void clean(void)
{
	unlink("image.bin");
	unlink("secret");
	unlink("rot.json");
	rmdir(folder);
}

void fuzz_begin(void)
{
	FUZZ_MUST(mkdtemp(folder));
	FUZZ_MUST(!chdir(folder));
	write_file("image.bin", "an image of a few bytes ........", 32);
	write_file("secret", "thirty-two bytes of a secret ...", 32);
	configuration = open("rot.json", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	FUZZ_MUST(configuration >= 0);
	atexit(clean);
}

void fuzz_one(struct provpkg_view input)
{
	struct image_area area = { 0 };
	struct provpkg_blob der = { 0 };
	struct provpkg_rot rot = { 0 };

	FUZZ_MUST(!ftruncate(configuration, 0) && pwrite(configuration, input.data, input.size, 0) == (ssize_t)input.size);
	if (!rot_json_load("rot.json", &rot, &area)) {
		fuzz_accepted();
		/* What the tool accepts, the card can read. */
		FUZZ_MUST(!provpkg_rot_encode(&rot, &der) && !provpkg_rot_decode(provpkg_blob_view(&der), &rot));
		provpkg_blob_free(&der);
	}
	image_free(&area);
}

static void seed(const char *name, const char *text)
{
	fuzz_seed(name, text, strlen(text));
}

void fuzz_seeds(void)
{
	seed("small", "{\"part\": \"nRF52840\", \"lock\": \"none\", \"images\": [{\"name\": \"a\", \"file\": \"image.bin\", "
		      "\"address\": 4096}]}");
	seed("whole",
	     "{\"$schema\": \"x\", \"part\": \"nRF52840\", \"lock\": \"recoverable\", \"responder_timeout_us\": 1000,\n"
	     "\"identity\": {\"algorithm\": \"P-256\", \"key_address\": \"0x000fe000\", \"certificate_address\": \"0xfe100\",\n"
	     "\"certificate_size\": 1024, \"organisation\": \"Acme\", \"common_name\": \"sensor\",\n"
	     "\"hardware_type\": \"1.3.6.1\"},\n"
	     "\"lifecycle_keys\": [{\"name\": \"debug\", \"address\": \"0xff000\", \"size\": 32, \"secret_file\": \"secret\"}],\n"
	     "\"images\": [{\"name\": \"a\", \"file\": \"image.bin\", \"format\": \"binary\", \"address\": \"0x1000\"}]}\n");
	seed("irreversible", "{\"part\": \"nRF52840\", \"lock\": \"permanent\", \"irreversible\": true, \"images\": []}");
}
