// The coding of samples in the journal: what comes back, and what it costs.
#include "unit.h"

#include "base/rng.h"
#include "journal_frame.h"
#include "journal_record.h"
#include "model/sample.h"

static const uint64_t SPECIAL[] = {
    0,
    UINT64_C(0x8000000000000000),
    SAMPLE_STALE_BITS,
    SAMPLE_NAN_BITS,
    UINT64_C(0x7ff0000000000000),
    UINT64_C(0xfff0000000000000),
    1,
    UINT64_MAX,
    UINT64_C(0x433fffffffffffff), // 2^53 - 1
    UINT64_C(0x4340000000000000), // 2^53
    UINT64_C(0xc340000000000001),
    UINT64_C(0x3ff0000000000000), // 1
    UINT64_C(0x3fb999999999999a), // 0.1
    UINT64_C(0x3fb999999999999b),
    UINT64_C(0xbf50624dd2f1a9fc), // -0.001
};

static size_t round_trip(uint64_t before, uint64_t bits)
{
    struct buf out = BUF_INIT;
    struct sample_coder coder = {0};
    struct decoder d;
    struct coded c;
    coder_put(&out, &coder, 1, 0, before, bits);
    decoder_init(&d, buf_view(&out));
    coder = (struct sample_coder){0};
    assert_true(coder_get(&d, &coder, &c));
    assert_int_equal(c.id, 1);
    assert_int_equal(c.run, 1);
    assert_true(coded_value(&c, before) == bits);
    assert_int_equal(decoder_left(&d), 0);
    size_t size = out.len;
    buf_release(&out);
    return size;
}

static void test_special_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(SPECIAL); i++) {
        for (size_t k = 0; k < COUNT_OF(SPECIAL); k++)
            assert_in_range(round_trip(SPECIAL[i], SPECIAL[k]), 1, 11);
    }
}

static void test_random_values(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 31);
    for (int i = 0; i < 20000; i++) {
        double scale = rng_below(&rng, 2) ? 1 : 1000;
        double a = (double)((int64_t)rng_u64(&rng) >> rng_below(&rng, 60)) / scale;
        double b = (double)((int64_t)rng_u64(&rng) >> rng_below(&rng, 60)) / scale;
        round_trip(double_bits(a), double_bits(b));
        round_trip(double_bits(a), rng_u64(&rng));
    }
}

static void test_sizes(void **state)
{
    (void)state;
    const struct {
        double before;
        double value;
        size_t size;
    } cases[] = {
        {42, 42, 1},           {1e6, 1e6 + 17, 2},   {1e6, 1e6 + 1000, 3}, {12.34, 12.35, 2},
        {12.34, 56.78, 4},     {0, 0.25, 3},         {-0.5, 0.5, 3},       {1e300, 1e300, 1},
        {3.25e10, 3.25e10, 1}, {99999.9, 100000, 3}, {1, -1, 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        size_t size = round_trip(double_bits(cases[i].before), double_bits(cases[i].value));
        if (size > cases[i].size)
            fail_msg("%g -> %g takes %zu bytes", cases[i].before, cases[i].value, size);
    }
}

static void test_runs(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct sample_coder coder = {0};
    struct decoder d;
    struct coded c;
    size_t seen = 0;
    buf_char(&out, 0);
    for (uint32_t id = 0; id < 1000; id++)
        coder_put(&out, &coder, id, 15000, double_bits(7), double_bits(id == 500 ? 8 : 7));
    assert_in_range(out.len, 35, 45);
    decoder_init(&d, str_skip(buf_view(&out), 1));
    coder = (struct sample_coder){0};
    while (decoder_left(&d)) {
        assert_true(coder_get(&d, &coder, &c));
        assert_int_equal(c.id, seen);
        assert_int_equal(c.t_ms, 15000);
        assert_true(coded_value(&c, double_bits(7)) == double_bits(seen == 500 ? 8 : 7));
        seen += c.run;
    }
    assert_int_equal(seen, 1000);
    buf_release(&out);
}

static void test_bad_input(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *bytes;
        size_t len;
    } cases[] = {
        {"nothing", "", 0},
        {"a run of changed values", "\x1b\x01", 2},
        {"a run at another time", "\x0d\x02", 2},
        {"an unknown value code", "\xfb\x01", 2},
        {"no step", "\x06", 1},
        {"no value", "\x03", 1},
        {"a cut value", "\x03\x80", 2},
        {"a number too large", "\x06\xfe\xff\xff\xff\x1f", 6},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct decoder d;
        struct sample_coder coder = {0};
        struct coded c;
        decoder_init(&d, str_make(cases[i].bytes, cases[i].len));
        if (coder_get(&d, &coder, &c))
            fail_msg("%s was accepted", cases[i].what);
    }
}

static void test_records(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    enum record_type type;
    struct str payload;
    size_t start = record_begin(&out, RECORD_SAMPLES);
    buf_cstr(&out, "abc");
    record_end(&out, start);
    struct str rest = buf_view(&out);
    assert_true(record_next(&rest, &type, &payload));
    assert_int_equal(type, RECORD_SAMPLES);
    assert_str(payload, "abc");
    assert_false(record_next(&rest, &type, &payload));
    for (size_t len = 0; len < out.len; len++) {
        rest = str_first(buf_view(&out), len);
        assert_false(record_next(&rest, &type, &payload));
    }
    buf_release(&out);
}

static void check_frame(struct str text, bool packed)
{
    struct buf out = BUF_INIT, buffer = BUF_INIT;
    struct frame f;
    struct str records;
    struct zstd_encoder *encoder = zstd_encoder_new(1);
    struct zstd_decoder *decoder = zstd_decoder_new();
    frame_put(&out, encoder, 0, 300, text);
    assert_true(frame_find(buf_view(&out), 0, &f));
    assert_int_equal(f.packed, packed);
    assert_int_equal(f.declared, 300);
    assert_true(frame_records(&f, decoder, &buffer, &records) && str_eq(records, text));
    for (size_t len = 0; len < out.len; len++)
        assert_false(frame_find(str_first(buf_view(&out), len), 0, &f));
    for (size_t bit = 0; bit < out.len * 8; bit++) {
        out.ptr[bit / 8] = (char)(out.ptr[bit / 8] ^ 1 << bit % 8);
        assert_false(frame_find(buf_view(&out), 0, &f));
        out.ptr[bit / 8] = (char)(out.ptr[bit / 8] ^ 1 << bit % 8);
    }
    zstd_encoder_free(encoder);
    zstd_decoder_free(decoder);
    buf_release(&buffer);
    buf_release(&out);
}

static void test_frames(void **state)
{
    (void)state;
    check_frame(STR("short"), false);
    check_frame(STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_special_values), cmocka_unit_test(test_random_values),
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_runs),
        cmocka_unit_test(test_bad_input),      cmocka_unit_test(test_records),
        cmocka_unit_test(test_frames),
    };
    return UNIT_RUN(tests);
}
