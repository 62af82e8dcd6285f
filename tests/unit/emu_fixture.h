/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of the controller: each has a card of its own and a host that drives it, with MSI-X or with MSI alone. */
#ifndef EMU_FIXTURE_H
#define EMU_FIXTURE_H

#include "emu_harness.h"

struct fixture {
	struct card card;
	struct raw raw;
};

static int set_up_as(void **state, bool msi_only)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	card_start(&fixture->card, 3, msi_only);
	raw_drive(&fixture->raw, &fixture->card);
	*state = fixture;
	return 0;
}

HARNESS int set_up(void **state)
{
	return set_up_as(state, false);
}

HARNESS int set_up_msi(void **state)
{
	return set_up_as(state, true);
}

HARNESS int tear_down(void **state)
{
	struct fixture *fixture = *state;

	raw_close(&fixture->raw);
	card_stop(&fixture->card);
	free(fixture);
	return 0;
}

HARNESS struct raw *raw_of(void **state)
{
	return &((struct fixture *)*state)->raw;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_MSI(name) cmocka_unit_test_setup_teardown(name, set_up_msi, tear_down)

#endif
