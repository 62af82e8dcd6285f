// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The curve P-256 (SP 800-186), as much of it as signing needs. Compact, not constant-time: a demonstration firmware, whose
 * signing nobody can time from the outside of a simulator. Numbers are eight 32-bit limbs, least significant first.
 */
#include "p256.h"

struct modulus {
	struct number value;
	uint32_t negated_inverse; /* -1 / value[0] modulo 2^32 */
	struct number r_squared; /* 2^512 modulo value */
};

static const struct modulus field = {
	.value = { { 0xffffffff, 0xffffffff, 0xffffffff, 0x00000000, 0x00000000, 0x00000000, 0x00000001, 0xffffffff } },
	.negated_inverse = 0x00000001,
	.r_squared = { { 0x00000003, 0x00000000, 0xffffffff, 0xfffffffb, 0xfffffffe, 0xffffffff, 0xfffffffd, 0x00000004 } },
};

static const struct modulus order = {
	.value = { { 0xfc632551, 0xf3b9cac2, 0xa7179e84, 0xbce6faad, 0xffffffff, 0xffffffff, 0x00000000, 0xffffffff } },
	.negated_inverse = 0xee00bc4f,
	.r_squared = { { 0xbe79eea2, 0x83244c95, 0x49bd6fa6, 0x4699799c, 0x2b6bec59, 0x2845b239, 0xf3d95620, 0x66e12d94 } },
};

/* The base point, in Montgomery form: coordinates times 2^256 modulo the field. */
static const struct number base_x = { { 0x18a9143c, 0x79e730d4, 0x5fedb601, 0x75ba95fc, 0x77622510, 0x79fb732b, 0xa53755c6,
					0x18905f76 } };
static const struct number base_y = { { 0xce95560a, 0xddf25357, 0xba19e45c, 0x8b4ab8e4, 0xdd21f325, 0xd2e88688, 0x25885d85,
					0x8571ff18 } };

/* A point in Jacobian coordinates, Montgomery form; z = 0 is the point at infinity. */
struct point {
	struct number x, y, z;
};

void number_from_bytes(struct number *number, const uint8_t bytes[NUMBER_BYTES])
{
	for (unsigned int i = 0; i < LIMBS; i++) {
		const uint8_t *limb = bytes + NUMBER_BYTES - 4 * (i + 1);

		number->limb[i] = (uint32_t)limb[0] << 24 | (uint32_t)limb[1] << 16 | (uint32_t)limb[2] << 8 | limb[3];
	}
}

void number_to_bytes(uint8_t bytes[NUMBER_BYTES], const struct number *number)
{
	for (unsigned int i = 0; i < NUMBER_BYTES; i++)
		bytes[NUMBER_BYTES - 1 - i] = (uint8_t)(number->limb[i / 4] >> (8 * (i % 4)));
}

static bool is_zero(const struct number *a)
{
	uint32_t any = 0;

	for (unsigned int i = 0; i < LIMBS; i++)
		any |= a->limb[i];
	return !any;
}

