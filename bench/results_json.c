// The one file format of results. Names of members are the names of fields; what is not known is
// left out. Reading takes what it finds: a file of an older version gives what it has.
#include <math.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/version.h"
#include "results.h"

#define FILE_SIZE_MAX (256u << 20)
#define COUNT_MAX     100000

static const char *const STATUS_NAMES[RUN_STATUS_COUNT] = {"pending", "ok", "refused",
                                                           "unreachable"};
static const char *const AGREEMENT_NAMES[AGREEMENT_COUNT] = {"unknown", "reference", "same",
                                                             "known difference", "differs"};

static void text(struct json_writer *w, const char *key, struct str value)
{
    if (!value.len)
        return;
    json_key(w, key);
    json_str(w, value);
}

static void number(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_double(w, value);
}

static void write_usage(struct json_writer *w, const char *key, const struct process_usage *u)
{
    json_key(w, key);
    json_object_begin(w);
    number(w, "rss_anon", (double)u->rss_anon);
    number(w, "rss_file", (double)u->rss_file);
    number(w, "rss_peak", (double)u->rss_peak);
    number(w, "bytes_written", (double)u->bytes_written);
    number(w, "cpu_seconds", u->cpu_seconds);
    json_object_end(w);
}

static void write_target(struct json_writer *w, const struct target *t)
{
    json_object_begin(w);
    text(w, "name", t->name);
    text(w, "url", t->url);
    text(w, "kind", str_from(target_kind_names[t->kind]));
    text(w, "data", t->data);
    if (t->disk_bytes)
        number(w, "disk_bytes", (double)t->disk_bytes);
    if (t->pid) {
        number(w, "pid", t->pid);
        write_usage(w, "before", &t->before);
        write_usage(w, "after", &t->after);
    }
    json_object_end(w);
}

static void write_summary(struct json_writer *w, const struct run *run)
{
    struct summary s = measurements_summary(&run->latencies_ms);
    number(w, "min", s.min);
    number(w, "p50", s.p50);
    number(w, "p50_low", s.p50_low);
    number(w, "p50_high", s.p50_high);
    number(w, "p90", s.p90);
    number(w, "p99", s.p99);
    number(w, "max", s.max);
    number(w, "mean", s.mean);
    if (run->seconds > 0)
        number(w, "per_second", (double)s.count / run->seconds);
}

static void write_run(struct json_writer *w, const struct results *r, size_t q, size_t t,
                      enum run_mode mode)
{
    const struct run *run = results_run(r, q, t, mode);
    json_object_begin(w);
    text(w, "target", r->targets[t].name);
    text(w, "mode", str_from(run_mode_names[mode]));
    text(w, "status", str_from(STATUS_NAMES[run->status]));
    text(w, "agreement", str_from(AGREEMENT_NAMES[run->agreement]));
    text(w, "note", run->note);
    number(w, "series", (double)run->series_count);
    number(w, "values", (double)run->sample_count);
    number(w, "bytes", (double)run->body_size);
    number(w, "seconds", run->seconds);
    if (run->first_ms >= 0)
        number(w, "first_ms", run->first_ms);
    if (run->latencies_ms.count)
        write_summary(w, run);
    json_key(w, "latencies_ms");
    json_array_begin(w);
    for (size_t i = 0; i < run->latencies_ms.count; i++)
        json_double(w, run->latencies_ms.values[i]);
    json_array_end(w);
    json_object_end(w);
}

static void write_query(struct json_writer *w, const struct results *r, size_t index)
{
    const struct query *q = &r->queries[index];
    json_object_begin(w);
    text(w, "name", q->name);
    text(w, "kind", q->range ? STR("range") : STR("instant"));
    text(w, "expr", q->expr);
    number(w, "span_ms", (double)q->span_ms);
    number(w, "step_ms", (double)q->step_ms);
    json_key(w, "runs");
    json_array_begin(w);
    for (size_t t = 0; t < r->target_count; t++)
        for (int mode = 0; mode < MODE_COUNT; mode++)
            if (r->modes[mode])
                write_run(w, r, index, t, mode);
    json_array_end(w);
    json_object_end(w);
}

