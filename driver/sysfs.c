// SPDX-License-Identifier: GPL-2.0-only
/* /sys/class/provcard/provcardN: what udev and admins look at. */
#include <linux/sysfs.h>

#include "card.h"

static struct provcard *provcard_of(struct device *dev)
{
	return container_of(dev, struct provcard, dev);
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", provcard_of(dev)->serial);
}
static DEVICE_ATTR_RO(serial);

static ssize_t firmware_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", provcard_of(dev)->firmware);
}
static DEVICE_ATTR_RO(firmware);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char *const names[] = {
		[PROVCARD_DRIVER_STATE_LIVE] = "live",
		[PROVCARD_DRIVER_STATE_RESETTING] = "resetting",
		[PROVCARD_DRIVER_STATE_DEAD] = "dead",
		[PROVCARD_DRIVER_STATE_GONE] = "gone",
	};

	return sysfs_emit(buf, "%s\n", names[provcard_driver_state(provcard_of(dev))]);
}
static DEVICE_ATTR_RO(state);

static ssize_t heads_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", provcard_of(dev)->heads);
}
static DEVICE_ATTR_RO(heads);

static ssize_t queues_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", provcard_of(dev)->io_queues);
}
static DEVICE_ATTR_RO(queues);

static ssize_t hif_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 version = provcard_of(dev)->version;

	return sysfs_emit(buf, "%u.%u.%u\n", version >> 16, version >> 8 & 0xff, version & 0xff);
}
static DEVICE_ATTR_RO(hif_version);

/* The generation is what counts them: each reset, whoever asked for it, ends one. */
static ssize_t resets_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(provcard_of(dev)->generation));
}
static DEVICE_ATTR_RO(resets);

static struct attribute *provcard_attrs[] = {
	&dev_attr_serial.attr,
	&dev_attr_firmware.attr,
	&dev_attr_state.attr,
	&dev_attr_heads.attr,
	&dev_attr_queues.attr,
	&dev_attr_hif_version.attr,
	&dev_attr_resets.attr,
	NULL
};

static const struct attribute_group provcard_group = {
	.attrs = provcard_attrs,
};

const struct attribute_group *provcard_groups[] = {
	&provcard_group,
	&provcard_nodes_group,
	NULL
};
