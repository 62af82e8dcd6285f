// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The card's verification pass, by the core itself: PACKAGE_COMMIT of a package that lies in a staging memory which is plain
 * memory, so that no storage is measured. Beside it, the least that such a pass must do: one thread's SHA-256 and AES-256-GCM of
 * as many bytes from memory, in pieces of one segment. In turns; the best of each. Usage: bench_verify [MEBIBYTES]
 */
#include <string.h>

#include <openssl/rand.h>

#include "tests/bench/bench.h"
#include "tests/unit/fake_head.h"
#include "tests/unit/station.h"

#define ROUNDS 7
#define MARGIN (2u << 20) /* of the staging memory: front of the package, issuing chain */

static struct station station;
static struct port_ops ops;
static const struct port_ops *board_ops;
static uint8_t *staging;
static uint64_t staging_size;
static uint8_t *image;
static size_t image_size;

static uint64_t size_of(void *port, enum port_region region)
{
	return region == PORT_NV_STAGING ? staging_size : board_ops->nv_size(port, region);
}

static int read_nv(void *port, enum port_region region, uint64_t offset, void *data, size_t size)
{
	if (region != PORT_NV_STAGING)
		return board_ops->nv_read(port, region, offset, data, size);
	memcpy(data, staging + offset, size);
	return 0;
}

static int write_nv(void *port, enum port_region region, uint64_t offset, const void *data, size_t size)
{
	if (region != PORT_NV_STAGING)
		return board_ops->nv_write(port, region, offset, data, size);
	memcpy(staging + offset, data, size);
	return 0;
}

static int flush_nv(void *port, enum port_region region)
{
	return region == PORT_NV_STAGING ? 0 : board_ops->nv_flush(port, region);
}

/* A card in service whose staging memory holds one such package. */
static void prepare(void)
{
	station_new(&station, 1);
	station_off(&station);
	board_ops = station.board.port.ops;
	ops = *board_ops;
	ops.nv_size = size_of;
	ops.nv_read = read_nv;
	ops.nv_write = write_nv;
	ops.nv_flush = flush_nv;
	station.board.port.ops = &ops;
	staging_size = image_size + MARGIN;
	staging = calloc(1, staging_size);
	image = malloc(image_size);
	NEED(staging && image && RAND_bytes(image, STATION_IMAGE_SIZE) == 1);
	for (size_t i = STATION_IMAGE_SIZE; i < image_size; i++)
		image[i] = (uint8_t)(i * 151 + (i >> 7));
	station_on(&station);
	station_prepare(&station);
}

/* The part gets the first 8 KiB; the rest of the area must be verified all the same. */
static struct provpkg_blob pack(uint8_t *package_id)
{
	struct order order;

	station_order(&station, &order);
	memcpy(image, station.image, STATION_IMAGE_SIZE);
	order.image = image;
	order.build.image_size = image_size;
	return station_pack(&order, package_id);
}

static uint16_t commit(const struct provpkg_blob *file, uint32_t job, double *seconds)
{
	struct provcard_service_job report;
	double from;
	uint16_t status;

	NEED(!station_write(&station, job, file));
	from = seconds_now();
	status = station_command(&station, PROVCARD_OP_PACKAGE_COMMIT, job, NULL, (struct provpkg_view){ 0 }, &report,
				 sizeof(report), NULL);
	*seconds = seconds_now() - from;
	return status;
}

/* Bytes of ciphertext per second. Every round has a package of its own, for the card knows again what it has seen. */
static double verify(void)
{
	uint8_t package_id[PROVPKG_ID_SIZE];
	struct provpkg_blob file = pack(package_id);
	uint32_t job = station_job(&station);
	double seconds, bytes = (double)file.size;

	NEED(!commit(&file, job, &seconds));
	NEED(!core_job_delete(station.core, job));
	NEED(!station_close(&station, package_id, NULL));
	provpkg_blob_free(&file);
	return bytes / seconds;
}

/* One bit of the last segment, and the pass must find it: else it was not the pass that was measured. */
static void control(void)
{
	struct provpkg_blob file = pack(NULL);
	uint32_t job = station_job(&station);
	double seconds;

	file.data[file.size - 20] ^= 1;
	NEED(commit(&file, job, &seconds) == PROVCARD_REFUSAL_SEGMENT_DIGEST);
	NEED(!core_job_delete(station.core, job));
	provpkg_blob_free(&file);
}

static void hash_and_decrypt(EVP_MD_CTX *md, EVP_CIPHER_CTX *gcm, uint8_t *piece)
{
	static const uint8_t key[32] = { 1 }, nonce[12] = { 2 };
	uint8_t digest[32];
	int done;

	NEED(EVP_DigestInit_ex2(md, NULL, NULL) && EVP_DigestUpdate(md, piece, PROVPKG_SEGMENT_SIZE) &&
	     EVP_DigestFinal_ex(md, digest, NULL));
	NEED(EVP_DecryptInit_ex2(gcm, NULL, key, nonce, NULL) && EVP_DecryptUpdate(gcm, piece, &done, piece, PROVPKG_SEGMENT_SIZE));
}

/*
 * Every piece is copied into one buffer first when @fetch, which is the fastest way found for bytes that lie in memory; else the
 * same piece is taken again and again: what the processor can do when nothing has to be fetched.
 */
static double limit(bool fetch)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
	uint8_t *piece = calloc(1, PROVPKG_SEGMENT_SIZE);
	size_t done;
	double from, seconds;

	NEED(md && gcm && piece && EVP_DigestInit_ex2(md, EVP_sha256(), NULL) &&
	     EVP_DecryptInit_ex2(gcm, EVP_aes_256_gcm(), NULL, NULL, NULL));
	from = seconds_now();
	for (done = 0; done < image_size; done += PROVPKG_SEGMENT_SIZE) {
		if (fetch)
			memcpy(piece, image + done, PROVPKG_SEGMENT_SIZE);
		hash_and_decrypt(md, gcm, piece);
	}
	seconds = seconds_now() - from;
	free(piece);
	EVP_CIPHER_CTX_free(gcm);
	EVP_MD_CTX_free(md);
	return (double)done / seconds;
}

static void keep_best(double *best, double now)
{
	if (now > *best)
		*best = now;
}

int main(int argc, char **argv)
{
	double best_verify = 0, best_limit = 0, best_unfetched = 0;

	image_size = (size_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 256) << 20;
	NEED(image_size);
	prepare();
	control();
	for (int i = 0; i < ROUNDS; i++) {
		keep_best(&best_limit, limit(true));
		keep_best(&best_verify, verify());
		keep_best(&best_unfetched, limit(false));
	}
	printf("verify_bytes_per_second %.0f\nlimit_bytes_per_second %.0f\nunfetched_bytes_per_second %.0f\n", best_verify, best_limit,
	       best_unfetched);
	station_free(&station);
	free(image);
	free(staging);
	return 0;
}
