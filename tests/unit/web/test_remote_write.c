// Remote write messages: good ones, odd ones, broken ones.
#include "unit.h"

#include "remote_write.h"
#include "web/proto.h"

static void two_series(void **state)
{
    (void)state;
    struct buf message = BUF_INIT, series = BUF_INIT;
    struct remote_write w;
    struct labels labels;
    struct error err;
    proto_label(&series, "__name__", "up");
    proto_label(&series, "job", "a");
    proto_sample(&series, 1000, 1.5);
    proto_sample(&series, -2000, sample_stale());
    proto_series(&message, &series);
    proto_bytes(&message, 3, STR("metadata")); // skipped
    proto_label(&series, "z", "1");            // unsorted, with an empty value
    proto_label(&series, "a", "");
    proto_label(&series, "__name__", "m");
    proto_bytes(&series, 3, STR("exemplar"));
    proto_bytes(&series, 4, STR("histogram"));
    proto_bytes(&series, 9, STR("unknown"));
    proto_series(&message, &series);

    remote_write_init(&w, buf_view(&message));
    assert_int_equal(remote_write_next(&w, &err), OK);
    assert_int_equal(remote_write_labels(&w, &labels, &err), OK);
    assert_int_equal(labels.count, 2);
    assert_true(str_is(labels_get(labels, STR("job")), "a"));
    assert_int_equal(w.sample_count, 2);
    assert_int_equal(w.samples[0].t_ms, 1000);
    assert_true(w.samples[0].value == 1.5);
    assert_int_equal(w.samples[1].t_ms, -2000);
    assert_true(sample_is_stale(w.samples[1].value));
    assert_int_equal(remote_write_next(&w, &err), OK);
    assert_int_equal(remote_write_labels(&w, &labels, &err), OK);
    assert_int_equal(labels.count, 2);
    assert_true(str_is(labels.items[0].name, "__name__"));
    assert_true(str_is(labels.items[1].name, "z"));
    assert_int_equal(w.sample_count, 0);
    assert_int_equal(w.exemplar_count, 1);
    assert_int_equal(w.histogram_count, 1);
    assert_int_equal(remote_write_next(&w, &err), ERR_END);
    remote_write_release(&w);
    buf_release(&message);
    buf_release(&series);
}

static void wrong_labels(void **state)
{
    (void)state;
    static const struct {
        const char *names[3];
        const char *fault;
    } cases[] = {
        {{"job", NULL}, "no metric name"},
        {{NULL}, "no metric name"},
        {{"__name__", "a", "a"}, "a label name twice"},
        {{"__name__", "", NULL}, "empty label name"},
        {{"__name__", "\xff", NULL}, "no UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf message = BUF_INIT, series = BUF_INIT;
        struct remote_write w;
        struct labels labels;
        struct error err;
        for (int k = 0; k < 3 && cases[i].names[k]; k++)
            proto_label(&series, cases[i].names[k], "v");
        proto_series(&message, &series);
        remote_write_init(&w, buf_view(&message));
        assert_int_equal(remote_write_next(&w, &err), OK);
        assert_int_equal(remote_write_labels(&w, &labels, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, cases[i].fault));
        remote_write_release(&w);
        buf_release(&message);
        buf_release(&series);
    }
}

// Decodes to the end; the code of the last call.
static int decode_all(struct str bytes)
{
    struct remote_write w;
    struct error err;
    int rc;
    remote_write_init(&w, bytes);
    while ((rc = remote_write_next(&w, &err)) == OK)
        continue;
    remote_write_release(&w);
    return rc;
}

static void broken_messages(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        int rc;
    } cases[] = {
        {STR_INIT(""), ERR_END},
        {STR_INIT("\x0a\x00"), ERR_END},                     // an empty series
        {STR_INIT("\x0a"), ERR_INVALID},                     // no length
        {STR_INIT("\x0a\x05"), ERR_INVALID},                 // cut
        {STR_INIT("\x0a\x02\x0a\x05"), ERR_INVALID},         // cut inside
        {STR_INIT("\x08\x01"), ERR_INVALID},                 // series as a varint
        {STR_INIT("\x0a\x02\x08\x01"), ERR_INVALID},         // label as a varint
        {STR_INIT("\x0a\x04\x0a\x02\x08\x01"), ERR_INVALID}, // name as a varint
        {STR_INIT("\x0a\x04\x12\x02\x08\x01"), ERR_INVALID}, // value of a sample as a varint
        {STR_INIT("\x00"), ERR_INVALID},                     // field 0
        {STR_INIT("\x0b"), ERR_INVALID},                     // a group
        {STR_INIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ERR_INVALID},
        {STR_INIT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ERR_INVALID}, // huge length
        {STR_INIT("\x28\x07\x35\x01\x02\x03\x04\x39\x01\x02\x03\x04\x05\x06\x07\x08"), ERR_END},
        {STR_INIT("\x35\x01\x02\x03"), ERR_INVALID},
        {STR_INIT("not protobuf at all"), ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(decode_all(cases[i].bytes), cases[i].rc);
}

static void every_cut_is_refused_or_ends(void **state)
{
    (void)state;
    struct buf message = BUF_INIT, series = BUF_INIT;
    proto_label(&series, "__name__", "up");
    proto_sample(&series, 1700000000000, 42);
    proto_series(&message, &series);
    for (size_t len = 1; len < message.len; len++)
        assert_int_equal(decode_all(str_make(message.ptr, len)), ERR_INVALID);
    assert_int_equal(decode_all(buf_view(&message)), ERR_END);
    buf_release(&message);
    buf_release(&series);
}

static void label_count_is_limited(void **state)
{
    (void)state;
    struct buf message = BUF_INIT, series = BUF_INIT;
    for (int i = 0; i <= REMOTE_WRITE_LABELS_MAX; i++)
        proto_label(&series, "a", "b");
    proto_series(&message, &series);
    assert_int_equal(decode_all(buf_view(&message)), ERR_INVALID);
    buf_release(&message);
    buf_release(&series);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_series),
        cmocka_unit_test(wrong_labels),
        cmocka_unit_test(broken_messages),
        cmocka_unit_test(every_cut_is_refused_or_ends),
        cmocka_unit_test(label_count_is_limited),
    };
    return UNIT_RUN(tests);
}
