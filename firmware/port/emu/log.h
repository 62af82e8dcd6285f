/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The emulated card's own log: one line per event on standard error. Never a secret. */
#ifndef PROVCARD_EMU_LOG_H
#define PROVCARD_EMU_LOG_H

__attribute__((format(printf, 1, 2))) void emu_log(const char *format, ...);

#endif
