// What one scrape does: each sample finds its slot in the series cache, which knows the series in
// the store; only a text never seen is taken apart, relabelled and asked for in the store.
//
// All of a scrape is one batch. A scrape that fails in the middle (syntax, a limit) is rolled back:
// it stores `up` 0, the other reports, and staleness markers for every series that was live.
// Samples that the store refuses one by one (out of order, too many series) don't fail a scrape:
// the rest is stored, the refusals are counted and logged.
#include "target.h"

#include "base/log.h"
#include "base/mem.h"
#include "sample_labels.h"

static const char *const refusal_names[REFUSAL_COUNT] = {
#define X(name, text) text,
    REFUSAL_TABLE(X)
#undef X
};

void scrape_metrics_init(struct scrape_metrics *m, struct metrics *r)
{
    m->scrapes = metrics_counter(r, "lapwing_scrape_scrapes_total", "Scrapes done.", "");
    m->failures = metrics_counter(r, "lapwing_scrape_failures_total", "Scrapes that failed.", "");
    m->samples = metrics_counter(r, "lapwing_scrape_samples_total",
                                 "Samples that scrapes brought and the store took.", "");
    m->body_bytes = metrics_counter(r, "lapwing_scrape_body_bytes_total",
                                    "Bytes of scraped bodies, uncompressed.", "");
    m->seconds = metrics_histogram(r, "lapwing_scrape_duration_seconds", "Duration of scrapes.", "",
                                   METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT);
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        struct buf labels = BUF_INIT;
        buf_printf(&labels, "reason=\"%s\"", refusal_names[i]);
        m->refused[i] = metrics_counter(r, "lapwing_scrape_samples_refused_total",
                                        "Samples of good scrapes that were not stored, by reason.",
                                        buf_text(&labels));
        buf_release(&labels);
    }
}

struct target *target_new(struct pool *pool, struct labels labels, struct labels discovered,
                          struct str url, uint64_t key)
{
    struct target *t = mem_calloc(1, sizeof(*t));
    heap_node_init(&t->due);
    t->pool = pool;
    t->key = key;
    t->labels = labels_dup(labels);
    t->discovered = labels_dup(discovered);
    t->url = mem_copy_str(url);
    series_cache_init(&t->series);
    metadata_table_init(&t->metadata);
    return t;
}

void target_free(struct target *t, struct metadata_pool *metadata)
{
    series_cache_release(&t->series);
    metadata_table_release(&t->metadata, metadata);
    mem_free(t->last_error);
    mem_free((void *)t->labels.items);
    mem_free((void *)t->discovered.items);
    mem_free(t->url);
    mem_free(t);
}

void target_set_discovered(struct target *t, struct labels discovered)
{
    if (labels_eq(t->discovered, discovered))
        return;
    mem_free((void *)t->discovered.items);
    t->discovered = labels_dup(discovered);
}

// One scrape being taken in.
struct scrape {
    struct target *target;
    const struct scrape_config *config;
    struct appender *appender;
    struct arena arena; // of one line
    int64_t t_ms;
    struct series_walk walk;
    enum metric_type type; // of the last TYPE line
    uint32_t comment_count;
    bool comments_changed;
    bool over_limit; // of samples
    uint64_t scraped, kept, added;
    uint64_t refused[REFUSAL_COUNT];
    struct error *err;
};

static void refuse(struct scrape *s, int rc)
{
    enum refusal why = REFUSAL_OUT_OF_BOUNDS;
    if (rc == ERR_DUPLICATE)
        why = REFUSAL_DUPLICATE;
    else if (rc == ERR_LIMIT)
        why = REFUSAL_SERIES_LIMIT;
    s->refused[why]++;
}

// What the store refused at the commit.
static void add_refusals(struct scrape *s)
{
    const struct append_refusals *r = appender_refusals(s->appender);
    s->refused[REFUSAL_OUT_OF_ORDER] += r->out_of_order;
    s->refused[REFUSAL_DUPLICATE] += r->duplicate;
    s->refused[REFUSAL_OUT_OF_BOUNDS] += r->out_of_bounds + r->too_old;
}

// Finds out what a text means. ERR_NOT_FOUND: not in the store, since it is full (counted).
static int resolve(struct scrape *s, struct str text, series_ref *ref, bool *dropped)
{
    struct labels labels;
    int rc = sample_labels(s->config, s->target->labels, s->type, text, &s->arena, &labels, dropped,
                           s->err);
    *ref = 0;
    if (rc || *dropped)
        return rc;
    if (s->config->sample_limit && s->kept >= s->config->sample_limit)
        return ERR_NOT_FOUND; // the scrape fails: it shall leave no series behind
    rc = appender_series(s->appender, labels, ref);
    if (rc == ERR_LIMIT) {
        refuse(s, rc);
        return ERR_NOT_FOUND;
    }
    return rc ? error_set(s->err, rc, "series %.*s: %s", STR_ARG(text), err_text(rc)) : OK;
}

