// Each call that changes a file fails in turn, the store's own and LMDB's, once or from there on for a
// while, for every reason a disk has. What was refused is nowhere, what was accepted is everywhere, also
// after reopening; queries answer all the while; once the disk is well everything goes on by itself.
#include "store_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "syscalls.h"

#define ROUNDS   20
#define STEP_MS  15000
#define CALL_MAX 2000 // no scenario makes so many

struct fault {
    int countdown; // calls until the fault
    int duration;  // calls that fail
    int number;    // errno or SYSCALL_SHORT
    bool hit;
};

static unsigned failed_kinds; // of enum syscall_kind, as bits

static int fail_from(void *context, const struct syscall_info *call)
{
    struct fault *f = context;
    // A file that isn't there yet needs no room to be removed, nor one to shrink.
    bool frees = call->kind == CALL_UNLINK || call->kind == CALL_TRUNCATE;
    if (frees && (f->number == ENOSPC || f->number == SYSCALL_SHORT))
        return 0;
    if (f->countdown-- > 0 || f->countdown < -f->duration - 1)
        return 0;
    f->hit = true;
    failed_kinds |= 1U << call->kind;
    if (f->number == SYSCALL_SHORT)
        return call->kind == CALL_WRITE && f->countdown == -1 ? SYSCALL_SHORT : ENOSPC;
    return f->number;
}

// Stores what it can, and keeps in the model what was accepted.
static void store_round(struct fixture *f, struct model *m, int round)
{
    struct appender *a = appender_new(f->storage);
    struct error err;
    double value = (double)(round * 37 % 100) / 4;
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        assert_int_equal(add(a, n, f->clock.now_ms, value + n), OK);
    int rc = appender_commit(a, true, &err);
    assert_true(rc == OK || rc == ERR_NO_SPACE || rc == ERR_IO);
    for (unsigned n = 0; n < SERIES_COUNT && rc == OK; n++)
        model_add(m, n, f->clock.now_ms, value + n);
    appender_free(a);
    storage_maintain(f->storage);
    clock_virtual_advance(&f->clock, STEP_MS);
}

static void check_resumed(struct fixture *f, struct model *m)
{
    size_t before = m->counts[0];
    for (int round = 0; round < 3; round++)
        store_round(f, m, round);
    assert_int_equal(m->counts[0], before + 3);
    check_range(f, m, INT64_MIN, INT64_MAX);
}

static bool run_with(struct fixture *f, struct model *m, struct fault *fault)
{
    syscall_context = fault;
    syscall_hook = fail_from;
    for (int round = 0; round < ROUNDS; round++) {
        store_round(f, m, round);
        if (fault->hit && round % 4 == 0)
            check_range(f, m, INT64_MIN, INT64_MAX);
    }
    syscall_hook = NULL;
    return fault->hit;
}

static void check_faults(struct fixture *f, int number, int duration)
{
    struct model *m = mem_calloc(1, sizeof(*m));
    bool hit = true;
    int n = 0;
    failed_kinds = 0;
    for (; hit; n++) {
        struct fault fault = {n, duration, number, false};
        assert_true(n < CALL_MAX);
        if (m->counts[0] > 3900) { // the model is full
            storage_close(f->storage);
            dir_remove_all(f->folder, NULL);
            memset(m, 0, sizeof(*m));
            open_store(f);
        }
        hit = run_with(f, m, &fault);
        check_resumed(f, m);
        storage_close(f->storage);
        open_store(f);
        check_range(f, m, INT64_MIN, INT64_MAX);
    }
    assert_true(failed_kinds >> CALL_RENAME & 1); // a window was being sealed
    print_message("%d calls failed in turn\n", n - 1);
    mem_free(m);
}

static void begin(struct fixture *f)
{
    f->options.window_ms = 2 * 60000;
    open_store(f);
}

static void test_no_space(void **state)
{
    begin(*state);
    check_faults(*state, ENOSPC, 1);
}

static void test_io_error(void **state)
{
    begin(*state);
    check_faults(*state, EIO, 1);
}

static void test_short_write(void **state)
{
    begin(*state);
    check_faults(*state, SYSCALL_SHORT, 1);
}

static void test_full_for_a_while(void **state)
{
    begin(*state);
    check_faults(*state, ENOSPC, 40);
}

static void test_read_only_for_a_while(void **state)
{
    begin(*state);
    check_faults(*state, EROFS, 40);
}

