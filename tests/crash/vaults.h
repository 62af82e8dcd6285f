/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The linker puts a memory before the core's vault_decode(): while a card starts, the same bytes are decoded once. Reading the
 * private keys of a vault takes longer than all the rest of a start, and the bytes are authenticated before they come here.
 */
#ifndef CRASH_VAULTS_H
#define CRASH_VAULTS_H

#include <stdbool.h>

/* A card starts now, or has started: what it decodes then, it changes. */
void vaults_remember(bool starting);
/* Other keys are to come. */
void vaults_forget(void);

#endif
