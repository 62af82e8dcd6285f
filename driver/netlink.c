// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "provcard": which cards there are, and what happens to them. Specified
 * by Documentation/netlink/specs/provcard.yaml.
 *
 * Initial network namespace only. Cards are no part of a namespace, and a group that can be joined
 * in every namespace is open to whoever makes one. Events tell how production goes, so joining the
 * group takes CAP_NET_ADMIN: the least that generic netlink can ask for, so that a monitor need not
 * be given CAP_SYS_ADMIN.
 */
#include <linux/cleanup.h>
#include <linux/module.h>
#include <linux/provcard_netlink.h>
#include <linux/timekeeping.h>
#include <net/genetlink.h>

#include "card.h"

/*
 * Innermost of the driver's locks but for the queues'. A card is on the list from the end of probe
 * to the begin of remove; events are told of cards on the list only, in the order of their numbers.
 */
static DEFINE_MUTEX(provcard_netlink_lock);
static LIST_HEAD(provcard_cards); /* ascending by minor */
static unsigned int provcard_cards_changes;
static u64 provcard_sequence;

static struct genl_family provcard_family;

enum { PROVCARD_GROUP_EVENTS };

static const struct genl_multicast_group provcard_groups_multicast[] = {
	[PROVCARD_GROUP_EVENTS] = {
		.name = PROVCARD_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_NET_ADMIN,
	},
};

/* What a request may contain. Everything else is refused, as user space does not write it. */
static const struct nla_policy provcard_policy[PROVCARD_A_MAX + 1] = {
	[PROVCARD_A_ID] = { .type = NLA_U32 },
};

/**
 * provcard_driver_state - a card's state as the driver sees it
 * @card: the card
 *
 * Return: what sysfs and netlink show.
 */
enum provcard_driver_state provcard_driver_state(const struct provcard *card)
{
	switch (READ_ONCE(card->error)) {
	case 0:
		return PROVCARD_DRIVER_STATE_LIVE;
	case -EAGAIN:
		return PROVCARD_DRIVER_STATE_RESETTING;
	case -ENODEV:
		return PROVCARD_DRIVER_STATE_GONE;
	default:
		return PROVCARD_DRIVER_STATE_DEAD;
	}
}

static int provcard_put_event(struct sk_buff *skb, const struct provcard *card)
{
	if (nla_put_u32(skb, PROVCARD_A_ID, card->minor) ||
	    nla_put_string(skb, PROVCARD_A_NAME, dev_name(&card->dev)) ||
	    nla_put_string(skb, PROVCARD_A_SERIAL, card->serial) ||
	    nla_put_u64_64bit(skb, PROVCARD_A_SEQUENCE, provcard_sequence, PROVCARD_A_PAD) ||
	    nla_put_u64_64bit(skb, PROVCARD_A_TIME, ktime_get_real_ns(), PROVCARD_A_PAD))
		return -EMSGSIZE;
	return 0;
}

static int provcard_put_card(struct sk_buff *skb, const struct provcard *card)
{
	if (provcard_put_event(skb, card) ||
	    nla_put_string(skb, PROVCARD_A_FIRMWARE, card->firmware) ||
	    nla_put_u32(skb, PROVCARD_A_STATE, provcard_driver_state(card)) ||
	    nla_put_u32(skb, PROVCARD_A_HIF_VERSION, card->version) ||
	    nla_put_u32(skb, PROVCARD_A_HEADS, card->heads) ||
	    nla_put_u32(skb, PROVCARD_A_QUEUES, card->io_queues) ||
	    nla_put_u32(skb, PROVCARD_A_GENERATION, READ_ONCE(card->generation)))
		return -EMSGSIZE;
	return 0;
}

/* @value belongs to the events that have one. */
static int provcard_put(struct sk_buff *skb, const struct provcard *card, u8 command, u32 value)
{
	int attribute;

	switch (command) {
	case PROVCARD_NL_CMD_CARD_GET:
	case PROVCARD_NL_CMD_CARD_ADDED_NTF:
	case PROVCARD_NL_CMD_CARD_REMOVED_NTF:
	case PROVCARD_NL_CMD_CARD_CHANGED_NTF:
		return provcard_put_card(skb, card);
	case PROVCARD_NL_CMD_RESET_NTF:
		attribute = PROVCARD_A_GENERATION;
		break;
	case PROVCARD_NL_CMD_HEAD_CHANGED_NTF:
		attribute = PROVCARD_A_HEAD;
		break;
	case PROVCARD_NL_CMD_FAULT_NTF:
	case PROVCARD_NL_CMD_TAMPER_NTF:
		attribute = PROVCARD_A_REFUSAL;
		break;
	default:
		return provcard_put_event(skb, card);
	}
	return provcard_put_event(skb, card) ?: nla_put_u32(skb, attribute, value);
}

