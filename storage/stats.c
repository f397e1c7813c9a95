// The store's own metrics and the figures of the status page.
#include <stdlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/mem.h"
#include "store.h"

static int64_t lowest_ms(struct storage *s, struct view *v)
{
    int64_t head_ms = atomic_load(&s->head.min_ms);
    int64_t window_ms = v->window_count ? window_min_ms(v->windows[0]) : INT64_MAX;
    return head_ms < window_ms ? head_ms : window_ms;
}

static uint64_t windows_bytes(const struct view *v)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < v->window_count; i++)
        bytes += window_bytes(v->windows[i]);
    return bytes;
}

static double seconds_or_zero(int64_t ms)
{
    return ms == INT64_MAX || ms == INT64_MIN ? 0 : (double)ms / 1000;
}

static void collect(void *context)
{
    struct storage *s = context;
    struct storage_metrics *m = &s->metrics;
    struct view *v = view_get(s);
    metric_set(m->series, (double)atomic_load(&s->head.series_count));
    metric_set(m->chunks, (double)atomic_load(&s->head.chunk_count));
    metric_set(m->min_time, seconds_or_zero(atomic_load(&s->head.min_ms)));
    metric_set(m->max_time, seconds_or_zero(atomic_load(&s->head.max_ms)));
    metric_set(m->lowest, seconds_or_zero(lowest_ms(s, v)));
    metric_set(m->journal_bytes, s->journal ? (double)journal_bytes(s->journal) : 0);
    metric_set(m->windows, (double)v->window_count);
    metric_set(m->window_bytes, (double)windows_bytes(v));
    double written = (double)(io_bytes_written() + atomic_load(&s->window_bytes_written));
    double samples = metric_value(m->samples);
    metric_set(m->written_bytes, written);
    metric_set(m->bytes_per_sample, samples > 0 ? written / samples : 0);
    pthread_rwlock_rdlock(&s->head.lock);
    metric_set(m->memory, (double)storage_memory_bytes(s));
    pthread_rwlock_unlock(&s->head.lock);
    metric_set(m->memory_limit, (double)s->options.memory_limit);
    view_put(s, v);
}

static struct metric *rejected(struct metrics *m, const char *reason)
{
    return metrics_counter(m, "lapwing_storage_samples_rejected_total",
                           "Samples that were not stored, by reason.", reason);
}

void storage_metrics_init(struct storage *s)
{
    struct metrics *m = s->options.metrics;
    s->metrics = (struct storage_metrics){
        .series = metrics_gauge(m, "lapwing_storage_head_series", "Series in memory.", ""),
        .series_created = metrics_counter(m, "lapwing_storage_series_created_total",
                                          "Series created in memory.", ""),
        .series_removed =
            metrics_counter(m, "lapwing_storage_series_removed_total",
                            "Series forgotten after their samples went to windows.", ""),
        .series_refused = metrics_counter(m, "lapwing_storage_series_refused_total",
                                          "New series refused by a limit on series or memory.", ""),
        .memory = metrics_gauge(m, "lapwing_storage_memory_bytes",
                                "Memory of series and samples, and for writing their index, as "
                                "counted against the limit.",
                                ""),
        .memory_limit = metrics_gauge(m, "lapwing_storage_memory_limit_bytes",
                                      "Memory past which new series are refused; 0: no limit.", ""),
        .late_samples = metrics_counter(m, "lapwing_storage_late_samples_total",
                                        "Samples stored that came out of order or late.", ""),
        .commit_seconds =
            metrics_histogram(m, "lapwing_storage_commit_seconds", "Time to store a batch.", "",
                              METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT),
        .failing = metrics_gauge(m, "lapwing_storage_failing",
                                 "1 while the journal cannot be written, else 0.", ""),
        .bytes_per_sample =
            metrics_gauge(m, "lapwing_storage_written_bytes_per_sample",
                          "Bytes written for each sample stored since the start.", ""),
        .chunks = metrics_gauge(m, "lapwing_storage_head_chunks", "Closed chunks in memory.", ""),
        .samples =
            metrics_counter(m, "lapwing_storage_samples_appended_total", "Samples stored.", ""),
        .min_time = metrics_gauge(m, "lapwing_storage_head_min_time_seconds",
                                  "Oldest sample in memory, Unix time.", ""),
        .max_time = metrics_gauge(m, "lapwing_storage_head_max_time_seconds",
                                  "Newest sample in memory, Unix time.", ""),
        .lowest =
            metrics_gauge(m, "prometheus_tsdb_lowest_timestamp_seconds",
                          "Oldest sample stored, Unix time; under the name sidecars read.", ""),
        .out_of_order = rejected(m, "reason=\"out_of_order\""),
        .out_of_bounds = rejected(m, "reason=\"out_of_bounds\""),
        .duplicate = rejected(m, "reason=\"duplicate\""),
        .too_old = rejected(m, "reason=\"too_old\""),
        .too_far_ahead = rejected(m, "reason=\"too_far_ahead\""),
        .journal_bytes =
            metrics_gauge(m, "lapwing_storage_journal_bytes", "Bytes in the journal.", ""),
        .journal_cut = metrics_counter(m, "lapwing_storage_journal_cuts_total",
                                       "Torn journal tails cut at opening.", ""),
        .journal_damaged =
            metrics_counter(m, "lapwing_storage_journal_damaged_bytes_total",
                            "Damaged bytes found at opening amid sound ones of the journal.", ""),
        .journal_lost = metrics_counter(m, "lapwing_storage_journal_lost_samples_total",
                                        "Samples of the journal that could not be read for "
                                        "damage before them.",
                                        ""),
        .journal_failures = metrics_counter(m, "lapwing_storage_journal_failures_total",
                                            "Writes of the journal that failed.", ""),
        .sync_seconds = metrics_histogram(m, "lapwing_storage_journal_sync_seconds",
                                          "Time to bring the journal to the disk.", "",
                                          METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT),
        .windows = metrics_gauge(m, "lapwing_storage_windows", "Sealed windows.", ""),
        .window_bytes =
            metrics_gauge(m, "lapwing_storage_window_bytes", "Bytes in sealed windows.", ""),
        .seals = metrics_counter(m, "lapwing_storage_seals_total", "Windows sealed.", ""),
        .seal_failures = metrics_counter(m, "lapwing_storage_seal_failures_total",
                                         "Attempts to seal a window that failed.", ""),
        .seal_seconds =
            metrics_histogram(m, "lapwing_storage_seal_seconds", "Time to seal a window.", "",
                              METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT),
        .merges = metrics_counter(m, "lapwing_storage_merges_total",
                                  "Merges of windows into one, mostly of a finished day.", ""),
        .merge_failures = metrics_counter(m, "lapwing_storage_merge_failures_total",
                                          "Merges that failed and were dropped.", ""),
        .merge_seconds =
            metrics_histogram(m, "lapwing_storage_merge_seconds", "Time of work that a merge took.",
                              "", METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT),
        .retention_drops = metrics_counter(m, "lapwing_storage_retention_windows_removed_total",
                                           "Windows removed by retention.", ""),
        .corrupt_windows =
            metrics_counter(m, "lapwing_storage_corrupt_windows_total",
                            "Windows that could not be read and were set aside.", ""),
        .corrupt_values = metrics_counter(
            m, "lapwing_storage_corrupt_values_total",
            "Values of alert state, silences and notifications that were damaged and left out.",
            ""),
        .written_bytes = metrics_counter(
            m, "lapwing_storage_written_bytes_total",
            "Bytes written to the journal, windows and small files since the start.", ""),
    };
    metrics_on_collect(m, collect, s);
}

