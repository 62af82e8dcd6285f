/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Service commands of the stubborn card, stubborn_core.c. */
#ifndef STUBBORN_CORE_H
#define STUBBORN_CORE_H

#define STUBBORN_UNTIL_ABORT 0xe0 /* ends when it is aborted */
#define STUBBORN_UNTIL_RESET 0xe1 /* ends when the controller is reset, no sooner */

#endif
