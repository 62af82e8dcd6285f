// SPDX-License-Identifier: GPL-2.0-or-later
/* The emulated card's server against clients that break the vfio-user protocol, and its configuration space. */
#include "emu_harness.h"

struct fixture {
	struct card card;
	struct raw raw;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	card_start(&fixture->card, 4, false);
	raw_connect(&fixture->raw, &fixture->card);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	raw_close(&fixture->raw);
	card_stop(&fixture->card);
	free(fixture);
	return 0;
}

/* The card has ended the connection, and is there for the next. */
static void assert_thrown_out(struct fixture *fixture)
{
	assert_int_equal(raw_receive(&fixture->raw, NULL, 0, NULL), RAW_CLOSED);
	card_check(&fixture->card);
	assert_int_equal(fake.starts, 1);
}

static void test_version(void **state)
{
	struct fixture *fixture = *state;
	struct vfio_user_version version = { 0, 5 };
	char reply[1024];
	size_t size;

	raw_send(&fixture->raw, VFIO_USER_VERSION, 0, &version, sizeof(version), NULL, 0);
	assert_int_equal(raw_receive(&fixture->raw, reply, sizeof(reply), &size), 0);
	memcpy(&version, reply, sizeof(version));
	assert_int_equal(version.major, 0);
	assert_int_equal(version.minor, 0);
	assert_int_equal(reply[size - 1], 0);
	assert_int_equal(strlen(reply + 4) + 5, size);
	raw_send(&fixture->raw, VFIO_USER_VERSION, 0, &version, sizeof(version), NULL, 0);
	assert_thrown_out(fixture);
}

static void test_version_of_the_future(void **state)
{
	struct fixture *fixture = *state;
	struct vfio_user_version version = { 1, 0 };

	raw_send(&fixture->raw, VFIO_USER_VERSION, 0, &version, sizeof(version), NULL, 0);
	assert_thrown_out(fixture);
}

static void test_version_without_end(void **state)
{
	struct fixture *fixture = *state;

	raw_send(&fixture->raw, VFIO_USER_VERSION, 0, "\0\0\0\0{}", 6, NULL, 0);
	assert_thrown_out(fixture);
}

static void test_command_before_version(void **state)
{
	struct fixture *fixture = *state;

	raw_send(&fixture->raw, VFIO_USER_DEVICE_RESET, 0, NULL, 0, NULL, 0);
	assert_thrown_out(fixture);
}

static void test_bad_headers(void **state)
{
	static const struct vfio_user_header bad[] = {
		{ 1, VFIO_USER_VERSION, 0, 0, 0 },
		{ 1, VFIO_USER_VERSION, 15, 0, 0 },
		{ 1, VFIO_USER_VERSION, UINT32_MAX, 0, 0 },
		{ 1, VFIO_USER_VERSION, 1u << 20, 0, 0 },
		{ 1, VFIO_USER_VERSION, 20, 2, 0 },
		{ 1, 0, 16, 0, 0 },
		{ 1, VFIO_USER_LAST + 1, 16, 0, 0 },
		{ 1, 0xffff, 16, 0, 0 },
		{ 1, VFIO_USER_DMA_READ, 16, 0, 0 },
		{ 1, VFIO_USER_DMA_READ, 16, VFIO_USER_TYPE_REPLY, 0 },
	};
	struct fixture *fixture = *state;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (bad[i].command != VFIO_USER_VERSION)
			assert_int_equal(raw_version(&fixture->raw), 0);
		raw_send_bytes(&fixture->raw, &bad[i], sizeof(bad[i]), NULL, 0);
		assert_thrown_out(fixture);
		raw_close(&fixture->raw);
		raw_connect(&fixture->raw, &fixture->card);
	}
}

/* Every command, one byte too short and one too long. */
static void test_wrong_sizes(void **state)
{
	static const struct {
		uint16_t command;
		size_t size;
		bool longer; /* may be */
	} commands[] = {
		{ VFIO_USER_DMA_MAP, 32, false },
		{ VFIO_USER_DMA_UNMAP, 24, false },
		{ VFIO_USER_DEVICE_GET_INFO, 16, false },
		{ VFIO_USER_DEVICE_GET_REGION_INFO, 32, false },
		{ VFIO_USER_DEVICE_GET_REGION_IO_FDS, 16, false },
		{ VFIO_USER_DEVICE_GET_IRQ_INFO, 16, false },
		{ VFIO_USER_DEVICE_SET_IRQS, 20, true },
		{ VFIO_USER_REGION_READ, 16, false },
		{ VFIO_USER_REGION_WRITE, 16, false },
		{ VFIO_USER_DEVICE_RESET, 0, false },
	};
	struct fixture *fixture = *state;
	uint8_t zeroes[64] = { 0 };
	size_t i;

	for (i = 0; i < 2 * sizeof(commands) / sizeof(*commands); i++) {
		size_t size = commands[i / 2].size + (i % 2 ? 1 : (size_t)-1);

		if (size == (size_t)-1 || (i % 2 && commands[i / 2].longer))
			continue;
		assert_int_equal(raw_version(&fixture->raw), 0);
		raw_send(&fixture->raw, commands[i / 2].command, 0, zeroes, size, NULL, 0);
		assert_thrown_out(fixture);
		raw_close(&fixture->raw);
		raw_connect(&fixture->raw, &fixture->card);
	}
}

