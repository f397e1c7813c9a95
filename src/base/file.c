#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int (*fault_hook)(void *context, enum io_call call, const char *path);
static void *fault_context;
static _Atomic uint64_t bytes_written;

static int system_error(struct error *err, const char *action, const char *path)
{
    int saved = errno;
    return error_set(err, err_from_errno(saved), "%s %s: %s", action, path, strerror(saved));
}

static int read_all(int fd, size_t size_max, struct buf *out)
{
    size_t left = size_max;
    for (;;) {
        char *room = buf_reserve(out, 64 << 10);
        if (!room)
            return ERR_LIMIT;
        ssize_t got = read(fd, room, 64 << 10);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_from_errno(errno);
        if (got == 0)
            return OK;
        if ((size_t)got > left)
            return ERR_LIMIT;
        left -= (size_t)got;
        buf_advance(out, (size_t)got);
    }
}

int file_read(const char *path, size_t size_max, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return system_error(err, "open", path);
    size_t before = out->len;
    int rc = read_all(fd, size_max, out);
    if (rc == ERR_LIMIT)
        error_set(err, rc, "read %s: larger than %zu bytes", path, size_max);
    else if (rc)
        system_error(err, "read", path);
    close(fd);
    if (rc)
        buf_truncate(out, before);
    return rc;
}

static char *parent_of(const char *path)
{
    struct str whole = str_from(path);
    size_t slash = str_find_last(whole, '/');
    if (slash == whole.len)
        return mem_copy_str(STR("."));
    return mem_copy_str(str_first(whole, slash ? slash : 1));
}

static int write_new_file(const char *path, struct str bytes, struct error *err)
{
    int fd = io_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    if (fd < 0)
        return system_error(err, "create", path);
    int rc = io_write_at(fd, bytes.ptr, bytes.len, 0);
    if (rc == OK)
        rc = io_sync(fd);
    if (rc)
        system_error(err, "write", path);
    close(fd);
    return rc;
}

int file_write_atomic(const char *path, struct str bytes, struct error *err)
{
    struct buf beside = BUF_INIT;
    buf_printf(&beside, "%s.tmp", path);
    char *folder = parent_of(path);
    int rc = write_new_file(buf_text(&beside), bytes, err);
    if (rc == OK && io_rename(buf_text(&beside), path) != OK)
        rc = system_error(err, "rename to", path);
    if (rc == OK)
        rc = dir_sync(folder, err);
    if (rc)
        unlink(buf_text(&beside));
    mem_free(folder);
    buf_release(&beside);
    return rc;
}

static int create_one(const char *path, struct error *err)
{
    if (mkdir(path, 0750) == 0)
        return OK;
    struct stat st;
    if (errno == EEXIST && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return OK;
        errno = ENOTDIR;
    }
    return system_error(err, "create folder", path);
}

int dir_create(const char *path, struct error *err)
{
    char *copy = mem_copy_str(str_from(path));
    int rc = OK;
    for (char *p = copy + 1; rc == OK && *copy && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        rc = create_one(copy, err);
        *p = '/';
    }
    mem_free(copy);
    return rc ? rc : create_one(path, err);
}

int dir_sync(const char *path, struct error *err)
{
    int fd = io_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return system_error(err, "open folder", path);
    int rc = io_sync(fd);
    if (rc)
        system_error(err, "sync folder", path);
    close(fd);
    return rc;
}

static int is_real_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int dir_each(const char *path, int (*each)(void *context, const char *name), void *context,
             struct error *err)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_real_entry, by_bytes);
    if (count < 0)
        return system_error(err, "read folder", path);
    int rc = OK;
    for (int i = 0; i < count; i++) {
        if (rc == OK)
            rc = each(context, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

struct removal {
    const char *folder;
    struct error *err;
};

static int remove_entry(void *context, const char *name)
{
    const struct removal *removal = context;
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", removal->folder, name);
    struct stat st;
    int rc = OK;
    if (lstat(buf_text(&path), &st) == 0 && S_ISDIR(st.st_mode))
        rc = dir_remove_all(buf_text(&path), removal->err);
    else if (unlink(buf_text(&path)) != 0 && errno != ENOENT)
        rc = system_error(removal->err, "remove", buf_text(&path));
    buf_release(&path);
    return rc;
}

int dir_remove_all(const char *path, struct error *err)
{
    if (!file_exists(path))
        return OK;
    struct removal removal = {path, err};
    int rc = dir_each(path, remove_entry, &removal, err);
    if (rc == OK && rmdir(path) != 0)
        rc = system_error(err, "remove folder", path);
    return rc;
}

bool file_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

struct size_sum {
    const char *folder;
    uint64_t bytes;
};

static int add_size(void *context, const char *name)
{
    struct size_sum *sum = context;
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", sum->folder, name);
    struct stat st;
    if (lstat(buf_text(&path), &st) == 0)
        sum->bytes +=
            S_ISDIR(st.st_mode) ? dir_size(buf_text(&path)) : (uint64_t)st.st_blocks * 512;
    buf_release(&path);
    return OK;
}

uint64_t dir_size(const char *path)
{
    struct size_sum sum = {path, 0};
    dir_each(path, add_size, &sum, NULL);
    return sum.bytes;
}

void io_fault_set(int (*hook)(void *context, enum io_call call, const char *path), void *context)
{
    fault_hook = hook;
    fault_context = context;
}

static bool fails(enum io_call call, const char *path)
{
    int number = fault_hook ? fault_hook(fault_context, call, path) : 0;
    if (number)
        errno = number;
    return number != 0;
}

int io_open(const char *path, int flags, mode_t mode)
{
    if (fails(IO_OPEN, path))
        return err_from_errno(errno);
    int fd = open(path, flags | O_CLOEXEC, mode);
    return fd >= 0 ? fd : err_from_errno(errno);
}

int io_write_at(int fd, const void *bytes, size_t len, off_t offset)
{
    if (fails(IO_WRITE, NULL))
        return err_from_errno(errno);
    const char *next = bytes;
    while (len) {
        ssize_t written = pwrite(fd, next, len, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return err_from_errno(errno);
        next += written;
        len -= (size_t)written;
        offset += written;
        atomic_fetch_add_explicit(&bytes_written, (uint64_t)written, memory_order_relaxed);
    }
    return OK;
}

int io_sync(int fd)
{
    if (fails(IO_SYNC, NULL) || fdatasync(fd) != 0)
        return err_from_errno(errno);
    return OK;
}

int io_rename(const char *from, const char *to)
{
    if (fails(IO_RENAME, to) || rename(from, to) != 0)
        return err_from_errno(errno);
    return OK;
}

int io_unlink(const char *path)
{
    if (fails(IO_UNLINK, path) || (unlink(path) != 0 && errno != ENOENT))
        return err_from_errno(errno);
    return OK;
}

int io_allocate(int fd, off_t size)
{
    if (fails(IO_ALLOCATE, NULL))
        return err_from_errno(errno);
    int number = posix_fallocate(fd, 0, size);
    if (number)
        errno = number;
    return number ? err_from_errno(number) : OK;
}

int io_truncate(int fd, off_t size)
{
    if (fails(IO_TRUNCATE, NULL) || ftruncate(fd, size) != 0)
        return err_from_errno(errno);
    return OK;
}

uint64_t io_bytes_written(void)
{
    return atomic_load_explicit(&bytes_written, memory_order_relaxed);
}
