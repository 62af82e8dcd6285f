// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many bytes the kernel copies from user into kernel memory for programs of given names. Copies are inlined everywhere and end
 * in one routine (on x86-64 processors without FSRM), which is assembler, so that the kernel's own probe events do not take it.
 *
 *	insmod copies.ko programs=NAME[,NAME]; cat /sys/module/copies/parameters/copied
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/string.h>

#define PROGRAMS_MAX 4

static char *programs[PROGRAMS_MAX];
static unsigned int count;
module_param_array(programs, charp, &count, 0444);
MODULE_PARM_DESC(programs, "names of the programs");

static unsigned long copied[PROGRAMS_MAX];
module_param_array(copied, ulong, &count, 0444);
MODULE_PARM_DESC(copied, "bytes copied for each");

/* At its beginning: destination in di, size in cx. Kernel addresses are the negative ones. */
static int note(struct kprobe *probe, struct pt_regs *regs)
{
	if ((long)regs->di >= 0)
		return 0;
	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(current->comm, programs[i]))
			__sync_fetch_and_add(&copied[i], regs->cx);
	return 0;
}

static struct kprobe probe = { .symbol_name = "rep_movs_alternative", .pre_handler = note };

static int __init copies_init(void)
{
	return register_kprobe(&probe);
}
module_init(copies_init);

static void __exit copies_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(copies_exit);

MODULE_DESCRIPTION("Counts bytes copied from user memory");
MODULE_LICENSE("GPL");
