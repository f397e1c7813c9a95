// The readers of Prometheus' files, piece by piece; whole folders are read in tests/e2e.
#include "unit.h"

#include "base/coding.h"
#include "base/compress.h"
#include "base/crc32c.h"
#include "base/rng.h"
#include "bulk_run.h"
#include "import_block.h"
#include "import_record.h"
#include "import_wal.h"
#include "model/sample.h"

static void test_crc32c(void **state)
{
    (void)state;
    char zeros[32] = {0}, ones[32];
    memset(ones, 0xff, sizeof(ones));
    // RFC 3720, B.4, and the usual check value.
    assert_int_equal(crc32c(0, STR("123456789")), 0xe3069283);
    assert_int_equal(crc32c(0, str_make(zeros, 32)), 0x8a9136aa);
    assert_int_equal(crc32c(0, str_make(ones, 32)), 0x62a8ab43);
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(
            crc32c(crc32c(0, str_first(STR("123456789"), cut)), str_skip(STR("123456789"), cut)),
            0xe3069283);
}

struct records {
    struct buf text; // sizes of the records, and a letter of each
};

static void note_record(void *context, struct str record)
{
    struct records *r = context;
    buf_printf(&r->text, "%zu%c ", record.len, record.len ? record.ptr[0] : '-');
}

static void put_fragment(struct buf *out, unsigned type, struct str bytes)
{
    char header[7] = {(char)type, (char)(bytes.len >> 8), (char)bytes.len};
    be32_put(header + 3, crc32c(0, bytes));
    buf_append(out, header, sizeof(header));
    buf_str(out, bytes);
}

static const char *read_segment(const struct buf *segment, struct records *r, size_t *sound)
{
    const char *why;
    buf_reset(&r->text);
    *sound = prom_wal_segment(buf_view(segment), note_record, r, &why);
    return why;
}

static void test_wal_fragments(void **state)
{
    (void)state;
    struct buf s = BUF_INIT, packed = BUF_INIT;
    struct records r = {BUF_INIT};
    size_t sound;
    put_fragment(&s, 1, STR("whole"));
    put_fragment(&s, 2, STR("fir"));
    put_fragment(&s, 3, STR("st to "));
    put_fragment(&s, 4, STR("last"));
    snappy_encode(STR("saaaaaaaaaaaaaaaaaaaaaaaaa"), &packed);
    put_fragment(&s, 1 | 8, buf_view(&packed));
    buf_reset(&packed);
    zstd_encode(STR("zaaaaaaaaaaaaaaaaaaaaaaaaa"), 3, &packed);
    put_fragment(&s, 1 | 16, buf_view(&packed));
    while (s.len % (32 << 10))
        buf_char(&s, 0);
    put_fragment(&s, 1, STR("next page"));
    size_t whole = s.len;
    assert_null(read_segment(&s, &r, &sound));
    assert_int_equal(sound, whole);
    assert_buf(&r.text, "5w 13f 26s 26z 9n ");
    buf_release(&packed);
    buf_release(&s);
    buf_release(&r.text);
}

static void test_wal_damage(void **state)
{
    (void)state;
    struct buf s = BUF_INIT;
    struct records r = {BUF_INIT};
    size_t sound;
    put_fragment(&s, 1, STR("whole"));
    size_t first = s.len;
    put_fragment(&s, 2, STR("begun"));
    assert_string_equal(read_segment(&s, &r, &sound), "the last record is not finished");
    assert_int_equal(sound, first);
    assert_buf(&r.text, "5w ");
    put_fragment(&s, 1, STR("other"));
    assert_string_equal(read_segment(&s, &r, &sound), "a record is not finished");
    buf_truncate(&s, first);
    put_fragment(&s, 3, STR("middle"));
    assert_string_equal(read_segment(&s, &r, &sound), "a record has no beginning");
    buf_truncate(&s, first);
    put_fragment(&s, 5, STR("x"));
    assert_string_equal(read_segment(&s, &r, &sound), "a fragment is of no known type");
    for (size_t i = 0; i < first; i++) {
        buf_truncate(&s, first);
        s.ptr[i] ^= 0x40;
        assert_non_null(read_segment(&s, &r, &sound));
        assert_int_equal(sound, 0);
        s.ptr[i] ^= 0x40;
    }
    buf_truncate(&s, first - 1);
    assert_string_equal(read_segment(&s, &r, &sound),
                        "a fragment reaches past its page or the file");
    buf_release(&s);
    buf_release(&r.text);
}

