// Files: whole reads, atomic writes, folders; and the few system calls through which everything
// that must survive a fault goes, so that a test can make any of them fail.
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

// Appends the file's bytes. ERR_LIMIT when larger than `size_max`.
int file_read(const char *path, size_t size_max, struct buf *out, struct error *err);
// Writes beside it, syncs, renames over `path`, syncs the folder: the old file or the new one, never
// a mixture.
int file_write_atomic(const char *path, struct str bytes, struct error *err);
// Creates the folder and its parents; an existing one is fine.
int dir_create(const char *path, struct error *err);
int dir_sync(const char *path, struct error *err);
// Calls each(context, name) for every entry but "." and "..", in byte order of the names; stops at
// and returns its first non-zero result.
int dir_each(const char *path, int (*each)(void *context, const char *name), void *context,
             struct error *err);
// Removes a folder and all below it; a missing one is fine.
int dir_remove_all(const char *path, struct error *err);
bool file_exists(const char *path);
// Total bytes (allocated blocks) below a folder, 0 when it is missing.
uint64_t dir_size(const char *path);

// The calls below are those of unistd.h but for: retrying EINTR and short writes until done, and
// the fault hook. They return 0 or a negative enum err, with errno kept.
enum io_call { IO_OPEN, IO_WRITE, IO_SYNC, IO_RENAME, IO_UNLINK, IO_ALLOCATE, IO_TRUNCATE };

int io_open(const char *path, int flags, mode_t mode); // the descriptor >= 0, or negative
int io_write_at(int fd, const void *bytes, size_t len, off_t offset);
int io_sync(int fd); // fdatasync
int io_rename(const char *from, const char *to);
int io_unlink(const char *path); // a missing file is fine
int io_allocate(int fd, off_t size);
int io_truncate(int fd, off_t size);
// Asked before every call above: a non-zero errno makes it fail with that errno. NULL removes it.
// For tests; set it before threads start.
void io_fault_set(int (*hook)(void *context, enum io_call call, const char *path), void *context);
// Bytes written through io_write_at() since the start, for the write amplification metric.
uint64_t io_bytes_written(void);

#endif