static void append(struct scrape *s, struct series_slot *slot, struct str text, int64_t t_ms,
                   double value)
{
    int rc = appender_add(s->appender, slot->ref, t_ms, value);
    series_ref ref;
    bool dropped;
    // The store has forgotten a series that had no samples for long.
    if (rc == ERR_NOT_FOUND && resolve(s, text, &ref, &dropped) == OK && !dropped) {
        series_slot_set_ref(slot, ref);
        rc = appender_add(s->appender, ref, t_ms, value);
    }
    if (rc)
        refuse(s, rc);
}

static bool count_kept(struct scrape *s)
{
    s->kept++;
    s->over_limit |= s->config->sample_limit && s->kept > s->config->sample_limit;
    return !s->over_limit;
}

static void store(struct scrape *s, const struct exposition_entry *e, struct series_slot *slot,
                  bool again)
{
    bool timed = e->has_time && s->config->honor_timestamps;
    slot->tracked = !timed || s->config->track_timestamps_staleness;
    if (again && !timed)
        refuse(s, ERR_DUPLICATE);
    else
        append(s, slot, e->series, timed ? e->t_ms : s->t_ms, e->value);
}

static int take_new(struct scrape *s, const struct exposition_entry *e)
{
    series_ref ref;
    bool dropped = false;
    int rc = resolve(s, e->series, &ref, &dropped);
    if (rc == ERR_NOT_FOUND) {
        count_kept(s);
        return OK;
    }
    if (rc)
        return rc;
    struct series_slot *slot = series_walk_add(&s->walk, e->hash, e->series.len);
    series_slot_set_ref(slot, ref);
    if (dropped || !count_kept(s))
        return OK;
    s->added++;
    store(s, e, slot, false);
    return OK;
}

static int take_sample(struct scrape *s, const struct exposition_entry *e)
{
    bool again;
    struct series_slot *slot = series_walk_find(&s->walk, e->hash, &again);
    s->scraped++;
    if (!slot)
        return take_new(s, e);
    if (slot->ref && count_kept(s))
        store(s, e, slot, again);
    return OK;
}

static void take_comment(struct scrape *s, const struct exposition_entry *e)
{
    const struct metadata_table *known = &s->target->metadata;
    enum exposition_kind kind = e->kind;
    enum metric_type type = e->type;
    if (e->kind == EXPOSITION_REPEATED) {
        const struct metadata_line *line = &known->lines[s->comment_count];
        kind = (enum exposition_kind)line->kind;
        type = (enum metric_type)line->type;
    } else {
        s->comments_changed = true;
    }
    if (kind == EXPOSITION_TYPE)
        s->type = type;
    s->comment_count++;
}

static void set_hint(const struct scrape *s, struct exposition *x)
{
    const struct metadata_table *known = &s->target->metadata;
    series_walk_hint(&s->walk, &x->hint);
    x->hint.comment_len = 0;
    if (!s->comments_changed && s->comment_count < known->line_count) {
        x->hint.comment_hash = known->lines[s->comment_count].hash;
        x->hint.comment_len = known->lines[s->comment_count].len;
    }
}

static int take_body(struct scrape *s, const struct scrape_answer *answer)
{
    struct exposition x;
    struct exposition_entry e;
    int rc = OK;
    if (answer->format == EXPOSITION_NONE)
        return error_set(s->err, ERR_UNAVAILABLE, "%.*s", STR_ARG(answer->error));
    exposition_init(&x, answer->body, answer->format, &s->arena);
    while (rc == OK) {
        set_hint(s, &x);
        rc = exposition_next(&x, &e, s->err);
        if (rc == OK && e.kind == EXPOSITION_SAMPLE) {
            rc = take_sample(s, &e);
            if (rc == ERR_INVALID)
                error_prefix(s->err, "line %d: ", x.line);
        } else if (rc == OK)
            take_comment(s, &e);
        if (s->arena.used)
            arena_reset(&s->arena);
    }
    if (rc == ERR_END && s->over_limit)
        return error_set(s->err, ERR_LIMIT, "sample limit exceeded");
    return rc == ERR_END ? OK : rc;
}

static void end_series(void *context, series_ref ref)
{
    struct scrape *s = context;
    appender_add(s->appender, ref, s->t_ms, sample_stale());
}

static void report(struct scrape *s, enum report_sample which, double value)
{
    static const char *const names[REPORT_COUNT] = {
#define X(name, metric) metric,
        REPORT_TABLE(X)
#undef X
    };
    struct target *t = s->target;
    int rc = appender_add(s->appender, t->reports[which], s->t_ms, value);
    if (rc != ERR_NOT_FOUND)
        return;
    struct labels_builder set;
    labels_builder_init(&set, &s->arena, t->labels);
    labels_builder_set(&set, STR(LABEL_METRIC_NAME), str_from(names[which]));
    if (appender_series(s->appender, labels_builder_finish(&set), &t->reports[which]) == OK)
        appender_add(s->appender, t->reports[which], s->t_ms, value);
}

