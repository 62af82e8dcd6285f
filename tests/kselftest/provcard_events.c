// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: who may ask, who may listen, and what is refused. Written with plain
 * sockets, from the specification.
 */
#include <linux/capability.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/provcard_netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "provcard_selftest.h"

#define NOBODY 65534
#define ROOM 8192

struct message {
	union {
		struct nlmsghdr header;
		char bytes[ROOM];
	};
};

static struct genlmsghdr *command_of(struct message *message)
{
	return (struct genlmsghdr *)NLMSG_DATA(&message->header);
}

static void begin(struct message *message, uint16_t family, uint8_t command, uint16_t flags)
{
	memset(message, 0, NLMSG_HDRLEN + GENL_HDRLEN);
	message->header.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
	message->header.nlmsg_type = family;
	message->header.nlmsg_flags = NLM_F_REQUEST | flags;
	command_of(message)->cmd = command;
	command_of(message)->version = 1;
}

static void put(struct message *message, uint16_t type, const void *value, size_t size)
{
	struct nlattr *attribute = (void *)(message->bytes + NLMSG_ALIGN(message->header.nlmsg_len));

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + size;
	memcpy(attribute + 1, value, size);
	message->header.nlmsg_len =
		NLMSG_ALIGN(message->header.nlmsg_len) + NLA_ALIGN(attribute->nla_len);
}

static void put_u32(struct message *message, uint16_t type, uint32_t value)
{
	put(message, type, &value, sizeof(value));
}

/* The next message: 0, or what an error message says. */
static int receive(int netlink, struct message *message)
{
	ssize_t size = recv(netlink, message, sizeof(*message), 0);

	if (size < (ssize_t)NLMSG_HDRLEN || !NLMSG_OK(&message->header, (size_t)size))
		return size < 0 ? -errno : -EPROTO;
	if (message->header.nlmsg_type == NLMSG_ERROR)
		return ((struct nlmsgerr *)NLMSG_DATA(&message->header))->error;
	return 0;
}

static int ask(int netlink, struct message *message)
{
	if (send(netlink, message, message->header.nlmsg_len, 0) < 0)
		return -errno;
	return receive(netlink, message);
}

/* The value of an attribute in @size bytes from @first on; NULL when it is not there. */
static const void *find_in(const void *first, size_t size, uint16_t type)
{
	const struct nlattr *attribute = first;

	while (size >= NLA_HDRLEN && attribute->nla_len >= NLA_HDRLEN &&
	       attribute->nla_len <= size) {
		size_t step = NLA_ALIGN(attribute->nla_len);

		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute + 1;
		size -= step < size ? step : size;
		attribute = (const void *)((const char *)attribute + step);
	}
	return NULL;
}

static const void *find(const struct nlmsghdr *header, uint16_t type)
{
	return find_in((const char *)NLMSG_DATA(header) + GENL_HDRLEN,
		       header->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN, type);
}

static uint32_t number(struct message *message, uint16_t type)
{
	const uint32_t *value = find(&message->header, type);

	return value ? *value : UINT32_MAX;
}

