// A workload is hosts; a host is a table of series, the values that move them, and a schedule.
//
// Each host draws from generators of its own, seeded by the workload's seed and the host's number,
// so that its samples are the same whatever else is generated, in whatever order. The schedule is
// that of a scraper: every interval at the host's own offset, sometimes a little late, sometimes
// failing (staleness markers once, then nothing until it answers again). A restart begins the
// counters anew; a replaced group ends with staleness markers and goes on under other labels with
// the next scrape.
#include "generator.h"

#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "model/sample.h"
#include "series_table.h"
#include "value.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct host {
    struct arena arena; // of labels
    struct labels *labels;
    struct value *values;         // per series; unused for histograms
    struct histogram *histograms; // per group; unused for the others
    uint32_t *generations;        // per group
    double *out;
    enum sample_state *states;
    bool *leaving; // per group: ended in the newest scrape
    uint64_t random;
    unsigned number;
    int64_t round;
    int64_t offset_ms;
    int64_t last_ms;
    double start_s;
    bool down; // the scrape before failed
};

struct generator {
    struct workload workload;
    struct series_table table;
    struct host *hosts;
    double constant_chance; // of a group that could move
};

// A number for what is seeded apart: host, group, generation.
static uint64_t seed_of(const struct generator *g, uint64_t host, uint64_t group, uint64_t purpose)
{
    uint64_t parts[] = {host, group, purpose};
    return hash64(parts, sizeof(parts), g->workload.seed);
}

static double chance_of(uint64_t seed)
{
    return random_share(&seed);
}

static bool is_still(enum value_kind kind)
{
    return kind == VALUE_CONSTANT || kind == VALUE_START;
}

// How likely a group that could move stands still, so that the workload's share of all series does.
static double constant_chance(const struct generator *g)
{
    size_t still = 0;
    for (size_t i = 0; i < g->table.count; i++)
        still += is_still(g->table.plans[i].family->kind);
    double moving = (double)(g->table.count - still);
    double wanted = g->workload.constant_share * (double)g->table.count - (double)still;
    return moving > 0 && wanted > 0 ? wanted / moving : 0;
}

static struct str label_value(const struct generator *g, struct host *h,
                              const struct series_plan *p, struct label label)
{
    unsigned generation = h->generations[p->group];
    if (str_is(label.value, "%"))
        return arena_printf(&h->arena, "%u", h->number);
    if (label.value.len && label.value.ptr[label.value.len - 1] == '%')
        return arena_printf(&h->arena, "%.*s%u", (int)label.value.len - 1, label.value.ptr,
                            h->number);
    if (str_is(label.name, "pod"))
        return arena_printf(&h->arena, "%.*s-%08x", STR_ARG(label.value),
                            (unsigned)seed_of(g, h->number, hash_str(label.value), generation));
    return label.value;
}

static void label_series(const struct generator *g, struct host *h, size_t series)
{
    const struct series_plan *p = &g->table.plans[series];
    unsigned generation = h->generations[p->group];
    bool has_pod = false;
    struct labels_builder b;
    labels_builder_init(&b, &h->arena, (struct labels){0});
    for (size_t i = 0; i < p->label_count; i++) {
        labels_builder_set(&b, p->labels[i].name, label_value(g, h, p, p->labels[i]));
        has_pod |= str_is(p->labels[i].name, "pod");
    }
    labels_builder_set(&b, STR("job"), str_from(p->job));
    labels_builder_set(&b, STR("instance"),
                       arena_printf(&h->arena, "host-%03u:%d", h->number, p->port));
    if (generation && !has_pod)
        labels_builder_set(&b, STR("id"), arena_printf(&h->arena, "g%u", generation));
    h->labels[series] = labels_builder_finish(&b);
}

static void start_series(const struct generator *g, struct host *h, size_t series, double uptime)
{
    const struct series_plan *p = &g->table.plans[series];
    uint64_t seed = seed_of(g, h->number, series, 1000 + h->generations[p->group]);
    double chance = chance_of(seed_of(g, h->number, p->group, 1));
    bool constant = !is_still(p->family->kind) && chance < g->constant_chance;
    struct histogram *group = &h->histograms[p->group];
    if (value_is_histogram(p->family->kind) && p->part == PART_BUCKET && p->index == 0) {
        histogram_init(group, p->family->kind == VALUE_SIZES, p->family->scale, seed, uptime);
        group->constant = constant;
    }
    enum value_kind kind = p->part == PART_QUANTILE ? VALUE_QUANTILE
                           : p->part == PART_SUM    ? VALUE_FLOAT_SUM
                           : p->part == PART_COUNT  ? VALUE_COUNTER
                                                    : p->family->kind;
    double scale = p->part == PART_QUANTILE ? 0.001 * (p->index + 1) : p->family->scale;
    value_init(&h->values[series], kind, scale, seed, uptime);
    h->values[series].constant = constant;
    label_series(g, h, series);
}

static void host_init(struct generator *g, unsigned number)
{
    struct host *h = &g->hosts[number];
    size_t count = g->table.count, groups = g->table.group_count;
    *h = (struct host){.number = number, .random = seed_of(g, number, 0, 2)};
    arena_init(&h->arena, 0);
    h->labels = mem_calloc(count, sizeof(*h->labels));
    h->values = mem_calloc(count, sizeof(*h->values));
    h->out = mem_calloc(count, sizeof(*h->out));
    h->states = mem_calloc(count, sizeof(*h->states));
    h->histograms = mem_calloc(groups, sizeof(*h->histograms));
    h->generations = mem_calloc(groups, sizeof(*h->generations));
    h->leaving = mem_calloc(groups, sizeof(*h->leaving));
    double uptime = 3600 * (24 + 24 * 60 * random_share(&h->random));
    int64_t start_ms = workload_start_ms(&g->workload);
    h->start_s = floor((double)start_ms / 1000 - uptime);
    h->offset_ms = (int64_t)(random_share(&h->random) * (double)g->workload.interval_ms);
    h->last_ms = start_ms + h->offset_ms - g->workload.interval_ms;
    for (size_t i = 0; i < count; i++)
        start_series(g, h, i, uptime);
}