static size_t open_descriptors(void)
{
	size_t count = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Descriptors where none belongs, more than one, more than any message may bring; none of them is kept. */
static void test_descriptors(void **state)
{
	struct fixture *fixture = *state;
	struct vfio_user_dma_map map = { 32, 3, 0, 0x1000, 0x1000 };
	uint8_t zeroes[32] = { 0 };
	int fds[40];
	size_t i, before;

	for (i = 0; i < 40; i++)
		fds[i] = STDIN_FILENO;
	/* An answer means that the connection is accepted, and every earlier one let go. */
	assert_int_equal(raw_version(&fixture->raw), 0);
	before = open_descriptors();
	for (i = 0; i < 3; i++) {
		if (i == 0)
			raw_send(&fixture->raw, VFIO_USER_DEVICE_GET_INFO, 0, zeroes, 16, fds, 1);
		else if (i == 1)
			raw_send(&fixture->raw, VFIO_USER_DMA_MAP, 0, &map, sizeof(map), fds, 2);
		else
			raw_send(&fixture->raw, VFIO_USER_DEVICE_SET_IRQS, 0, zeroes, 20, fds, 40);
		assert_thrown_out(fixture);
		raw_close(&fixture->raw);
		raw_connect(&fixture->raw, &fixture->card);
		assert_int_equal(raw_version(&fixture->raw), 0);
	}
	assert_int_equal(open_descriptors(), before);
}

/* A message in many pieces is one message; half a message is none. */
static void test_pieces(void **state)
{
	struct fixture *fixture = *state;
	struct vfio_user_region_access access = { PROVCARD_REG_VS, 0, 4 };
	struct vfio_user_header header = { 77, VFIO_USER_REGION_READ, 32, 0, 0 };
	uint8_t message[32];
	size_t i;

	assert_int_equal(raw_version(&fixture->raw), 0);
	memcpy(message, &header, 16);
	memcpy(message + 16, &access, 16);
	for (i = 0; i < 32; i++) {
		raw_send_bytes(&fixture->raw, message + i, 1, NULL, 0);
		usleep(500);
	}
	fixture->raw.id = 77;
	assert_int_equal(raw_receive(&fixture->raw, NULL, 0, NULL), 0);
	raw_send_bytes(&fixture->raw, message, 20, NULL, 0);
	shutdown(fixture->raw.fd, SHUT_WR);
	assert_thrown_out(fixture);
}

static void test_regions(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	uint64_t value = 0;

	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(raw_read(raw, 0, PROVCARD_BAR_REGS_SIZE, &value, 4), EINVAL);
	assert_int_equal(raw_read(raw, 0, PROVCARD_BAR_REGS_SIZE - 2, &value, 4), EINVAL);
	assert_int_equal(raw_read(raw, 0, UINT64_MAX, &value, 4), EINVAL);
	assert_int_equal(raw_read(raw, 0, 0, &value, 0), EINVAL);
	assert_int_equal(raw_read(raw, 0, 0, &value, UINT32_MAX), EINVAL);
	assert_int_equal(raw_read(raw, 1, 0, &value, 4), EINVAL);
	assert_int_equal(raw_read(raw, 9, 0, &value, 4), EINVAL);
	assert_int_equal(raw_read(raw, UINT32_MAX, 0, &value, 4), EINVAL);
	assert_int_equal(raw_write(raw, 2, PROVCARD_BAR_MSIX_SIZE, &value, 4), EINVAL);
	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, 4095, &value, 4), EINVAL);
	assert_int_equal(raw_write(raw, 2, 0x10, &value, 8), 0);
	assert_int_equal(raw_read(raw, 2, PROVCARD_MSIX_PBA_OFFSET, &value, 8), 0);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, 0, &value, 4), 0);
	assert_int_equal(value & 0xffffffff, PROVCARD_PCI_DEVICE_ID << 16 | PROVCARD_PCI_VENDOR_ID);
}

