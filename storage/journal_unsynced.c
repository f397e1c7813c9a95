// When fdatasync() fails the kernel forgets that the pages were dirty: it may drop them, and the next
// call succeeds without having written anything. So what was written since the last sync that
// succeeded is kept, and written again before the next one is believed. It is what some seconds
// brought; past UNSYNCED_MAX of it the journal syncs at once.
#include "journal_unsynced.h"

#include <assert.h>

#include "base/file.h"

// Room that stays between syncs.
#define KEPT_MAX ((size_t)512 << 10)

void unsynced_release(struct unsynced *u)
{
    buf_release(&u->bytes);
}

void unsynced_restart(struct unsynced *u, uint64_t from)
{
    buf_reset(&u->bytes);
    u->from = from;
    u->lost = false;
}

void unsynced_add(struct unsynced *u, struct str bytes)
{
    buf_str(&u->bytes, bytes);
}

void unsynced_cut(struct unsynced *u, uint64_t end)
{
    assert(end >= u->from && end <= u->from + u->bytes.len);
    buf_truncate(&u->bytes, (size_t)(end - u->from));
}

void unsynced_done(struct unsynced *u, uint64_t end)
{
    assert(end >= u->from && end <= u->from + u->bytes.len);
    size_t gone = (size_t)(end - u->from), left = u->bytes.len - gone;
    u->from = end;
    if (left && gone)
        memmove(u->bytes.ptr, u->bytes.ptr + gone, left);
    if (left || u->bytes.cap <= KEPT_MAX)
        buf_truncate(&u->bytes, left);
    else
        buf_release(&u->bytes);
}

int unsynced_rewrite(struct unsynced *u, int fd)
{
    int rc = io_write_at(fd, u->bytes.ptr, u->bytes.len, (off_t)u->from);
    u->lost = rc != 0;
    return rc;
}
