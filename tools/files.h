/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, whole. Functions return 0 or the exit code, after a message. */
#ifndef TOOL_FILES_H
#define TOOL_FILES_H

#include <stdio.h>
#include <sys/types.h>

#include <provpkg.h>

/* Open a file for reading, piece by piece. */
int file_open(const char *path, FILE **stream);
/* Read a file of at most @most bytes. */
int file_read(const char *path, size_t most, struct provpkg_blob *blob);

/* A file that appears under its name when it is complete, or not at all. */
struct new_file {
	char *path;
	char *temporary;
	int fd;
};

int file_begin(struct new_file *file, const char *path, mode_t mode);
/* Give it its name. @durable: and have it outlive a power cut from now on, which waits for the storage. */
int file_finish(struct new_file *file, bool durable);
void file_abandon(struct new_file *file); /* no-op after file_finish() */
int file_write_at(struct new_file *file, uint64_t offset, const void *data, size_t size);

/* A folder that appears under its name when it is complete, or not at all; it must not be there already, or be empty. */
struct new_folder {
	char *path;
	char *temporary; /* write here */
};

int folder_begin(struct new_folder *folder, const char *path);
int folder_finish(struct new_folder *folder);
void folder_abandon(struct new_folder *folder); /* removes it and its files; no-op after folder_finish() */

/* A new file in a folder that is not complete yet. */
int file_write_plain(const char *path, const void *data, size_t size);
int file_write(const char *path, const void *data, size_t size, mode_t mode);
/* A folder, unless it is there. */
int folder_make(const char *path);
/* "folder/name"; free() it. NULL without memory. @name stands alone when it is absolute. */
char *path_join(const char *folder, const char *name);

/* A file mapped for reading. */
struct mapped_file {
	const uint8_t *data;
	size_t size;
};

int file_map(const char *path, struct mapped_file *file);
void file_unmap(struct mapped_file *file);

#endif