static void test_maps(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	struct vfio_user_dma_unmap all = { 24, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0 };
	int pipes[2];

	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(raw_map(raw, 0x1000, 0, 0, 3, raw->memory_fd), EINVAL);
	assert_int_equal(raw_map(raw, UINT64_MAX - 0xfff, 0x2000, 0, 3, raw->memory_fd), EINVAL);
	assert_int_equal(raw_map(raw, 0x1000, 0x1000, UINT64_MAX - 0xfff, 3, raw->memory_fd), EINVAL);
	assert_int_equal(raw_map(raw, 0x1000, RAW_MEMORY, 0x1000, 3, raw->memory_fd), EINVAL);
	assert_int_equal(raw_map(raw, 0x1000, 0x1000, 0, 0x13, raw->memory_fd), EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(raw_map(raw, 0x1000, 0x1000, 0, 3, pipes[0]), EINVAL);
	assert_int_equal(raw_map(raw, 0x10000, 0x10000, 0, 3, raw->memory_fd), 0);
	assert_int_equal(raw_map(raw, 0x20000, 0x10000, 0, 3, -1), 0);
	assert_int_equal(raw_map(raw, 0x1f000, 0x2000, 0, 3, raw->memory_fd), EEXIST);
	assert_int_equal(raw_map(raw, 0xf000, 0x1001, 0, 3, raw->memory_fd), EEXIST);
	assert_int_equal(raw_map(raw, 0x2ffff, 1, 0, 3, raw->memory_fd), EEXIST);
	assert_int_equal(raw_unmap(raw, 0x10000, 0x8000), EINVAL);
	assert_int_equal(raw_unmap(raw, 0x18000, 0x18000), EINVAL);
	assert_int_equal(raw_unmap(raw, 0x50000, 0x8000), 0);
	assert_int_equal(raw_unmap(raw, 0x10000, 0x10000), 0);
	assert_int_equal(raw_map(raw, 0x10000, 0x10000, 0, 3, raw->memory_fd), 0);
	assert_int_equal(raw_unmap(raw, 0, UINT64_MAX), 0);
	assert_int_equal(raw_map(raw, 0x18000, 0x10000, 0, 3, raw->memory_fd), 0);
	assert_int_equal(raw_call(raw, VFIO_USER_DMA_UNMAP, &all, sizeof(all), NULL, 0), 0);
	assert_int_equal(raw_map(raw, 0x10000, 0x10000, 0, 3, raw->memory_fd), 0);
	all.flags = 1;
	assert_int_equal(raw_call(raw, VFIO_USER_DMA_UNMAP, &all, sizeof(all), NULL, 0), EOPNOTSUPP);
	close(pipes[0]);
	close(pipes[1]);
}

static int set_irqs(struct raw *raw, uint32_t flags, uint32_t index, uint32_t start, uint32_t count, int fd)
{
	struct vfio_irq_set set = { sizeof(set), flags, index, start, count };

	raw_send(raw, VFIO_USER_DEVICE_SET_IRQS, 0, &set, sizeof(set), &fd, fd >= 0);
	return raw_receive(raw, NULL, 0, NULL);
}

static void test_interrupts(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	const uint32_t give = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	const uint32_t fire = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
	const uint32_t mask = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_MASK;
	int fd = eventfd(0, EFD_NONBLOCK), pipes[2];

	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(set_irqs(raw, give, 5, 0, 1, fd), EINVAL);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, fd), EINVAL);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_MSI_IRQ_INDEX, 0, 1, fd), EINVAL);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_MSIX_IRQ_INDEX, 5, 1, fd), EINVAL);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_MSIX_IRQ_INDEX, 4, 2, fd), EINVAL);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_MSIX_IRQ_INDEX, UINT32_MAX, 2, fd), EINVAL);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_MSIX_IRQ_INDEX, 0, 2, fd), EINVAL);
	assert_int_equal(set_irqs(raw, mask, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, fd), EINVAL);
	assert_int_equal(set_irqs(raw, fire, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, fd), EINVAL);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_MSIX_IRQ_INDEX, 0, 1, pipes[1]), EINVAL);
	assert_int_equal(set_irqs(raw, give, VFIO_PCI_MSIX_IRQ_INDEX, 4, 1, fd), 0);
	raw_master(raw, true);
	assert_int_equal(set_irqs(raw, fire, VFIO_PCI_MSIX_IRQ_INDEX, 4, 1, -1), 0);
	raw->interrupts[0] = fd;
	assert_true(raw_fired(raw, 0, 1000));
	assert_int_equal(set_irqs(raw, fire, VFIO_PCI_MSIX_IRQ_INDEX, 0, 0, -1), 0);
	assert_int_equal(set_irqs(raw, fire, VFIO_PCI_MSIX_IRQ_INDEX, 4, 1, -1), 0);
	assert_false(raw_fired(raw, 0, 20));
	close(pipes[0]);
	close(pipes[1]);
}