static void report_all(struct scrape *s, const struct scrape_answer *answer, int rc)
{
    report(s, REPORT_UP, rc == OK);
    report(s, REPORT_DURATION, answer->duration_s);
    report(s, REPORT_SCRAPED, (double)s->scraped);
    report(s, REPORT_POST_RELABEL, (double)s->kept);
    report(s, REPORT_ADDED, (double)s->added);
    if (!s->config->extra_metrics)
        return;
    report(s, REPORT_TIMEOUT, (double)s->target->timeout_ms / 1000);
    report(s, REPORT_SAMPLE_LIMIT, (double)s->config->sample_limit);
    report(s, REPORT_BODY_SIZE, answer->too_large ? -1 : (double)answer->body.len);
}

static void set_error(struct target *t, const char *text)
{
    mem_free(t->last_error);
    t->last_error = text ? mem_copy_str(str_from(text)) : NULL;
}

static uint64_t count_refused(const struct scrape *s, const struct scrape_metrics *metrics)
{
    uint64_t total = 0;
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        metric_add(metrics->refused[i], s->refused[i]);
        total += s->refused[i];
    }
    return total;
}

static void log_refused(const struct scrape *s)
{
    log_warn("samples of a scrape were refused", LOG_CSTR("target", s->target->url),
             LOG_INT("out_of_order", (int64_t)s->refused[REFUSAL_OUT_OF_ORDER]),
             LOG_INT("duplicate", (int64_t)s->refused[REFUSAL_DUPLICATE]),
             LOG_INT("out_of_bounds", (int64_t)s->refused[REFUSAL_OUT_OF_BOUNDS]),
             LOG_INT("series_limit", (int64_t)s->refused[REFUSAL_SERIES_LIMIT]));
}

static void finish(struct scrape *s, const struct scrape_context *context,
                   const struct scrape_answer *answer, int rc)
{
    struct target *t = s->target;
    struct error commit_error;
    uint64_t refused = 0;
    set_error(t, rc ? s->err->text : NULL);
    if (rc)
        log_debug("scrape failed", LOG_CSTR("target", t->url), LOG_ERR(s->err));
    if (appender_commit(s->appender, false, &commit_error)) {
        set_error(t, commit_error.text);
        rc = commit_error.code;
    }
    if (rc == OK) {
        add_refusals(s);
        refused = count_refused(s, context->metrics);
    }
    t->health = rc ? TARGET_DOWN : TARGET_UP;
    t->last_scrape_ms = answer->t_ms;
    t->last_duration_s = answer->duration_s;
    metric_add(context->metrics->scrapes, 1);
    metric_add(context->metrics->failures, rc != OK);
    metric_add(context->metrics->samples, rc ? 0 : s->kept - refused);
    metric_add(context->metrics->body_bytes, answer->body.len);
    metric_observe(context->metrics->seconds, answer->duration_s);
    if (refused)
        log_refused(s);
}

// After a reload that changes what texts mean, the cache's are worth nothing.
static void check_fingerprint(struct target *t, const struct scrape_config *config)
{
    uint64_t fingerprint = sample_labels_fingerprint(config);
    if (t->fingerprint != fingerprint)
        series_cache_forget_texts(&t->series);
    t->fingerprint = fingerprint;
}

void target_answer(struct target *t, const struct scrape_context *context,
                   const struct scrape_answer *answer)
{
    struct error err = {.text = ""};
    struct scrape s = {.target = t,
                       .config = context->config,
                       .appender = context->appender,
                       .t_ms = answer->t_ms,
                       .err = &err};
    arena_init(&s.arena, 0);
    check_fingerprint(t, context->config);
    series_walk_begin(&s.walk, &t->series);
    int rc = take_body(&s, answer);
    if (rc)
        appender_rollback(s.appender);
    series_walk_end(&s.walk, rc ? SCRAPE_FAILED : SCRAPE_GOOD, end_series, &s);
    if (rc == OK && (s.comments_changed || s.comment_count != t->metadata.line_count))
        metadata_table_rebuild(&t->metadata, context->metadata, answer->body, answer->format);
    report_all(&s, answer, rc);
    finish(&s, context, answer, rc);
    arena_release(&s.arena);
}

void target_end(struct target *t, struct appender *appender, int64_t t_ms)
{
    struct error err = {.text = ""};
    struct scrape s = {.target = t, .appender = appender, .t_ms = t_ms};
    series_walk_begin(&s.walk, &t->series);
    series_walk_end(&s.walk, SCRAPE_FAILED, end_series, &s);
    for (int i = 0; i < REPORT_COUNT; i++) {
        if (t->reports[i])
            appender_add(appender, t->reports[i], t_ms, sample_stale());
    }
    if (appender_commit(appender, false, &err))
        log_warn("staleness markers of a gone target were not stored", LOG_ERR(&err));
}