static void write_head(struct json_writer *w, const struct results *r)
{
    text(w, "tool", STR("lapwing-bench " LAPWING_VERSION));
    text(w, "title", r->title);
    text(w, "date", r->date);
    text(w, "machine", r->machine);
    json_key(w, "complete");
    json_bool(w, r->complete);
    number(w, "end_ms", (double)r->end_ms);
    number(w, "repetitions", r->repetitions);
    number(w, "warmup", r->warmup);
    number(w, "concurrency", r->concurrency);
    json_key(w, "modes");
    json_array_begin(w);
    for (int mode = 0; mode < MODE_COUNT; mode++)
        if (r->modes[mode])
            json_cstr(w, run_mode_names[mode]);
    json_array_end(w);
}

static void write_geometric_means(struct json_writer *w, const struct results *r)
{
    json_key(w, "geometric_means_ms");
    json_array_begin(w);
    for (size_t t = 0; t < r->target_count; t++) {
        json_object_begin(w);
        text(w, "target", r->targets[t].name);
        size_t count = 0;
        for (int mode = 0; mode < MODE_COUNT; mode++)
            if (r->modes[mode])
                number(w, run_mode_names[mode], results_geometric_mean(r, t, mode, &count));
        number(w, "queries", (double)count);
        json_object_end(w);
    }
    json_array_end(w);
}

void results_write_json(const struct results *r, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    write_head(&w, r);
    write_geometric_means(&w, r);
    json_key(&w, "targets");
    json_array_begin(&w);
    for (size_t t = 0; t < r->target_count; t++)
        write_target(&w, &r->targets[t]);
    json_array_end(&w);
    json_key(&w, "queries");
    json_array_begin(&w);
    for (size_t q = 0; q < r->query_count; q++)
        write_query(&w, r, q);
    json_array_end(&w);
    json_object_end(&w);
    buf_char(out, '\n');
}

static struct str read_text(struct results *r, const struct json *object, const char *key)
{
    return arena_copy(&r->arena, json_text(json_get(object, key)));
}

static double read_number(const struct json *object, const char *key)
{
    double value = json_number(json_get(object, key));
    return isfinite(value) ? value : 0;
}

// A whole number from 0 to `most`, whatever stands there.
static uint64_t read_count(const struct json *object, const char *key, uint64_t most)
{
    double value = read_number(object, key);
    if (!(value > 0))
        return 0;
    return value < (double)most ? (uint64_t)value : most;
}

#define COUNT_EXACT (UINT64_C(1) << 53)

// Index of the text among `count` names; `fallback` when it is none of them.
static int index_of(struct str name, const char *const *names, int count, int fallback)
{
    for (int i = 0; i < count; i++)
        if (str_is(name, names[i]))
            return i;
    return fallback;
}

static size_t child_count(const struct json *array)
{
    size_t count = 0;
    for (const struct json *item = json_child(array); item && count < COUNT_MAX;
         item = json_next(item))
        count++;
    return count;
}

static void read_usage(const struct json *object, struct process_usage *u)
{
    u->rss_anon = read_count(object, "rss_anon", COUNT_EXACT);
    u->rss_file = read_count(object, "rss_file", COUNT_EXACT);
    u->rss_peak = read_count(object, "rss_peak", COUNT_EXACT);
    u->bytes_written = read_count(object, "bytes_written", COUNT_EXACT);
    u->cpu_seconds = read_number(object, "cpu_seconds");
}

static void read_target(struct results *r, const struct json *item, struct target *t)
{
    t->name = read_text(r, item, "name");
    t->url = read_text(r, item, "url");
    t->data = read_text(r, item, "data");
    t->kind = index_of(json_text(json_get(item, "kind")), target_kind_names, KIND_COUNT, 0);
    t->disk_bytes = read_count(item, "disk_bytes", COUNT_EXACT);
    t->pid = (pid_t)read_count(item, "pid", INT32_MAX);
    read_usage(json_get(item, "before"), &t->before);
    read_usage(json_get(item, "after"), &t->after);
}

static void read_query(struct results *r, const struct json *item, struct query *q)
{
    q->name = read_text(r, item, "name");
    q->expr = read_text(r, item, "expr");
    q->range = str_is(json_text(json_get(item, "kind")), "range");
    q->span_ms = (int64_t)read_count(item, "span_ms", COUNT_EXACT);
    q->step_ms = (int64_t)read_count(item, "step_ms", COUNT_EXACT);
}

