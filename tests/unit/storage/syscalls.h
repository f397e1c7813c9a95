// The system calls that change files, taken over by the program that includes this: the store's own and
// those of LMDB, which finds them here before it finds the C library's.
//
// `syscall_hook` sees each call before it happens and may make it fail.
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum syscall_kind {
    CALL_OPEN, // with O_CREAT only
    CALL_WRITE,
    CALL_SYNC,
    CALL_TRUNCATE,
    CALL_ALLOCATE,
    CALL_RENAME,
    CALL_UNLINK,
};

struct syscall_info {
    enum syscall_kind kind;
    int fd;           // but for the calls with paths
    const char *path; // of open, rename (from), unlink
    const char *to;   // of rename
    int flags;        // of open
    const void *bytes;
    size_t len;
    off_t offset; // of writes; the size of truncate and allocate
};

// 0: the call happens; an errno: it fails with that; for writes SYSCALL_SHORT lets half of it happen.
#define SYSCALL_SHORT (-1)
extern int (*syscall_hook)(void *context, const struct syscall_info *call);
extern void *syscall_context;

int (*syscall_hook)(void *context, const struct syscall_info *call);
void *syscall_context;

static inline int syscall_ask(const struct syscall_info *call)
{
    int (*hook)(void *, const struct syscall_info *) = syscall_hook;
    if (!hook)
        return 0;
    syscall_hook = NULL; // what the hook does itself is not looked at
    int number = hook(syscall_context, call);
    syscall_hook = hook;
    return number;
}

static inline long syscall_fail(int number)
{
    errno = number;
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    struct syscall_info call = {
        .kind = CALL_WRITE, .fd = fd, .bytes = bytes, .len = len, .offset = offset};
    int number = syscall_ask(&call);
    if (number == SYSCALL_SHORT)
        len = len > 1 ? len / 2 : len;
    else if (number)
        return syscall_fail(number);
    return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    struct syscall_info call = {.kind = CALL_WRITE,
                                .fd = fd,
                                .bytes = bytes,
                                .len = len,
                                .offset = syscall_hook ? lseek(fd, 0, SEEK_CUR) : 0};
    int number = fd > 2 ? syscall_ask(&call) : 0;
    if (number == SYSCALL_SHORT)
        len = len > 1 ? len / 2 : len;
    else if (number)
        return syscall_fail(number);
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (written < 0)
            return total ? total : written;
        total += written;
        if ((size_t)written < parts[i].iov_len)
            break;
    }
    return total;
}

int fdatasync(int fd)
{
    int number = syscall_ask(&(struct syscall_info){.kind = CALL_SYNC, .fd = fd});
    return number ? (int)syscall_fail(number > 0 ? number : EIO) : (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return fdatasync(fd);
}

int ftruncate(int fd, off_t size)
{
    int number =
        syscall_ask(&(struct syscall_info){.kind = CALL_TRUNCATE, .fd = fd, .offset = size});
    return number ? (int)syscall_fail(number > 0 ? number : EIO)
                  : (int)syscall(SYS_ftruncate, fd, size);
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
    int number = syscall_ask(
        &(struct syscall_info){.kind = CALL_ALLOCATE, .fd = fd, .offset = offset + len});
    if (number)
        return number > 0 ? number : EIO;
    return syscall(SYS_fallocate, fd, 0, offset, len) ? errno : 0;
}

int rename(const char *from, const char *to)
{
    int number = syscall_ask(&(struct syscall_info){.kind = CALL_RENAME, .path = from, .to = to});
    return number ? (int)syscall_fail(number > 0 ? number : EIO)
                  : (int)syscall(SYS_rename, from, to);
}

int unlink(const char *path)
{
    int number = syscall_ask(&(struct syscall_info){.kind = CALL_UNLINK, .path = path});
    return number ? (int)syscall_fail(number > 0 ? number : EIO) : (int)syscall(SYS_unlink, path);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    int number = 0;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
        number =
            syscall_ask(&(struct syscall_info){.kind = CALL_OPEN, .path = path, .flags = flags});
    }
    return number ? (int)syscall_fail(number > 0 ? number : EIO)
                  : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#endif
