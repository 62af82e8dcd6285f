// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "errors.h"
#include "files.h"

/* A file that somebody named and that is not there is bad input, not a failure of the machine. */
static int report_open(const char *path, int error)
{
	if (error == -ENOENT || error == -EISDIR || error == -ENOTDIR)
		return report_bad_input(path, strerror(-error), "check the file's name");
	return report_errno(path, error);
}

static int read_all(int fd, uint8_t *data, size_t room, size_t *size)
{
	*size = 0;
	while (*size < room) {
		ssize_t got = read(fd, data + *size, room - *size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			return 0;
		*size += got;
	}
	return -EFBIG;
}

int file_open(const char *path, FILE **stream)
{
	*stream = fopen(path, "re");
	return *stream ? 0 : report_open(path, -errno);
}

int file_read(const char *path, size_t most, struct provpkg_blob *blob)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat state;
	size_t room;
	int error;

	if (fd < 0)
		return report_open(path, -errno);
	/* Pipes have no size, so that is but a first guess; one byte more shows a file that is too large. */
	room = !fstat(fd, &state) && S_ISREG(state.st_mode) && (size_t)state.st_size < most ? (size_t)state.st_size + 1 : most + 1;
	blob->data = OPENSSL_malloc(room);
	error = blob->data ? read_all(fd, blob->data, room, &blob->size) : -ENOMEM;
	close(fd);
	if (!error)
		return 0;
	blob->size = room;
	provpkg_blob_free(blob);
	return error == -EFBIG ? report_bad_input(path, "it is too large for what it should be", "check the file") : report_open(path, error);
}

/* mkostemp() gives a file for its owner only; what is not secret gets what open() would give. */
static mode_t allowed(mode_t mode)
{
	mode_t mask = umask(0);

	umask(mask);
	return mode & ~mask;
}

int file_begin(struct new_file *file, const char *path, mode_t mode)
{
	*file = (struct new_file){ .fd = -1 };
	file->path = strdup(path);
	if (!file->path || asprintf(&file->temporary, "%s.XXXXXX", path) < 0) {
		file->temporary = NULL;
		file_abandon(file);
		return report_errno(path, -ENOMEM);
	}
	file->fd = mkostemp(file->temporary, O_CLOEXEC);
	if (file->fd < 0 || fchmod(file->fd, allowed(mode))) {
		int code = report_errno(path, -errno);

		file_abandon(file);
		return code;
	}
	return 0;
}

int file_finish(struct new_file *file, bool durable)
{
	int code = 0;

	if ((durable && fsync(file->fd)) || rename(file->temporary, file->path)) {
		code = report_errno(file->path, -errno);
	} else {
		free(file->temporary);
		file->temporary = NULL;
	}
	file_abandon(file);
	return code;
}

void file_abandon(struct new_file *file)
{
	if (file->fd >= 0) {
		close(file->fd);
		if (file->temporary)
			unlink(file->temporary);
	}
	free(file->temporary);
	free(file->path);
	*file = (struct new_file){ .fd = -1 };
}

int file_write_at(struct new_file *file, uint64_t offset, const void *data, size_t size)
{
	const uint8_t *from = data;

	while (size) {
		ssize_t put = pwrite(file->fd, from, size, offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return report_errno(file->path, -errno);
		from += put;
		offset += put;
		size -= put;
	}
	return 0;
}

int file_write_plain(const char *path, const void *data, size_t size)
{
	FILE *stream = fopen(path, "wxe");
	bool good = stream && fwrite(data, 1, size, stream) == size;

	if (!stream || (fclose(stream) | !good))
		return report_errno(path, -errno);
	return 0;
}

int file_write(const char *path, const void *data, size_t size, mode_t mode)
{
	struct new_file file;
	int code = file_begin(&file, path, mode);

	if (!code)
		code = file_write_at(&file, 0, data, size);
	if (!code)
		return file_finish(&file, true);
	file_abandon(&file);
	return code;
}

int folder_make(const char *path)
{
	if (!mkdir(path, 0777) || errno == EEXIST)
		return 0;
	return report_errno(path, -errno);
}

int folder_begin(struct new_folder *folder, const char *path)
{
	int code = 0;

	*folder = (struct new_folder){ .path = strdup(path) };
	if (!folder->path || asprintf(&folder->temporary, "%s.XXXXXX", path) < 0) {
		folder->temporary = NULL;
		code = report_errno(path, -ENOMEM);
	} else if (!mkdtemp(folder->temporary) || chmod(folder->temporary, allowed(0777))) {
		code = report_errno(path, -errno);
	}
	if (code)
		folder_abandon(folder);
	return code;
}

int folder_finish(struct new_folder *folder)
{
	int code = 0;

	if (rename(folder->temporary, folder->path)) {
		code = report_errno(folder->path, -errno);
	} else {
		free(folder->temporary);
		folder->temporary = NULL;
	}
	folder_abandon(folder);
	return code;
}

static void remove_files(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
}

void folder_abandon(struct new_folder *folder)
{
	if (folder->temporary) {
		remove_files(folder->temporary);
		rmdir(folder->temporary);
	}
	free(folder->temporary);
	free(folder->path);
	*folder = (struct new_folder){ 0 };
}

char *path_join(const char *folder, const char *name)
{
	char *path;

	if (name[0] == '/')
		return strdup(name);
	return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

int file_map(const char *path, struct mapped_file *file)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat state;
	void *data = MAP_FAILED;
	int error = 0;

	if (fd < 0)
		return report_open(path, -errno);
	if (fstat(fd, &state))
		error = -errno;
	else if (!S_ISREG(state.st_mode))
		error = -EISDIR;
	else if (state.st_size)
		data = mmap(NULL, state.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (!error && state.st_size && data == MAP_FAILED)
		error = -errno;
	close(fd);
	if (error)
		return report_open(path, error);
	*file = (struct mapped_file){ state.st_size ? data : NULL, state.st_size };
	return 0;
}

void file_unmap(struct mapped_file *file)
{
	if (file->data)
		munmap((void *)file->data, file->size);
	*file = (struct mapped_file){ 0 };
}