int generator_new(struct generator **out, const struct workload *w, struct error *err)
{
    struct generator *g = mem_calloc(1, sizeof(*g));
    g->workload = *w;
    int result = series_table_init(&g->table, w->shapes, w->series, err);
    if (result) {
        mem_free(g);
        return result;
    }
    g->constant_chance = constant_chance(g);
    g->hosts = mem_calloc(w->hosts, sizeof(*g->hosts));
    for (unsigned i = 0; i < w->hosts; i++)
        host_init(g, i);
    *out = g;
    return OK;
}

void generator_free(struct generator *g)
{
    if (!g)
        return;
    for (unsigned i = 0; i < g->workload.hosts; i++) {
        struct host *h = &g->hosts[i];
        arena_release(&h->arena);
        mem_free(h->labels);
        mem_free(h->values);
        mem_free(h->histograms);
        mem_free(h->generations);
        mem_free(h->out);
        mem_free(h->states);
        mem_free(h->leaving);
    }
    mem_free(g->hosts);
    series_table_release(&g->table);
    mem_free(g);
}

size_t generator_series_count(const struct generator *g)
{
    return g->table.count;
}

struct labels generator_labels(const struct generator *g, size_t host, size_t series)
{
    return g->hosts[host].labels[series];
}

const struct family *generator_family(const struct generator *g, size_t series)
{
    return g->table.plans[series].family;
}

// Series that ended in the scrape before come back under other labels.
static bool replace_left(struct generator *g, struct host *h)
{
    bool replaced = false;
    for (size_t i = 0; i < g->table.group_count; i++) {
        h->generations[i] += h->leaving[i];
        replaced |= h->leaving[i];
    }
    for (size_t i = 0; replaced && i < g->table.count; i++)
        if (h->leaving[g->table.plans[i].group])
            start_series(g, h, i, 0);
    memset(h->leaving, 0, g->table.group_count * sizeof(*h->leaving));
    return replaced;
}

static void choose_leaving(struct generator *g, struct host *h)
{
    double share = g->workload.churn_per_day * (double)g->workload.interval_ms / (double)DAY_MS;
    double count = floor(share * g->table.group_count + random_share(&h->random));
    for (; count > 0; count--)
        h->leaving[random_next(&h->random) % g->table.group_count] = true;
}

static void restart(struct generator *g, struct host *h)
{
    for (size_t i = 0; i < g->table.count; i++)
        value_restart(&h->values[i]);
    for (size_t i = 0; i < g->table.group_count; i++)
        histogram_restart(&h->histograms[i]);
    h->start_s = floor((double)h->last_ms / 1000);
}

static double series_value(struct generator *g, struct host *h, size_t series,
                           const struct moment *m)
{
    const struct series_plan *p = &g->table.plans[series];
    struct histogram *histogram = &h->histograms[p->group];
    if (!value_is_histogram(p->family->kind))
        return value_next(&h->values[series], m);
    if (p->part == PART_SUM)
        return histogram->sum;
    if (p->part == PART_COUNT)
        return histogram_bucket(histogram, shape_bound_count - 1);
    if (p->index == 0)
        histogram_advance(histogram, m);
    return histogram_bucket(histogram, p->index);
}

static void fill(struct generator *g, struct host *h, const struct moment *m, bool down)
{
    double stale = double_from_bits(SAMPLE_STALE_BITS);
    for (size_t i = 0; i < g->table.count; i++) {
        bool leaving = h->leaving[g->table.plans[i].group];
        double value = series_value(g, h, i, m);
        h->out[i] = down || leaving ? stale : value;
        h->states[i] = down && h->down ? SAMPLE_NONE : SAMPLE_VALUE;
    }
}

static int64_t next_time(struct generator *g, struct host *h)
{
    int64_t time_ms =
        workload_start_ms(&g->workload) + h->offset_ms + h->round++ * g->workload.interval_ms;
    if (random_share(&h->random) < g->workload.jitter_share)
        time_ms += 1 + (int64_t)(random_next(&h->random) % 20);
    return time_ms;
}

void generator_scrape(struct generator *g, size_t host, struct scrape *out)
{
    struct host *h = &g->hosts[host];
    double per_round = (double)g->workload.interval_ms / (double)DAY_MS;
    bool relabelled = replace_left(g, h);
    int64_t time_ms = next_time(g, h);
    if (random_share(&h->random) < g->workload.restarts_per_day * per_round)
        restart(g, h);
    choose_leaving(g, h);
    bool down = random_share(&h->random) < g->workload.miss_share;
    struct moment m = {
        .time_ms = time_ms,
        .elapsed = (double)(time_ms - h->last_ms) / 1000,
        .load =
            1 + 0.4 * sin(2 * M_PI * ((double)time_ms / (double)DAY_MS + 0.05 * (double)h->number)),
        .start_s = h->start_s};
    fill(g, h, &m, down);
    h->down = down;
    h->last_ms = time_ms;
    *out = (struct scrape){time_ms, h->out, h->states, relabelled};
}