static void say_series(void *context, uint64_t ref, struct labels labels)
{
    buf_printf(context, "series %llu ", (unsigned long long)ref);
    labels_format(context, labels);
    buf_char(context, '\n');
}

static void say_sample(void *context, uint64_t ref, int64_t t_ms, double value)
{
    buf_printf(context, "sample %llu %lld %g\n", (unsigned long long)ref, (long long)t_ms, value);
}

static void say_deleted(void *context, uint64_t ref, int64_t min_ms, int64_t max_ms)
{
    buf_printf(context, "deleted %llu %lld %lld\n", (unsigned long long)ref, (long long)min_ms,
               (long long)max_ms);
}

static void say_metadata(void *context, uint64_t ref)
{
    buf_printf(context, "metadata %llu\n", (unsigned long long)ref);
}

static void say_other(void *context, unsigned type, uint64_t ref)
{
    buf_printf(context, "other %u %llu\n", type, (unsigned long long)ref);
}

static int decode(const struct buf *record, struct buf *out)
{
    const struct prom_record_sink sink = {out,         say_series,   say_sample,
                                          say_deleted, say_metadata, say_other};
    struct arena scratch;
    arena_init(&scratch, 0);
    int rc = prom_record_decode(buf_view(record), &scratch, &sink);
    arena_release(&scratch);
    return rc;
}

static void test_records(void **state)
{
    (void)state;
    struct buf r = BUF_INIT, out = BUF_INIT;
    buf_char(&r, PROM_SERIES);
    buf_be64(&r, 7);
    buf_varint(&r, 3);
    buf_sized(&r, STR("__name__"));
    buf_sized(&r, STR("up"));
    buf_sized(&r, STR("b"));
    buf_sized(&r, STR(""));
    buf_sized(&r, STR("a"));
    buf_sized(&r, STR("1"));
    assert_int_equal(decode(&r, &out), OK);
    assert_buf(&out, "series 7 up{a=\"1\"}\n");
    for (size_t len = 2; len < r.len; len++)
        assert_int_equal(decode(&(struct buf){.ptr = r.ptr, .len = len}, &out), ERR_CORRUPT);
    buf_reset(&out);
    buf_reset(&r);
    buf_char(&r, PROM_SAMPLES);
    buf_be64(&r, 7);
    buf_be64(&r, 1000);
    for (int i = 0; i < 2; i++) {
        buf_svarint(&r, -3 * i);
        buf_svarint(&r, 15000 * i);
        buf_be64(&r, double_bits(1.5 + i));
    }
    assert_int_equal(decode(&r, &out), OK);
    assert_buf(&out, "sample 7 1000 1.5\nsample 4 16000 2.5\n");
    r.len--;
    assert_int_equal(decode(&r, &out), ERR_CORRUPT);
    assert_buf(&out, "sample 7 1000 1.5\n");
    buf_reset(&r);
    buf_char(&r, PROM_TOMBSTONES);
    buf_be64(&r, 9);
    buf_svarint(&r, -5);
    buf_svarint(&r, 60);
    assert_int_equal(decode(&r, &out), OK);
    assert_buf(&out, "deleted 9 -5 60\n");
    buf_reset(&r);
    buf_char(&r, PROM_HISTOGRAMS);
    assert_int_equal(decode(&r, &out), OK);
    assert_buf(&out, "other 7 0\n");
    buf_be64(&r, 12);
    assert_int_equal(decode(&r, &out), OK);
    assert_buf(&out, "other 7 12\n");
    buf_release(&r);
    buf_release(&out);
}

