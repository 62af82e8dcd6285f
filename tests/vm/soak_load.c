// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * soak-load SEED: programs that use whatever card there is, each in its own way and at its own pace, and are killed without warning
 * again and again, until this program is told to stop (SIGTERM). What their calls come to does not matter here.
 */
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/provcard.h>

#define USERS 4
#define BUFFER (256 << 10)
#define OP_STATUS 0x40
#define OP_PACKAGE_WRITE 0x60

static volatile sig_atomic_t stopping;

static void stop(int number)
{
	(void)number;
	stopping = 1;
}

static int open_any(const char *pattern, int flags)
{
	glob_t found;
	int fd = -1;

	if (glob(pattern, 0, NULL, &found))
		return -1;
	fd = open(found.gl_pathv[(size_t)rand() % found.gl_pathc], flags | O_CLOEXEC);
	globfree(&found);
	return fd;
}

static struct provcard_command random_command(char *buffer)
{
	struct provcard_command command = { .size = sizeof(command), .opcode = OP_STATUS, .timeout_ms = 20000 };
	size_t length = 1 + (size_t)rand() % (BUFFER - 4096), offset = (size_t)rand() % 4096;

	command.queue = (unsigned int)rand() % 3;
	if (rand() % 2) {
		command.opcode = OP_PACKAGE_WRITE;
		command.in_uptr = (uintptr_t)(buffer + offset);
		command.in_len = length;
	} else {
		command.out_uptr = (uintptr_t)(buffer + offset);
		command.out_len = length;
	}
	return command;
}

/* A job with commands in flight, some read, some left behind when its descriptor goes. */
static void use_job(int card, char *buffer)
{
	struct provcard_job_create create = { .size = sizeof(create) };
	struct provcard_completion completions[8];
	struct pollfd wait = { .events = POLLIN };

	if (ioctl(card, PROVCARD_JOB_CREATE, &create) || create.out_fd < 0)
		return;
	wait.fd = create.out_fd;
	for (int i = rand() % 40; i; i--) {
		struct provcard_command command = random_command(buffer);

		if (ioctl(create.out_fd, PROVCARD_SUBMIT, &command) && poll(&wait, 1, 200) <= 0)
			break;
		if (!(rand() % 3) && poll(&wait, 1, 0) > 0 && read(create.out_fd, completions, sizeof(completions)) < 0)
			break;
	}
	if (rand() % 2)
		close(create.out_fd);
}

static void look_at_files(void)
{
	static const char *const patterns[] = {
		"/sys/class/provcard/*/*",
		"/sys/class/provcard/*/device/*",
		"/sys/kernel/debug/provcard/*/*",
		"/proc/interrupts",
	};
	char text[4096];

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		int fd = open_any(patterns[i], O_RDONLY | O_NONBLOCK);

		if (fd < 0)
			continue;
		while (read(fd, text, sizeof(text)) > 0)
			;
		close(fd);
	}
}

static void use(unsigned int seed)
{
	char *buffer = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	srand(seed);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int card = open_any("/dev/provcard[0-9]*", O_RDWR);

		for (int i = rand() % 8; card >= 0 && i; i--) {
			struct provcard_info info = { .size = sizeof(info) };
			struct provcard_command command = random_command(buffer);

			if (ioctl(card, rand() % 4 ? PROVCARD_COMMAND : PROVCARD_INFO,
				  rand() % 4 ? (void *)&command : (void *)&info))
				break;
			if (!(rand() % 3))
				use_job(card, buffer);
		}
		if (!(rand() % 4))
			look_at_files();
		if (card >= 0)
			close(card);
		usleep((unsigned int)rand() % 20000);
	}
}

static pid_t start_user(void)
{
	unsigned int seed = (unsigned int)rand();
	pid_t pid = fork();

	if (!pid) {
		signal(SIGTERM, SIG_DFL);
		use(seed);
	}
	return pid;
}

int main(int argc, char **argv)
{
	pid_t users[USERS];

	srand(argc == 2 ? (unsigned int)atoi(argv[1]) : 1);
	signal(SIGTERM, stop);
	for (int i = 0; i < USERS; i++)
		users[i] = start_user();
	while (!stopping) {
		int victim = rand() % USERS;

		usleep((unsigned int)rand() % 400000);
		kill(users[victim], SIGKILL);
		waitpid(users[victim], NULL, 0);
		users[victim] = start_user();
	}
	for (int i = 0; i < USERS; i++) {
		kill(users[i], SIGKILL);
		waitpid(users[i], NULL, 0);
	}
	return 0;
}
