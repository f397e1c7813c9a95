// Results for a terminal, and as CSV for other programs.
#include <math.h>

#include "results.h"

static void pad(struct buf *out, size_t width, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Right-aligned in `width` columns.
static void pad(struct buf *out, size_t width, const char *format, ...)
{
    struct buf cell = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&cell, format, args);
    va_end(args);
    for (size_t i = cell.len; i < width; i++)
        buf_char(out, ' ');
    buf_str(out, buf_view(&cell));
    buf_release(&cell);
}

static void milliseconds(struct buf *out, double ms)
{
    pad(out, 10, ms < 10 ? "%.3f" : ms < 1000 ? "%.2f" : "%.0f", ms);
}

static const char *shown_status(const struct run *run)
{
    return run->status == RUN_REFUSED       ? "refused"
           : run->status == RUN_UNREACHABLE ? "no answer"
                                            : "not asked";
}

static const char *shown_agreement(const struct run *run)
{
    static const char *const NAMES[AGREEMENT_COUNT] = {"", "reference", "same", "known diff.",
                                                       "DIFFERS"};
    return NAMES[run->agreement];
}

static void write_row(struct buf *out, const struct results *r, size_t q, size_t t,
                      enum run_mode mode)
{
    const struct run *run = results_run(r, q, t, mode);
    struct summary s = measurements_summary(&run->latencies_ms);
    buf_printf(out, "  %-18.*s %-8s", STR_ARG(r->targets[t].name), run_mode_names[mode]);
    if (!s.count) {
        buf_printf(out, " %s: %.*s\n", shown_status(run), STR_ARG(run->note));
        return;
    }
    milliseconds(out, run->first_ms);
    milliseconds(out, s.min);
    milliseconds(out, s.p50);
    buf_printf(out, " (%.3g-%.3g)", s.p50_low, s.p50_high);
    milliseconds(out, s.p90);
    milliseconds(out, s.p99);
    milliseconds(out, s.max);
    pad(out, 10, "%.1f", run->seconds > 0 ? (double)s.count / run->seconds : 0);
    buf_printf(out, "  %s%s%.*s%s\n", shown_agreement(run), run->note.len ? " (" : "",
               STR_ARG(run->note), run->note.len ? ")" : "");
}

static void write_query(struct buf *out, const struct results *r, size_t index)
{
    const struct query *q = &r->queries[index];
    const struct run *first = results_run(r, index, 0, r->modes[0] ? 0 : 1);
    buf_printf(out, "\n%.*s: %s", STR_ARG(q->name), q->range ? "range" : "instant");
    if (q->range)
        buf_printf(out, " of %.4g h, step %g s", (double)q->span_ms / 3.6e6,
                   (double)q->step_ms / 1000);
    buf_printf(out, ", %zu series, %zu values: %.*s\n", first->series_count, first->sample_count,
               STR_ARG(q->expr));
    for (size_t t = 0; t < r->target_count; t++)
        for (int mode = 0; mode < MODE_COUNT; mode++)
            if (r->modes[mode])
                write_row(out, r, index, t, mode);
}

static void write_means(struct buf *out, const struct results *r)
{
    size_t count = 0;
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        if (!r->modes[mode])
            continue;
        double own = results_geometric_mean(r, 0, mode, &count);
        for (size_t t = 0; t < r->target_count; t++) {
            double mean = results_geometric_mean(r, t, mode, &count);
            buf_printf(out, "  %-18.*s %-8s", STR_ARG(r->targets[t].name), run_mode_names[mode]);
            milliseconds(out, mean);
            if (t && mean > 0)
                buf_printf(out, "   %.*s takes %.3f of it", STR_ARG(r->targets[0].name),
                           own / mean);
            buf_char(out, '\n');
        }
    }
    buf_printf(out, "  over the %zu of %zu queries that all answered\n", count, r->query_count);
}

