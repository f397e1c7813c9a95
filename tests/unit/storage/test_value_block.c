// Blocks: streams come back in their order, equal ones are stored once, damage is refused.
#include "unit.h"

#include "base/rng.h"
#include "value_block.h"

#define VALUES 40

struct fixture {
    struct block_writer writer;
    struct zstd_encoder *encoder;
    struct zstd_decoder *decoder;
    struct buf stored;
    struct index_block entry;
    struct block_values values;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.encoder = zstd_encoder_new(3), .decoder = zstd_decoder_new()};
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    block_writer_release(&f->writer);
    block_values_release(&f->values);
    zstd_encoder_free(f->encoder);
    zstd_decoder_free(f->decoder);
    buf_release(&f->stored);
    return 0;
}

// The values of series `id`: every third is like the one two before.
static void make_values(unsigned id, double *out)
{
    struct rng rng;
    rng_seed(&rng, id % 3 == 2 ? id - 2 : id);
    for (size_t i = 0; i < VALUES; i++)
        out[i] = (double)rng_below(&rng, 1000) / 4;
}

static void finish(struct fixture *f)
{
    buf_reset(&f->stored);
    block_writer_finish(&f->writer, f->encoder, &f->stored, &f->entry);
}

static int read_back(struct fixture *f)
{
    struct str stored = buf_view(&f->stored);
    return block_sum_holds(stored, &f->entry)
               ? block_values_read(&f->values, stored, &f->entry, f->decoder)
               : ERR_CORRUPT;
}

static void fill(struct fixture *f, unsigned first, unsigned count)
{
    double values[VALUES];
    for (unsigned id = first; id < first + count; id++) {
        make_values(id, values);
        block_writer_add(&f->writer, values, VALUES);
    }
}

static void check(struct fixture *f, unsigned first, unsigned count)
{
    double wanted[VALUES], got[VALUES];
    assert_int_equal(read_back(f), OK);
    assert_int_equal(f->entry.first_series, first);
    assert_int_equal(f->values.count, count);
    for (unsigned i = 0; i < count; i++) {
        make_values(first + i, wanted);
        assert_int_equal(cold_values_decode(f->values.streams[i], VALUES, 0, VALUES, got), OK);
        assert_memory_equal(got, wanted, sizeof(got));
    }
}

static void test_streams_come_back(void **state)
{
    struct fixture *f = *state;
    fill(f, 0, 100);
    finish(f);
    check(f, 0, 100);
    fill(f, 100, 7);
    finish(f);
    check(f, 100, 7);
}

static void test_equal_streams_are_stored_once(void **state)
{
    struct fixture *f = *state;
    fill(f, 0, 2);
    finish(f);
    size_t two = f->stored.len;
    fill(f, 0, 3);
    finish(f);
    assert_true(f->stored.len <= two + 2);
}

static void test_fills_up(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < BLOCK_SERIES_MAX; i++) {
        assert_false(block_writer_is_full(&f->writer));
        block_writer_add(&f->writer, NULL, 0);
    }
    assert_true(block_writer_is_full(&f->writer));
    finish(f);
    assert_int_equal(read_back(f), OK);
    assert_int_equal(f->values.count, BLOCK_SERIES_MAX);
    assert_int_equal(f->values.streams[BLOCK_SERIES_MAX - 1].heads.len, 0);
}

static void test_damage_is_refused(void **state)
{
    struct fixture *f = *state;
    fill(f, 0, 20);
    finish(f);
    for (size_t i = 0; i < f->stored.len; i += 7) {
        f->stored.ptr[i] ^= 4;
        assert_int_equal(read_back(f), ERR_CORRUPT);
        f->stored.ptr[i] ^= 4;
    }
    assert_int_equal(read_back(f), OK);
    f->entry.head_size++;
    assert_int_equal(read_back(f), ERR_CORRUPT);
    f->entry.head_size--;
    f->entry.bit_size = (uint32_t)f->stored.len + 1;
    assert_int_equal(read_back(f), ERR_CORRUPT);
}

static int read_heads(struct fixture *f, struct str heads)
{
    buf_reset(&f->stored);
    zstd_encoder_run(f->encoder, heads, &f->stored);
    f->entry = (struct index_block){.head_size = (uint32_t)heads.len,
                                    .sum = hash64(f->stored.ptr, f->stored.len, 0)};
    return read_back(f);
}

static void test_wrong_references_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(read_heads(f, str_make("\x00\x03", 2)), OK);
    assert_int_equal(read_heads(f, str_make("\x03", 1)), ERR_CORRUPT);         // before the first
    assert_int_equal(read_heads(f, str_make("\x00\x01", 2)), ERR_CORRUPT);     // itself
    assert_int_equal(read_heads(f, str_make("\x02\x01\x20", 3)), ERR_CORRUPT); // no such bits
    assert_int_equal(read_heads(f, str_make("\x04\x00\x20", 3)), ERR_CORRUPT); // cut heads
    assert_int_equal(read_heads(f, str_make("\x02\x00\x20\x05", 4)), ERR_CORRUPT); // two back
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_streams_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal_streams_are_stored_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fills_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_references_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
