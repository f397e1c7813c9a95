// A store in memory, a job from YAML, and a target of it that is fed bodies.
#ifndef SCRAPE_FIXTURE_H
#define SCRAPE_FIXTURE_H

#include "unit.h"

#include "base/float_text.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/sample.h"
#include "storage/querier.h"
#include "target.h"

#define START_MS    INT64_C(1700000000000)
#define INTERVAL_MS INT64_C(15000)

struct fixture {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct appender *appender;
    struct metadata_pool *metadata;
    struct scrape_metrics scrape_metrics;
    struct prometheus_config *config;
    struct target *target;
    struct buf out;
};

static inline struct prometheus_config *parse_config(const char *job)
{
    struct prometheus_config *config;
    struct buf text = BUF_INIT;
    struct error err;
    buf_printf(&text, "scrape_configs: [{job_name: j, %s}]", job);
    if (prometheus_config_parse(&config, buf_view(&text), "p.yml", "/", NULL, &err))
        fail_msg("%s: %s", job, err.text);
    buf_release(&text);
    return config;
}

static inline void use_job(struct fixture *f, const char *job)
{
    prometheus_config_unref(f->config);
    f->config = parse_config(job);
}

static inline int setup(void **state)
{
    static const struct label labels[] = {{STR_INIT("instance"), STR_INIT("i")},
                                          {STR_INIT("job"), STR_INIT("j")}};
    struct fixture *f = mem_calloc(1, sizeof(*f));
    struct storage_options options;
    struct error err;
    clock_virtual_init(&f->clock, START_MS);
    f->metrics = metrics_new();
    storage_options_init(&options);
    options.clock = &f->clock.clock;
    options.metrics = f->metrics;
    options.series_max = 1000;
    log_fd_set(-1);
    assert_int_equal(storage_open(&f->storage, &options, &err), OK);
    f->appender = appender_new(f->storage);
    f->metadata = metadata_pool_new();
    scrape_metrics_init(&f->scrape_metrics, f->metrics);
    f->target =
        target_new(NULL, (struct labels){labels, 2}, (struct labels){0}, STR("http://i/m"), 1);
    f->target->timeout_ms = 10000;
    use_job(f, "");
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    target_free(f->target, f->metadata);
    metadata_pool_free(f->metadata);
    appender_free(f->appender);
    storage_close(f->storage);
    metrics_free(f->metrics);
    prometheus_config_unref(f->config);
    buf_release(&f->out);
    mem_free(f);
    return 0;
}

static inline void answer(struct fixture *f, struct scrape_answer *a)
{
    const struct scrape_context context = {f->appender, f->metadata, &f->config->scrapes[0],
                                           &f->scrape_metrics};
    clock_virtual_advance(&f->clock, INTERVAL_MS);
    a->t_ms = f->clock.now_ms;
    a->duration_s = 0.25;
    target_answer(f->target, &context, a);
}

static inline void scrape_as(struct fixture *f, const char *body, enum exposition_format format)
{
    struct scrape_answer a = {.format = format, .body = str_from(body)};
    answer(f, &a);
}

static inline void scrape(struct fixture *f, const char *body)
{
    scrape_as(f, body, EXPOSITION_TEXT);
}

static inline void scrape_fails(struct fixture *f, const char *reason)
{
    struct scrape_answer a = {.error = str_from(reason)};
    answer(f, &a);
}

static inline void print_series(struct fixture *f, struct labels labels, const struct columns *c,
                                int64_t min_ms)
{
    labels_format(&f->out, labels);
    for (size_t i = 0; i < c->count; i++) {
        if (c->times_ms[i] < min_ms)
            continue;
        buf_char(&f->out, ' ');
        if (sample_is_stale(c->values[i]))
            buf_cstr(&f->out, "stale");
        else
            buf_float(&f->out, c->values[i], FLOAT_F);
        if (c->times_ms[i] != f->clock.now_ms)
            buf_printf(&f->out, "@%lld", (long long)(c->times_ms[i] - START_MS));
    }
    buf_char(&f->out, '\n');
}

// Series with samples since min_ms whose name matches; times relative to START_MS, but for the last
// scrape's.
static inline void query_since(struct fixture *f, const char *name_regex, int64_t min_ms)
{
    struct querier *q;
    struct series_set set;
    struct matcher m;
    struct arena arena;
    struct columns c;
    struct error err;
    arena_init(&arena, 0);
    columns_init(&c);
    assert_int_equal(matcher_init(&m, MATCH_REGEX, STR("__name__"), str_from(name_regex), &err),
                     OK);
    assert_int_equal(querier_new(&q, f->storage, INT64_MIN, INT64_MAX, &err), OK);
    assert_int_equal(querier_select(q, &m, 1, INT64_MIN, INT64_MAX, &arena, &set, &err), OK);
    buf_reset(&f->out);
    for (size_t i = 0; i < set.count; i++) {
        assert_int_equal(querier_read(q, set.series[i], INT64_MIN, INT64_MAX, &c, &err), OK);
        if (c.count && c.times_ms[c.count - 1] >= min_ms)
            print_series(f, set.labels[i], &c, min_ms);
    }
    querier_free(q);
    matcher_release(&m);
    columns_release(&c);
    arena_release(&arena);
}

// What the last scrape stored, the reports left out.
#define assert_scraped(f, expected)                                                                \
    do {                                                                                           \
        query_since((f), "[^us].*|s[^c].*|u[^p].*", (f)->clock.now_ms);                            \
        assert_buf(&(f)->out, (expected));                                                         \
    } while (0)

#define assert_stored(f, name_regex, expected)                                                     \
    do {                                                                                           \
        query_since((f), (name_regex), INT64_MIN);                                                 \
        assert_buf(&(f)->out, (expected));                                                         \
    } while (0)

#define LABELS "instance=\"i\", job=\"j\""

#endif