static void write_usage(struct buf *out, const struct target *t)
{
    double mib = 1 << 20;
    buf_printf(out, "  %-18.*s", STR_ARG(t->name));
    if (!t->pid) {
        buf_cstr(out, " not a process of this machine that may be looked at\n");
        return;
    }
    buf_printf(out,
               " memory %.0f MiB anonymous, %.0f file, peak %.0f; CPU %.2f s; written %.2f MiB",
               (double)t->after.rss_anon / mib, (double)t->after.rss_file / mib,
               (double)t->after.rss_peak / mib, t->after.cpu_seconds - t->before.cpu_seconds,
               (double)(t->after.bytes_written - t->before.bytes_written) / mib);
    if (t->disk_bytes)
        buf_printf(out, "; %.1f MiB on disk", (double)t->disk_bytes / mib);
    buf_char(out, '\n');
}

void results_write_text(const struct results *r, struct buf *out)
{
    buf_printf(out, "%.*s, %.*s\n%u repetitions after %u, concurrency %u; milliseconds\n",
               STR_ARG(r->title), STR_ARG(r->date), r->repetitions, r->warmup, r->concurrency);
    buf_printf(out, "  %-18s %-8s%10s%10s%10s%12s%10s%10s%10s%10s\n", "", "", "first", "min", "p50",
               "(95 %)", "p90", "p99", "max", "per s");
    for (size_t q = 0; q < r->query_count; q++)
        write_query(out, r, q);
    buf_cstr(out, "\ngeometric mean of medians, ms\n");
    write_means(out, r);
    buf_cstr(out, "\nprocesses\n");
    for (size_t t = 0; t < r->target_count; t++)
        write_usage(out, &r->targets[t]);
    buf_printf(out, "\n%zu refused, %zu not reached, %zu not asked, %zu answers differ%s\n",
               results_count_status(r, RUN_REFUSED), results_count_status(r, RUN_UNREACHABLE),
               results_count_status(r, RUN_PENDING), results_count_differing(r),
               r->complete ? "" : ": NOT A WHOLE RUN");
}

static void csv_text(struct buf *out, struct str text)
{
    buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_char(out, '"');
        buf_char(out, text.ptr[i]);
    }
    buf_cstr(out, "\",");
}

static void csv_row(struct buf *out, const struct results *r, size_t q, size_t t,
                    enum run_mode mode)
{
    static const char *const STATUS[RUN_STATUS_COUNT] = {"pending", "ok", "refused", "unreachable"};
    const struct run *run = results_run(r, q, t, mode);
    struct summary s = measurements_summary(&run->latencies_ms);
    csv_text(out, r->queries[q].name);
    csv_text(out, r->targets[t].name);
    buf_printf(out, "%s,%s,%s,", run_mode_names[mode], STATUS[run->status], shown_agreement(run));
    buf_printf(out, "%zu,%zu,%zu,%zu,", run->series_count, run->sample_count, run->body_size,
               s.count);
    const double columns[] = {
        fmax(run->first_ms, 0), s.min, s.p50, s.p50_low, s.p50_high, s.p90, s.p99, s.max, s.mean};
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        buf_printf(out, "%.6g,", columns[i]);
    buf_printf(out, "%.6g,", run->seconds > 0 ? (double)s.count / run->seconds : 0);
    csv_text(out, run->note);
    csv_text(out, r->queries[q].expr);
    out->ptr[out->len - 1] = '\n'; // in the place of the last comma
}

void results_write_csv(const struct results *r, struct buf *out)
{
    buf_cstr(out, "query,target,mode,status,agreement,series,values,bytes,count,first_ms,min_ms,"
                  "p50_ms,p50_low_ms,p50_high_ms,p90_ms,p99_ms,max_ms,mean_ms,per_second,note,"
                  "expression\n");
    for (size_t q = 0; q < r->query_count; q++)
        for (size_t t = 0; t < r->target_count; t++)
            for (int mode = 0; mode < MODE_COUNT; mode++)
                if (r->modes[mode])
                    csv_row(out, r, q, t, mode);
}