static void read_run(struct results *r, size_t q, const struct json *item)
{
    struct str name = json_text(json_get(item, "target"));
    int mode = index_of(json_text(json_get(item, "mode")), run_mode_names, MODE_COUNT, -1);
    size_t t = 0;
    while (t < r->target_count && !str_eq(r->targets[t].name, name))
        t++;
    if (t == r->target_count || mode < 0)
        return;
    struct run *run = results_run(r, q, t, mode);
    const struct json *first = json_get(item, "first_ms");
    run->status = index_of(json_text(json_get(item, "status")), STATUS_NAMES, RUN_STATUS_COUNT, 0);
    run->agreement =
        index_of(json_text(json_get(item, "agreement")), AGREEMENT_NAMES, AGREEMENT_COUNT, 0);
    run->note = read_text(r, item, "note");
    run->series_count = read_count(item, "series", COUNT_EXACT);
    run->sample_count = read_count(item, "values", COUNT_EXACT);
    run->body_size = read_count(item, "bytes", COUNT_EXACT);
    run->seconds = read_number(item, "seconds");
    run->first_ms = first ? read_number(item, "first_ms") : -1;
    for (const struct json *v = json_child(json_get(item, "latencies_ms")); v; v = json_next(v))
        if (isfinite(json_number(v)))
            measurements_add(&run->latencies_ms, json_number(v));
}

static void read_head(struct results *r, const struct json *root)
{
    r->title = read_text(r, root, "title");
    r->date = read_text(r, root, "date");
    r->machine = read_text(r, root, "machine");
    r->complete = json_is_true(json_get(root, "complete"));
    r->end_ms = (int64_t)read_count(root, "end_ms", COUNT_EXACT);
    r->repetitions = (unsigned)read_count(root, "repetitions", UINT32_MAX);
    r->warmup = (unsigned)read_count(root, "warmup", UINT32_MAX);
    r->concurrency = (unsigned)read_count(root, "concurrency", UINT32_MAX);
    for (const struct json *m = json_child(json_get(root, "modes")); m; m = json_next(m)) {
        int mode = index_of(json_text(m), run_mode_names, MODE_COUNT, -1);
        if (mode >= 0)
            r->modes[mode] = true;
    }
}

static void read_lists(struct results *r, const struct json *targets, const struct json *queries)
{
    r->target_count = child_count(targets);
    r->query_count = child_count(queries);
    r->targets = arena_calloc(&r->arena, r->target_count, sizeof(*r->targets));
    r->queries = arena_calloc(&r->arena, r->query_count, sizeof(*r->queries));
    results_start(r);
    const struct json *item = json_child(targets);
    for (size_t t = 0; t < r->target_count; t++, item = json_next(item))
        read_target(r, item, &r->targets[t]);
    item = json_child(queries);
    for (size_t q = 0; q < r->query_count; q++, item = json_next(item)) {
        read_query(r, item, &r->queries[q]);
        const struct json *run = json_child(json_get(item, "runs"));
        for (; run; run = json_next(run))
            read_run(r, q, run);
    }
}

static bool names_tell_targets_apart(const struct results *r)
{
    if (!r->target_count)
        return false;
    for (size_t i = 0; i < r->target_count; i++) {
        bool taken = r->targets[i].name.len == 0;
        for (size_t j = 0; j < i; j++)
            taken |= str_eq(r->targets[i].name, r->targets[j].name);
        if (taken)
            return false;
    }
    return true;
}

int results_read_json(struct results *r, struct str source, struct error *err)
{
    struct json *root;
    int result = json_parse(&root, source, err);
    if (result)
        return result;
    const struct json *targets = json_get(root, "targets"), *queries = json_get(root, "queries");
    results_init(r);
    if (!str_has_prefix(json_text(json_get(root, "tool")), STR("lapwing-bench ")) || !targets ||
        !queries) {
        results_release(r);
        result = error_set(err, ERR_INVALID, "no results of `lapwing-bench query --json`");
    } else {
        read_head(r, root);
        read_lists(r, targets, queries);
        if (!names_tell_targets_apart(r)) {
            results_release(r);
            result = error_set(err, ERR_INVALID, "targets without names of their own");
        }
    }
    json_free(root);
    return result;
}

int results_read_file(struct results *r, const char *path, struct error *err)
{
    struct buf source = BUF_INIT;
    int result = file_read(path, FILE_SIZE_MAX, &source, err);
    if (!result && (result = results_read_json(r, buf_view(&source), err)))
        error_prefix(err, "%s: ", path);
    buf_release(&source);
    return result;
}
