// What a line of a scraped body costs: read for the first time, recognised the next time, and
// taken all the way into a store in memory. Bodies are shaped as a node exporter's: 1,000 samples in
// 200 families, two thirds of the values constant.
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "target.h"

#define FAMILY_COUNT 200
#define SERIES_COUNT 1000
#define ROUND_COUNT  400
#define TARGET_COUNT 10
#define START_MS     INT64_C(1700006400000)
#define STEP_MS      INT64_C(15000)

static int64_t now_ns(void)
{
    return clock_mono_ns(&clock_system);
}

static void make_body(struct buf *out, unsigned round)
{
    struct rng rng;
    buf_reset(out);
    rng_seed(&rng, round);
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        unsigned family = n / (SERIES_COUNT / FAMILY_COUNT);
        if (n % (SERIES_COUNT / FAMILY_COUNT) == 0)
            buf_printf(out,
                       "# HELP node_family_%u_bytes_total Bytes of the kind %u since the start.\n"
                       "# TYPE node_family_%u_bytes_total counter\n",
                       family, family, family);
        buf_printf(out,
                   "node_family_%u_bytes_total{cpu=\"%u\",device=\"device-%u\",mode=\"idle\"} ",
                   family, n % 8, n);
        if (n % 3)
            buf_printf(out, "%u\n", n * 37);
        else
            buf_printf(out, "%u.%02u\n", 1000 * n + 17 * round, (unsigned)rng_below(&rng, 100));
    }
}

static void read_cold(struct str body)
{
    struct arena arena;
    struct exposition x;
    struct exposition_entry e;
    struct error err;
    arena_init(&arena, 0);
    exposition_init(&x, body, EXPOSITION_TEXT, &arena);
    while (exposition_next(&x, &e, &err) == OK) {
        struct labels_builder set;
        arena_reset(&arena);
        if (e.kind != EXPOSITION_SAMPLE)
            continue;
        labels_builder_init(&set, &arena, (struct labels){0});
        if (exposition_labels(e.series, &set, &err))
            abort();
    }
    arena_release(&arena);
}

struct expected {
    size_t len;
    uint64_t hash;
    bool comment;
};

static size_t learn(struct str body, struct expected *lines)
{
    struct arena arena;
    struct exposition x;
    struct exposition_entry e;
    struct error err;
    size_t count = 0;
    arena_init(&arena, 0);
    exposition_init(&x, body, EXPOSITION_TEXT, &arena);
    while (exposition_next(&x, &e, &err) == OK)
        lines[count++] = (struct expected){e.series.len, e.hash, e.kind != EXPOSITION_SAMPLE};
    arena_release(&arena);
    return count;
}

static void read_known(struct str body, const struct expected *lines)
{
    struct arena arena;
    struct exposition x;
    struct exposition_entry e;
    struct error err;
    arena_init(&arena, 0);
    exposition_init(&x, body, EXPOSITION_TEXT, &arena);
    for (size_t i = 0;; i++) {
        x.hint.series_len = lines[i].comment ? 0 : lines[i].len;
        x.hint.series_hash = lines[i].hash;
        x.hint.comment_len = lines[i].comment ? (uint32_t)lines[i].len : 0;
        x.hint.comment_hash = (uint32_t)lines[i].hash;
        if (exposition_next(&x, &e, &err) != OK)
            break;
        if (e.kind == EXPOSITION_SAMPLE ? !e.known : e.kind != EXPOSITION_REPEATED)
            abort();
    }
    arena_release(&arena);
}

static void bench_reading(void)
{
    struct buf body = BUF_INIT;
    static struct expected lines[SERIES_COUNT + 2 * FAMILY_COUNT + 1];
    make_body(&body, 0);
    size_t count = learn(buf_view(&body), lines);
    int64_t start_ns = now_ns();
    for (int i = 0; i < ROUND_COUNT; i++)
        read_cold(buf_view(&body));
    int64_t cold_ns = now_ns() - start_ns;
    start_ns = now_ns();
    for (int i = 0; i < ROUND_COUNT; i++)
        read_known(buf_view(&body), lines);
    int64_t known_ns = now_ns() - start_ns;
    printf(
        "scrape_parse  read anew %.0f ns a line, recognised %.1f ns a line (%.0f bytes a line)\n",
        (double)cold_ns / ROUND_COUNT / (double)count,
        (double)known_ns / ROUND_COUNT / (double)count, (double)body.len / (double)count);
    buf_release(&body);
}

struct run {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct scrape_metrics scrape_metrics;
    struct scrape_context context;
    struct target *targets[TARGET_COUNT];
};

static void run_init(struct run *r, const struct scrape_config *config)
{
    struct storage_options options;
    struct error err;
    clock_virtual_init(&r->clock, START_MS);
    r->metrics = metrics_new();
    storage_options_init(&options);
    options.clock = &r->clock.clock;
    options.metrics = r->metrics;
    if (storage_open(&r->storage, &options, &err))
        abort();
    scrape_metrics_init(&r->scrape_metrics, r->metrics);
    r->context = (struct scrape_context){appender_new(r->storage), metadata_pool_new(), config,
                                         &r->scrape_metrics};
    for (int i = 0; i < TARGET_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof(name), "host-%d:9100", i);
        const struct label labels[] = {{STR_INIT("instance"), str_from(name)},
                                       {STR_INIT("job"), STR_INIT("node")}};
        r->targets[i] =
            target_new(NULL, (struct labels){labels, 2}, (struct labels){0}, STR("http://h/"), 1);
    }
}

static void run_release(struct run *r)
{
    for (int i = 0; i < TARGET_COUNT; i++)
        target_free(r->targets[i], r->context.metadata);
    appender_free(r->context.appender);
    metadata_pool_free(r->context.metadata);
    storage_close(r->storage);
    metrics_free(r->metrics);
}

static void scrape_all(struct run *r, struct str body)
{
    for (int i = 0; i < TARGET_COUNT; i++) {
        struct scrape_answer answer = {
            .t_ms = r->clock.now_ms, .format = EXPOSITION_TEXT, .body = body};
        target_answer(r->targets[i], &r->context, &answer);
        if (r->targets[i]->health != TARGET_UP)
            abort();
    }
    clock_virtual_advance(&r->clock, STEP_MS);
}

static void bench_scraping(void)
{
    static const struct scrape_config config = {.honor_timestamps = true};
    struct run r;
    struct buf body = BUF_INIT;
    int64_t first_ns = 0, rest_ns = 0;
    run_init(&r, &config);
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        make_body(&body, round);
        int64_t start_ns = now_ns();
        scrape_all(&r, buf_view(&body));
        *(round ? &rest_ns : &first_ns) += now_ns() - start_ns;
    }
    double samples = (double)TARGET_COUNT * SERIES_COUNT;
    printf(
        "scrape_target %.0f ns a sample of a new target, then %.0f ns (into a store in memory)\n",
        (double)first_ns / samples, (double)rest_ns / samples / (ROUND_COUNT - 1));
    run_release(&r);
    buf_release(&body);
}

int main(void)
{
    log_fd_set(-1);
    bench_reading();
    bench_scraping();
    return 0;
}