// A list of the STORAGE_TOP_COUNT largest, largest first.
static void top_add(struct storage_count *top, size_t *count, struct str name, uint64_t value)
{
    size_t at = *count;
    while (at > 0 && top[at - 1].count < value)
        at--;
    if (at == STORAGE_TOP_COUNT)
        return;
    size_t moved = *count - at;
    if (*count == STORAGE_TOP_COUNT)
        moved--;
    else
        (*count)++;
    memmove(top + at + 1, top + at, moved * sizeof(*top));
    top[at] = (struct storage_count){name, value};
}

static bool would_enter(const struct storage_count *top, size_t count, uint64_t value)
{
    return value && (count < STORAGE_TOP_COUNT || top[count - 1].count < value);
}

static void count_pair(struct head *h, const struct pair *p, struct arena *arena,
                       struct storage_stats *out)
{
    struct str name = symbols_text(&h->symbols, p->name);
    struct str value = symbols_text(&h->symbols, p->value);
    if (would_enter(out->top_pairs, out->top_pair_count, p->count))
        top_add(out->top_pairs, &out->top_pair_count,
                arena_printf(arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value)), p->count);
    if (str_is(name, LABEL_METRIC_NAME) &&
        would_enter(out->top_metrics, out->top_metric_count, p->count))
        top_add(out->top_metrics, &out->top_metric_count, arena_copy(arena, value), p->count);
}

static void count_name(struct head *h, const struct pair_name *n, struct arena *arena,
                       struct storage_stats *out)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const struct pair *p = &h->postings.pairs[n->pairs[i]];
        bytes += symbols_text(&h->symbols, p->value).len;
        count_pair(h, p, arena, out);
    }
    struct str name = arena_copy(arena, symbols_text(&h->symbols, n->symbol));
    out->head_label_pairs += n->count;
    top_add(out->top_labels, &out->top_label_count, name, n->count);
    top_add(out->top_label_memory, &out->top_label_memory_count, name, bytes);
}

void storage_stats(struct storage *s, struct arena *arena, struct storage_stats *out)
{
    struct head *h = &s->head;
    struct view *v = view_get(s);
    *out = (struct storage_stats){
        .head_series = atomic_load(&h->series_count),
        .head_chunks = atomic_load(&h->chunk_count),
        .head_min_ms = atomic_load(&h->min_ms),
        .head_max_ms = atomic_load(&h->max_ms),
        .lowest_ms = lowest_ms(s, v),
        .window_count = v->window_count,
        .window_bytes = windows_bytes(v),
        .journal_bytes = s->journal ? journal_bytes(s->journal) : 0,
    };
    view_put(s, v);
    pthread_rwlock_rdlock(&h->lock);
    for (uint32_t i = 0; i < h->postings.name_count; i++)
        count_name(h, &h->postings.names[i], arena, out);
    pthread_rwlock_unlock(&h->lock);
}
