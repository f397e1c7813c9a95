#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compress.h"
#include "pack.h"
#include "unit.h"

static int temporary(void)
{
    char path[] = "/tmp/bench-pack-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

static int write_small(struct pack_totals *totals, unsigned rounds)
{
    struct workload w;
    struct error err;
    assert_int_equal(workload_find(&w, "A", &err), OK);
    w.hosts = 2;
    w.end_ms = INT64_C(1700006400000);
    w.span_ms = 10 * w.interval_ms;
    w.miss_share = 0;
    int fd = temporary();
    struct pack_options options = {.rounds = rounds, .quiet = true};
    assert_int_equal(pack_write(fd, &w, &options, totals, &err), OK);
    return fd;
}

static void test_frames_come_back(void **state)
{
    (void)state;
    struct pack_totals totals;
    struct pack *p;
    struct pack_frame frame;
    struct error err;
    int fd = write_small(&totals, 4);
    assert_int_equal(totals.samples, 2 * 880 * 10);
    assert_int_equal(totals.frames, 2 * 3);
    assert_int_equal(totals.series, 2 * 880);
    assert_int_equal(pack_open(&p, fd, &err), OK);
    close(fd);
    assert_int_equal(pack_totals(p)->samples, totals.samples);
    assert_int_equal(pack_totals(p)->bytes, totals.bytes);
    size_t position = 0, samples = 0, frames = 0;
    int64_t newest_ms[2] = {0};
    while (pack_next(p, &position, &frame)) {
        assert_in_range(frame.host, 0, 1);
        assert_true(frame.newest_ms > newest_ms[frame.host]);
        newest_ms[frame.host] = frame.newest_ms;
        samples += frame.sample_count;
        frames++;
        struct buf message = BUF_INIT;
        assert_int_equal(snappy_decode(frame.body, 64u << 20, &message), OK);
        assert_int_equal(message.ptr[0], 0x0a); // field 1, bytes: a time series
        buf_release(&message);
    }
    assert_int_equal(samples, totals.samples);
    assert_int_equal(frames, totals.frames);
    pack_close(p);
}

static void test_same_workload_same_bytes(void **state)
{
    (void)state;
    struct pack_totals totals;
    struct stat status;
    int a = write_small(&totals, 3), b = write_small(&totals, 3);
    assert_int_equal(fstat(a, &status), 0);
    char *left = malloc((size_t)status.st_size), *right = malloc((size_t)status.st_size);
    assert_int_equal(pread(a, left, (size_t)status.st_size, 0), status.st_size);
    assert_int_equal(pread(b, right, (size_t)status.st_size, 0), status.st_size);
    assert_memory_equal(left, right, (size_t)status.st_size);
    free(left);
    free(right);
    close(a);
    close(b);
}

static void check_refused(int fd, const char *text)
{
    struct pack *p;
    struct error err;
    assert_int_not_equal(pack_open(&p, fd, &err), OK);
    assert_string_equal(err.text, text);
    close(fd);
}

static void test_other_files_are_refused(void **state)
{
    (void)state;
    struct pack_totals totals;
    struct stat status;
    int fd = write_small(&totals, 10);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(ftruncate(fd, status.st_size - 1), 0);
    check_refused(fd, "the prepared data is cut off");
    fd = temporary();
    check_refused(fd, "the file of prepared data is empty");
    fd = temporary();
    assert_int_equal(write(fd, "LWBENCH9....", 12), 12);
    check_refused(fd, "no file that `lapwing-bench generate` wrote");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_come_back),
        cmocka_unit_test(test_same_workload_same_bytes),
        cmocka_unit_test(test_other_files_are_refused),
    };
    return UNIT_RUN(tests);
}
