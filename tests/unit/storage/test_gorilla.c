// The codec against what was put in: shapes of real series, extremes, noise, and damaged bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/error.h"
#include "base/rng.h"
#include "plain_chunk.h"

// The naive reference: samples as they came.
struct reference {
    struct sample samples[GORILLA_SAMPLES_MAX];
    size_t count;
};

static bool append_both(struct plain_chunk *g, struct reference *ref, int64_t t_ms, double value)
{
    if (!plain_chunk_append(g, t_ms, value))
        return false;
    ref->samples[ref->count++] = (struct sample){t_ms, value};
    return true;
}

static void check_decode(struct str bytes, const struct reference *ref)
{
    int64_t times[GORILLA_SAMPLES_MAX];
    double values[GORILLA_SAMPLES_MAX];
    assert_int_equal(gorilla_decode(bytes, times, values), ref->count);
    for (size_t i = 0; i < ref->count; i++) {
        assert_int_equal(times[i], ref->samples[i].t_ms);
        assert_true(double_bits(values[i]) == double_bits(ref->samples[i].value));
    }
}

static void check(struct plain_chunk *g, const struct reference *ref)
{
    struct str bytes = plain_chunk_bytes(g);
    // An exact copy on the heap, so that a sanitizer sees a read past the end.
    char *copy = malloc(bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    assert_true(bytes.len <= GORILLA_BYTES_MAX);
    check_decode(str_make(copy, bytes.len), ref);
    free(copy);
}

static double shape_constant(int i)
{
    (void)i;
    return 42;
}

static double shape_counter(int i)
{
    return 1e6 + 17 * i;
}

static double shape_decimal(int i)
{
    return (i % 37 + 350) / 100.0;
}

static double shape_computed(int i)
{
    return 1.0 / (i + 3);
}

static double shape_special(int i)
{
    static const uint64_t bits[] = {SAMPLE_STALE_BITS,
                                    SAMPLE_NAN_BITS,
                                    UINT64_C(0x7ff0000000000000),
                                    UINT64_C(0xfff0000000000000),
                                    0,
                                    UINT64_C(0x8000000000000000),
                                    1,
                                    UINT64_C(0xffffffffffffffff)};
    return double_from_bits(bits[i % 8]);
}

static double shape_outlier(int i)
{
    return i == 10 ? 3.14159e200 : i % 2;
}

static void test_shapes(void **state)
{
    (void)state;
    const struct {
        const char *name;
        double (*value)(int i);
        size_t size_max;
    } cases[] = {
        {"constant", shape_constant, 18 + 5},
        {"counter", shape_counter, 18 + 4 + 119 * 7 / 8 + 1},
        {"decimal", shape_decimal, 18 + 4 + 119 * 9 / 8 + 20},
        {"computed", shape_computed, 1100},
        {"special", shape_special, GORILLA_BYTES_MAX},
        {"outlier", shape_outlier, 110},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct plain_chunk g;
        struct reference ref = {.count = 0};
        plain_chunk_init(&g);
        for (int i = 0; i < GORILLA_SAMPLES_MAX; i++)
            assert_true(
                append_both(&g, &ref, INT64_C(1700000000000) + 15000 * i, cases[c].value(i)));
        assert_false(plain_chunk_append(&g, INT64_MAX, 0));
        if (plain_chunk_bytes(&g).len > cases[c].size_max)
            fail_msg("%s: %zu bytes", cases[c].name, plain_chunk_bytes(&g).len);
        check(&g, &ref);
    }
}

static void test_every_length(void **state)
{
    (void)state;
    struct plain_chunk g;
    struct reference ref = {.count = 0};
    plain_chunk_init(&g);
    for (int i = 0; i < GORILLA_SAMPLES_MAX; i++) {
        assert_true(append_both(&g, &ref, 1000 * i + i % 7, i * 0.1));
        check(&g, &ref);
    }
}

static void test_extreme_times(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, INT64_MIN + 66,
                                    INT64_MIN + UINT32_MAX, INT64_MIN + (INT64_C(1) << 33)};
    struct plain_chunk g;
    struct reference ref = {.count = 0};
    plain_chunk_init(&g);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]) - 1; i++)
        assert_true(append_both(&g, &ref, times[i], (double)i));
    assert_false(append_both(&g, &ref, times[4], 4));
    check(&g, &ref);
    plain_chunk_init(&g);
    ref.count = 0;
    assert_true(append_both(&g, &ref, INT64_MAX - 1, 1));
    assert_true(append_both(&g, &ref, INT64_MAX, 1));
    check(&g, &ref);
}

// Each edge of the time codes, from both sides.
static void test_time_codes(void **state)
{
    (void)state;
    static const int64_t edges[] = {63, 64, 65, 8191, 8192, 8193, 524287, 524288, 524289};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            struct plain_chunk g;
            struct reference ref = {.count = 0};
            int64_t step = 1000000;
            plain_chunk_init(&g);
            append_both(&g, &ref, 0, 1);
            append_both(&g, &ref, step, 1);
            append_both(&g, &ref, 2 * step + sign * edges[i], 1);
            check(&g, &ref);
        }
    }
}

static double random_value(struct rng *rng)
{
    switch (rng_below(rng, 4)) {
    case 0:
        return (double)rng_below(rng, 100);
    case 1:
        return rng_double(rng);
    case 2:
        return (double)rng_below(rng, 1000000) / 100;
    default:
        return double_from_bits(rng_u64(rng));
    }
}