/* Returns the carry. */
static uint32_t add(struct number *sum, const struct number *a, const struct number *b)
{
	uint64_t carry = 0;

	for (unsigned int i = 0; i < LIMBS; i++) {
		carry += (uint64_t)a->limb[i] + b->limb[i];
		sum->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	return (uint32_t)carry;
}

/* Returns the borrow. */
static uint32_t subtract(struct number *difference, const struct number *a, const struct number *b)
{
	uint32_t borrow = 0;

	for (unsigned int i = 0; i < LIMBS; i++) {
		uint64_t step = (uint64_t)a->limb[i] - b->limb[i] - borrow;

		difference->limb[i] = (uint32_t)step;
		borrow = (uint32_t)(step >> 63);
	}
	return borrow;
}

/* The value is below twice the modulus; @high is its bit 256. */
static void reduce_once(struct number *a, uint32_t high, const struct modulus *m)
{
	struct number less;

	if (high >= subtract(&less, a, &m->value))
		*a = less;
}

static void mod_add(struct number *sum, const struct number *a, const struct number *b, const struct modulus *m)
{
	reduce_once(sum, add(sum, a, b), m);
}

static void mod_subtract(struct number *difference, const struct number *a, const struct number *b, const struct modulus *m)
{
	if (subtract(difference, a, b))
		add(difference, difference, &m->value);
}

/* a * b / 2^256 modulo m: Montgomery's multiplication, operands scanned limb by limb. */
static void mod_multiply(struct number *product, const struct number *a, const struct number *b, const struct modulus *m)
{
	uint32_t total[LIMBS + 2] = { 0 };

	for (unsigned int i = 0; i < LIMBS; i++) {
		uint64_t carry = 0;

		for (unsigned int j = 0; j < LIMBS; j++) {
			carry += (uint64_t)a->limb[j] * b->limb[i] + total[j];
			total[j] = (uint32_t)carry;
			carry >>= 32;
		}
		carry += total[LIMBS];
		total[LIMBS] = (uint32_t)carry;
		total[LIMBS + 1] = (uint32_t)(carry >> 32);

		uint32_t factor = total[0] * m->negated_inverse;

		carry = ((uint64_t)factor * m->value.limb[0] + total[0]) >> 32;
		for (unsigned int j = 1; j < LIMBS; j++) {
			carry += (uint64_t)factor * m->value.limb[j] + total[j];
			total[j - 1] = (uint32_t)carry;
			carry >>= 32;
		}
		carry += total[LIMBS];
		total[LIMBS - 1] = (uint32_t)carry;
		total[LIMBS] = total[LIMBS + 1] + (uint32_t)(carry >> 32);
	}
	for (unsigned int i = 0; i < LIMBS; i++)
		product->limb[i] = total[i];
	reduce_once(product, total[LIMBS], m);
}

static void to_montgomery(struct number *out, const struct number *in, const struct modulus *m)
{
	mod_multiply(out, in, &m->r_squared, m);
}

static void from_montgomery(struct number *out, const struct number *in, const struct modulus *m)
{
	static const struct number one = { { 1 } };

	mod_multiply(out, in, &one, m);
}

/* a^(m - 2) = 1 / a, Montgomery form in and out. */
static void mod_invert(struct number *inverse, const struct number *a, const struct modulus *m)
{
	static const struct number two = { { 2 } };
	struct number exponent, result = *a;

	subtract(&exponent, &m->value, &two);
	for (int bit = 254; bit >= 0; bit--) {
		mod_multiply(&result, &result, &result, m);
		if (exponent.limb[bit / 32] >> (bit % 32) & 1)
			mod_multiply(&result, &result, a, m);
	}
	*inverse = result;
}

#define MUL(out, a, b) mod_multiply(out, a, b, &field)
#define ADD(out, a, b) mod_add(out, a, b, &field)
#define SUB(out, a, b) mod_subtract(out, a, b, &field)

/* For a = -3: alpha = 3 (x - z^2) (x + z^2), beta = x y^2. */
static void point_double(struct point *p)
{
	struct number delta, gamma, beta, alpha, work;

	MUL(&delta, &p->z, &p->z);
	MUL(&gamma, &p->y, &p->y);
	MUL(&beta, &p->x, &gamma);
	SUB(&alpha, &p->x, &delta);
	ADD(&work, &p->x, &delta);
	MUL(&work, &alpha, &work);
	ADD(&alpha, &work, &work);
	ADD(&alpha, &alpha, &work);

	ADD(&work, &p->y, &p->z); /* z' = (y + z)^2 - y^2 - z^2 */
	MUL(&work, &work, &work);
	SUB(&work, &work, &gamma);
	SUB(&p->z, &work, &delta);

	ADD(&beta, &beta, &beta);
	ADD(&beta, &beta, &beta);
	MUL(&work, &alpha, &alpha); /* x' = alpha^2 - 8 beta */
	SUB(&work, &work, &beta);
	SUB(&p->x, &work, &beta);

	SUB(&work, &beta, &p->x); /* y' = alpha (4 beta - x') - 8 gamma^2 */
	MUL(&work, &alpha, &work);
	MUL(&gamma, &gamma, &gamma);
	ADD(&gamma, &gamma, &gamma);
	ADD(&gamma, &gamma, &gamma);
	ADD(&gamma, &gamma, &gamma);
	SUB(&p->y, &work, &gamma);
}

/*
 * Add the base point. Of the special cases only infinity can come: the scalar is below the order, so an even multiple on the
 * way to it is neither the base point nor its negative.
 */
static void point_add_base(struct point *p)
{
	struct number zz, h, r, hh, hhh, v;

	if (is_zero(&p->z)) {
		static const struct number one = { { 1 } };

		p->x = base_x;
		p->y = base_y;
		to_montgomery(&p->z, &one, &field);
		return;
	}
	MUL(&zz, &p->z, &p->z);
	MUL(&h, &base_x, &zz);
	SUB(&h, &h, &p->x);
	MUL(&r, &zz, &p->z);
	MUL(&r, &r, &base_y);
	SUB(&r, &r, &p->y);
	MUL(&hh, &h, &h);
	MUL(&hhh, &hh, &h);
	MUL(&v, &p->x, &hh);

	MUL(&p->x, &r, &r); /* x' = r^2 - h^3 - 2 v */
	SUB(&p->x, &p->x, &hhh);
	SUB(&p->x, &p->x, &v);
	SUB(&p->x, &p->x, &v);
	SUB(&v, &v, &p->x); /* y' = r (v - x') - y h^3 */
	MUL(&v, &r, &v);
	MUL(&hhh, &p->y, &hhh);
	SUB(&p->y, &v, &hhh);
	MUL(&p->z, &p->z, &h);
}

/* The affine x coordinate of scalar * base, modulo the order. */
static void base_multiple_x(struct number *x, const struct number *scalar)
{
	struct point p = { 0 };
	struct number inverse;

	for (int bit = 255; bit >= 0; bit--) {
		point_double(&p);
		if (scalar->limb[bit / 32] >> (bit % 32) & 1)
			point_add_base(&p);
	}
	mod_invert(&inverse, &p.z, &field);
	MUL(&inverse, &inverse, &inverse);
	MUL(&p.x, &p.x, &inverse);
	from_montgomery(x, &p.x, &field);
	reduce_once(x, 0, &order);
}

bool p256_scalar_valid(const struct number *scalar)
{
	struct number difference;

	return !is_zero(scalar) && subtract(&difference, scalar, &order.value);
}

void p256_reduce(struct number *number)
{
	reduce_once(number, 0, &order);
}

bool p256_sign(const struct number *key, const struct number *digest, const struct number *k, struct number *r, struct number *s)
{
	struct number work, inverse;

	base_multiple_x(r, k);
	to_montgomery(&work, r, &order); /* s = (digest + r key) / k */
	mod_multiply(&work, &work, key, &order);
	mod_add(&work, &work, digest, &order);
	to_montgomery(&inverse, k, &order);
	mod_invert(&inverse, &inverse, &order);
	mod_multiply(s, &work, &inverse, &order);
	return !is_zero(r) && !is_zero(s);
}
