// SPDX-License-Identifier: GPL-2.0-or-later
/* Checkpoints: signed notes as anyone may hand them over; and texts that the card's own keys signed. */
#include <string.h>

#include "fuzz.h"
#include "lib/provpkg/note.h"
#include "provpkg/record.h"
#include "tests/unit/pki.h"

enum { WHOLE, TEXT };

static struct pki_chain classical, pq;
static struct provpkg_signer signers[2];
static X509 *certificates[2];

void fuzz_begin(void)
{
	pki_chain_new(&classical, "P-384", &(struct pki_profile){ .subject = "provcard PC-1" });
	pki_chain_new(&pq, "ML-DSA-87", &(struct pki_profile){ .subject = "provcard PC-1" });
	signers[0] = (struct provpkg_signer){ classical.key, classical.certificate, NULL };
	signers[1] = (struct provpkg_signer){ pq.key, pq.certificate, NULL };
	certificates[0] = classical.certificate;
	certificates[1] = pq.certificate;
}

static void open_note(struct provpkg_view note)
{
	struct provpkg_blob again = { 0 };
	struct provpkg_checkpoint checkpoint;
	struct provpkg_view text, same;

	if (provpkg_checkpoint_open(note, certificates, 2, &checkpoint))
		return;
	fuzz_accepted();
	/* What was signed is what the fields say, and nothing else. */
	FUZZ_MUST(!provpkg_checkpoint_sign(&checkpoint, signers, 2, &again));
	FUZZ_MUST(provpkg_note_text(note, &text) && provpkg_note_text(provpkg_blob_view(&again), &same));
	FUZZ_MUST(text.size == same.size && !memcmp(text.data, same.data, same.size));
	provpkg_blob_free(&again);
}

void fuzz_one(struct provpkg_view input)
{
	struct provpkg_blob note = { 0 };

	if (fuzz_u8(&input) % 2 == WHOLE) {
		open_note(input);
	} else if (input.size && input.data[input.size - 1] == '\n' &&
		   !provpkg_note_sign(input, "provcard/PC-1", signers, 2, &note)) {
		open_note(provpkg_blob_view(&note));
		provpkg_blob_free(&note);
	}
}

void fuzz_seeds(void)
{
	struct provpkg_checkpoint checkpoint = { .origin = "provcard/PC-1", .size = 70000, .root = "root" };
	struct provpkg_blob note = { 0 };
	struct fuzz_writer out = { .size = 0 };
	struct provpkg_view text;

	FUZZ_MUST(!provpkg_checkpoint_sign(&checkpoint, signers, 2, &note));
	fuzz_put_u8(&out, WHOLE);
	fuzz_put(&out, note.data, note.size);
	fuzz_seed("whole", out.data, out.size);
	FUZZ_MUST(provpkg_note_text(provpkg_blob_view(&note), &text));
	out.size = 0;
	fuzz_put_u8(&out, TEXT);
	fuzz_put(&out, text.data, text.size);
	fuzz_seed("text", out.data, out.size);
	provpkg_blob_free(&note);
}
