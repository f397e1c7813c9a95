// The codecs of chunks and of blocks at rest, and the intersection of postings.
#include "../hot.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "cold_times.h"
#include "cold_values.h"
#include "storage/appender.h"
#include "storage/gorilla.h"
#include "storage/querier.h"

#define SHAPES    4
#define BLOCK     480
#define SERIES    4000
#define PER_GROUP 8
#define START_MS  INT64_C(1700000000000)
#define STEP_MS   INT64_C(15000)

static double values[SHAPES][BLOCK];
static int64_t times[BLOCK];
static struct buf chunks[SHAPES], cold[SHAPES], cold_bits[SHAPES], cold_times;
static struct storage *store;

static double next_value(struct rng *rng, int shape, double last)
{
    switch (shape) {
    case 0:
        return 4096;
    case 1:
        return last + (double)rng_below(rng, 50);
    case 2:
        return (double)rng_below(rng, 10000) / 100;
    default:
        return rng_double(rng);
    }
}

static unsigned write_chunk(const double *from, struct buf *out)
{
    struct gorilla g = {0};
    uint32_t words[GORILLA_WORDS_MAX];
    unsigned char header[GORILLA_HEADER_SIZE];
    unsigned written = 0;
    gorilla_header_put(header, GORILLA_SAMPLES_MAX, times[0], from[0]);
    if (out)
        buf_append(out, header, sizeof(header));
    for (int i = 0; i < GORILLA_SAMPLES_MAX; i++) {
        int count = gorilla_append(&g, times[i], from[i], words);
        if (out && count > 0)
            buf_append(out, words, (size_t)count * sizeof(words[0]));
        written += (unsigned)count;
    }
    unsigned bits = gorilla_finish(&g, words);
    if (out) {
        buf_append(out, words, sizeof(words));
        buf_truncate(out, GORILLA_HEADER_SIZE + (bits + 7) / 8);
    }
    return written;
}

static void add_series(struct appender *a, unsigned i)
{
    char instance[16], group[16];
    series_ref ref;
    snprintf(instance, sizeof(instance), "%u", i / PER_GROUP);
    snprintf(group, sizeof(group), "%u", i % PER_GROUP);
    struct label labels[] = {{STR(LABEL_METRIC_NAME), i % 2 ? STR("a_total") : STR("b_total")},
                             {STR("group"), str_from(group)},
                             {STR("instance"), str_from(instance)},
                             {STR("job"), STR("node")}};
    if (appender_series(a, (struct labels){labels, 4}, &ref))
        abort();
    appender_add(a, ref, START_MS, i);
}

static void fill_store(void)
{
    struct storage_options o;
    struct error err;
    storage_options_init(&o);
    o.clock = &clock_system;
    o.metrics = metrics_new();
    o.retention_ms = 0;
    if (storage_open(&store, &o, &err))
        abort();
    struct appender *a = appender_new(store);
    for (unsigned i = 0; i < SERIES; i++)
        add_series(a, i);
    if (appender_commit(a, false, &err))
        abort();
    appender_free(a);
}

static const struct window_span span = {START_MS, START_MS + BLOCK *STEP_MS + 1, 0, false, 1};

static void prepare(void)
{
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < BLOCK; i++)
        times[i] = START_MS + i * STEP_MS + (i % 50 == 7 ? 3 : 0);
    for (int shape = 0; shape < SHAPES; shape++) {
        for (int i = 0; i < BLOCK; i++)
            values[shape][i] = next_value(&rng, shape, i ? values[shape][i - 1] : 1e5);
        write_chunk(values[shape], &chunks[shape]);
        cold_values_encode(values[shape], BLOCK, &cold[shape], &cold_bits[shape]);
        memset(buf_reserve(&cold_bits[shape], BITS_PADDING), 0, BITS_PADDING);
    }
    cold_times_encode(&span, times, BLOCK, &cold_times);
    fill_store();
}

static void append_chunks(void)
{
    for (int shape = 0; shape < SHAPES; shape++)
        hot_sink = write_chunk(values[shape], NULL);
}

static void decode_chunks(void)
{
    int64_t out_times[GORILLA_SAMPLES_MAX];
    double out[GORILLA_SAMPLES_MAX];
    for (int shape = 0; shape < SHAPES; shape++)
        if (gorilla_decode(buf_view(&chunks[shape]), out_times, out) != GORILLA_SAMPLES_MAX)
            abort();
}

static void decode_cold(void)
{
    int64_t out_times[BLOCK];
    double out[BLOCK];
    struct slice_times found;
    for (int shape = 0; shape < SHAPES; shape++)
        if (cold_values_decode(
                (struct cold_stream){buf_view(&cold[shape]), buf_view(&cold_bits[shape])}, BLOCK, 0,
                BLOCK, out) ||
            cold_times_find(&span, buf_view(&cold_times), 0, &found) ||
            cold_times_decode(&found, out_times))
            abort();
}

// Three matchers whose lists have all, half and an eighth of the series.
static void intersect(void)
{
    struct arena arena;
    struct querier *q;
    struct series_set set;
    struct error err;
    struct matcher m[3];
    matcher_init(&m[0], MATCH_EQUAL, STR("job"), STR("node"), &err);
    matcher_init(&m[1], MATCH_EQUAL, STR(LABEL_METRIC_NAME), STR("a_total"), &err);
    matcher_init(&m[2], MATCH_EQUAL, STR("group"), STR("3"), &err);
    arena_init(&arena, 0);
    if (querier_new(&q, store, START_MS - 1000, START_MS + 1000, &err) ||
        querier_select(q, m, 3, START_MS - 1000, START_MS + 1000, &arena, &set, &err))
        abort();
    if (set.count != SERIES / PER_GROUP)
        abort();
    querier_free(q);
    arena_release(&arena);
    for (int i = 0; i < 3; i++)
        matcher_release(&m[i]);
}

int main(int argc, char **argv)
{
    static const struct hot_case CASES[] = {
        {"gorilla_append", "sample", SHAPES * GORILLA_SAMPLES_MAX, append_chunks},
        {"gorilla_decode", "sample", SHAPES * GORILLA_SAMPLES_MAX, decode_chunks},
        {"cold_block_decode", "sample", SHAPES * BLOCK, decode_cold},
        {"postings_intersection", "series looked at", SERIES, intersect},
    };
    return hot_main(argc, argv, CASES, sizeof(CASES) / sizeof(CASES[0]), prepare);
}
