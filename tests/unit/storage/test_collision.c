// Two label sets of one hash, made on purpose, stay two series: in the head, in windows, in merged
// files, and where one source has only the one and another only the other.
#include "store_fixture.h"

#include "base/hash.h"

// The first eight bytes of XXH3's secret. A text of 32 bytes that begins with them, plus the seed,
// multiplies what comes next with zero: the eight bytes behind don't count.
#define SECRET UINT64_C(0xbe4ba423396cfeb8)

struct twins {
    char salt[16];
    char texts[2][33];
};

static struct labels twin(struct arena *a, const struct twins *t, size_t which)
{
    struct label *items = arena_array(a, 2, sizeof(*items));
    items[0] = (struct label){STR("salt"), str_from(t->salt)};
    items[1] = (struct label){STR("z"), str_make(t->texts[which], 32)};
    return (struct labels){items, 2};
}

static bool is_ascii(uint64_t word)
{
    return (word & UINT64_C(0x8080808080808080)) == 0 && (word & 0xff);
}

// Salts are tried until the bytes are text.
static void make_twins(struct twins *t)
{
    struct arena a;
    uint64_t word = 0;
    for (int i = 0; !is_ascii(word); i++) {
        snprintf(t->salt, sizeof(t->salt), "%d", i);
        struct label first = {STR_INIT("salt"), str_from(t->salt)};
        word = SECRET + hash64("z", 1, labels_hash((struct labels){&first, 1}));
    }
    for (int i = 0; i < 2; i++) {
        memset(t->texts[i], 'x', 32);
        memcpy(t->texts[i], &word, 8);
        memset(t->texts[i] + 8, i ? 'b' : 'a', 8);
    }
    arena_init(&a, 0);
    struct labels one = twin(&a, t, 0), two = twin(&a, t, 1);
    assert_false(labels_eq(one, two));
    assert_int_equal(labels_hash(one), labels_hash(two));
    arena_release(&a);
}

static void store(struct fixture *f, const struct twins *t, size_t which, size_t count)
{
    struct appender *a = appender_new(f->storage);
    struct arena arena;
    series_ref ref;
    arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(appender_series(a, twin(&arena, t, which), &ref), OK);
        assert_int_equal(appender_add(a, ref, f->clock.now_ms, (double)which), OK);
        commit(a);
        storage_maintain(f->storage);
        clock_virtual_advance(&f->clock, 15000);
    }
    appender_free(a);
    arena_release(&arena);
}

// All samples of a twin have its number as value.
static void expect(struct fixture *f, size_t first_count, size_t second_count)
{
    size_t wanted[] = {first_count, second_count}, seen[2] = {0};
    struct querier *q;
    struct series_set set;
    struct matcher all;
    struct arena arena;
    struct columns c;
    struct error err;
    arena_init(&arena, 0);
    columns_init(&c);
    assert_int_equal(matcher_init(&all, MATCH_REGEX, STR("z"), STR(".+"), &err), OK);
    assert_int_equal(querier_new(&q, f->storage, INT64_MIN, INT64_MAX, &err), OK);
    assert_int_equal(querier_select(q, &all, 1, INT64_MIN, INT64_MAX, &arena, &set, &err), OK);
    assert_int_equal(set.count, (first_count > 0) + (second_count > 0));
    for (size_t i = 0; i < set.count; i++) {
        size_t which = labels_get(set.labels[i], STR("z")).ptr[8] == 'b';
        c.count = 0;
        assert_int_equal(querier_read(q, set.series[i], INT64_MIN, INT64_MAX, &c, &err), OK);
        for (size_t k = 0; k < c.count; k++)
            assert_true(c.values[k] == (double)which);
        seen[which] += c.count;
    }
    assert_memory_equal(seen, wanted, sizeof(seen));
    querier_free(q);
    matcher_release(&all);
    columns_release(&c);
    arena_release(&arena);
}

static void test_twins(void **state)
{
    struct fixture *f = *state;
    struct twins t;
    make_twins(&t);
    f->options.window_ms = HOUR_MS / 4;
    open_store(f);
    store(f, &t, 0, 100);
    expect(f, 100, 0);
    // The second in the head only, the first in windows; then both in some.
    store(f, &t, 1, 10);
    expect(f, 100, 10);
    store(f, &t, 1, 200);
    store(f, &t, 0, 200);
    expect(f, 300, 210);
    storage_close(f->storage);
    open_store(f);
    expect(f, 300, 210);
    // Windows of two hours are merged meanwhile.
    store(f, &t, 0, 1000);
    store(f, &t, 1, 1000);
    expect(f, 1300, 1210);
    storage_close(f->storage);
    open_store(f);
    expect(f, 1300, 1210);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_twins, setup, teardown),
    };
    return UNIT_RUN(tests);
}
