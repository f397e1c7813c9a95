// Files and their faults, compression, encoded integers, metrics, logs, threads.
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/coding.h"
#include "base/compress.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/ticker.h"

static int make_folder(void **state)
{
    char template[] = "/tmp/lapwing-unit-XXXXXX";
    *state = mkdtemp(template) ? mem_copy_str(str_from(template)) : NULL;
    return *state ? 0 : -1;
}

static int drop_folder(void **state)
{
    int rc = dir_remove_all(*state, NULL);
    mem_free(*state);
    return rc;
}

static int fail_call(void *context, enum io_call call, const char *path)
{
    (void)path;
    return call == *(enum io_call *)context ? ENOSPC : 0;
}

static void test_atomic_write(void **state)
{
    struct buf path = BUF_INIT;
    struct buf content = BUF_INIT;
    struct error err;
    buf_printf(&path, "%s/a/b/file", (const char *)*state);
    const char *name = buf_text(&path);
    char *folder = mem_copy_str(str_first(buf_view(&path), path.len - 5));
    assert_int_equal(dir_create(folder, &err), OK);
    assert_int_equal(dir_create(folder, &err), OK);
    assert_int_equal(file_write_atomic(name, STR("one"), &err), OK);
    // Whatever call fails, the old content stays.
    for (enum io_call call = IO_OPEN; call <= IO_RENAME; call++) {
        io_fault_set(fail_call, &call);
        assert_int_equal(file_write_atomic(name, STR("two"), &err), ERR_NO_SPACE);
        io_fault_set(NULL, NULL);
        assert_int_equal(file_read(name, 100, &content, &err), OK);
        assert_buf(&content, "one");
    }
    assert_int_equal(file_read(name, 2, &content, &err), ERR_LIMIT);
    assert_int_equal(file_read("/nonexistent/x", 2, &content, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/x"));
    assert_int_equal(dir_create(name, &err), ERR_IO);
    mem_free(folder);
    buf_release(&path);
    buf_release(&content);
}

static void test_compression(void **state)
{
    (void)state;
    struct buf in = BUF_INIT, packed = BUF_INIT, out = BUF_INIT;
    for (int i = 0; i < 20000; i++)
        buf_printf(&in, "%d,", i % 100);
    gzip_compress(buf_view(&in), &packed);
    assert_true(packed.len < in.len / 10);
    assert_int_equal(gzip_decompress(buf_view(&packed), in.len, &out), OK);
    assert_true(str_eq(buf_view(&in), buf_view(&out)));
    buf_reset(&out);
    assert_int_equal(gzip_decompress(buf_view(&packed), in.len - 1, &out), ERR_LIMIT);
    buf_reset(&out);
    assert_int_equal(gzip_decompress(str_first(buf_view(&packed), 50), in.len, &out), ERR_CORRUPT);
    buf_reset(&packed);
    buf_reset(&out);
    snappy_encode(buf_view(&in), &packed);
    assert_int_equal(snappy_decode(buf_view(&packed), in.len, &out), OK);
    assert_true(str_eq(buf_view(&in), buf_view(&out)));
    assert_int_equal(snappy_decode(buf_view(&packed), in.len - 1, &out), ERR_LIMIT);
    assert_int_equal(snappy_decode(STR("\xff\xff\xff\xff\x0f"), SIZE_MAX, &out), ERR_CORRUPT);
    buf_reset(&packed);
    buf_reset(&out);
    zstd_encode(buf_view(&in), 3, &packed);
    assert_int_equal(zstd_decode(buf_view(&packed), in.len, &out), OK);
    assert_true(str_eq(buf_view(&in), buf_view(&out)));
    assert_int_equal(zstd_decode(STR("garbage"), in.len, &out), ERR_CORRUPT);
    // A frame without its size, as made from a stream: "hello hello hello hello".
    static const unsigned char stream[] = {0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x65, 0x00, 0x00,
                                           0x30, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x01, 0x00,
                                           0x99, 0x4b, 0x11, 0x17, 0x5e, 0xae, 0x0d};
    struct str unsized = str_make((const char *)stream, sizeof(stream));
    buf_reset(&out);
    assert_int_equal(zstd_decode(unsized, 23, &out), OK);
    assert_buf(&out, "hello hello hello hello");
    assert_int_equal(zstd_decode(unsized, 22, &out), ERR_LIMIT);
    assert_int_equal(zstd_decode(str_first(unsized, 20), 23, &out), ERR_CORRUPT);
    buf_reset(&out);
    buf_release(&in);
    buf_release(&packed);
    buf_release(&out);
}

static void test_coding(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 1, -1, 63, -64, 64, INT64_MAX, INT64_MIN};
    struct buf b = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(values); i++)
        buf_svarint(&b, values[i]);
    buf_be64(&b, 0x0102030405060708);
    buf_sized(&b, STR("text"));
    struct decoder d;
    decoder_init(&d, buf_view(&b));
    for (size_t i = 0; i < COUNT_OF(values); i++)
        assert_true(decode_svarint(&d) == values[i]);
    assert_true(decode_be64(&d) == 0x0102030405060708);
    assert_str(decode_sized(&d), "text");
    assert_false(d.failed);
    assert_int_equal(decode_u8(&d), 0);
    assert_true(d.failed);
    // A length that claims more than there is.
    decoder_init(&d, STR("\x05"
                         "ab"));
    assert_int_equal(decode_sized(&d).len, 0);
    assert_true(d.failed);
    buf_release(&b);
}

