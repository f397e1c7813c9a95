// A scrape repeats the one before: the same series in the same order. So the expected series is
// compared with the line first; only when it differs is it looked up by hash, and only a series
// never seen is taken apart, relabelled and asked for in the store.
#include "target.h"

#include <math.h>

#include "base/float_text.h"
#include "base/log.h"
#include "base/mem.h"
#include "scrape/relabel.h"

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
    strmap_init(&t->series);
    strmap_init(&t->families);
    return t;
}

static void cached_free(struct cached_series *c)
{
    mem_free(c->text);
    mem_free(c);
}

void target_free(struct target *t)
{
    for (size_t i = 0; i < t->series.count; i++)
        cached_free(t->series.entries[i].value);
    for (size_t i = 0; i < t->families.count; i++) {
        struct family *f = t->families.entries[i].value;
        mem_free(f->type);
        mem_free(f->help);
        mem_free(f->unit);
        mem_free(f);
    }
    strmap_release(&t->series);
    strmap_release(&t->families);
    mem_free(t->order);
    mem_free((void *)(uintptr_t)t->last_error.ptr);
    mem_free((void *)t->labels.items);
    mem_free((void *)t->discovered.items);
    mem_free(t->url);
    mem_free(t);
}

// One scrape being taken in.
struct scrape {
    struct target *target;
    const struct scrape_config *config;
    struct appender *appender;
    struct arena arena; // of one line
    int64_t t_ms;
    struct cached_series **order;
    size_t order_count;
    size_t order_capacity;
    size_t expected; // index into target->order
    uint64_t scraped, kept, added, refused;
    struct error *err;
};

static struct family *family_get(struct target *t, struct str name)
{
    struct family *f = strmap_get(&t->families, name);
    if (!f) {
        f = mem_calloc(1, sizeof(*f));
        strmap_put(&t->families, name, f);
    }
    return f;
}

static void keep_metadata(struct target *t, const struct exposition_entry *e)
{
    struct family *f = family_get(t, e->name);
    char **field = e->kind == EXPOSITION_HELP   ? &f->help
                   : e->kind == EXPOSITION_TYPE ? &f->type
                                                : &f->unit;
    if (*field && str_is(e->text, *field))
        return;
    mem_free(*field);
    *field = mem_copy_str(e->text);
}

// 1 -> 1.0: bounds are floats, however they were written.
static void normalise_bound(struct labels_builder *set, struct str label)
{
    struct str text = labels_builder_get(set, label);
    double value;
    char digits[FLOAT_TEXT_SIZE];
    if (!text.len || !float_parse(text, &value))
        return;
    size_t len = float_format(value, FLOAT_G, digits);
    struct str shortest = str_make(digits, len);
    bool whole =
        isfinite(value) && str_find(shortest, '.') == len && str_find(shortest, 'e') == len;
    labels_builder_set(set, label,
                       arena_printf(set->arena, "%.*s%s", STR_ARG(shortest), whole ? ".0" : ""));
}

static void normalise(struct target *t, struct labels_builder *set)
{
    struct str name = labels_builder_get(set, STR(LABEL_METRIC_NAME));
    const struct family *f = strmap_get(&t->families, name);
    if (f && f->type && str_is(STR("summary"), f->type))
        normalise_bound(set, STR("quantile"));
    if (!str_has_suffix(name, STR("_bucket")))
        return;
    f = strmap_get(&t->families, str_first(name, name.len - 7));
    if (f && f->type && str_is(STR("histogram"), f->type))
        normalise_bound(set, STR("le"));
}

static void add_target_labels(const struct scrape *s, struct labels_builder *set)
{
    const struct target *t = s->target;
    for (size_t i = 0; i < t->labels.count; i++) {
        const struct label *l = &t->labels.items[i];
        struct str own = labels_builder_get(set, l->name);
        if (own.len && s->config->honor_labels)
            continue;
        if (own.len) {
            struct str name = l->name;
            do {
                name = arena_printf(set->arena, "exported_%.*s", STR_ARG(name));
            } while (labels_builder_get(set, name).len);
            labels_builder_set(set, name, own);
        }
        labels_builder_set(set, l->name, l->value);
    }
}

static int check_label_limits(const struct scrape *s, struct labels labels)
{
    const struct scrape_config *c = s->config;
    if (c->label_limit && labels.count > c->label_limit)
        return error_set(s->err, ERR_LIMIT,
                         "label_limit exceeded (metric has %zu labels, limit: %llu)", labels.count,
                         (unsigned long long)c->label_limit);
    for (size_t i = 0; i < labels.count; i++) {
        struct label l = labels.items[i];
        if (c->label_name_length_limit && l.name.len > c->label_name_length_limit)
            return error_set(s->err, ERR_LIMIT, "label_name_length_limit exceeded (label: %.*s)",
                             STR_ARG(l.name));
        if (c->label_value_length_limit && l.value.len > c->label_value_length_limit)
            return error_set(s->err, ERR_LIMIT, "label_value_length_limit exceeded (label: %.*s)",
                             STR_ARG(l.name));
    }
    return OK;
}