// With no byte left, what is past retention goes all the same, and what is kept is served.
static void test_retention_on_a_full_disk(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct storage_stats before, after;
    struct arena arena;
    arena_init(&arena, 0);
    begin(f);
    for (int round = 0; round < 60; round++)
        store_round(f, m, round);
    storage_stats(f->storage, &arena, &before);
    struct fault fault = {0, 1 << 30, ENOSPC, false};
    syscall_context = &fault;
    syscall_hook = fail_from;
    storage_set_retention(f->storage, 6 * 60000, 0);
    storage_maintain(f->storage);
    storage_stats(f->storage, &arena, &after);
    syscall_hook = NULL;
    assert_true(before.window_count > 3 && after.window_count < before.window_count);
    check_range(f, m, f->clock.now_ms - 5 * 60000, INT64_MAX);
    arena_release(&arena);
    mem_free(m);
}

// A disk on which a sync that fails loses what was written since the last one, and says so only once.
struct lossy_disk {
    int countdown; // syncs until those that fail
    int duration;
    bool hit;
    struct written {
        ino_t inode;
        off_t offset;
        size_t len;
    } writes[4096]; // not synced yet
    size_t count;
};

static ino_t inode_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void lose(int fd, const struct written *w)
{
    char path[64], *zeros = mem_calloc(1, w->len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int writable = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY, 0);
    assert_true(writable >= 0);
    assert_int_equal(syscall(SYS_pwrite64, writable, zeros, w->len, w->offset), w->len);
    close(writable);
    mem_free(zeros);
}

// The writes to the file are over: on the disk, or gone.
static void settle(struct lossy_disk *d, int fd, bool lost)
{
    ino_t inode = inode_of(fd);
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (d->writes[i].inode != inode)
            d->writes[kept++] = d->writes[i];
        else if (lost)
            lose(fd, &d->writes[i]);
    }
    d->count = kept;
}

static int lossy(void *context, const struct syscall_info *call)
{
    struct lossy_disk *d = context;
    if (call->kind == CALL_WRITE) {
        assert_true(d->count < 4096);
        d->writes[d->count++] = (struct written){inode_of(call->fd), call->offset, call->len};
    }
    if (call->kind != CALL_SYNC)
        return 0;
    bool fails = d->countdown-- <= 0 && d->countdown >= -d->duration;
    settle(d, call->fd, fails);
    d->hit |= fails;
    return fails ? EIO : 0;
}

// What the disk holds now, opened as after a power failure.
static void check_disk(const struct fixture *f, const struct model *m)
{
    struct fixture after = *f;
    char command[200];
    memcpy(after.folder, "/tmp/lapwing-lossy-XXXXXX", 26);
    assert_non_null(mkdtemp(after.folder));
    snprintf(command, sizeof(command), "cp -r %s/. %s", f->folder, after.folder);
    assert_int_equal(system(command), 0);
    after.options.path = after.folder;
    open_store(&after);
    check_all(&after, m);
    storage_close(after.storage);
    dir_remove_all(after.folder, NULL);
}

static bool lose_at(struct fixture *f, int countdown, int duration)
{
    struct lossy_disk *d = mem_calloc(1, sizeof(*d));
    struct model *m = mem_calloc(1, sizeof(*m));
    struct error err;
    d->countdown = countdown;
    d->duration = duration;
    open_store(f);
    syscall_context = d;
    syscall_hook = lossy;
    for (int round = 0; round < ROUNDS; round++)
        store_round(f, m, round);
    while (storage_sync(f->storage, &err))
        assert_true(d->countdown >= -duration);
    syscall_hook = NULL;
    check_disk(f, m);
    storage_close(f->storage);
    dir_remove_all(f->folder, NULL);
    bool hit = d->hit;
    mem_free(d);
    mem_free(m);
    return hit;
}

static void test_failed_syncs_lose_pages(void **state)
{
    struct fixture *f = *state;
    int n = 0;
    f->options.window_ms = 2 * 60000;
    while (lose_at(f, n, 1) && lose_at(f, n, 3))
        n++;
    assert_true(n > ROUNDS);
    open_store(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_space, setup, teardown),
        cmocka_unit_test_setup_teardown(test_io_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_write, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_only_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_syncs_lose_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_on_a_full_disk, setup, teardown),
    };
    return UNIT_RUN(tests);
}