static void test_block_meta(void **state)
{
    (void)state;
    struct prom_block_meta m;
    struct error err;
    assert_int_equal(
        prom_block_meta_parse(
            &m,
            STR("{\"ulid\":\"x\",\"minTime\":-5,\"maxTime\":1700000000000,\"version\":1,"
                "\"stats\":{\"numSamples\":12},\"compaction\":{\"level\":2,\"hints\":"
                "[\"from-out-of-order\"],\"deletable\":true,\"parents\":[{\"ulid\":"
                "\"01M7YHG5J5GZ26TZ75AKQCQWTR\"},{\"ulid\":\"short\"}]}}"),
            &err),
        OK);
    assert_int_equal(m.min_ms, -5);
    assert_int_equal(m.max_ms, 1700000000000);
    assert_int_equal(m.sample_count, 12);
    assert_true(m.late && m.deletable);
    assert_int_equal(m.parent_count, 1);
    assert_string_equal(m.parents[0], "01M7YHG5J5GZ26TZ75AKQCQWTR");
    prom_block_meta_release(&m);
    assert_int_equal(prom_block_meta_parse(&m, STR("{"), &err), ERR_CORRUPT);
    prom_block_meta_release(&m);
    assert_int_equal(prom_block_meta_parse(&m, STR("{\"version\":2}"), &err), ERR_UNSUPPORTED);
    prom_block_meta_release(&m);
    assert_int_equal(
        prom_block_meta_parse(&m, STR("{\"version\":1,\"minTime\":2,\"maxTime\":1}"), &err),
        ERR_CORRUPT);
    prom_block_meta_release(&m);
    assert_true(prom_block_name(STR("01M7YHG5J5GZ26TZ75AKQCQWTR")));
    assert_false(prom_block_name(STR("01M7YHG5J5GZ26TZ75AKQCQWTR.tmp-for-deletion")));
    assert_false(prom_block_name(STR("chunks_head")));
}

static void test_stones(void **state)
{
    (void)state;
    struct prom_stones s = {.items = NULL};
    struct columns c;
    columns_init(&c);
    columns_reserve(&c, 10);
    for (c.count = 0; c.count < 10; c.count++) {
        c.times_ms[c.count] = (int64_t)c.count * 10;
        c.values[c.count] = (double)c.count;
    }
    prom_stones_add(&s, (struct prom_stone){8, 0, 100});
    prom_stones_add(&s, (struct prom_stone){5, 40, 55});
    prom_stones_add(&s, (struct prom_stone){5, 90, 200});
    prom_stones_sort(&s);
    assert_int_equal(prom_stones_apply(&s, 6, &c, 0), 0);
    assert_int_equal(prom_stones_apply(&s, 5, &c, 2), 3);
    assert_int_equal(c.count, 7);
    assert_int_equal(c.times_ms[4], 60);
    assert_int_equal(prom_stones_apply(&s, 8, &c, 2), 5);
    assert_int_equal(c.count, 2);
    columns_release(&c);
    prom_stones_release(&s);
}

// What a run holds comes back in pieces as it was put in, bit by bit.
static void test_run(void **state)
{
    (void)state;
    struct rng rng;
    struct run run = {.count = 0};
    struct run_reader reader;
    struct columns c;
    uint64_t bits[2000];
    int64_t times_ms[2000], t_ms = -(INT64_C(1) << 60);
    rng_seed(&rng, 11);
    for (size_t i = 0; i < 2000; i++) {
        t_ms += 1 + (int64_t)(rng_u64(&rng) >> (rng_below(&rng, 36) + 28));
        times_ms[i] = t_ms;
        bits[i] = i % 3 ? rng_u64(&rng) : SAMPLE_STALE_BITS;
        run_append(&run, t_ms, double_from_bits(bits[i]));
    }
    columns_init(&c);
    run_reader_init(&reader, &run);
    run_read(&reader, times_ms[700], &c);
    assert_int_equal(c.count, 700);
    run_read(&reader, INT64_MAX, &c);
    assert_int_equal(c.count, 2000);
    for (size_t i = 0; i < c.count; i++) {
        assert_int_equal(c.times_ms[i], times_ms[i]);
        assert_true(double_bits(c.values[i]) == bits[i]);
    }
    columns_release(&c);
    run_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),     cmocka_unit_test(test_wal_fragments),
        cmocka_unit_test(test_wal_damage), cmocka_unit_test(test_records),
        cmocka_unit_test(test_block_meta), cmocka_unit_test(test_stones),
        cmocka_unit_test(test_run),
    };
    return UNIT_RUN(tests);
}
