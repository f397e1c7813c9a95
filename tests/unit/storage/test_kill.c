// A process that stores, seals and merges is killed at any moment, again and again. When its folder is
// opened, every batch that it was told is stored is there, the last one before the kill whole or not at
// all, and nothing else.
//
// LAPWING_LONG in the environment: hundreds of kills.
#include "store_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_MS INT64_C(15000)

// Shared with the child: how many rounds it was told are stored.
static _Atomic int *acknowledged;

static double value_of(unsigned n, int round)
{
    return n == 0 ? 42 : n == 1 ? round / 7 : (double)(round * (int)n % 1000) / 8;
}

static bool is_sampled(unsigned n, int round)
{
    return (round * 31 + (int)n * 7) % 10 != 0;
}

static int64_t time_of(int round)
{
    return START_MS + round * STEP_MS;
}

static void store_round(struct fixture *f, int round)
{
    struct appender *a = appender_new(f->storage);
    struct error err;
    f->clock.now_ms = time_of(round);
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        if (is_sampled(n, round))
            assert_int_equal(add(a, n, time_of(round), value_of(n, round)), OK);
    }
    assert_int_equal(appender_commit(a, true, &err), OK);
    appender_free(a);
}

// Never returns: the parent kills it.
static void run_child(struct fixture *f, int round)
{
    alarm(60);
    open_store(f);
    for (;; round++) {
        store_round(f, round);
        atomic_store(acknowledged, round + 1);
        storage_maintain(f->storage);
        clock_virtual_advance(&f->clock, STEP_MS);
    }
}

// The rounds [0, count) of a series, and no other.
static void check_rounds(struct querier *q, const struct series_set *set, size_t at, int count)
{
    struct columns c;
    struct error err;
    uint64_t n;
    size_t next = 0;
    columns_init(&c);
    assert_true(str_to_u64(labels_get(set->labels[at], STR("n")), &n));
    assert_int_equal(querier_read(q, set->series[at], INT64_MIN, INT64_MAX, &c, &err), OK);
    for (int round = 0; round < count; round++) {
        if (!is_sampled((unsigned)n, round))
            continue;
        assert_true(next < c.count && c.times_ms[next] == time_of(round));
        assert_true(c.values[next] == value_of((unsigned)n, round));
        next++;
    }
    assert_int_equal(next, c.count);
    columns_release(&c);
}

// How many rounds there are: those of the series that has the newest sample.
static int find_count(struct querier *q, const struct series_set *set)
{
    struct columns c;
    struct error err;
    int64_t newest_ms = time_of(-1);
    columns_init(&c);
    for (size_t i = 0; i < set->count; i++) {
        assert_int_equal(querier_read(q, set->series[i], INT64_MIN, INT64_MAX, &c, &err), OK);
        if (c.count && c.times_ms[c.count - 1] > newest_ms)
            newest_ms = c.times_ms[c.count - 1];
    }
    columns_release(&c);
    return (int)((newest_ms - START_MS) / STEP_MS) + 1;
}

// Returns how many rounds survived.
static int check_survivors(struct fixture *f)
{
    struct querier *q;
    struct series_set set;
    struct arena arena;
    open_store(f);
    arena_init(&arena, 0);
    q = select_all(f->storage, INT64_MIN, INT64_MAX, &arena, &set);
    int count = find_count(q, &set), told = atomic_load(acknowledged);
    assert_in_range(count, told, told + 1);
    for (size_t i = 0; i < set.count; i++)
        check_rounds(q, &set, i, count);
    querier_free(q);
    arena_release(&arena);
    storage_close(f->storage);
    f->storage = NULL;
    return count;
}

static void kill_once(struct fixture *f, int round, unsigned wait_us)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_child(f, round);
    usleep(wait_us);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_kill(void **state)
{
    struct fixture *f = *state;
    struct rng rng;
    int kills = getenv("LAPWING_LONG") ? 600 : 40, round = 0;
    rng_seed(&rng, 41);
    f->options.window_ms = 4 * 60000;
    f->options.future_limit_ms = 0;
    f->options.retention_ms = 0;
    acknowledged = mmap(NULL, sizeof(*acknowledged), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(acknowledged != MAP_FAILED);
    for (int i = 0; i < kills; i++) {
        kill_once(f, round, 3000 + (unsigned)rng_below(&rng, 60000));
        round = check_survivors(f);
        atomic_store(acknowledged, round);
        if (round > 20000) { // the checks grow with the data
            dir_remove_all(f->folder, NULL);
            round = 0;
            atomic_store(acknowledged, 0);
        }
    }
    print_message("%d kills, %d rounds\n", kills, round);
    munmap((void *)acknowledged, sizeof(*acknowledged));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
    };
    return UNIT_RUN(tests);
}