// Labels as stored; *dropped by relabelling.
static int build_labels(struct scrape *s, struct str text, struct labels *out, bool *dropped)
{
    struct labels_builder set;
    labels_builder_init(&set, &s->arena, (struct labels){0});
    int rc = exposition_labels(text, &set, s->err);
    if (rc)
        return rc;
    normalise(s->target, &set);
    add_target_labels(s, &set);
    *dropped = !relabel_apply(&s->config->metric_relabel, &set) || set.count == 0;
    if (*dropped)
        return OK;
    *out = labels_builder_finish(&set);
    if (!labels_get(*out, STR(LABEL_METRIC_NAME)).len)
        return error_set(s->err, ERR_INVALID,
                         "a series without metric name is left by relabelling");
    return check_label_limits(s, *out);
}

static int resolve(struct scrape *s, struct cached_series *c)
{
    struct labels labels;
    int rc = build_labels(s, str_make(c->text, c->text_len), &labels, &c->dropped);
    if (rc || c->dropped)
        return rc;
    rc = appender_series(s->appender, labels, &c->ref);
    if (rc == ERR_LIMIT)
        return error_set(s->err, rc, "the store holds as many series as it may");
    return rc ? error_set(s->err, rc, "series %.*s: %s", (int)c->text_len, c->text, err_text(rc))
              : OK;
}

static int create_cached(struct scrape *s, struct str text, struct cached_series **out)
{
    struct cached_series *c = mem_calloc(1, sizeof(*c));
    c->text = mem_copy_str(text);
    c->text_len = text.len;
    int rc = resolve(s, c);
    if (rc) {
        cached_free(c);
        return rc;
    }
    s->added += !c->dropped;
    strmap_put(&s->target->series, text, c);
    *out = c;
    return OK;
}

static int find_cached(struct scrape *s, struct str text, struct cached_series **out)
{
    struct target *t = s->target;
    if (s->expected < t->order_count) {
        struct cached_series *c = t->order[s->expected++];
        if (c->text_len == text.len && memcmp(c->text, text.ptr, text.len) == 0) {
            *out = c;
            return OK;
        }
    }
    *out = strmap_get(&t->series, text);
    return *out ? OK : create_cached(s, text, out);
}

static void append(struct scrape *s, struct cached_series *c, int64_t t_ms, double value)
{
    int rc = appender_add(s->appender, c->ref, t_ms, value);
    if (rc == ERR_NOT_FOUND && resolve(s, c) == OK && !c->dropped)
        rc = appender_add(s->appender, c->ref, t_ms, value);
    s->refused += rc != OK;
}

static int take_sample(struct scrape *s, const struct exposition_entry *e)
{
    struct cached_series *c;
    int rc = find_cached(s, e->series, &c);
    if (rc)
        return rc;
    s->scraped++;
    bool first = c->seen != s->target->scrape_number;
    if (first) {
        c->seen = s->target->scrape_number;
        MEM_GROW(s->order, s->order_count, s->order_capacity);
        s->order[s->order_count++] = c;
    }
    if (c->dropped)
        return OK;
    s->kept++;
    if (s->config->sample_limit && s->kept > s->config->sample_limit)
        return error_set(s->err, ERR_LIMIT, "sample limit exceeded");
    bool timed = e->has_time && s->config->honor_timestamps;
    c->tracked = !timed || s->config->track_timestamps_staleness;
    append(s, c, timed ? e->t_ms : s->t_ms, e->value);
    return OK;
}

static int take_body(struct scrape *s, const struct scrape_answer *answer)
{
    struct exposition x;
    struct exposition_entry e;
    int rc;
    if (answer->format == EXPOSITION_NONE)
        return error_set(s->err, ERR_UNAVAILABLE, "%.*s", STR_ARG(answer->error));
    exposition_init(&x, answer->body, answer->format, &s->arena);
    while ((rc = exposition_next(&x, &e, s->err)) == OK) {
        if (e.kind == EXPOSITION_SAMPLE)
            rc = take_sample(s, &e);
        else
            keep_metadata(s->target, &e);
        arena_reset(&s->arena);
        if (rc)
            return rc;
    }
    return rc == ERR_END ? OK : rc;
}

