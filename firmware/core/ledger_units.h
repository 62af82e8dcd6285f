/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The units of the ledger and their index by UID: constant time at any number of units. */
#ifndef CORE_LEDGER_UNITS_H
#define CORE_LEDGER_UNITS_H

#include "ledger.h"

/* Adds a RESERVED unit. -ENOMEM. */
int ledger_units_add(struct ledger *ledger, uint32_t job, struct provpkg_view uid, uint32_t *unit);
/* Was this part charged in another job that gives certificates? */
bool ledger_units_elsewhere(const struct ledger *ledger, uint32_t job, struct provpkg_view uid);

#endif
