#include "import_map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(int fd, const char *path, struct str *out, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return error_set(err, err_from_errno(errno), "stat %s: %m", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_INVALID, "%s: expected a file", path);
    *out = str_make(NULL, 0);
    if (st.st_size == 0)
        return OK;
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_set(err, err_from_errno(errno), "map %s: %m", path);
    *out = str_make(bytes, (size_t)st.st_size);
    return OK;
}

int file_map(const char *path, struct str *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, err_from_errno(errno), "open %s: %m", path);
    int rc = map(fd, path, out, err);
    close(fd);
    return rc;
}

void file_unmap(struct str bytes)
{
    if (bytes.len)
        munmap((void *)(uintptr_t)bytes.ptr, bytes.len);
}