static void test_metrics(void **state)
{
    (void)state;
    static const double bounds[] = {0.5, 1};
    struct metrics *m = metrics_new();
    struct metric *c = metrics_counter(m, "lapwing_b_total", "Things.", "kind=\"x\"");
    assert_ptr_equal(c, metrics_counter(m, "lapwing_b_total", "Things.", "kind=\"x\""));
    metric_add(c, 2);
    metric_add_double(c, 0.5);
    metric_set(metrics_gauge(m, "lapwing_a", "Level.", ""), 7);
    struct metric *h = metrics_histogram(m, "lapwing_h_seconds", "Time.", "", bounds, 2);
    metric_observe(h, 0.25);
    metric_observe(h, 1);
    metric_observe(h, 5);
    struct buf b = BUF_INIT;
    metrics_render(m, &b);
    assert_buf(&b, "# HELP lapwing_a Level.\n# TYPE lapwing_a gauge\nlapwing_a 7\n"
                   "# HELP lapwing_b_total Things.\n# TYPE lapwing_b_total counter\n"
                   "lapwing_b_total{kind=\"x\"} 2.5\n"
                   "# HELP lapwing_h_seconds Time.\n# TYPE lapwing_h_seconds histogram\n"
                   "lapwing_h_seconds_bucket{le=\"0.5\"} 1\n"
                   "lapwing_h_seconds_bucket{le=\"1\"} 2\n"
                   "lapwing_h_seconds_bucket{le=\"+Inf\"} 3\n"
                   "lapwing_h_seconds_sum 6.25\nlapwing_h_seconds_count 3\n");
    buf_release(&b);
    metrics_free(m);
}

static void read_line(int fd, struct buf *out)
{
    char bytes[4096];
    ssize_t got = read(fd, bytes, sizeof(bytes));
    assert_true(got > 0);
    buf_append(out, bytes, (size_t)got);
}

static void test_log(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct buf line = BUF_INIT;
    log_fd_set(ends[1]);
    log_request_id_set(STR("req-1"));
    log_info("a message", LOG_CSTR("path", "/x y"), LOG_INT("n", -3), LOG_DOUBLE("d", 0.5));
    log_debug("not shown");
    read_line(ends[0], &line);
    assert_non_null(strstr(buf_text(&line), " level=info source=test_system.c:"));
    assert_non_null(
        strstr(buf_text(&line), " msg=\"a message\" path=\"/x y\" n=-3 d=0.5 request_id=req-1\n"));
    buf_reset(&line);
    log_configure(LOG_JSON, LOG_WARN);
    log_info("dropped");
    log_error("bad\nline", LOG_INT("n", 1));
    read_line(ends[0], &line);
    assert_non_null(strstr(buf_text(&line), "\"level\":\"error\",\"source\":\"test_system.c:"));
    assert_non_null(strstr(buf_text(&line), "\"msg\":\"bad\\nline\",\"n\":1,"
                                            "\"request_id\":\"req-1\"}\n"));
    log_configure(LOG_LOGFMT, LOG_INFO);
    log_request_id_set(STR(""));
    log_fd_set(2);
    buf_release(&line);
    close(ends[0]);
    close(ends[1]);
}

static void count_task(void *argument)
{
    atomic_fetch_add((atomic_size_t *)argument, 1);
}

static void test_pool(void **state)
{
    (void)state;
    atomic_size_t sum = 0;
    struct pool *p = pool_new("unit", 3, 4);
    size_t taken = 0;
    for (int i = 0; i < 100; i++)
        taken += pool_submit(p, count_task, &sum) == OK;
    pool_free(p);
    assert_int_equal(sum, taken);
}

struct ticks {
    atomic_int count;
    struct ticker *ticker;
};

static int64_t tick(void *context, int64_t now_ms)
{
    (void)now_ms;
    struct ticks *ticks = context;
    return atomic_fetch_add(&ticks->count, 1) < 5 ? 0 : 3600 * 1000;
}

static void test_ticker(void **state)
{
    (void)state;
    struct ticks ticks = {0};
    struct ticker *t = ticker_start("unit", &clock_system, tick, &ticks);
    while (atomic_load(&ticks.count) < 6)
        usleep(100);
    ticker_wake(t);
    while (atomic_load(&ticks.count) < 7)
        usleep(100);
    ticker_stop(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_atomic_write, make_folder, drop_folder),
        cmocka_unit_test(test_compression),
        cmocka_unit_test(test_coding),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_ticker),
    };
    return UNIT_RUN(tests);
}
