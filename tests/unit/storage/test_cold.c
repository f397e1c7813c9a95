// The codecs of windows: what is encoded comes back to the bit, whatever it is, whole and in parts;
// damaged bytes are refused or give wrong numbers, but do nothing else.
#include "unit.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "cold_times.h"
#include "cold_values.h"
#include "model/sample.h"

#define COUNT_MAX 3000

typedef double shape_fn(struct rng *rng, size_t i, double last);

static double shape_constant(struct rng *rng, size_t i, double last)
{
    (void)rng;
    return i ? last : 0.1;
}

static double shape_counter(struct rng *rng, size_t i, double last)
{
    return i && rng_below(rng, 200) ? last + (double)rng_below(rng, 50) * 512 : 0;
}

static double shape_decimal(struct rng *rng, size_t i, double last)
{
    (void)i;
    return round((last + (double)rng_below(rng, 1000) / 100) * 100) / 100;
}

static double shape_gauge(struct rng *rng, size_t i, double last)
{
    (void)i;
    (void)last;
    return (double)rng_below(rng, 1000) / 8;
}

static double shape_noise(struct rng *rng, size_t i, double last)
{
    (void)i;
    (void)last;
    return double_from_bits(rng_u64(rng));
}

static double shape_mixed(struct rng *rng, size_t i, double last)
{
    static const double odd[] = {0.0,   -0.0,   INFINITY, -INFINITY,
                                 1e300, 5e-324, 0x1p53,   -0x1p53 - 2};
    if (rng_below(rng, 20) == 0)
        return odd[rng_below(rng, 8)];
    if (rng_below(rng, 20) == 0)
        return rng_below(rng, 2) ? sample_stale() : double_from_bits(SAMPLE_NAN_BITS);
    return isfinite(last) && fabs(last) < 1e6 ? last + 1 : (double)i;
}

static shape_fn *const SHAPES[] = {shape_constant, shape_counter, shape_decimal,
                                   shape_gauge,    shape_noise,   shape_mixed};

struct stream {
    struct buf heads, bits;
};

static struct stream encode(const double *values, size_t count)
{
    struct stream s = {BUF_INIT, BUF_INIT};
    cold_values_encode(values, count, &s.heads, &s.bits);
    memset(buf_reserve(&s.bits, BITS_PADDING), 0xff, BITS_PADDING);
    return s;
}

static struct cold_stream view_of(const struct stream *s)
{
    return (struct cold_stream){buf_view(&s->heads), buf_view(&s->bits)};
}

static void stream_release(struct stream *s)
{
    buf_release(&s->heads);
    buf_release(&s->bits);
}

static void check_part(struct cold_stream stream, const double *values, size_t count, size_t from,
                       size_t part)
{
    double *out = mem_calloc(part, sizeof(*out));
    assert_int_equal(cold_values_decode(stream, count, from, part, out), OK);
    assert_memory_equal(out, values + from, part * sizeof(*out));
    mem_free(out);
}

// Of each value it is right whether it is a marker.
static void check_markers(struct cold_stream stream, const double *values, size_t count,
                          size_t from, size_t part)
{
    double *out = mem_calloc(part, sizeof(*out));
    assert_int_equal(cold_markers_decode(stream, count, from, part, out), OK);
    for (size_t i = 0; i < part; i++)
        assert_int_equal(sample_is_stale(out[i]), sample_is_stale(values[from + i]));
    mem_free(out);
}

static void round_trip(struct rng *rng, const double *values, size_t count)
{
    struct stream s = encode(values, count);
    check_part(view_of(&s), values, count, 0, count);
    for (size_t i = 0; i < 8; i++) {
        size_t from = rng_below(rng, count), part = 1 + rng_below(rng, count - from);
        check_part(view_of(&s), values, count, from, part);
        check_markers(view_of(&s), values, count, from, part);
    }
    stream_release(&s);
}

static void test_values_come_back(void **state)
{
    (void)state;
    struct rng rng;
    double values[COUNT_MAX];
    rng_seed(&rng, 1);
    for (unsigned round = 0; round < 300; round++) {
        size_t count = 1 + rng_below(&rng, COUNT_MAX), at = 0;
        // Changes its nature now and then.
        while (at < count) {
            shape_fn *shape = SHAPES[rng_below(&rng, 6)];
            size_t end = at + 1 + rng_below(&rng, count);
            for (; at < count && at < end; at++)
                values[at] = shape(&rng, at, at ? values[at - 1] : 0);
        }
        round_trip(&rng, values, count);
    }
}

static size_t encoded_size(shape_fn *shape, size_t count)
{
    struct rng rng;
    double values[COUNT_MAX];
    rng_seed(&rng, 2);
    for (size_t i = 0; i < count; i++)
        values[i] = shape(&rng, i, i ? values[i - 1] : 0);
    struct stream s = encode(values, count);
    size_t size = s.heads.len + s.bits.len;
    stream_release(&s);
    return size;
}

