// rate() and its relatives.
//
// Resets of a counter are found once per series; a window then adds up those inside it, in order,
// which gives the same sum to the bit as a walk over all its samples. Extrapolation: a series is
// taken to reach up to the window's bounds when its first (last) sample is nearer to them than 1.1
// average intervals, and half an interval beyond that sample otherwise, but never to below zero.
//
// With anchored, the boundary values are those of the samples before; with smoothed they are
// interpolated between the samples around.
#include "base/lanes.h"
#include "families.h"
#include "window.h"

#define RUN (4 * LANES)

// Whether any of the RUN values from here on is below the one before it.
static inline bool falls(const double *values)
{
    lane_mask any = {0};
    for (size_t i = 0; i < RUN; i += LANES)
        any |= lanes_get(values + i) < lanes_get(values + i - 1);
    return lanes_any(any);
}

// Marks the samples that are below the one before, once a series; whether there are any.
static bool find_resets(struct window *w)
{
    if (w->prepared)
        return w->mark_count > 0;
    w->prepared = true;
    w->mark_count = w->mark_first = w->mark_end = 0;
    for (size_t i = 1; i < w->count && !w->is_rising; i++) {
        if (i + RUN <= w->count && !falls(w->values + i)) {
            i += RUN - 1;
        } else if (w->values[i] < w->values[i - 1]) {
            window_reserve_marks(w, w->mark_count + 1);
            w->marks[w->mark_count++] = (uint32_t)i;
        }
    }
    return w->mark_count > 0;
}

static bool is_change(double before, double after)
{
    return after != before && !(__builtin_isnan(after) && __builtin_isnan(before));
}

static void mark_changes(struct window *w)
{
    if (!w->prepared) {
        w->prepared = true;
        w->mark_count = w->mark_first = w->mark_end = 0;
        window_reserve_marks(w, w->count);
        for (size_t i = 1; i < w->count; i++)
            if (is_change(w->values[i - 1], w->values[i]))
                w->marks[w->mark_count++] = (uint32_t)i;
    }
    window_seek_marks(w);
}

static double resets_sum(struct window *w, double result)
{
    if (!find_resets(w))
        return result;
    window_seek_marks(w);
    for (size_t i = w->mark_first; i < w->mark_end; i++)
        result += w->values[w->marks[i] - 1];
    return result;
}

// What the values add up to over the resets between the boundary values.
static double extended_resets(double left, double right, const double *values, size_t first,
                              size_t end)
{
    double correction = 0, before = left;
    for (size_t i = first; i < end; i++) {
        if (values[i] < before)
            correction += before;
        before = values[i];
    }
    return right < before ? correction + before : correction;
}

static int extended_increase(const struct window *w, bool is_counter, double *out)
{
    const int64_t *t = w->times_ms;
    size_t last = w->end - 1;
    size_t first = first_after(t, w->first, last, w->start_ms);
    first = first > w->first ? first - 1 : first;
    if (w->smoothed)
        last = first_after(t, w->first, last, w->end_ms - 1);
    if (t[last] <= w->start_ms || (w->smoothed && t[first] > w->end_ms))
        return 0;
    double left = w->values[first], right = w->values[last];
    if (w->smoothed && t[first] < w->start_ms)
        left = interpolate(t + first, w->values + first, w->start_ms, is_counter);
    if (w->smoothed && last > w->first && t[last] > w->end_ms)
        right = interpolate(t + last - 1, w->values + last - 1, w->end_ms, is_counter);
    *out = right - left;
    if (is_counter) {
        size_t inner_first = t[first] <= w->start_ms ? first + 1 : first;
        size_t inner_end = t[last] >= w->end_ms ? last : last + 1;
        *out += extended_resets(left, right, w->values, inner_first, inner_end);
    }
    return 1;
}

// How far beyond its samples the series is taken to reach: from where they stand in the window, which
// repeats itself from step to step when scrapes are regular.
static void find_reach(struct reach *m, bool per_second, int64_t range_ms)
{
    double sampled = (double)m->sampled_ms / 1000;
    double to_start = (double)m->to_start_ms / 1000, to_end = (double)m->to_end_ms / 1000;
    double average = sampled / (double)(m->count - 1);
    double threshold = average * 1.1;
    m->sampled = sampled;
    m->to_start = to_start >= threshold ? average / 2 : to_start;
    m->to_end = to_end >= threshold ? average / 2 : to_end;
    m->factor = (sampled + m->to_start + m->to_end) / sampled;
    if (per_second)
        m->factor /= seconds_of_ms(range_ms);
}

// Makes *r the reach of the samples [first, end) unless it is already.
static void reach_set(struct reach *r, const struct window *w, size_t first, size_t end,
                      int64_t end_ms, bool per_second)
{
    int64_t to_start_ms = w->times_ms[first] - (end_ms - w->range_ms);
    int64_t to_end_ms = end_ms - w->times_ms[end - 1];
    int64_t sampled_ms = w->times_ms[end - 1] - w->times_ms[first];
    size_t count = end - first;
    if (r->count == count && r->to_start_ms == to_start_ms && r->to_end_ms == to_end_ms &&
        r->sampled_ms == sampled_ms)
        return;
    *r = (struct reach){
        .count = count,
        .to_start_ms = to_start_ms,
        .to_end_ms = to_end_ms,
        .sampled_ms = sampled_ms,
    };
    find_reach(r, per_second, w->range_ms);
}

