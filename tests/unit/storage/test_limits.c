// Past a limit new series are refused, known ones go on, and the log says so once.
#include "store_fixture.h"

#include <fcntl.h>
#include <unistd.h>

static size_t count_lines(const char *path, const char *text)
{
    struct buf bytes = BUF_INIT;
    struct error err;
    size_t count = 0;
    assert_int_equal(file_read(path, 1 << 20, &bytes, &err), OK);
    struct str rest = buf_view(&bytes), line;
    while (str_next(&rest, '\n', &line))
        count += str_search(line, str_from(text)) < line.len;
    buf_release(&bytes);
    return count;
}

// Adds series until one is refused; returns how many there are then.
static unsigned fill(struct appender *a, int64_t t_ms)
{
    unsigned n = 0;
    while (n < 200000 && add(a, n, t_ms, n) == OK)
        n++;
    assert_int_equal(add(a, n, t_ms, 1), ERR_LIMIT);
    assert_int_equal(add(a, n + 1, t_ms, 1), ERR_LIMIT);
    commit(a);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(add(a, i, t_ms + 15000, i), OK);
    commit(a);
    return n;
}

static void check_limit(struct fixture *f, unsigned at_least, unsigned at_most)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/log", f->folder);
    int fd = open(buf_text(&path), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    open_store(f);
    struct appender *a = appender_new(f->storage);
    log_fd_set(fd);
    unsigned count = fill(a, START_MS);
    log_fd_set(-1);
    assert_in_range(count, at_least, at_most);
    assert_int_equal(count_lines(buf_text(&path), "new series are refused"), 1);
    struct metric *refused =
        metrics_counter(f->metrics, "lapwing_storage_series_refused_total",
                        "New series refused by a limit on series or memory.", "");
    assert_true(metric_value(refused) == 3);
    appender_free(a);
    close(fd);
    buf_release(&path);
}

static void test_series(void **state)
{
    struct fixture *f = *state;
    f->options.series_max = 10;
    check_limit(f, 10, 10);
}

static void test_memory(void **state)
{
    struct fixture *f = *state;
    f->options.memory_limit = 8 << 20;
    check_limit(f, 15000, 60000);
}

// Whatever the limit, samples do not take more than their part of it for long.
static void test_samples_are_sealed(void **state)
{
    struct fixture *f = *state;
    struct storage_stats stats;
    struct arena arena;
    f->options.memory_limit = 4 << 20;
    open_store(f);
    arena_init(&arena, 0);
    struct appender *a = appender_new(f->storage);
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 100; i++) {
        for (unsigned n = 0; n < 1500; n++)
            assert_int_equal(add(a, n, f->clock.now_ms, rng_double(&rng)), OK);
        commit(a);
        storage_maintain(f->storage);
        clock_virtual_advance(&f->clock, 15000);
    }
    storage_stats(f->storage, &arena, &stats);
    assert_true(stats.window_count > 0);
    assert_int_equal(stats.head_series, 1500);
    appender_free(a);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_series, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_samples_are_sealed, setup, teardown),
    };
    return UNIT_RUN(tests);
}