// Bits, not bytes: 50 steps of a counter, 1,000 of a decimal, 1,000 offsets.
static void test_decimals_are_small(void **state)
{
    (void)state;
    assert_true(encoded_size(shape_constant, 2000) <= 3);
    assert_true(encoded_size(shape_counter, 2000) < 2000 * 7 / 8);
    assert_true(encoded_size(shape_decimal, 2000) < 2000 * 21 / 16);
    assert_true(encoded_size(shape_gauge, 2000) < 2000 * 21 / 16);
    assert_true(encoded_size(shape_noise, 2000) < 2000 * 8 + 100);
}

static void make_times(struct rng *rng, int64_t *times_ms, size_t count)
{
    int64_t t = (int64_t)rng_below(rng, 1000000) - 500000;
    bool jitter = rng_below(rng, 2);
    for (size_t i = 0; i < count; i++) {
        times_ms[i] = t;
        t += 15000 + (jitter ? (int64_t)rng_below(rng, 9) - 4 : 0);
        if (rng_below(rng, 300) == 0)
            t += (int64_t)rng_below(rng, INT64_C(1) << 40);
    }
}

static void check_times(const struct window_span *span, struct str column, const int64_t *times_ms,
                        size_t count)
{
    int64_t out[COUNT_MAX];
    struct slice_times t;
    size_t from = 0;
    for (uint32_t slice = 0; slice < span->slice_count; slice++) {
        assert_int_equal(cold_times_find(span, column, slice, &t), OK);
        assert_true(t.count <= count - from);
        assert_int_equal(cold_times_decode(&t, out), OK);
        assert_memory_equal(times_ms + from, out, t.count * sizeof(*out));
        for (size_t i = 0; i < t.count; i++) {
            assert_true(out[i] >= slice_start_ms(span, slice));
            assert_true(out[i] < slice_start_ms(span, slice + 1));
        }
        from += t.count;
    }
    assert_int_equal(from, count);
}

static void test_times_come_back(void **state)
{
    (void)state;
    struct rng rng;
    int64_t times_ms[COUNT_MAX], out[COUNT_MAX];
    struct slice_times t;
    rng_seed(&rng, 3);
    for (unsigned round = 0; round < 300; round++) {
        struct buf b = BUF_INIT;
        size_t count = 1 + rng_below(&rng, COUNT_MAX);
        make_times(&rng, times_ms, count);
        struct window_span span = {times_ms[0] - (int64_t)rng_below(&rng, 2) * 100000,
                                   times_ms[count - 1] + 1 + (int64_t)rng_below(&rng, 100000), 1,
                                   false, 1 + (uint32_t)rng_below(&rng, 24)};
        cold_times_encode(&span, times_ms, count, &b);
        check_times(&span, buf_view(&b), times_ms, count);
        // Whatever the damage: an answer, and no other time than within the slice's bytes.
        b.ptr[rng_below(&rng, b.len)] ^= (char)(1 + rng_below(&rng, 255));
        for (uint32_t slice = 0; slice < span.slice_count; slice++) {
            if (cold_times_find(&span, buf_view(&b), slice, &t) == OK && t.count <= COUNT_MAX)
                cold_times_decode(&t, out);
        }
        assert_int_equal(cold_times_find(&span, str_first(buf_view(&b), 0), 0, &t), ERR_CORRUPT);
        buf_release(&b);
    }
}

static void test_damage_does_no_harm(void **state)
{
    (void)state;
    struct rng rng;
    double values[COUNT_MAX], out[COUNT_MAX];
    rng_seed(&rng, 4);
    for (unsigned round = 0; round < 2000; round++) {
        size_t count = 1 + rng_below(&rng, 1500);
        shape_fn *shape = SHAPES[rng_below(&rng, 6)];
        for (size_t i = 0; i < count; i++)
            values[i] = shape(&rng, i, i ? values[i - 1] : 0);
        struct stream s = encode(values, count);
        struct buf *damaged = s.bits.len && rng_below(&rng, 2) ? &s.bits : &s.heads;
        damaged->ptr[rng_below(&rng, damaged->len)] ^= (char)(1 + rng_below(&rng, 255));
        int rc = cold_values_decode(view_of(&s), count, 0, count, out);
        assert_true(rc == OK || rc == ERR_CORRUPT);
        struct cold_stream cut = {str_first(view_of(&s).heads, 0), view_of(&s).bits};
        assert_int_equal(cold_values_decode(cut, count, 0, count, out), ERR_CORRUPT);
        stream_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_come_back),
        cmocka_unit_test(test_decimals_are_small),
        cmocka_unit_test(test_times_come_back),
        cmocka_unit_test(test_damage_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
