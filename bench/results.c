#include "results.h"

#include <math.h>

#include "base/mem.h"

const char *const run_mode_names[MODE_COUNT] = {"nocache", "cache"};

void results_init(struct results *r)
{
    *r = (struct results){0};
    arena_init(&r->arena, 0);
}

void results_start(struct results *r)
{
    size_t count = r->query_count * r->target_count * MODE_COUNT;
    r->runs = mem_calloc(count, sizeof(*r->runs));
    for (size_t i = 0; i < count; i++)
        r->runs[i].first_ms = -1;
}

void results_release(struct results *r)
{
    size_t count = r->runs ? r->query_count * r->target_count * MODE_COUNT : 0;
    for (size_t i = 0; i < count; i++)
        measurements_release(&r->runs[i].latencies_ms);
    mem_free(r->runs);
    arena_release(&r->arena);
}

struct run *results_run(const struct results *r, size_t query, size_t target, enum run_mode mode)
{
    return &r->runs[(query * r->target_count + target) * MODE_COUNT + mode];
}

// Every target answered in every mode that was measured.
static bool is_answered_by_all(const struct results *r, size_t query)
{
    for (size_t t = 0; t < r->target_count; t++)
        for (int mode = 0; mode < MODE_COUNT; mode++)
            if (r->modes[mode] && (results_run(r, query, t, mode)->status != RUN_OK ||
                                   !results_run(r, query, t, mode)->latencies_ms.count))
                return false;
    return true;
}

double results_geometric_mean(const struct results *r, size_t target, enum run_mode mode,
                              size_t *count)
{
    double sum = 0;
    *count = 0;
    for (size_t q = 0; q < r->query_count; q++) {
        if (!is_answered_by_all(r, q))
            continue;
        sum += log(measurements_summary(&results_run(r, q, target, mode)->latencies_ms).p50);
        (*count)++;
    }
    return *count ? exp(sum / (double)*count) : 0;
}

size_t results_count_status(const struct results *r, enum run_status status)
{
    size_t count = 0;
    for (size_t q = 0; q < r->query_count; q++)
        for (size_t t = 0; t < r->target_count; t++)
            for (int mode = 0; mode < MODE_COUNT; mode++)
                count += r->modes[mode] && results_run(r, q, t, mode)->status == status;
    return count;
}

size_t results_count_differing(const struct results *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->query_count * r->target_count * MODE_COUNT; i++)
        count += r->runs[i].agreement == AGREEMENT_DIFFERS;
    return count;
}
