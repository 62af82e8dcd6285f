/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much traffic with the host the card's work costs, since it was started. Counted where it happens, by any thread. */
#ifndef PROVCARD_EMU_STATISTICS_H
#define PROVCARD_EMU_STATISTICS_H

enum statistic {
	STATISTIC_COMMANDS, /* completions written into the host's rings */
	STATISTIC_DOORBELLS, /* writes of the host to doorbells */
	STATISTIC_INTERRUPTS, /* messages sent to the host */
	STATISTIC_READS, /* of the host from BAR 0 */
	STATISTIC_WRITES, /* of the host to BAR 0, doorbells among them */
	STATISTICS
};

void statistics_count(enum statistic statistic);
/* Answer every SIGUSR1 by one line in the log. Before any other thread is made, which must have the signal blocked as well. */
int statistics_on_signal(void);

#endif
