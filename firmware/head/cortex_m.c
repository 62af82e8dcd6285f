// SPDX-License-Identifier: GPL-2.0-or-later
#include "head/cortex_m.h"

#include "provcard-refusal.h"

/* ARM DDI 0403, C1.6. */
#define DHCSR 0xe000edf0u
#define DCRSR 0xe000edf4u
#define DCRDR 0xe000edf8u
#define DEMCR 0xe000edfcu
#define AIRCR 0xe000ed0cu

#define DHCSR_KEY 0xa05f0000u
#define DHCSR_C_DEBUGEN (1u << 0)
#define DHCSR_C_HALT (1u << 1)
#define DHCSR_C_MASKINTS (1u << 3)
#define DHCSR_S_REGRDY (1u << 16)
#define DHCSR_S_HALT (1u << 17)
#define DHCSR_S_RESET_ST (1u << 25) /* since the last read */
#define DHCSR_HALTED (DHCSR_KEY | DHCSR_C_MASKINTS | DHCSR_C_HALT | DHCSR_C_DEBUGEN)
#define DEMCR_VC_CORERESET (1u << 0)
#define AIRCR_SYSRESETREQ 0x05fa0004u

#define DCRSR_WRITE (1u << 16)
#define REGISTER_PC 15
#define REGISTER_XPSR 16
#define XPSR_THUMB (1u << 24)

#define POLL_US 50u
#define HALT_TIMEOUT_US 20000u

/*
 * Reads DHCSR until all of @bits were seen set, each at least once. The pauses grow with the time that has passed: few clocks
 * are spent on a long run, and at most half of its time is added to it.
 */
static int poll_status(struct adiv5 *dap, uint32_t bits, uint32_t timeout_us)
{
	uint32_t seen = 0;
	uint32_t status;

	for (uint32_t passed = 0, pause = POLL_US; passed <= timeout_us; passed += pause, pause = POLL_US + passed / 2) {
		int error = adiv5_read(dap, DHCSR, &status, 1);

		if (error)
			return error;
		/* Halted counts only as it is now: a core that is about to be reset is still halted. */
		seen = (seen & ~DHCSR_S_HALT) | status;
		if ((seen & bits) == bits)
			return 0;
		error = swd_delay(dap->swd, pause);
		if (error)
			return error;
	}
	return PROVCARD_REFUSAL_SWD_WAIT;
}

int cortex_m_halt(struct adiv5 *dap)
{
	const struct adiv5_poke halt[] = { { DHCSR, DHCSR_KEY | DHCSR_C_HALT | DHCSR_C_DEBUGEN }, { DHCSR, DHCSR_HALTED } };
	int error = adiv5_poke(dap, halt, 2); /* C_MASKINTS may change only while C_HALT is set, C1.6.2 */

	return error ? error : poll_status(dap, DHCSR_S_HALT, HALT_TIMEOUT_US);
}

int cortex_m_reset_halt(struct adiv5 *dap)
{
	const struct adiv5_poke reset[] = {
		{ DHCSR, DHCSR_KEY | DHCSR_C_HALT | DHCSR_C_DEBUGEN },
		{ DHCSR, DHCSR_HALTED },
		{ DEMCR, DEMCR_VC_CORERESET },
		{ AIRCR, AIRCR_SYSRESETREQ },
	};
	uint32_t status;
	int error = adiv5_read(dap, DHCSR, &status, 1); /* forgets resets of before */

	if (!error)
		error = adiv5_poke(dap, reset, 4);
	return error ? error : poll_status(dap, DHCSR_S_RESET_ST | DHCSR_S_HALT, HALT_TIMEOUT_US);
}

static int write_register(struct adiv5 *dap, unsigned int number, uint32_t value)
{
	const struct adiv5_poke transfer[] = { { DCRDR, value }, { DCRSR, DCRSR_WRITE | number } };
	int error = adiv5_poke(dap, transfer, 2);

	return error ? error : poll_status(dap, DHCSR_S_REGRDY, HALT_TIMEOUT_US);
}

int cortex_m_start(struct adiv5 *dap, uint32_t entry)
{
	const struct adiv5_poke go = { DHCSR, DHCSR_KEY | DHCSR_C_MASKINTS | DHCSR_C_DEBUGEN };
	int error = write_register(dap, REGISTER_PC, entry);

	if (!error)
		error = write_register(dap, REGISTER_XPSR, XPSR_THUMB);
	return error ? error : adiv5_poke(dap, &go, 1);
}

int cortex_m_wait(struct adiv5 *dap, uint32_t timeout_us)
{
	return poll_status(dap, DHCSR_S_HALT, timeout_us);
}