// A counter that would have been below zero at the window's start reaches back to zero only. Whether
// it would is clear without a division but where it is close.
static inline double factor_to_zero(const struct reach *m, double first, double increase,
                                    bool per_second, int64_t range_ms)
{
    if (first * m->sampled > 2 * m->to_start * increase)
        return m->factor;
    double to_zero = m->sampled * (first / increase);
    if (!(to_zero < m->to_start))
        return m->factor;
    double factor = (m->sampled + to_zero + m->to_end) / m->sampled;
    return per_second ? factor / seconds_of_ms(range_ms) : factor;
}

static inline double extrapolate(const struct reach *r, double first, double result,
                                 bool is_counter, bool per_second, int64_t range_ms)
{
    double factor = r->factor;
    if (is_counter && result > 0 && first >= 0)
        factor = factor_to_zero(r, first, result, per_second, range_ms);
    return result * factor;
}

static int increase(struct window *w, bool is_counter, bool per_second, double *out)
{
    if (w->anchored || w->smoothed) {
        int rc = extended_increase(w, is_counter, out);
        if (per_second)
            *out /= seconds_of_ms(w->range_ms);
        return rc;
    }
    if (w->starts_ms && is_counter)
        return start_increase(w, per_second, out);
    if (window_count(w) < 2)
        return 0;
    double first = w->values[w->first], result = w->values[w->end - 1] - first;
    if (is_counter)
        result = resets_sum(w, result);
    reach_set(&w->reach, w, w->first, w->end, w->end_ms, per_second);
    *out = extrapolate(&w->reach, first, result, is_counter, per_second, w->range_ms);
    return 1;
}

// The reaches of all steps over one column of times.
static void find_reaches(struct step_windows *s, const struct window *w, bool per_second)
{
    const struct grid *grid = w->call->grid;
    struct reach r = {0};
    s->reach_of = s->end + grid->count;
    for (size_t i = 0; i < grid->count; i++) {
        if (s->end[i] - s->first[i] < 2)
            continue;
        int64_t end_ms = lookup_time(w->lookup, grid_time(grid, i));
        reach_set(&r, w, s->first[i], s->end[i], end_ms, per_second);
        s->reach_of[i] = step_windows_add_reach(s, &r);
    }
}

// increase() over all steps of a series, whose times have been looked at.
static inline int increase_row(struct window *w, struct step_windows *s, bool is_counter,
                               bool per_second, struct row *row)
{
    size_t steps = w->call->grid->count;
    int count = 0;
    if (!s->reach_of)
        find_reaches(s, w, per_second);
    bool has_resets = is_counter && find_resets(w);
    for (size_t i = 0; i < steps; i++) {
        size_t first = s->first[i], end = s->end[i];
        row->present[i] = end - first >= 2;
        if (end - first < 2)
            continue;
        double from = w->values[first], result = w->values[end - 1] - from;
        if (has_resets) {
            w->first = first;
            w->end = end;
            result = resets_sum(w, result);
        }
        row->values[i] = extrapolate(&s->reaches[s->reach_of[i]], from, result, is_counter,
                                     per_second, w->range_ms);
        count++;
    }
    return count;
}

int row_rate(struct window *w, struct step_windows *s, struct row *row)
{
    return increase_row(w, s, true, true, row);
}

int row_increase(struct window *w, struct step_windows *s, struct row *row)
{
    return increase_row(w, s, true, false, row);
}

int row_delta(struct window *w, struct step_windows *s, struct row *row)
{
    return increase_row(w, s, false, false, row);
}

int range_rate(struct window *w, double *out)
{
    return increase(w, true, true, out);
}

int range_increase(struct window *w, double *out)
{
    return increase(w, true, false, out);
}

int range_delta(struct window *w, double *out)
{
    return increase(w, false, false, out);
}

int range_irate(struct window *w, double *out)
{
    if (window_count(w) < 2)
        return 0;
    size_t last = w->end - 1;
    double before = w->values[last - 1], after = w->values[last];
    double seconds = (double)(w->times_ms[last] - w->times_ms[last - 1]) / 1000;
    *out = (start_is_reset(w, last) ? after : after - before) / seconds;
    return 1;
}

int range_idelta(struct window *w, double *out)
{
    if (window_count(w) < 2)
        return 0;
    *out = w->values[w->end - 1] - w->values[w->end - 2];
    return 1;
}

static int count_marks(const struct window *w, double *out)
{
    size_t first = w->mark_first;
    if (w->anchored) {
        // The sample at or before the window's start is where counting begins.
        size_t after = first_after(w->times_ms, w->first, w->end, w->start_ms);
        if (after == w->end)
            return 0;
        size_t anchor = after > w->first ? after - 1 : after;
        while (first < w->mark_end && w->marks[first] <= anchor)
            first++;
    }
    *out = (double)(w->mark_end - first);
    return 1;
}

int range_changes(struct window *w, double *out)
{
    mark_changes(w);
    return count_marks(w, out);
}

static void mark_starts(struct window *w)
{
    w->prepared = true;
    w->mark_count = w->mark_first = w->mark_end = 0;
    window_reserve_marks(w, w->count);
    for (size_t i = 1; i < w->count; i++)
        if (start_is_reset(w, i))
            w->marks[w->mark_count++] = (uint32_t)i;
}

int range_resets(struct window *w, double *out)
{
    if (!w->starts_ms)
        find_resets(w);
    else if (!w->prepared)
        mark_starts(w);
    window_seek_marks(w);
    return count_marks(w, out);
}
