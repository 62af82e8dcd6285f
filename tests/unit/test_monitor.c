// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages of the driver's netlink family, as the kernel sends them and as it never would. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/provcard_netlink.h>

#include "lib/provcard/internal.h"

#define FAMILY 0x21

struct message {
	_Alignas(8) uint8_t bytes[1024];
};

static struct nlmsghdr *header_of(struct message *message)
{
	return (struct nlmsghdr *)message->bytes;
}

static void begin(struct message *message, uint16_t family, uint8_t command)
{
	struct genlmsghdr *header = (struct genlmsghdr *)NLMSG_DATA(header_of(message));

	memset(message, 0, sizeof(*message));
	header_of(message)->nlmsg_type = family;
	header_of(message)->nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	header->cmd = command;
	header->version = PROVCARD_FAMILY_VERSION;
}

static void put(struct message *message, uint16_t type, const void *value, size_t size)
{
	struct nlmsghdr *header = header_of(message);
	struct nlattr *attribute = (struct nlattr *)(message->bytes + NLMSG_ALIGN(header->nlmsg_len));

	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(NLA_HDRLEN + size);
	memcpy((uint8_t *)attribute + NLA_HDRLEN, value, size);
	header->nlmsg_len = NLMSG_ALIGN(header->nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

static void put_number(struct message *message, uint16_t type, uint32_t value)
{
	put(message, type, &value, sizeof(value));
}

static void put_common(struct message *message, uint64_t sequence)
{
	uint64_t time = 1234567890123456789u;

	put_number(message, PROVCARD_A_ID, 3);
	put(message, PROVCARD_A_NAME, "provcard3", sizeof("provcard3"));
	put(message, PROVCARD_A_SERIAL, "PC0001", sizeof("PC0001"));
	put(message, PROVCARD_A_SEQUENCE, &sequence, sizeof(sequence));
	put(message, PROVCARD_A_TIME, &time, sizeof(time));
}

static int decode(struct message *message, struct provcard_monitor_event *event)
{
	return provcard_monitor_decode(message, header_of(message)->nlmsg_len, FAMILY, event);
}

static void test_every_member(void **state)
{
	struct provcard_monitor_event event;
	struct message message;

	(void)state;
	begin(&message, FAMILY, PROVCARD_NL_CMD_CARD_CHANGED_NTF);
	put_common(&message, 7);
	put_number(&message, PROVCARD_A_STATE, PROVCARD_DRIVER_STATE_DEAD);
	put_number(&message, PROVCARD_A_GENERATION, 9);
	assert_int_equal(decode(&message, &event), 0);
	assert_int_equal(event.kind, PROVCARD_MONITOR_CARD_CHANGED);
	assert_int_equal(event.card, 3);
	assert_int_equal(event.sequence, 7);
	assert_int_equal(event.time_ns, 1234567890123456789u);
	assert_string_equal(event.name, "provcard3");
	assert_string_equal(event.serial, "PC0001");
	assert_int_equal(event.state, PROVCARD_MONITOR_STATE_DEAD);
	assert_int_equal(event.generation, 9);
	assert_int_equal(event.head + event.refusal + event.lost, 0);
}

static void test_head_and_refusal(void **state)
{
	struct provcard_monitor_event event;
	struct message message;

	(void)state;
	begin(&message, FAMILY, PROVCARD_NL_CMD_HEAD_CHANGED_NTF);
	put_common(&message, 1);
	put_number(&message, PROVCARD_A_HEAD, 5);
	assert_int_equal(decode(&message, &event), 0);
	assert_int_equal(event.head, 5);
	begin(&message, FAMILY, PROVCARD_NL_CMD_TAMPER_NTF);
	put_common(&message, 2);
	put_number(&message, PROVCARD_A_REFUSAL, PROVCARD_REFUSAL_TAMPERED);
	assert_int_equal(decode(&message, &event), 0);
	assert_int_equal(event.kind, PROVCARD_MONITOR_TAMPER);
	assert_int_equal(event.refusal, PROVCARD_REFUSAL_TAMPERED);
}

/* A newer driver's: an event and an attribute that this library does not know. */
static void test_what_is_new_is_passed_on(void **state)
{
	struct provcard_monitor_event event;
	struct message message;

	(void)state;
	begin(&message, FAMILY, PROVCARD_NL_CMD_MAX + 1);
	put_common(&message, 8);
	put_number(&message, PROVCARD_A_MAX + 1, 1);
	assert_int_equal(decode(&message, &event), 0);
	assert_int_equal(event.kind, PROVCARD_NL_CMD_MAX + 1);
	assert_int_equal(event.sequence, 8);
}

static void test_a_long_name_is_cut(void **state)
{
	struct provcard_monitor_event event;
	char name[80];
	struct message message;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	begin(&message, FAMILY, PROVCARD_NL_CMD_FIRMWARE_NTF);
	put_common(&message, 1);
	put(&message, PROVCARD_A_NAME, name, sizeof(name));
	assert_int_equal(decode(&message, &event), 0);
	assert_int_equal(strlen(event.name), sizeof(event.name) - 1);
	put(&message, PROVCARD_A_SERIAL, name, sizeof(name) - 1); /* not even terminated */
	assert_int_equal(decode(&message, &event), -EPROTO);
}

static void test_what_is_no_event(void **state)
{
	struct provcard_monitor_event event;
	struct message message;

	(void)state;
	begin(&message, FAMILY + 1, PROVCARD_NL_CMD_FAULT_NTF);
	put_common(&message, 1);
	assert_int_equal(decode(&message, &event), -EPROTO);
	begin(&message, FAMILY, PROVCARD_NL_CMD_CARD_GET);
	put_common(&message, 1);
	assert_int_equal(decode(&message, &event), -EPROTO);
	begin(&message, FAMILY, PROVCARD_NL_CMD_FAULT_NTF);
	assert_int_equal(decode(&message, &event), -EPROTO);
	put_number(&message, PROVCARD_A_SEQUENCE, 1); /* half as long as it must be */
	assert_int_equal(decode(&message, &event), -EPROTO);
}

/* Cut off anywhere it is refused or has what was there; nothing is read behind its end. */
static void test_every_cut(void **state)
{
	struct provcard_monitor_event event;
	struct message message;

	(void)state;
	begin(&message, FAMILY, PROVCARD_NL_CMD_FAULT_NTF);
	put_common(&message, 1);
	for (uint32_t size = 0, whole = header_of(&message)->nlmsg_len; size < whole; size++) {
		uint8_t *copy = test_malloc(size ? size : 1);
		int error;

		memcpy(copy, &message, size);
		assert_int_equal(provcard_monitor_decode(copy, size, FAMILY, &event), -EPROTO);
		if (size >= sizeof(struct nlmsghdr)) {
			((struct nlmsghdr *)copy)->nlmsg_len = size;
			error = provcard_monitor_decode(copy, size, FAMILY, &event);
			assert_true(error == -EPROTO || (!error && event.sequence == 1));
		}
		test_free(copy);
	}
}

static uint64_t lost(uint64_t sequence, uint64_t *next)
{
	struct provcard_monitor_event event = { .sequence = sequence };

	provcard_monitor_count(&event, next);
	return event.lost;
}

static void test_what_is_missing_is_counted(void **state)
{
	uint64_t next = 0;

	(void)state;
	assert_int_equal(lost(17, &next), 0); /* what was before we listened is not lost */
	assert_int_equal(lost(18, &next), 0);
	assert_int_equal(lost(22, &next), 3);
	assert_int_equal(lost(23, &next), 0);
	assert_int_equal(lost(1, &next), 0); /* the driver was loaded anew */
	assert_int_equal(lost(3, &next), 1);
	assert_int_equal(lost(2, &next), 1); /* and once more, when we missed its first event */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_member),
		cmocka_unit_test(test_head_and_refusal),
		cmocka_unit_test(test_what_is_new_is_passed_on),
		cmocka_unit_test(test_a_long_name_is_cut),
		cmocka_unit_test(test_what_is_no_event),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_what_is_missing_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
