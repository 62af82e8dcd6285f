// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a message of the driver's netlink family says: Documentation/netlink/specs/provcard.yaml. */
#include <errno.h>
#include <string.h>

#include <linux/provcard_netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "internal.h"

_Static_assert((int)PROVCARD_MONITOR_CARD_ADDED == PROVCARD_NL_CMD_CARD_ADDED_NTF &&
		       (int)PROVCARD_MONITOR_CARD_REMOVED == PROVCARD_NL_CMD_CARD_REMOVED_NTF &&
		       (int)PROVCARD_MONITOR_CARD_CHANGED == PROVCARD_NL_CMD_CARD_CHANGED_NTF &&
		       (int)PROVCARD_MONITOR_RESET == PROVCARD_NL_CMD_RESET_NTF &&
		       (int)PROVCARD_MONITOR_LIFE_CHANGED == PROVCARD_NL_CMD_LIFE_CHANGED_NTF &&
		       (int)PROVCARD_MONITOR_HEAD_CHANGED == PROVCARD_NL_CMD_HEAD_CHANGED_NTF &&
		       (int)PROVCARD_MONITOR_JOB_CHANGED == PROVCARD_NL_CMD_JOB_CHANGED_NTF &&
		       (int)PROVCARD_MONITOR_FAULT == PROVCARD_NL_CMD_FAULT_NTF &&
		       (int)PROVCARD_MONITOR_TAMPER == PROVCARD_NL_CMD_TAMPER_NTF &&
		       (int)PROVCARD_MONITOR_FIRMWARE == PROVCARD_NL_CMD_FIRMWARE_NTF,
	       "kinds of events are the family's commands");
_Static_assert((int)PROVCARD_MONITOR_STATE_LIVE == PROVCARD_DRIVER_STATE_LIVE &&
		       (int)PROVCARD_MONITOR_STATE_RESETTING == PROVCARD_DRIVER_STATE_RESETTING &&
		       (int)PROVCARD_MONITOR_STATE_DEAD == PROVCARD_DRIVER_STATE_DEAD &&
		       (int)PROVCARD_MONITOR_STATE_GONE == PROVCARD_DRIVER_STATE_GONE,
	       "and so are the states");

static uint32_t number(struct nlattr **attributes, int attribute)
{
	return attributes[attribute] ? nla_get_u32(attributes[attribute]) : 0;
}

static uint64_t long_number(struct nlattr **attributes, int attribute)
{
	return attributes[attribute] ? nla_get_u64(attributes[attribute]) : 0;
}

static void text(struct nlattr **attributes, int attribute, char *to, size_t room)
{
	if (attributes[attribute])
		nla_strlcpy(to, attributes[attribute], room);
}

/* libnl wants to write to what it reads, by its types only. */
static int parse(const void *message, size_t size, uint16_t family, struct nlattr **attributes, uint8_t *command)
{
	static const struct nla_policy policy[PROVCARD_A_MAX + 1] = {
		[PROVCARD_A_ID] = { .type = NLA_U32 },	       [PROVCARD_A_NAME] = { .type = NLA_STRING },
		[PROVCARD_A_SERIAL] = { .type = NLA_STRING },  [PROVCARD_A_STATE] = { .type = NLA_U32 },
		[PROVCARD_A_GENERATION] = { .type = NLA_U32 }, [PROVCARD_A_SEQUENCE] = { .type = NLA_U64 },
		[PROVCARD_A_TIME] = { .type = NLA_U64 },       [PROVCARD_A_HEAD] = { .type = NLA_U32 },
		[PROVCARD_A_REFUSAL] = { .type = NLA_U32 },
	};
	struct nlmsghdr *header = (struct nlmsghdr *)message;

	if (size > INT32_MAX || !nlmsg_ok(header, (int)size) || header->nlmsg_type != family || !genlmsg_valid_hdr(header, 0))
		return -EPROTO;
	*command = genlmsg_hdr(header)->cmd;
	return genlmsg_parse(header, 0, attributes, PROVCARD_A_MAX, policy) < 0 ? -EPROTO : 0;
}

int provcard_monitor_decode(const void *message, size_t size, uint16_t family, struct provcard_monitor_event *event)
{
	struct nlattr *attributes[PROVCARD_A_MAX + 1];
	uint8_t command;
	int error = parse(message, size, family, attributes, &command);

	if (error)
		return error;
	if (command <= PROVCARD_NL_CMD_CARD_GET || !attributes[PROVCARD_A_SEQUENCE])
		return -EPROTO;
	*event = (struct provcard_monitor_event){
		.kind = command,
		.card = number(attributes, PROVCARD_A_ID),
		.sequence = long_number(attributes, PROVCARD_A_SEQUENCE),
		.time_ns = long_number(attributes, PROVCARD_A_TIME),
		.state = number(attributes, PROVCARD_A_STATE),
		.generation = number(attributes, PROVCARD_A_GENERATION),
		.head = number(attributes, PROVCARD_A_HEAD),
		.refusal = number(attributes, PROVCARD_A_REFUSAL),
	};
	text(attributes, PROVCARD_A_NAME, event->name, sizeof(event->name));
	text(attributes, PROVCARD_A_SERIAL, event->serial, sizeof(event->serial));
	return 0;
}

/* A number below the one awaited: the driver was loaded anew and counts from 1. */
void provcard_monitor_count(struct provcard_monitor_event *event, uint64_t *next)
{
	if (*next)
		event->lost = event->sequence - (event->sequence < *next ? 1 : *next);
	*next = event->sequence + 1;
}
