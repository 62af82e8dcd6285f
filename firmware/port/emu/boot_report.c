// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "core/core.h"

int boot_report_write(const struct boot_report *report)
{
	int fd = memfd_create("boot-report", MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (write(fd, report, sizeof(*report)) == sizeof(*report) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		return fd;
	close(fd);
	return -EIO;
}

int boot_report_read(int fd, struct boot_report *report)
{
	int seals = fcntl(fd, F_GET_SEALS);
	bool whole = seals >= 0 && seals & F_SEAL_WRITE && pread(fd, report, sizeof(*report), 0) == sizeof(*report) &&
		     report->anchors_size <= sizeof(report->anchors);

	close(fd);
	return whole ? 0 : -EINVAL;
}

static int measure(int fd, size_t size, uint8_t digest[32])
{
	void *image = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	bool measured;

	if (image == MAP_FAILED)
		return -errno;
	measured = EVP_Q_digest(NULL, "SHA256", NULL, image, size, digest, NULL) == 1;
	munmap(image, size);
	return measured ? 0 : -EIO;
}

int boot_report_measure(struct boot_report *report)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), error;
	struct stat stat;

	if (fd < 0)
		return -errno;
	memset(report, 0, sizeof(*report));
	error = fstat(fd, &stat) ? -errno : measure(fd, (size_t)stat.st_size, report->firmware.digest);
	close(fd);
	snprintf(report->firmware.version, sizeof(report->firmware.version), "%s", core_version());
	report->firmware.security_version = core_security_version();
	report->firmware.slot = PORT_NO_SLOT;
	return error;
}
