// A difference counts when it is both sure and large: the test alone would call a tenth of a per
// cent a regression once there are enough repetitions, the medians alone every gust of noise.
#include "compare.h"

#include <math.h>

struct tally {
    size_t slower, faster, same, lost, unpaired;
};

static const struct run *find_run(const struct results *r, struct str query, struct str target,
                                  enum run_mode mode)
{
    for (size_t q = 0; r->modes[mode] && q < r->query_count; q++)
        for (size_t t = 0; t < r->target_count; t++)
            if (str_eq(r->queries[q].name, query) && str_eq(r->targets[t].name, target))
                return results_run(r, q, t, mode);
    return NULL;
}

static const char *verdict_of(const struct run *before, const struct run *after, double change,
                              double p, const struct compare_options *o, struct tally *tally)
{
    if (!after->latencies_ms.count) {
        tally->lost += before->latencies_ms.count > 0;
        return before->latencies_ms.count ? "NO LONGER ANSWERED" : "never answered";
    }
    if (!before->latencies_ms.count) {
        tally->unpaired++;
        return "answered now";
    }
    if (p > o->p_max || fabs(change) < o->change_min) {
        tally->same++;
        return "";
    }
    tally->slower += change > 0;
    tally->faster += change < 0;
    return change > 0 ? "SLOWER" : "faster";
}

static void compare_run(struct buf *out, const struct results *after, size_t q, size_t t,
                        enum run_mode mode, const struct results *before,
                        const struct compare_options *o, struct tally *tally)
{
    struct str query = after->queries[q].name, target = after->targets[t].name;
    const struct run *new_run = results_run(after, q, t, mode);
    const struct run *old_run = find_run(before, query, target, mode);
    buf_printf(out, "%-20.*s %-18.*s %-8s", STR_ARG(query), STR_ARG(target), run_mode_names[mode]);
    if (!old_run) {
        tally->unpaired++;
        buf_cstr(out, " only in the new results\n");
        return;
    }
    double old_ms = measurements_summary(&old_run->latencies_ms).p50;
    double new_ms = measurements_summary(&new_run->latencies_ms).p50;
    double change = old_ms > 0 ? new_ms / old_ms - 1 : 0;
    double p = mann_whitney(&old_run->latencies_ms, &new_run->latencies_ms);
    buf_printf(out, "%10.3f%10.3f%+9.1f %%%10.2g  %s\n", old_ms, new_ms, change * 100, p,
               verdict_of(old_run, new_run, change, p, o, tally));
}

// What the old results have and the new ones lack.
static void name_missing(struct buf *out, const struct results *before, const struct results *after,
                         struct tally *tally)
{
    for (size_t q = 0; q < before->query_count; q++)
        for (size_t t = 0; t < before->target_count; t++)
            for (int mode = 0; mode < MODE_COUNT; mode++) {
                struct str query = before->queries[q].name, target = before->targets[t].name;
                if (!before->modes[mode] || find_run(after, query, target, mode))
                    continue;
                tally->unpaired++;
                buf_printf(out, "%-20.*s %-18.*s %-8s only in the old results\n", STR_ARG(query),
                           STR_ARG(target), run_mode_names[mode]);
            }
}

size_t compare_results(const struct results *before, const struct results *after,
                       const struct compare_options *options, struct buf *out)
{
    struct tally tally = {0};
    buf_printf(out, "%-20s %-18s %-8s%10s%10s%11s%10s\n", "query", "target", "mode", "old ms",
               "new ms", "change", "p");
    for (size_t q = 0; q < after->query_count; q++)
        for (size_t t = 0; t < after->target_count; t++)
            for (int mode = 0; mode < MODE_COUNT; mode++)
                if (after->modes[mode])
                    compare_run(out, after, q, t, mode, before, options, &tally);
    name_missing(out, before, after, &tally);
    buf_printf(out,
               "%zu slower, %zu faster, %zu the same, %zu no longer answered, %zu without "
               "counterpart (medians that differ by %.3g %% and more, Mann-Whitney p <= %.3g)\n",
               tally.slower, tally.faster, tally.same, tally.lost, tally.unpaired,
               options->change_min * 100, options->p_max);
    if (!before->complete || !after->complete)
        buf_printf(out, "not a whole run: %s\n",
                   before->complete  ? "the new one"
                   : after->complete ? "the old one"
                                     : "neither");
    return tally.slower + tally.lost;
}
