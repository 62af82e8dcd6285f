// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host that does everything wrong with registers, doorbells, queue entries and scatter lists, against the emulated controller
 * around a core that only pretends. Memory that the card may only read must stay as it is.
 */
#include "fuzz.h"
#include "tests/unit/emu_harness.h"

enum { MEMORY, DOORBELL, REGISTER, ENTRY, ENABLE, QUEUE, PAUSE, RELEASE, MASTER, REMAP, RESET, KINDS };

#define ADDRESS 0x10000000ull
#define WRITABLE 0x20000u /* then as much that is read only */
#define LIST 0x8000u /* where scatter lists stand */
#define DATA 0x10000u
#define HEADS 2
#define STEPS_MAX 200

static struct card card;
static int file;
static uint8_t *memory;
static uint16_t tails[HEADS + 1];

/* The card without its server: the input stands in for the serving thread. */
void fuzz_begin(void)
{
	static const char *const no_cables[EMU_HEADS_MAX];
	static const uint64_t sizes[PORT_NV_REGIONS] = { 65536, 65536, 65536, 65536 };
	char command[128];

	strcpy(card.folder, "/tmp/fuzz-queue-XXXXXX");
	FUZZ_MUST(mkdtemp(card.folder));
	snprintf(card.state_path, sizeof(card.state_path), "%s/state", card.folder);
	FUZZ_MUST(!state_open(&card.state, card.state_path, sizes));
	snprintf(command, sizeof(command), "rm -rf %s", card.folder);
	FUZZ_MUST(!system(command));
	emu_port_init(&card.port, &card.state, "TEST-1", HEADS, no_cables, 0);
	FUZZ_MUST(!endpoint_init(&card.endpoint, &card.port.port, HEADS, false, PROVCARD_HIF_VERSION));
	emu_port_listen(&card.port, controller_event, card.endpoint.controller);
	file = memfd_create("host", MFD_CLOEXEC);
	FUZZ_MUST(file >= 0 && !ftruncate(file, 2 * WRITABLE));
	memory = mmap(NULL, 2 * WRITABLE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	FUZZ_MUST(memory != MAP_FAILED);
}

static void map_memory(void)
{
	FUZZ_MUST(!dma_map(&card.endpoint.dma, ADDRESS, WRITABLE, 3, file, 0));
	FUZZ_MUST(!dma_map(&card.endpoint.dma, ADDRESS + WRITABLE, WRITABLE, 1, file, WRITABLE));
}

static void set(uint64_t offset, uint32_t value)
{
	endpoint_write(&card.endpoint, 0, offset, &value, sizeof(value));
}

static uint32_t get(uint64_t offset)
{
	uint32_t value;

	endpoint_read(&card.endpoint, 0, offset, &value, sizeof(value));
	return value;
}

static void set_master(bool on)
{
	uint16_t command = on ? PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER : 0;

	endpoint_write(&card.endpoint, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command, sizeof(command));
}

/* The controller gets ready, or finds that it cannot. */
static void enable(uint8_t entries)
{
	set(PROVCARD_REG_AQA, entries | (uint32_t)entries << 16);
	set(PROVCARD_REG_ASQ, (uint32_t)ADDRESS);
	set(PROVCARD_REG_ASQ + 4, 0);
	set(PROVCARD_REG_ACQ, (uint32_t)ADDRESS + 0x4000);
	set(PROVCARD_REG_ACQ + 4, 0);
	set(PROVCARD_REG_CC, PROVCARD_CC_EN);
	for (unsigned int i = 0; i < 100 && !(get(PROVCARD_REG_CSTS) & (PROVCARD_CSTS_RDY | PROVCARD_CSTS_CFS)); i++)
		usleep(50);
	memset(tails, 0, sizeof(tails));
}

static void put_entry(unsigned int queue, const struct provcard_hif_sqe *sqe)
{
	memcpy(memory + queue * 0x1000u + tails[queue] % 16 * sizeof(*sqe), sqe, sizeof(*sqe));
	tails[queue] = (tails[queue] + 1) % 16;
	set(PROVCARD_REG_DOORBELL + 8 * queue, tails[queue]);
}

static struct provcard_hif_sgl take_sgl(struct provpkg_view *input)
{
	struct provcard_hif_sgl sgl = { .address = ADDRESS };

	switch (fuzz_u8(input) % 4) {
	case 0:
		return (struct provcard_hif_sgl){ 0 };
	case 1:
		sgl.address += DATA + fuzz_u8(input);
		sgl.length = fuzz_u8(input);
		return sgl;
	case 2:
		sgl.address += LIST + (fuzz_u8(input) % 16) * 8;
		sgl.length = fuzz_u8(input) % 8 * 16;
		sgl.type = PROVCARD_SGL_LIST;
		return sgl;
	default:
		sgl.address = fuzz_u64(input);
		sgl.length = fuzz_u32(input);
		sgl.type = fuzz_u8(input);
		return sgl;
	}
}

static void entry(struct provpkg_view *input)
{
	struct provcard_hif_sqe sqe = { 0 };
	unsigned int queue = fuzz_u8(input) % (HEADS + 1);

	sqe.opcode = fuzz_u8(input);
	sqe.cid = fuzz_u8(input);
	sqe.job = fuzz_u8(input);
	sqe.in = take_sgl(input);
	sqe.out = take_sgl(input);
	sqe.arg[0] = fuzz_u32(input);
	sqe.arg[1] = fuzz_u16(input);
	put_entry(queue, &sqe);
}

static void create_queue(struct provpkg_view *input)
{
	uint64_t queue = 1 + fuzz_u8(input) % HEADS, entries = fuzz_u8(input);
	uint64_t shape = queue | entries << 16 | queue << 32;
	struct provcard_hif_sqe sqe = {
		.opcode = PROVCARD_OPC_CREATE_CQ, .cid = 1, .arg = { ADDRESS + 0x4000 + queue * 0x1000, shape }
	};

	put_entry(0, &sqe);
	usleep(100);
	sqe = (struct provcard_hif_sqe){ .opcode = PROVCARD_OPC_CREATE_SQ, .cid = 2, .arg = { ADDRESS + queue * 0x1000, shape } };
	put_entry(0, &sqe);
	usleep(100);
	tails[queue] = 0;
}

static void write_memory(struct provpkg_view *input)
{
	uint32_t at = fuzz_u16(input) * 4u % WRITABLE;
	struct provpkg_view bytes = fuzz_view(input);

	if (bytes.size > WRITABLE - at)
		bytes.size = WRITABLE - at;
	if (bytes.size)
		memcpy(memory + at, bytes.data, bytes.size);
}

static void remap(struct provpkg_view *input)
{
	uint8_t how = fuzz_u8(input);

	if (how % 4 == 0)
		dma_unmap_all(&card.endpoint.dma);
	else if (how % 4 == 1)
		(void)!dma_unmap(&card.endpoint.dma, ADDRESS, WRITABLE);
	else
		(void)!dma_map(&card.endpoint.dma, ADDRESS, WRITABLE, 3, file, 0);
}

static void set_register(struct provpkg_view *input)
{
	uint8_t index = fuzz_u8(input);
	uint32_t value = fuzz_u32(input);

	set(index % 64 * 4u, value);
	(void)get(index % 64 * 4u);
}

static void step(struct provpkg_view *input)
{
	uint8_t number;

	switch (fuzz_u8(input) % KINDS) {
	case MEMORY:
		write_memory(input);
		break;
	case DOORBELL:
		number = fuzz_u8(input);
		set(PROVCARD_REG_DOORBELL + 4 * (number & 0x7fu), number & 0x80 ? fuzz_u32(input) : fuzz_u8(input));
		break;
	case REGISTER:
		set_register(input);
		break;
	case ENTRY:
		entry(input);
		break;
	case ENABLE:
		enable(fuzz_u8(input));
		break;
	case QUEUE:
		create_queue(input);
		break;
	case PAUSE:
		usleep(fuzz_u8(input) * 4u);
		break;
	case RELEASE:
		fake_release(1);
		break;
	case MASTER:
		set_master(fuzz_u8(input) % 4);
		break;
	case REMAP:
		remap(input);
		break;
	default:
		endpoint_reset(&card.endpoint);
	}
}

void fuzz_one(struct provpkg_view input)
{
	static uint8_t before[WRITABLE];

	fake_forget();
	memset(memory, 0, WRITABLE);
	memset(memory + WRITABLE, 0x5a, WRITABLE);
	memcpy(before, memory + WRITABLE, WRITABLE);
	map_memory();
	set_master(true);
	for (unsigned int steps = 0; input.size && steps < STEPS_MAX; steps++)
		step(&input);
	usleep(200);
	/* A completion: the card took an entry and answered. */
	if (memory[0x4000 + 14] & 1)
		fuzz_accepted();
	endpoint_reset(&card.endpoint);
	/* What a reset promises: the card touches host memory no more. */
	memset(memory, 0xa5, WRITABLE);
	dma_unmap_all(&card.endpoint.dma);
	for (size_t i = 0; i < WRITABLE; i++)
		FUZZ_MUST(memory[i] == 0xa5);
	FUZZ_MUST(!memcmp(before, memory + WRITABLE, WRITABLE));
}

/* An entry whose buffers are given as take_sgl() reads them. */
static void put_seed(struct fuzz_writer *out, uint8_t queue, uint8_t opcode, struct provpkg_view sgls, uint32_t arg)
{
	const uint8_t head[] = { ENTRY, queue, opcode, (uint8_t)out->size, 0 };

	fuzz_put(out, head, sizeof(head));
	fuzz_put(out, sgls.data, sgls.size);
	fuzz_put_u32(out, arg);
	fuzz_put_u16(out, 0);
	fuzz_put_u8(out, PAUSE);
	fuzz_put_u8(out, 50);
}

static void seed_admin(void)
{
	static const uint8_t page[] = { 0, 3, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 16, 0, 0, 0 }, nothing[] = { 0, 0 };
	static const uint8_t enabled[] = { ENABLE, 15 }, taken[] = { DOORBELL, 1, 1 };
	struct fuzz_writer out = { .size = 0 };

	fuzz_put(&out, enabled, sizeof(enabled));
	put_seed(&out, 0, PROVCARD_OPC_IDENTIFY, (struct provpkg_view){ page, sizeof(page) }, 0);
	fuzz_put(&out, taken, sizeof(taken));
	put_seed(&out, 0, PROVCARD_OPC_ASYNC_EVENT, (struct provpkg_view){ nothing, 2 }, 0);
	put_seed(&out, 0, PROVCARD_OPC_SET_FEATURE, (struct provpkg_view){ nothing, 2 }, PROVCARD_FEAT_COALESCING);
	put_seed(&out, 0, PROVCARD_OPC_JOB_CREATE, (struct provpkg_view){ nothing, 2 }, 0);
	put_seed(&out, 0, PROVCARD_OPC_JOB_DELETE, (struct provpkg_view){ nothing, 2 }, 1);
	fuzz_seed("admin", out.data, out.size);
}

/* One buffer to another, as they are and through a list of two. */
static void seed_echo(void)
{
	static const uint8_t plain[] = { 1, 0, 40, 1, 0x80, 64 }, listed[] = { 2, 0, 2, 1, 0x80, 64 };
	static const uint8_t enabled[] = { ENABLE, 15, QUEUE, 0, 15, MEMORY, LIST / 4 & 0xff, LIST / 4 >> 8 };
	const struct provcard_hif_sgl list[] = { { .address = ADDRESS + DATA, .length = 40 },
						 { .address = ADDRESS + DATA, .length = 8 } };
	struct fuzz_writer out = { .size = 0 };

	fuzz_put(&out, enabled, sizeof(enabled));
	fuzz_put_view(&out, (struct provpkg_view){ (const uint8_t *)list, sizeof(list) });
	put_seed(&out, 1, FAKE_ECHO, (struct provpkg_view){ plain, sizeof(plain) }, 0);
	put_seed(&out, 1, FAKE_ECHO, (struct provpkg_view){ listed, sizeof(listed) }, 0);
	fuzz_seed("echo", out.data, out.size);
}

static void seed_hold(void)
{
	static const uint8_t enabled[] = { ENABLE, 15, QUEUE, 0, 15, QUEUE, 1, 15 }, nothing[] = { 0, 0 };
	struct fuzz_writer out = { .size = 0 };

	fuzz_put(&out, enabled, sizeof(enabled));
	put_seed(&out, 1, FAKE_HOLD, (struct provpkg_view){ nothing, 2 }, 0);
	put_seed(&out, 2, FAKE_HOLD, (struct provpkg_view){ nothing, 2 }, 0);
	fuzz_put_u8(&out, RELEASE);
	put_seed(&out, 0, PROVCARD_OPC_ABORT, (struct provpkg_view){ nothing, 2 }, 1 | 8 << 16);
	put_seed(&out, 0, PROVCARD_OPC_DELETE_SQ, (struct provpkg_view){ nothing, 2 }, 1);
	put_seed(&out, 0, PROVCARD_OPC_DELETE_CQ, (struct provpkg_view){ nothing, 2 }, 1);
	fuzz_seed("hold", out.data, out.size);
}

void fuzz_seeds(void)
{
	static const uint8_t off[] = { ENABLE, 15, REGISTER, 5, 1, 0x40, 0, 0, PAUSE, 60, RESET, ENABLE, 15, MASTER, 0, REMAP, 0 };

	seed_admin();
	seed_echo();
	seed_hold();
	fuzz_seed("off", off, sizeof(off));
}