static void test_commands_not_offered(void **state)
{
	struct fixture *fixture = *state;
	uint16_t command;
	uint8_t zeroes[16] = { 0 };

	assert_int_equal(raw_version(&fixture->raw), 0);
	assert_int_equal(raw_call(&fixture->raw, VFIO_USER_DEVICE_GET_REGION_IO_FDS, zeroes, 16, NULL, 0), EOPNOTSUPP);
	for (command = 14; command <= VFIO_USER_LAST; command++)
		assert_int_equal(raw_call(&fixture->raw, command, zeroes, 8, NULL, 0), EOPNOTSUPP);
}

static void test_no_reply(void **state)
{
	struct fixture *fixture = *state;
	struct vfio_user_dma_map map = { 32, 3, 0, 0x1000, 0x1000 };

	assert_int_equal(raw_version(&fixture->raw), 0);
	raw_send(&fixture->raw, VFIO_USER_DMA_MAP, VFIO_USER_NO_REPLY, &map, sizeof(map), &fixture->raw.memory_fd, 1);
	assert_int_equal(raw_map(&fixture->raw, 0x1000, 0x1000, 0, 3, fixture->raw.memory_fd), EEXIST);
}

/* Walks the capability list as an operating system would. */
static void test_configuration_space(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	uint8_t config[4096], seen[256] = { 0 }, at;
	uint32_t ones = 0xffffffff, size;
	unsigned int count = 0;

	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, 0, config, sizeof(config) - 100), 0);
	assert_int_equal(config[PCI_CLASS_DEVICE + 1], 0x10);
	assert_int_equal(config[PCI_CLASS_DEVICE], 0x80);
	assert_int_equal(config[PCI_INTERRUPT_PIN], 0);
	assert_true(config[PCI_STATUS] & PCI_STATUS_CAP_LIST);
	for (at = config[PCI_CAPABILITY_LIST]; at; at = config[at + 1]) {
		assert_true(at >= 0x40 && at % 4 == 0);
		assert_true(++count < 10);
		seen[config[at]] = at;
	}
	assert_true(seen[PCI_CAP_ID_PM] && seen[PCI_CAP_ID_EXP] && seen[PCI_CAP_ID_MSIX] && !seen[PCI_CAP_ID_MSI]);
	assert_int_equal(config[seen[PCI_CAP_ID_MSIX] + PCI_MSIX_FLAGS], 4);
	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, PCI_BASE_ADDRESS_0, &ones, 4), 0);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, PCI_BASE_ADDRESS_0, &size, 4), 0);
	assert_int_equal(~(size & ~0xfu) + 1, PROVCARD_BAR_REGS_SIZE);
	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, 0, &ones, 4), 0);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, 0, &size, 4), 0);
	assert_int_equal(size, PROVCARD_PCI_DEVICE_ID << 16 | PROVCARD_PCI_VENDOR_ID);
}

/* Error reporting: the host's masks outlive a reset of the function, its status bits cannot be set. */
static void test_error_reporting(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	const uint64_t at = PCI_CFG_SPACE_SIZE, control = 0x50 + PCI_EXP_DEVCTL;
	uint32_t ones = 0xffffffff, value;
	uint16_t reset = PCI_EXP_DEVCTL_BCR_FLR;

	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, at, &value, 4), 0);
	assert_int_equal(value, PCI_EXT_CAP_ID_ERR | 2 << 16);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, at + PCI_ERR_UNCOR_SEVER, &value, 4), 0);
	assert_int_equal(value & (PCI_ERR_UNC_DLP | PCI_ERR_UNC_POISON_TLP), PCI_ERR_UNC_DLP);
	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, at + PCI_ERR_UNCOR_STATUS, &ones, 4), 0);
	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, at + PCI_ERR_UNCOR_MASK, &ones, 4), 0);
	assert_int_equal(raw_write(raw, VFIO_PCI_CONFIG_REGION_INDEX, control, &reset, 2), 0);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, at + PCI_ERR_UNCOR_MASK, &value, 4), 0);
	assert_true(value & PCI_ERR_UNC_POISON_TLP);
	assert_int_equal(raw_read(raw, VFIO_PCI_CONFIG_REGION_INDEX, at + PCI_ERR_UNCOR_STATUS, &value, 4), 0);
	assert_int_equal(value, 0);
}

