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

/*
 * a066f906ba39 ("firmware_loader: Expand Firmware upload error codes with firmware invalid
 * error"), 6.8
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#define PROVCARD_FW_UPLOAD_ERR_INVALID FW_UPLOAD_ERR_RW_ERROR
#else
#define PROVCARD_FW_UPLOAD_ERR_INVALID FW_UPLOAD_ERR_FW_INVALID
#endif

/* A kernel without the block layer has no plugs: every submission rings for itself. */
#ifndef CONFIG_BLOCK
struct blk_plug_cb {
	void *data;
};

static inline struct blk_plug_cb *
blk_check_plugged(void (*unplug)(struct blk_plug_cb *plug, bool from_schedule), void *data,
		  int size)
{
	return NULL;
}
#endif

#endif
