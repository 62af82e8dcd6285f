/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MERKLE_H
#define MERKLE_H

#include "provpkg/merkle.h"

/* Hash of a node; @hash may be @left or @right. 0 or -EIO. */
PROVPKG_MUST_CHECK int merkle_node(const uint8_t *left, const uint8_t *right, uint8_t *hash);

#endif