/* Answers the card's DMA messages out of memory that it was not given; the replies to own messages go on meanwhile. */
static void *answer_main(void *context)
{
	struct raw *raw = context;
	struct vfio_user_header header;
	struct vfio_user_dma_access access;
	uint8_t message[8192];

	while (recv(raw->fd, &header, sizeof(header), MSG_WAITALL) == sizeof(header)) {
		if ((header.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_TYPE_REPLY) {
			if (header.size > sizeof(header))
				recv(raw->fd, message, header.size - sizeof(header), MSG_WAITALL);
			continue;
		}
		recv(raw->fd, &access, sizeof(access), MSG_WAITALL);
		header.flags = VFIO_USER_TYPE_REPLY;
		if (header.command == VFIO_USER_DMA_WRITE)
			recv(raw->fd, raw->memory + access.address - RAW_ADDRESS, access.count, MSG_WAITALL);
		header.size = (uint32_t)(32 + (header.command == VFIO_USER_DMA_READ ? access.count : 0));
		memcpy(message, &header, 16);
		memcpy(message + 16, &access, 16);
		if (header.command == VFIO_USER_DMA_READ)
			memcpy(message + 32, raw->memory + access.address - RAW_ADDRESS, access.count);
		raw_send_bytes(raw, message, header.size, NULL, 0);
	}
	return NULL;
}

static void post(struct raw *raw, uint64_t offset, uint32_t value)
{
	struct vfio_user_region_access access = { offset, 0, 4 };
	uint8_t message[20];

	memcpy(message, &access, 16);
	memcpy(message + 16, &value, 4);
	raw_send(raw, VFIO_USER_REGION_WRITE, VFIO_USER_NO_REPLY, message, sizeof(message), NULL, 0);
}

/* Rings and buffers in memory without a file: everything goes through messages. */
static void test_remote_memory(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;
	struct provcard_hif_sqe sqe = { .opcode = FAKE_ECHO, .cid = 9, .in = raw_data(0, 10000), .out = raw_data(0x8000, 10000) };
	struct provcard_hif_cqe cqe;
	pthread_t thread;
	unsigned int i;

	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(raw_map(raw, RAW_ADDRESS, RAW_MEMORY, 0, 3, -1), 0);
	raw_master(raw, true);
	raw_enable(raw);
	for (i = 0; i < 10000; i++)
		raw->memory[RAW_DATA + i] = (uint8_t)(i * 3);
	raw_put(raw, 0, &sqe);
	assert_int_equal(pthread_create(&thread, NULL, answer_main, raw), 0);
	post(raw, PROVCARD_REG_DOORBELL, 1);
	assert_true(raw_take(raw, 0, &cqe, 5000));
	assert_int_equal(PROVCARD_CQE_STATUS(cqe.status), 0);
	assert_int_equal(cqe.length, 10000);
	assert_memory_equal(raw->memory + RAW_DATA, raw->memory + RAW_DATA + 0x8000, 10000);
	shutdown(raw->fd, SHUT_RDWR);
	pthread_join(thread, NULL);
}

/* A client that leaves the card's message unanswered stops nobody else. */
static void test_remote_memory_unanswered(void **state)
{
	struct fixture *fixture = *state;
	struct raw *raw = &fixture->raw;

	assert_int_equal(raw_version(raw), 0);
	assert_int_equal(raw_map(raw, RAW_ADDRESS, RAW_MEMORY, 0, 3, -1), 0);
	raw_master(raw, true);
	raw_enable(raw);
	post(raw, PROVCARD_REG_DOORBELL, 1);
	usleep(100000);
	raw_close(raw);
	card_check(&fixture->card);
	raw_drive(raw, &fixture->card);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_version),
		TEST(test_version_of_the_future),
		TEST(test_version_without_end),
		TEST(test_command_before_version),
		TEST(test_bad_headers),
		TEST(test_wrong_sizes),
		TEST(test_descriptors),
		TEST(test_pieces),
		TEST(test_regions),
		TEST(test_maps),
		TEST(test_interrupts),
		TEST(test_commands_not_offered),
		TEST(test_no_reply),
		TEST(test_configuration_space),
		TEST(test_error_reporting),
		TEST(test_remote_memory),
		TEST(test_remote_memory_unanswered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
