// Arena, hash index, string map, heap and sort against naive models.
#include "unit.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sort.h"
#include "base/strmap.h"

static void test_arena(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0);
    char *first = arena_alloc(&a, 100);
    memset(first, 1, 100);
    char *large = arena_alloc(&a, 3 << 20);
    memset(large, 2, 3 << 20);
    int *numbers = NULL;
    size_t count = 0, capacity = 0;
    for (int i = 0; i < 10000; i++) {
        ARENA_GROW(&a, numbers, count, capacity);
        numbers[count++] = i;
    }
    for (int i = 0; i < 10000; i++)
        assert_int_equal(numbers[i], i);
    assert_str(arena_printf(&a, "%s-%d", "x", 5), "x-5");
    assert_int_equal(first[99], 1);
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    arena_alloc(&a, 10);
    arena_release(&a);
}

static void test_arena_limit(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1000);
    arena_alloc(&a, 900);
    assert_false(a.exceeded);
    assert_false(arena_fits(&a, 200));
    assert_non_null(arena_alloc(&a, 200));
    assert_true(a.exceeded);
    arena_reset(&a);
    assert_false(a.exceeded);
    arena_release(&a);
}

static bool equal_number(const void *context, uint32_t value, const void *key)
{
    return ((const uint64_t *)context)[value] == *(const uint64_t *)key;
}

// Hashes are cut to few values, so that long runs and wrapped ones occur.
static void test_hmap_model(void **state)
{
    (void)state;
    enum { KEYS = 500 };
    static uint64_t keys[KEYS];
    static bool present[KEYS];
    struct hmap map;
    struct rng rng;
    hmap_init(&map);
    rng_seed(&rng, 2);
    for (uint64_t i = 0; i < KEYS; i++)
        keys[i] = i;
    for (int step = 0; step < 50000; step++) {
        uint32_t k = (uint32_t)rng_below(&rng, KEYS);
        uint64_t hash = hash64(&keys[k], 8, 0) & 0x3f;
        uint32_t found = hmap_find(&map, hash, equal_number, keys, &keys[k]);
        assert_int_equal(found, present[k] ? k : HMAP_NONE);
        if (present[k])
            assert_true(hmap_remove(&map, hash, k));
        else
            hmap_insert(&map, hash, k);
        present[k] = !present[k];
    }
    hmap_release(&map);
}

static void test_strmap(void **state)
{
    (void)state;
    struct strmap map;
    strmap_init(&map);
    int values[3];
    assert_null(strmap_put(&map, STR("a"), &values[0]));
    assert_null(strmap_put(&map, STR("b"), &values[1]));
    assert_ptr_equal(strmap_put(&map, STR("a"), &values[2]), &values[0]);
    assert_ptr_equal(strmap_remove(&map, STR("a")), &values[2]);
    assert_null(strmap_get(&map, STR("a")));
    assert_ptr_equal(strmap_get(&map, STR("b")), &values[1]);
    assert_int_equal(map.count, 1);
    strmap_release(&map);
}

static void test_heap_model(void **state)
{
    (void)state;
    enum { NODES = 64 };
    static struct heap_node nodes[NODES];
    struct heap heap;
    struct rng rng;
    heap_init(&heap);
    rng_seed(&rng, 3);
    for (int i = 0; i < NODES; i++)
        heap_node_init(&nodes[i]);
    for (int step = 0; step < 20000; step++) {
        struct heap_node *node = &nodes[rng_below(&rng, NODES)];
        if (rng_below(&rng, 3))
            heap_set(&heap, node, (int64_t)rng_below(&rng, 1000));
        else
            heap_remove(&heap, node);
        int64_t least = INT64_MAX;
        for (int i = 0; i < NODES; i++) {
            if (nodes[i].index != HEAP_ABSENT && nodes[i].key < least)
                least = nodes[i].key;
        }
        const struct heap_node *min = heap_min(&heap);
        assert_true(min ? min->key == least : least == INT64_MAX);
    }
    heap_release(&heap);
}

// Few different ones, many, equal ones, all bits or few of them.
static void test_sort_model(void **state)
{
    (void)state;
    struct rng rng;
    uint64_t items[500], xors, sum;
    rng_seed(&rng, 11);
    for (unsigned round = 0; round < 640; round++) {
        size_t count = rng_below(&rng, COUNT_OF(items));
        uint64_t got_xors = xors = 0, got_sum = sum = 0;
        for (size_t i = 0; i < count; i++) {
            items[i] = rng_u64(&rng) >> round % 64;
            xors ^= items[i];
            sum += items[i] * items[i];
        }
        u64_sort(items, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(i == 0 || items[i - 1] <= items[i]);
            got_xors ^= items[i];
            got_sum += items[i] * items[i];
        }
        assert_true(got_xors == xors && got_sum == sum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),      cmocka_unit_test(test_arena_limit),
        cmocka_unit_test(test_hmap_model), cmocka_unit_test(test_strmap),
        cmocka_unit_test(test_heap_model), cmocka_unit_test(test_sort_model),
    };
    return UNIT_RUN(tests);
}
