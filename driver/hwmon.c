// SPDX-License-Identifier: GPL-2.0-only
/*
 * The board's sensors under /sys/class/hwmon. They can be read by everybody, so the card is asked
 * once a second at most, by one reader at a time: nobody can keep the admin queue busy with it.
 */
#include <linux/hwmon.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "card.h"

#define PROVCARD_TELEMETRY_AGE HZ

/* What no board measures: a card that says more is taken to say this much. */
#define PROVCARD_TEMPERATURE_LEAST (-273150)
#define PROVCARD_TEMPERATURE_MOST 1000000
#define PROVCARD_SUPPLY_MOST 100000

/*
 * struct provcard_hwmon - a card's sensors
 * @sensors: those it had when it was bound; others do not appear later
 * @wire: where the card writes, and @wire_dma its address
 * @lock: protects what follows it and @wire
 * @said: the driver's copy; @taken: when, unless @valid is false
 */
struct provcard_hwmon {
	struct provcard *card;
	struct device *dev;
	u32 sensors;
	struct provcard_hif_telemetry *wire;
	dma_addr_t wire_dma;

	struct mutex lock; /* see above */
	struct provcard_hif_telemetry said;
	unsigned long taken;
	bool valid;
};

static int provcard_telemetry_take(struct provcard_hwmon *hwmon)
{
	const struct provcard_hif_sqe sqe = {
		.opcode = PROVCARD_OPC_TELEMETRY,
		.out = { .address = cpu_to_le64(hwmon->wire_dma),
			 .length = cpu_to_le32(sizeof(*hwmon->wire)) },
	};
	struct provcard_answer answer;
	int ret;

	hwmon->valid = false;
	ret = provcard_admin_call(hwmon->card, &sqe, sizeof(*hwmon->wire),
				  PROVCARD_ADMIN_TIMEOUT_MS, true, &answer);
	if (ret)
		return ret;
	if (answer.status || answer.length != sizeof(*hwmon->wire))
		return -EIO;
	hwmon->said = *hwmon->wire;
	hwmon->taken = jiffies;
	hwmon->valid = true;
	return 0;
}

/* What was said before says nothing of a card that is not in service. */
static int provcard_telemetry_refresh(struct provcard_hwmon *hwmon)
{
	int error = READ_ONCE(hwmon->card->error);

	if (error)
		return error;
	if (hwmon->valid && time_before(jiffies, hwmon->taken + PROVCARD_TELEMETRY_AGE))
		return 0;
	return provcard_telemetry_take(hwmon);
}

static long provcard_temperature(__le32 said)
{
	return clamp_t(s32, le32_to_cpu(said), PROVCARD_TEMPERATURE_LEAST,
		       PROVCARD_TEMPERATURE_MOST);
}

static long provcard_voltage(__le32 said)
{
	return min_t(u32, le32_to_cpu(said), PROVCARD_SUPPLY_MOST);
}