static int64_t random_step(struct rng *rng)
{
    static const uint64_t bounds[] = {1, 3, 100, 20000, UINT64_C(1) << 22, UINT32_MAX};
    return 1 + (int64_t)rng_below(rng, bounds[rng_below(rng, 6)]);
}

static void test_random(void **state)
{
    (void)state;
    struct rng rng;
    struct plain_chunk g;
    rng_seed(&rng, 1);
    plain_chunk_init(&g);
    for (int round = 0; round < 500; round++) {
        struct reference ref = {.count = 0};
        int64_t t = (int64_t)rng_u64(&rng) / 4;
        size_t want = 1 + rng_below(&rng, GORILLA_SAMPLES_MAX);
        while (ref.count < want && append_both(&g, &ref, t, random_value(&rng)))
            t += random_step(&rng);
        assert_int_equal(ref.count, want);
        check(&g, &ref);
        plain_chunk_init(&g);
    }
}

// Alternates XORs that need all 64 bits with narrower ones that are worth a window of their own.
static void test_noise_fits(void **state)
{
    (void)state;
    struct rng rng;
    struct plain_chunk g;
    struct reference ref = {.count = 0};
    int64_t t = 0;
    uint64_t bits = 0;
    rng_seed(&rng, 2);
    plain_chunk_init(&g);
    while (append_both(&g, &ref, t, double_from_bits(bits))) {
        t += (int64_t)rng_below(&rng, UINT32_MAX) + 1;
        bits ^= ref.count % 2 ? UINT64_C(0x8000000000000001) : UINT64_C(0x0008000000000001);
    }
    assert_int_equal(ref.count, GORILLA_SAMPLES_MAX);
    check(&g, &ref);
}

// Decimals of every exponent, growing, with what is no decimal between.
static void test_decimals(void **state)
{
    (void)state;
    static const double odd[] = {-0.0, 1.0 / 3, 9007199254740993.0, INFINITY, NAN};
    struct rng rng;
    rng_seed(&rng, 3);
    for (int round = 0; round < 200; round++) {
        struct plain_chunk g;
        struct reference ref = {.count = 0};
        double scale = 1;
        plain_chunk_init(&g);
        for (int i = 0; i < GORILLA_SAMPLES_MAX; i++) {
            double value = (double)((int64_t)rng_below(&rng, UINT64_C(1) << rng_below(&rng, 50)) -
                                    (int64_t)rng_below(&rng, 1000)) /
                           scale;
            scale *= rng_below(&rng, 20) == 0 && scale < 1e9 ? 10 : 1;
            if (rng_below(&rng, 12) == 0)
                value = odd[rng_below(&rng, round % 2 ? 5 : 1)];
            assert_true(append_both(&g, &ref, i * 5000, value));
        }
        check(&g, &ref);
    }
}

// Runs of every length, at the end and before another value.
static void test_runs(void **state)
{
    (void)state;
    for (int run = 1; run < GORILLA_SAMPLES_MAX - 2; run++) {
        struct plain_chunk g;
        struct reference ref = {.count = 0};
        plain_chunk_init(&g);
        for (int i = 0; i < run + 2; i++)
            append_both(&g, &ref, i * 1000, 5);
        check(&g, &ref);
        append_both(&g, &ref, (run + 2) * 1000, 6);
        check(&g, &ref);
    }
}

// Every cut and every flipped bit: an error or some samples, never a crash or a time going back.
static void check_damaged(struct str bytes)
{
    int64_t times[GORILLA_SAMPLES_MAX];
    double values[GORILLA_SAMPLES_MAX];
    int count = gorilla_decode(bytes, times, values);
    assert_true(count == ERR_CORRUPT || (count > 0 && count <= GORILLA_SAMPLES_MAX));
    for (int i = 1; i < count; i++)
        assert_true(times[i] > times[i - 1]);
}

static void test_damage(void **state)
{
    (void)state;
    struct plain_chunk g;
    plain_chunk_init(&g);
    for (int i = 0; i < 50; i++)
        plain_chunk_append(&g, 15000 * i + i % 3, shape_decimal(i));
    struct str whole = plain_chunk_bytes(&g);
    for (size_t len = 0; len < whole.len; len++) {
        char *copy = malloc(len + 1);
        int64_t times[GORILLA_SAMPLES_MAX];
        double values[GORILLA_SAMPLES_MAX];
        memcpy(copy, whole.ptr, len);
        assert_int_equal(gorilla_decode(str_make(copy, len), times, values), ERR_CORRUPT);
        free(copy);
    }
    char *copy = malloc(whole.len);
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        memcpy(copy, whole.ptr, whole.len);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (0x80 >> bit % 8));
        check_damaged(str_make(copy, whole.len));
    }
    free(copy);
}

static void test_empty(void **state)
{
    (void)state;
    struct plain_chunk g;
    plain_chunk_init(&g);
    int64_t times[GORILLA_SAMPLES_MAX];
    double values[GORILLA_SAMPLES_MAX];
    assert_int_equal(gorilla_decode(plain_chunk_bytes(&g), times, values), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_extreme_times), cmocka_unit_test(test_time_codes),
        cmocka_unit_test(test_random),        cmocka_unit_test(test_noise_fits),
        cmocka_unit_test(test_decimals),      cmocka_unit_test(test_runs),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
