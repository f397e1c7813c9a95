// The plug is pulled: what was synced is there, of the rest any part may be, in any order, writes torn
// at sectors. A recorder notes every change of the folder; a cut makes a folder of what a disk might
// hold then, which is opened and compared with what was stored.
//
//     a write is safe     once its file was synced after it
//     a name is safe      once its folder, or the file made, was synced after it
//
// Everything up to the last sync of the store is there; of later samples any may be, but none that were
// never stored, and none twice.
#include "store_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "syscalls.h"

#define STEP_MS     15000
#define SECTOR_SIZE 512

struct change {
    enum syscall_kind kind;
    ino_t inode;
    char *path, *to; // owned
    off_t offset;
    size_t len;
    char *bytes; // owned
    bool truncated;
    int held_fd; // 0: none
};

struct recorder {
    struct change *items;
    size_t count;
    size_t capacity;
};

static ino_t inode_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void note(struct recorder *r, struct change c)
{
    MEM_GROW(r->items, r->count, r->capacity);
    r->items[r->count++] = c;
}

static int record(void *context, const struct syscall_info *call)
{
    struct recorder *r = context;
    struct change c = {.kind = call->kind, .offset = call->offset, .len = call->len};
    if (call->kind == CALL_OPEN) {
        // Made here rather than by the call, to know its inode.
        int fd = (int)syscall(SYS_openat, AT_FDCWD, call->path, O_CREAT | O_RDWR, 0640);
        c.inode = inode_of(fd);
        c.held_fd = fd; // open, so that the inode isn't given out again
        c.truncated = call->flags & O_TRUNC;
    } else if (!call->path) {
        c.inode = inode_of(call->fd);
    }
    if (call->path)
        c.path = mem_copy_str(str_from(call->path));
    if (call->to)
        c.to = mem_copy_str(str_from(call->to));
    if (call->bytes) {
        c.bytes = mem_alloc(call->len);
        memcpy(c.bytes, call->bytes, call->len);
    }
    note(r, c);
    return 0;
}

static void recorder_release(struct recorder *r)
{
    for (size_t i = 0; i < r->count; i++) {
        mem_free(r->items[i].path);
        mem_free(r->items[i].to);
        mem_free(r->items[i].bytes);
        if (r->items[i].held_fd)
            close(r->items[i].held_fd);
    }
    mem_free(r->items);
}

// A file of the disk after the cut.
struct file {
    ino_t inode;
    char path[256]; // below the folder; "" once it has no name
    struct buf bytes;
};

struct disk {
    struct file files[512];
    size_t count;
};

static struct file *by_inode(struct disk *d, ino_t inode)
{
    for (size_t i = d->count; i-- > 0;) {
        if (d->files[i].inode == inode)
            return &d->files[i];
    }
    return NULL;
}

static struct file *by_path(struct disk *d, const char *path)
{
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->files[i].path, path) == 0)
            return &d->files[i];
    }
    return NULL;
}

static void set_size(struct file *f, size_t size)
{
    size_t len = f->bytes.len;
    if (size <= len) {
        buf_truncate(&f->bytes, size);
        return;
    }
    memset(buf_reserve(&f->bytes, size - len), 0, size - len);
    buf_advance(&f->bytes, size - len);
}

static void apply_write(struct file *f, const struct change *c, struct rng *rng, bool whole)
{
    size_t end = (size_t)c->offset + c->len;
    if (end > f->bytes.len)
        set_size(f, end);
    for (size_t at = 0; at < c->len; at += SECTOR_SIZE) {
        size_t len = c->len - at < SECTOR_SIZE ? c->len - at : SECTOR_SIZE;
        if (whole || rng_below(rng, 2))
            memcpy(f->bytes.ptr + c->offset + at, c->bytes + at, len);
    }
}

static bool is_name(const struct change *c)
{
    return c->kind == CALL_OPEN || c->kind == CALL_RENAME || c->kind == CALL_UNLINK;
}

static bool is_in_folder(const char *path, const char *folder)
{
    return str_has_prefix(str_from(path), str_from(folder));
}

// Whether change `at` was made safe before the cut. Folders are told by their inodes.
static bool is_safe(const struct recorder *r, size_t at, size_t cut, const ino_t *folders)
{
    const struct change *c = &r->items[at];
    for (size_t i = at + 1; i < cut; i++) {
        const struct change *later = &r->items[i];
        if (later->kind != CALL_SYNC)
            continue;
        if (later->inode == c->inode)
            return true;
        if (is_name(c) && (later->inode == folders[0] || later->inode == folders[1]))
            return true;
    }
    return false;
}

static void apply_name(struct disk *d, const struct change *c)
{
    struct file *f = c->kind == CALL_OPEN ? by_inode(d, c->inode) : by_path(d, c->path);
    if (c->kind == CALL_OPEN) {
        if (!f) {
            assert_true(d->count < 512);
            f = &d->files[d->count++];
            *f = (struct file){.inode = c->inode};
        }
        snprintf(f->path, sizeof(f->path), "%s", c->path);
        if (c->truncated)
            buf_reset(&f->bytes);
    } else if (f && c->kind == CALL_UNLINK) {
        f->path[0] = '\0';
        f->inode = 0;
    } else if (f) {
        struct file *old = by_path(d, c->to);
        if (old)
            old->path[0] = '\0';
        snprintf(f->path, sizeof(f->path), "%s", c->to);
    }
}

static void apply(struct disk *d, const struct change *c, struct rng *rng, bool safe)
{
    struct file *f = is_name(c) ? NULL : by_inode(d, c->inode);
    if (is_name(c))
        apply_name(d, c);
    else if (f && c->kind == CALL_WRITE)
        apply_write(f, c, rng, safe);
    else if (f && (c->kind == CALL_TRUNCATE ||
                   (c->kind == CALL_ALLOCATE && (size_t)c->offset > f->bytes.len)))
        set_size(f, (size_t)c->offset);
}