/* The family's number, or -errno; *group gets the number of its only group. */
static int resolve(int netlink, uint32_t *group)
{
	struct message message;
	const struct nlattr *groups;
	const uint32_t *id;
	int ret;

	begin(&message, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	put(&message, CTRL_ATTR_FAMILY_NAME, PROVCARD_FAMILY_NAME, sizeof(PROVCARD_FAMILY_NAME));
	ret = ask(netlink, &message);
	if (ret)
		return ret;
	groups = find(&message.header, CTRL_ATTR_MCAST_GROUPS);
	if (!groups)
		return -EPROTO;
	id = find_in(groups + 1, groups->nla_len - NLA_HDRLEN, CTRL_ATTR_MCAST_GRP_ID);
	if (!id)
		return -EPROTO;
	*group = *id;
	return *(const uint16_t *)find(&message.header, CTRL_ATTR_FAMILY_ID);
}

static int join(int netlink, uint32_t group)
{
	return setsockopt(netlink, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ?
		       -errno :
		       0;
}

/* Keep one capability alone. */
static int keep(unsigned int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	data[capability / 32].effective = 1u << capability % 32;
	data[capability / 32].permitted = 1u << capability % 32;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* Each test has a process of its own, so what it gives up stays given up there. */
FIXTURE(events)
{
	int netlink;
	int family;
	uint32_t group;
	uint32_t minor;
};

FIXTURE_SETUP(events)
{
	struct timeval patience = { .tv_sec = 20 };
	struct stat node;

	self->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	ASSERT_GE(self->netlink, 0);
	ASSERT_EQ(0, setsockopt(self->netlink, SOL_SOCKET, SO_RCVTIMEO, &patience,
				sizeof(patience)));
	self->family = resolve(self->netlink, &self->group);
	ASSERT_GT(self->family, 0);
	ASSERT_EQ(0, stat(device_path(), &node));
	self->minor = minor(node.st_rdev);
}

FIXTURE_TEARDOWN(events)
{
	close(self->netlink);
}

TEST_F(events, card_get)
{
	struct provcard_info info = { .size = sizeof(info) };
	int card = open(device_path(), O_RDWR);
	struct message message;

	ASSERT_EQ(0, call(card, PROVCARD_INFO, &info));
	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	put_u32(&message, PROVCARD_A_ID, self->minor);
	ASSERT_EQ(0, ask(self->netlink, &message));
	EXPECT_EQ(PROVCARD_NL_CMD_CARD_GET, command_of(&message)->cmd);
	EXPECT_EQ(self->minor, number(&message, PROVCARD_A_ID));
	EXPECT_EQ(PROVCARD_DRIVER_STATE_LIVE, number(&message, PROVCARD_A_STATE));
	EXPECT_EQ(info.out_heads, number(&message, PROVCARD_A_HEADS));
	EXPECT_EQ(info.out_queues, number(&message, PROVCARD_A_QUEUES));
	EXPECT_EQ(info.out_hif_version, number(&message, PROVCARD_A_HIF_VERSION));
	EXPECT_STREQ((char *)info.out_serial, find(&message.header, PROVCARD_A_SERIAL));
	EXPECT_STREQ((char *)info.out_firmware, find(&message.header, PROVCARD_A_FIRMWARE));
}

TEST_F(events, card_get_refuses)
{
	struct message message;

	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	EXPECT_EQ(-EINVAL, ask(self->netlink, &message));
	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	put_u32(&message, PROVCARD_A_ID, 77777);
	EXPECT_EQ(-ENODEV, ask(self->netlink, &message));
	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	put(&message, PROVCARD_A_ID, "ab", 2);
	EXPECT_EQ(-EINVAL, ask(self->netlink, &message));
	/* What only the kernel writes, what nobody knows, and commands that are none. */
	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	put_u32(&message, PROVCARD_A_ID, self->minor);
	put_u32(&message, PROVCARD_A_STATE, 0);
	EXPECT_EQ(-EINVAL, ask(self->netlink, &message));
	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	put_u32(&message, PROVCARD_A_ID, self->minor);
	put_u32(&message, PROVCARD_A_MAX + 1, 0);
	EXPECT_EQ(-EINVAL, ask(self->netlink, &message));
	begin(&message, self->family, PROVCARD_NL_CMD_FAULT_NTF, 0);
	EXPECT_EQ(-EOPNOTSUPP, ask(self->netlink, &message));
}

/* All cards in ascending order, ours among them. */
TEST_F(events, dump)
{
	struct message message;
	uint32_t cards = 0, next = 0;
	bool found = false;

	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, NLM_F_DUMP);
	ASSERT_LT(0, send(self->netlink, &message, message.header.nlmsg_len, 0));
	for (;;) {
		ssize_t size = recv(self->netlink, &message, sizeof(message), 0);
		const struct nlmsghdr *header = &message.header;

		ASSERT_LT(0, size);
		for (; NLMSG_OK(header, (size_t)size); header = NLMSG_NEXT(header, size)) {
			const uint32_t *id;

			if (header->nlmsg_type == NLMSG_DONE)
				goto done;
			ASSERT_EQ(self->family, header->nlmsg_type);
			id = find(header, PROVCARD_A_ID);
			ASSERT_NE(NULL, id);
			EXPECT_GE(*id, next);
			next = *id + 1;
			found |= *id == self->minor;
			cards++;
		}
	}
done:
	EXPECT_TRUE(found);
	EXPECT_GE(cards, 1);
}

/* Asking takes what reading sysfs takes: nothing. Listening takes one capability. */
TEST_F(events, nobody)
{
	struct message message;

	ASSERT_EQ(0, setresgid(NOBODY, NOBODY, NOBODY));
	ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	EXPECT_EQ(-EPERM, join(self->netlink, self->group));
	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	put_u32(&message, PROVCARD_A_ID, self->minor);
	EXPECT_EQ(0, ask(self->netlink, &message));
}

TEST_F(events, with_the_capability_alone)
{
	ASSERT_EQ(0, keep(CAP_NET_ADMIN));
	EXPECT_EQ(0, join(self->netlink, self->group));
}

TEST_F(events, with_another_capability)
{
	ASSERT_EQ(0, keep(CAP_SYS_ADMIN));
	EXPECT_EQ(-EPERM, join(self->netlink, self->group));
}

/* Every capability in namespaces of one's own is none over the machine's cards. */
TEST_F(events, in_a_namespace)
{
	struct message message;
	uint32_t group;
	int netlink;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		SKIP(return, "no namespaces for users here");
	netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	ASSERT_GE(netlink, 0);
	EXPECT_EQ(-ENOENT, resolve(netlink, &group));
	begin(&message, self->family, PROVCARD_NL_CMD_CARD_GET, 0);
	put_u32(&message, PROVCARD_A_ID, self->minor);
	EXPECT_EQ(-ENOENT, ask(netlink, &message));
	close(netlink);
	/* Nor is the socket of before of any help. */
	EXPECT_EQ(-EPERM, join(self->netlink, self->group));
}

TEST_HARNESS_MAIN
