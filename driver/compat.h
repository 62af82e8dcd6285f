/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels this driver builds on: 6.1, 6.12 and newer. */
#ifndef PROVCARD_COMPAT_H
#define PROVCARD_COMPAT_H

#include <linux/version.h>

/* ff62b8e6588f ("driver core: make struct class.devnode() take a const *"), 6.2 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define provcard_devnode_const
#else
#define provcard_devnode_const const
#endif

#endif
