// Pages of one value each (P_OVERFLOW) come in runs, which the first page's header gives the length
// of; all other pages are LMDB's own. There are few: a tree over extents of a megabyte is flat.
#include "lmdb_sum.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/coding.h"
#include "base/file.h"
#include "base/hash.h"

#define PAGE_SIZE_AT  40 // uint32 in the first page: of the machine that wrote the file
#define PAGE_SIZE_MAX 65536
#define FLAGS_OFFSET  10 // uint16, in the byte order of the machine, as LMDB writes it
#define LENGTH_OFFSET 12 // uint32: pages of a run
#define FLAG_OVERFLOW 0x04
#define FOOTER_SIZE   24 // be64 offset of the trailer, be64 sum of the trailer, magic
#define MAGIC         "LWSUMS01"

static int read_at(int fd, void *out, size_t size, uint64_t offset)
{
    ssize_t got = pread(fd, out, size, (off_t)offset);
    return got == (ssize_t)size ? OK : got < 0 ? ERR_IO : ERR_CORRUPT;
}

static uint64_t run_length(const unsigned char *page)
{
    uint16_t flags;
    uint32_t length;
    memcpy(&flags, page + FLAGS_OFFSET, sizeof(flags));
    memcpy(&length, page + LENGTH_OFFSET, sizeof(length));
    return flags & FLAG_OVERFLOW ? length : 0;
}

static bool page_size_is_sound(uint32_t size)
{
    return size >= 256 && size <= PAGE_SIZE_MAX && (size & (size - 1)) == 0;
}

// The trailer of a file of `size` bytes: be32 page size, then be32 numbers of the pages, each followed
// by its sum.
static int make_trailer(int fd, uint64_t size, struct buf *out)
{
    unsigned char page[PAGE_SIZE_MAX];
    uint32_t page_size;
    if (read_at(fd, &page_size, sizeof(page_size), PAGE_SIZE_AT) || !page_size_is_sound(page_size))
        return ERR_CORRUPT;
    buf_be32(out, page_size);
    for (uint64_t number = 0; number < size / page_size;) {
        int rc = read_at(fd, page, page_size, number * page_size);
        if (rc)
            return rc;
        uint64_t length = run_length(page);
        if (length) {
            number += length;
            continue;
        }
        buf_be32(out, (uint32_t)number++);
        buf_be64(out, hash64(page, page_size, 0));
    }
    return OK;
}

static int append(int fd, struct error *err)
{
    struct stat st;
    struct buf trailer = BUF_INIT;
    int rc = fstat(fd, &st) ? ERR_IO : make_trailer(fd, (uint64_t)st.st_size, &trailer);
    struct str pages = buf_view(&trailer);
    uint64_t sum = hash64(pages.ptr, pages.len, 0);
    buf_be64(&trailer, (uint64_t)st.st_size);
    buf_be64(&trailer, sum);
    buf_append(&trailer, MAGIC, 8);
    if (rc == OK)
        rc = io_write_at(fd, trailer.ptr, trailer.len, st.st_size);
    if (rc == OK)
        rc = io_sync(fd);
    buf_release(&trailer);
    return rc ? error_set(err, rc, "%m") : OK;
}

int lmdb_sum_append(const char *path, struct error *err)
{
    int fd = io_open(path, O_RDWR | O_CLOEXEC, 0);
    int rc = fd < 0 ? error_set(err, fd, "%m") : append(fd, err);
    if (fd >= 0)
        close(fd);
    if (rc)
        error_prefix(err, "%s: write the trailer: ", path);
    return rc;
}

static int read_trailer(int fd, uint64_t size, struct buf *out)
{
    char footer[FOOTER_SIZE];
    if (size < FOOTER_SIZE)
        return ERR_CORRUPT;
    int rc = read_at(fd, footer, FOOTER_SIZE, size - FOOTER_SIZE);
    if (rc || memcmp(footer + 16, MAGIC, 8) != 0)
        return rc ? rc : ERR_CORRUPT;
    uint64_t offset = be64_get(footer), end = size - FOOTER_SIZE;
    if (offset > end)
        return ERR_CORRUPT;
    char *room = buf_reserve(out, end - offset);
    rc = read_at(fd, room, end - offset, offset);
    if (rc)
        return rc;
    buf_advance(out, end - offset);
    return hash64(out->ptr, out->len, 0) == be64_get(footer + 8) ? OK : ERR_CORRUPT;
}

static int check_pages(int fd, struct str pages)
{
    unsigned char page[PAGE_SIZE_MAX];
    struct decoder d;
    decoder_init(&d, pages);
    uint32_t page_size = decode_be32(&d);
    if (!page_size_is_sound(page_size))
        return ERR_CORRUPT;
    while (decoder_left(&d)) {
        uint64_t number = decode_be32(&d), sum = decode_be64(&d);
        int rc = d.failed ? ERR_CORRUPT : read_at(fd, page, page_size, number * page_size);
        if (rc || hash64(page, page_size, 0) != sum)
            return rc ? rc : ERR_CORRUPT;
    }
    return OK;
}

int lmdb_sum_check(const char *path, struct error *err)
{
    struct stat st;
    struct buf trailer = BUF_INIT;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st)) {
        int rc = error_set(err, ERR_IO, "open %s: %m", path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    const char *what = "the trailer is missing or damaged";
    int rc = read_trailer(fd, (uint64_t)st.st_size, &trailer);
    if (rc == OK) {
        what = "a page of the tree is damaged";
        rc = check_pages(fd, buf_view(&trailer));
    }
    if (rc)
        error_set(err, rc, "%s: %s", path, rc == ERR_CORRUPT ? what : "can't be read");
    buf_release(&trailer);
    close(fd);
    return rc;
}