static int provcard_fill(struct sk_buff *skb, const struct provcard *card, u32 portid, u32 seq,
			 int flags, struct netlink_callback *cb)
{
	void *header = genlmsg_put(skb, portid, seq, &provcard_family, flags,
				   PROVCARD_NL_CMD_CARD_GET);

	if (!header)
		return -EMSGSIZE;
	if (cb)
		genl_dump_check_consistent(cb, header);
	if (provcard_put_card(skb, card)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

static struct provcard *provcard_card_find(u32 id)
{
	struct provcard *card;

	list_for_each_entry(card, &provcard_cards, listed)
		if (card->minor == id)
			return card;
	return NULL;
}

static int provcard_card_get_reply(struct sk_buff *skb, struct genl_info *info)
{
	struct provcard *card;

	guard(mutex)(&provcard_netlink_lock);
	card = provcard_card_find(nla_get_u32(info->attrs[PROVCARD_A_ID]));
	if (!card) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[PROVCARD_A_ID], "no such card");
		return -ENODEV;
	}
	return provcard_fill(skb, card, info->snd_portid, info->snd_seq, 0, NULL);
}

static int provcard_card_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct sk_buff *skb;
	int ret;

	if (GENL_REQ_ATTR_CHECK(info, PROVCARD_A_ID))
		return -EINVAL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	ret = provcard_card_get_reply(skb, info);
	if (ret) {
		nlmsg_free(skb);
		return ret;
	}
	return genlmsg_reply(skb, info);
}

/* args[0]: the least minor that is still to be dumped. */
static int provcard_card_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct provcard *card;

	guard(mutex)(&provcard_netlink_lock);
	cb->seq = provcard_cards_changes;
	list_for_each_entry(card, &provcard_cards, listed) {
		if (card->minor < cb->args[0])
			continue;
		if (provcard_fill(skb, card, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
				  NLM_F_MULTI, cb))
			break;
		cb->args[0] = card->minor + 1;
	}
	return skb->len;
}

static const struct genl_small_ops provcard_operations[] = {
	{
		.cmd = PROVCARD_NL_CMD_CARD_GET,
		.doit = provcard_card_get_doit,
		.dumpit = provcard_card_get_dumpit,
	},
};

static struct genl_family provcard_family __ro_after_init = {
	.name = PROVCARD_FAMILY_NAME,
	.version = PROVCARD_FAMILY_VERSION,
	.maxattr = PROVCARD_A_MAX,
	.policy = provcard_policy,
	.module = THIS_MODULE,
	.small_ops = provcard_operations,
	.n_small_ops = ARRAY_SIZE(provcard_operations),
	.resv_start_op = PROVCARD_NL_CMD_CARD_GET + 1,
	.mcgrps = provcard_groups_multicast,
	.n_mcgrps = ARRAY_SIZE(provcard_groups_multicast),
};

/*
 * An event that there is no memory for, or that a listener has no room for, is lost; its number is
 * not given to another one.
 */
static void provcard_tell_locked(const struct provcard *card, u8 command, u32 value)
{
	struct sk_buff *skb;
	void *header;

	provcard_sequence++;
	if (!genl_has_listeners(&provcard_family, &init_net, PROVCARD_GROUP_EVENTS))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return;
	header = genlmsg_put(skb, 0, 0, &provcard_family, 0, command);
	if (!header || provcard_put(skb, card, command, value)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast(&provcard_family, skb, 0, PROVCARD_GROUP_EVENTS, GFP_KERNEL);
}

/**
 * provcard_tell - tell listeners of an event
 * @card: of this card; nothing is told of one that is not in service yet or not any more
 * @command: PROVCARD_NL_CMD_*_NTF
 * @value: the generation, head or refusal, for events that have one; else 0
 *
 * May sleep. Called with reset_lock held, or without.
 */
void provcard_tell(const struct provcard *card, u8 command, u32 value)
{
	guard(mutex)(&provcard_netlink_lock);
	if (!list_empty(&card->listed))
		provcard_tell_locked(card, command, value);
}

/* The card is in service: it can be found and its events are told. */
void provcard_netlink_add(struct provcard *card)
{
	struct list_head *after;

	guard(mutex)(&provcard_netlink_lock);
	list_for_each(after, &provcard_cards)
		if (list_entry(after, struct provcard, listed)->minor > card->minor)
			break;
	list_add_tail(&card->listed, after);
	provcard_cards_changes++;
	provcard_tell_locked(card, PROVCARD_NL_CMD_CARD_ADDED_NTF, 0);
}

void provcard_netlink_remove(struct provcard *card)
{
	guard(mutex)(&provcard_netlink_lock);
	list_del_init(&card->listed);
	provcard_cards_changes++;
	provcard_tell_locked(card, PROVCARD_NL_CMD_CARD_REMOVED_NTF, 0);
}

int __init provcard_netlink_init(void)
{
	return genl_register_family(&provcard_family);
}

void provcard_netlink_exit(void)
{
	genl_unregister_family(&provcard_family);
}
