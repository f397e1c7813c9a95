// Counters whose start times are known.
//
// A sample's start time is when its counter began to count from 0. One that lies behind the sample
// before tells of a reset even where the value did not fall, and one inside the window stands for a
// sample of 0 at that time: then nothing is extrapolated to the left, and one sample is enough.
//
// The rules are those of Prometheus with use-start-timestamps.
#include <math.h>

#include "families.h"
#include "window.h"

// Whether the counter began anew between a sample and the one before it.
static bool begins_anew(const struct window *w, size_t i)
{
    int64_t start_ms = w->starts_ms[i], before_ms = w->times_ms[i - 1];
    if (start_ms == 0 || start_ms >= w->times_ms[i] || start_ms < before_ms)
        return false; // unknown, or that of the sample before
    if (start_ms > before_ms)
        return true;
    // At the sample before: deltas do so, and counters that were first seen then.
    int64_t previous_ms = w->starts_ms[i - 1];
    return previous_ms != 0 && previous_ms < before_ms;
}

bool start_is_reset(const struct window *w, size_t i)
{
    return w->values[i] < w->values[i - 1] || (w->starts_ms && begins_anew(w, i));
}

static void annotate_overlap(const struct window *w)
{
    for (size_t i = w->first + 1; i < w->end; i++) {
        int64_t start_ms = w->starts_ms[i];
        if (start_ms == 0 || start_ms >= w->times_ms[i - 1] || start_ms == w->starts_ms[i - 1])
            continue;
        struct buf name = BUF_INIT;
        str_quote(&name, labels_get(w->labels, STR(LABEL_METRIC_NAME)));
        struct annotation *n =
            annotate(&w->ev->annotations, ANNOTATION_WARNING, w->range->position,
                     "sample has start time that overlaps with previous sample timestamp for "
                     "metric %s",
                     buf_text(&name));
        n->occurrence_count++;
        buf_release(&name);
        return;
    }
}

// How far before its first sample the series is taken to reach.
static double reach_to_start(const struct window *w, double average, double sampled, double result)
{
    double seconds = (double)(w->times_ms[w->first] - w->start_ms) / 1000;
    double first = w->values[w->first];
    if (seconds >= average * 1.1)
        seconds = average / 2;
    double to_zero = result > 0 && first >= 0 ? sampled * (first / result) : seconds;
    return to_zero < seconds ? to_zero : seconds;
}

int start_increase(struct window *w, bool per_second, double *out)
{
    size_t first = w->first, last = w->end - 1;
    double result = w->values[last] - w->values[first];
    for (size_t i = first + 1; i <= last; i++)
        if (start_is_reset(w, i))
            result += w->values[i - 1];
    annotate_overlap(w);
    double sampled = (double)(w->times_ms[last] - w->times_ms[first]) / 1000;
    double average = last > first ? sampled / (double)(last - first) : 0;
    double to_start = 0, to_end = (double)(w->end_ms - w->times_ms[last]) / 1000;
    int64_t start_ms = w->starts_ms[first];
    if (start_ms != 0 && start_ms > w->start_ms && start_ms < w->times_ms[first]) {
        sampled = (double)(w->times_ms[last] - start_ms) / 1000;
        result += w->values[first];
    } else if (last == first) {
        return 0;
    } else {
        to_start = reach_to_start(w, average, sampled, result);
    }
    if (to_end >= average * 1.1)
        to_end = average / 2;
    double factor = sampled != 0 ? (sampled + to_start + to_end) / sampled : 1;
    *out = result * (per_second ? factor / seconds_of_ms(w->range_ms) : factor);
    return 1;
}

// start_timestamp(): of samples only; of what was computed there is nothing.
int time_start_timestamp(struct eval *ev, const struct plan_node *node, struct value *out)
{
    const struct plan_node *arg = node->call.args[0];
    struct vector *v = &out->vector;
    if (!ev->start_times || arg->kind != PLAN_SELECTOR) {
        int rc = eval_vector(ev, arg, v);
        v->count = 0;
        return rc;
    }
    struct collector c = {.ev = ev, .vector = v, .step_count = node->grid->count};
    int rc = stream_timestamps(ev, arg, collect_row, &c);
    for (size_t r = 0; rc == 0 && r < v->count; r++) {
        struct row *row = &v->rows[r];
        for (size_t i = 0; i < node->grid->count; i++) {
            int64_t t_ms = row->present[i] ? llround(row->values[i] * 1000) : 0, start_ms = 0;
            ev->start_times->find(ev->start_times->context, row->labels, &t_ms, 1, &start_ms);
            row->values[i] = (double)start_ms / 1000;
        }
        row_drop_name(ev, row);
    }
    return rc || ev->delayed_names ? rc : vector_merge(ev, v, node->grid->count);
}