static int provcard_temperature_value(const struct provcard_hif_telemetry *said, u32 attr,
				      long *value)
{
	if (!(said->sensors & cpu_to_le32(PROVCARD_SENSOR_TEMPERATURE)))
		return -ENODATA;
	switch (attr) {
	case hwmon_temp_input:
		*value = provcard_temperature(said->temperature);
		return 0;
	case hwmon_temp_max:
		*value = provcard_temperature(said->temperature_max);
		return 0;
	case hwmon_temp_crit:
		*value = provcard_temperature(said->temperature_crit);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int provcard_supply_value(const struct provcard_hif_telemetry *said, u32 attr, long *value)
{
	if (!(said->sensors & cpu_to_le32(PROVCARD_SENSOR_SUPPLY)))
		return -ENODATA;
	switch (attr) {
	case hwmon_in_input:
		*value = provcard_voltage(said->supply);
		return 0;
	case hwmon_in_min:
		*value = provcard_voltage(said->supply_min);
		return 0;
	case hwmon_in_max:
		*value = provcard_voltage(said->supply_max);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int provcard_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr,
			       int channel, long *value)
{
	struct provcard_hwmon *hwmon = dev_get_drvdata(dev);
	int ret = mutex_lock_interruptible(&hwmon->lock);

	if (ret)
		return ret;
	ret = provcard_telemetry_refresh(hwmon);
	if (!ret)
		ret = type == hwmon_temp ? provcard_temperature_value(&hwmon->said, attr, value) :
					   provcard_supply_value(&hwmon->said, attr, value);
	mutex_unlock(&hwmon->lock);
	return ret;
}

static int provcard_hwmon_read_string(struct device *dev, enum hwmon_sensor_types type, u32 attr,
				      int channel, const char **text)
{
	*text = type == hwmon_temp ? "board" : "supply";
	return 0;
}

static umode_t provcard_hwmon_is_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
					 int channel)
{
	const struct provcard_hwmon *hwmon = data;
	u32 sensor = type == hwmon_temp ? PROVCARD_SENSOR_TEMPERATURE : PROVCARD_SENSOR_SUPPLY;

	return hwmon->sensors & sensor ? 0444 : 0;
}

static const struct hwmon_ops provcard_hwmon_ops = {
	.is_visible = provcard_hwmon_is_visible,
	.read = provcard_hwmon_read,
	.read_string = provcard_hwmon_read_string,
};

static const struct hwmon_channel_info *provcard_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_MAX | HWMON_T_CRIT | HWMON_T_LABEL),
	HWMON_CHANNEL_INFO(in, HWMON_I_INPUT | HWMON_I_MIN | HWMON_I_MAX | HWMON_I_LABEL),
	NULL
};

static const struct hwmon_chip_info provcard_hwmon_chip = {
	.ops = &provcard_hwmon_ops,
	.info = provcard_hwmon_channels,
};

static int provcard_hwmon_register(struct provcard_hwmon *hwmon)
{
	int ret = provcard_telemetry_take(hwmon);

	if (ret)
		return ret;
	hwmon->sensors = le32_to_cpu(hwmon->said.sensors);
	hwmon->dev = hwmon_device_register_with_info(&hwmon->card->pdev->dev, "provcard", hwmon,
						     &provcard_hwmon_chip, NULL);
	return PTR_ERR_OR_ZERO(hwmon->dev);
}

static void provcard_hwmon_free(struct provcard_hwmon *hwmon)
{
	dma_free_coherent(&hwmon->card->pdev->dev, sizeof(*hwmon->wire), hwmon->wire,
			  hwmon->wire_dma);
	kfree(hwmon);
}

static struct provcard_hwmon *provcard_hwmon_alloc(struct provcard *card)
{
	struct provcard_hwmon *hwmon = kzalloc(sizeof(*hwmon), GFP_KERNEL);

	if (!hwmon)
		return NULL;
	hwmon->card = card;
	mutex_init(&hwmon->lock);
	hwmon->wire = dma_alloc_coherent(&card->pdev->dev, sizeof(*hwmon->wire), &hwmon->wire_dma,
					 GFP_KERNEL);
	if (hwmon->wire)
		return hwmon;
	kfree(hwmon);
	return NULL;
}

/* A card without sensors, or whose sensors cannot be had, is a card all the same. */
void provcard_hwmon_add(struct provcard *card)
{
	struct provcard_hwmon *hwmon;
	int ret = -ENOMEM;

	if (!(card->features & PROVCARD_FEATURE_TELEMETRY))
		return;
	hwmon = provcard_hwmon_alloc(card);
	if (hwmon)
		ret = provcard_hwmon_register(hwmon);
	if (!ret) {
		card->hwmon = hwmon;
		return;
	}
	dev_warn(&card->pdev->dev, "no sensors (%d)\n", ret);
	if (hwmon)
		provcard_hwmon_free(hwmon);
}

/* The card is stopped: nobody who reads waits for it. */
void provcard_hwmon_remove(struct provcard *card)
{
	if (!card->hwmon)
		return;
	hwmon_device_unregister(card->hwmon->dev);
	provcard_hwmon_free(card->hwmon);
	card->hwmon = NULL;
}