// Staleness markers for the last scrape's series that this one lacks, and forgets them.
static void end_missing(struct scrape *s)
{
    struct target *t = s->target;
    for (size_t i = 0; i < t->order_count; i++) {
        struct cached_series *c = t->order[i];
        if (c->seen == t->scrape_number)
            continue;
        if (!c->dropped && c->tracked)
            appender_add(s->appender, c->ref, s->t_ms, sample_stale());
        strmap_remove(&t->series, str_make(c->text, c->text_len));
        cached_free(c);
    }
    mem_free(t->order);
    t->order = s->order;
    t->order_count = s->order_count;
    s->order = NULL;
}

// A failed scrape: nothing of it counts, every series ends, the cache starts over.
static void end_all(struct scrape *s)
{
    struct target *t = s->target;
    appender_rollback(s->appender);
    for (size_t i = 0; i < t->order_count; i++) {
        struct cached_series *c = t->order[i];
        if (!c->dropped && c->tracked)
            appender_add(s->appender, c->ref, s->t_ms, sample_stale());
    }
    for (size_t i = 0; i < t->series.count; i++)
        cached_free(t->series.entries[i].value);
    strmap_release(&t->series);
    mem_free(t->order);
    t->order = NULL;
    t->order_count = 0;
}

static void report(struct scrape *s, enum report_sample which, double value)
{
    static const char *const names[REPORT_COUNT] = {
        [REPORT_UP] = "up",
        [REPORT_DURATION] = "scrape_duration_seconds",
        [REPORT_SCRAPED] = "scrape_samples_scraped",
        [REPORT_POST_RELABEL] = "scrape_samples_post_metric_relabeling",
        [REPORT_ADDED] = "scrape_series_added",
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

static void set_error(struct target *t, const char *text)
{
    mem_free((void *)(uintptr_t)t->last_error.ptr);
    t->last_error = str_make(mem_copy_str(str_from(text)), strlen(text));
}

static void finish(struct scrape *s, const struct scrape_answer *answer, int rc)
{
    struct target *t = s->target;
    struct error commit_error;
    report(s, REPORT_UP, rc == OK);
    report(s, REPORT_DURATION, answer->duration_s);
    report(s, REPORT_SCRAPED, (double)s->scraped);
    report(s, REPORT_POST_RELABEL, (double)s->kept);
    report(s, REPORT_ADDED, (double)s->added);
    set_error(t, rc ? s->err->text : "");
    if (appender_commit(s->appender, false, &commit_error)) {
        set_error(t, commit_error.text);
        rc = commit_error.code;
    }
    t->health = rc ? TARGET_DOWN : TARGET_UP;
    t->last_scrape_ms = answer->t_ms;
    t->last_duration_s = answer->duration_s;
}

void target_answer(struct target *t, struct storage *storage, const struct scrape_config *config,
                   const struct scrape_metrics *metrics, const struct scrape_answer *answer)
{
    struct error err = {.text = ""};
    struct scrape s = {.target = t,
                       .config = config,
                       .appender = appender_new(storage),
                       .t_ms = answer->t_ms,
                       .err = &err};
    arena_init(&s.arena, 0);
    t->scrape_number++;
    int rc = take_body(&s, answer);
    if (rc)
        end_all(&s);
    else
        end_missing(&s);
    mem_free(s.order);
    finish(&s, answer, rc);
    metric_add(metrics->scrapes, 1);
    metric_add(metrics->failures, rc != OK);
    metric_add(metrics->samples, rc ? 0 : s.kept - s.refused);
    metric_add(metrics->dropped_samples, s.refused);
    metric_observe(metrics->seconds, answer->duration_s);
    if (s.refused)
        log_warn("samples of a scrape were refused: out of order, duplicate or out of bounds",
                 LOG_CSTR("target", t->url), LOG_INT("count", (int64_t)s.refused));
    if (rc)
        log_debug("scrape failed", LOG_CSTR("target", t->url), LOG_ERR(&err));
    appender_free(s.appender);
    arena_release(&s.arena);
}

void target_end(struct target *t, struct storage *storage, int64_t t_ms)
{
    struct error err = {.text = ""};
    struct scrape s = {.target = t, .appender = appender_new(storage), .t_ms = t_ms, .err = &err};
    arena_init(&s.arena, 0);
    end_all(&s);
    for (int i = 0; i < REPORT_COUNT; i++) {
        if (t->reports[i])
            appender_add(s.appender, t->reports[i], t_ms, sample_stale());
    }
    if (appender_commit(s.appender, false, &err))
        log_warn("staleness markers of a gone target were not stored", LOG_ERR(&err));
    appender_free(s.appender);
    arena_release(&s.arena);
}