// What the disk may hold when the power goes right before change `cut`.
static void build_disk(struct disk *d, const struct recorder *r, size_t cut, const ino_t *folders,
                       struct rng *rng)
{
    for (size_t i = 0; i < cut; i++) {
        bool safe = is_safe(r, i, cut, folders);
        if (safe || rng_below(rng, 2))
            apply(d, &r->items[i], rng, safe);
    }
}

static void write_disk(struct disk *d, const char *from, const char *to)
{
    struct buf path = BUF_INIT;
    struct error err;
    buf_printf(&path, "%s/journal", to);
    assert_int_equal(dir_create(buf_text(&path), &err), OK);
    buf_reset(&path);
    buf_printf(&path, "%s/meta", to);
    assert_int_equal(dir_create(buf_text(&path), &err), OK);
    for (size_t i = 0; i < d->count; i++) {
        struct file *f = &d->files[i];
        bool stays = f->path[0] && is_in_folder(f->path, from) && !strstr(f->path, "/meta/");
        if (stays) {
            buf_reset(&path);
            buf_printf(&path, "%s%s", to, f->path + strlen(from));
            write_file(buf_text(&path), str_make(buf_text(&f->bytes), f->bytes.len));
        }
        buf_release(&f->bytes);
    }
    buf_release(&path);
}

// Every sample up to safe_ms is there; later ones are if they like, but only true ones.
static void check_series_cut(const struct columns *c, const struct model *m, uint64_t n,
                             int64_t safe_ms)
{
    size_t next = 0;
    for (size_t i = 0; i < m->counts[n]; i++) {
        bool there = next < c->count && c->times_ms[next] == m->times[n][i];
        if (!there && m->times[n][i] <= safe_ms)
            fail_msg("a synced sample is gone: series %u, sample %zu", (unsigned)n, i);
        if (there)
            assert_memory_equal(&c->values[next++], &m->values[n][i], sizeof(double));
    }
    assert_int_equal(next, c->count);
}

static void check_cut(struct fixture *f, const struct model *m, int64_t safe_ms)
{
    struct querier *q;
    struct series_set set;
    struct arena arena;
    struct columns c;
    struct error err;
    size_t found = 0, needed = 0;
    arena_init(&arena, 0);
    columns_init(&c);
    q = select_all(f->storage, INT64_MIN, INT64_MAX, &arena, &set);
    for (size_t i = 0; i < set.count; i++) {
        uint64_t n;
        assert_true(str_to_u64(labels_get(set.labels[i], STR("n")), &n));
        assert_int_equal(querier_read(q, set.series[i], INT64_MIN, INT64_MAX, &c, &err), OK);
        check_series_cut(&c, m, n, safe_ms);
        found++;
    }
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        needed += m->counts[n] && m->times[n][0] <= safe_ms;
    assert_true(found >= needed);
    querier_free(q);
    columns_release(&c);
    arena_release(&arena);
}

// How far the store had come when each change was about to be made.
struct progress {
    size_t changes; // recorded when the sync was over
    int64_t safe_ms;
};

static void cut_once(struct fixture *f, const struct recorder *r, const struct model *m, size_t cut,
                     int64_t safe_ms, const ino_t *folders, struct rng *rng)
{
    struct fixture after = *f;
    struct disk *d = mem_calloc(1, sizeof(*d));
    memcpy(after.folder, "/tmp/lapwing-power-XXXXXX", 26);
    assert_non_null(mkdtemp(after.folder));
    build_disk(d, r, cut, folders, rng);
    write_disk(d, f->folder, after.folder);
    after.options.path = after.folder;
    open_store(&after);
    check_cut(&after, m, safe_ms);
    storage_close(after.storage);
    dir_remove_all(after.folder, NULL);
    mem_free(d);
}

static void test_power(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct recorder r = {.count = 0};
    static struct progress progress[400];
    struct rng rng;
    struct error err;
    int rounds = 120, cuts = getenv("LAPWING_LONG") ? 1200 : 150;
    ino_t folders[2];
    rng_seed(&rng, 51);
    f->options.window_ms = 5 * 60000;
    syscall_context = &r;
    syscall_hook = record;
    open_store(f);
    for (int i = 0; i < rounds; i++) {
        scrape(f, m, &rng);
        if (i % 3 == 0)
            assert_int_equal(storage_sync(f->storage, &err), OK);
        progress[i] = (struct progress){r.count, i % 3 == 0 ? f->clock.now_ms - STEP_MS
                                                 : i        ? progress[i - 1].safe_ms
                                                            : 0};
    }
    syscall_hook = NULL;
    struct stat st;
    struct buf journal = BUF_INIT;
    buf_printf(&journal, "%s/journal", f->folder);
    assert_int_equal(stat(f->folder, &st), 0);
    folders[0] = st.st_ino;
    assert_int_equal(stat(buf_text(&journal), &st), 0);
    folders[1] = st.st_ino;
    for (int i = 0; i < cuts; i++) {
        size_t cut = rng_below(&rng, r.count);
        int64_t safe_ms = INT64_MIN;
        for (int k = 0; k < rounds && progress[k].changes <= cut; k++)
            safe_ms = progress[k].safe_ms;
        cut_once(f, &r, m, cut, safe_ms, folders, &rng);
    }
    print_message("%zu changes, %d cuts\n", r.count, cuts);
    buf_release(&journal);
    recorder_release(&r);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_power, setup, teardown),
    };
    return UNIT_RUN(tests);
}
