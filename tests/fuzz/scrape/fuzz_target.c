// Scrapes of any bodies, one after another: nothing breaks, the cache keeps its invariants, and the
// last scrape leaves what it leaves to a target that never saw the others.
//
// Bodies are separated by a NUL byte; an empty one is a failed scrape.
#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "target.h"

#define START_MS INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bench {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct metadata_pool *metadata;
    struct scrape_metrics scrape_metrics;
    struct scrape_context context;
};

static void bench_init(struct bench *b, const struct scrape_config *config)
{
    struct storage_options options;
    struct error err;
    clock_virtual_init(&b->clock, START_MS);
    b->metrics = metrics_new();
    storage_options_init(&options);
    options.clock = &b->clock.clock;
    options.metrics = b->metrics;
    options.series_max = 100;
    log_fd_set(-1);
    assert(storage_open(&b->storage, &options, &err) == OK);
    b->metadata = metadata_pool_new();
    scrape_metrics_init(&b->scrape_metrics, b->metrics);
    b->context =
        (struct scrape_context){appender_new(b->storage), b->metadata, config, &b->scrape_metrics};
}

static void bench_release(struct bench *b)
{
    metadata_pool_free(b->metadata);
    appender_free(b->context.appender);
    storage_close(b->storage);
    metrics_free(b->metrics);
}

static struct target *make_target(const char *instance)
{
    const struct label label = {STR_INIT("instance"), str_from(instance)};
    return target_new(NULL, (struct labels){&label, 1}, (struct labels){0}, STR("http://i/"), 1);
}

static void scrape(struct bench *b, struct target *t, struct str body)
{
    struct scrape_answer answer = {.t_ms = b->clock.now_ms,
                                   .format = body.len ? EXPOSITION_TEXT : EXPOSITION_NONE,
                                   .error = STR("down"),
                                   .body = body};
    target_answer(t, &b->context, &answer);
    const struct series_cache *c = &t->series;
    assert(c->live_count <= c->count && c->good_count <= c->count);
    assert(c->live_count == 0 || (c->live_count == c->count && t->health == TARGET_UP));
    for (uint32_t i = 0; i < c->count; i++)
        assert(!c->slots[i].seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct scrape_config config = {.honor_timestamps = true};
    struct str rest = str_make((const char *)data, size), body = {0};
    struct bench b;
    bench_init(&b, &config);
    struct target *t = make_target("a"), *fresh = make_target("b");
    while (str_next(&rest, '\0', &body)) {
        clock_virtual_advance(&b.clock, 1000);
        scrape(&b, t, body);
    }
    scrape(&b, fresh, body);
    assert(t->health == fresh->health || t->health == TARGET_UNKNOWN);
    if (t->health == TARGET_UP) {
        assert(t->series.count >= fresh->series.count);
        assert(t->metadata.family_count == fresh->metadata.family_count);
        assert(t->metadata.line_count == fresh->metadata.line_count);
    }
    target_end(t, b.context.appender, b.clock.now_ms + 1);
    target_free(t, b.metadata);
    target_free(fresh, b.metadata);
    bench_release(&b);
    return 0;
}
