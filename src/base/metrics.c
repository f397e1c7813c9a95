// Families and their metrics hang in linked lists that only ever grow, under one mutex; values are
// atomics, so that updating one takes no lock. Doubles are kept as their bits.
#include "base/metrics.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/float_text.h"
#include "base/mem.h"

const double METRIC_SECONDS_BOUNDS[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                        0.5,   1,      2.5,   5,    10,    30,   60};
const size_t METRIC_SECONDS_BOUND_COUNT =
    sizeof(METRIC_SECONDS_BOUNDS) / sizeof(METRIC_SECONDS_BOUNDS[0]);

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric {
    struct metric *next;
    char *labels; // owned
    enum metric_kind kind;
    _Atomic uint64_t count; // counters: whole increments; histograms: observations
    _Atomic uint64_t bits;  // counters: fractions; gauges: the value; histograms: the sum
    const double *bounds;
    size_t bound_count;
    _Atomic uint64_t *buckets; // owned; not cumulative
};

struct family {
    const char *name;
    const char *help;
    enum metric_kind kind;
    struct metric *first;
    struct metric **last;
};

struct collector {
    void (*collect)(void *context);
    void *context;
};

struct metrics {
    pthread_mutex_t mutex; // guards everything below but the values
    struct family **families;
    size_t family_count;
    size_t family_capacity;
    struct collector *collectors;
    size_t collector_count;
    size_t collector_capacity;
};

struct metrics *metrics_new(void)
{
    struct metrics *m = mem_calloc(1, sizeof(*m));
    pthread_mutex_init(&m->mutex, NULL);
    return m;
}

static void family_free(struct family *f)
{
    struct metric *metric = f->first;
    while (metric) {
        struct metric *next = metric->next;
        mem_free(metric->labels);
        mem_free((void *)metric->buckets);
        mem_free(metric);
        metric = next;
    }
    mem_free(f);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->family_count; i++)
        family_free(m->families[i]);
    mem_free(m->families);
    mem_free(m->collectors);
    pthread_mutex_destroy(&m->mutex);
    mem_free(m);
}

static struct family *family_get(struct metrics *m, const char *name, const char *help,
                                 enum metric_kind kind)
{
    for (size_t i = 0; i < m->family_count; i++) {
        struct family *f = m->families[i];
        if (strcmp(f->name, name) == 0) {
            assert(f->kind == kind && strcmp(f->help, help) == 0);
            return f;
        }
    }
    struct family *f = mem_calloc(1, sizeof(*f));
    *f = (struct family){.name = name, .help = help, .kind = kind};
    f->last = &f->first;
    MEM_GROW(m->families, m->family_count, m->family_capacity);
    m->families[m->family_count++] = f;
    return f;
}

static struct metric *metric_find(const struct family *f, const char *labels)
{
    for (struct metric *metric = f->first; metric; metric = metric->next) {
        if (strcmp(metric->labels, labels) == 0)
            return metric;
    }
    return NULL;
}

static struct metric *metric_get(struct metrics *m, const char *name, const char *help,
                                 const char *labels, enum metric_kind kind, const double *bounds,
                                 size_t bound_count)
{
    pthread_mutex_lock(&m->mutex);
    struct family *f = family_get(m, name, help, kind);
    struct metric *metric = metric_find(f, labels);
    if (!metric) {
        metric = mem_calloc(1, sizeof(*metric));
        metric->labels = mem_copy_str(str_from(labels));
        metric->kind = kind;
        metric->bounds = bounds;
        metric->bound_count = bound_count;
        if (kind == METRIC_HISTOGRAM)
            metric->buckets = mem_calloc(bound_count + 1, sizeof(*metric->buckets));
        *f->last = metric;
        f->last = &metric->next;
    }
    pthread_mutex_unlock(&m->mutex);
    return metric;
}

struct metric *metrics_counter(struct metrics *m, const char *name, const char *help,
                               const char *labels)
{
    return metric_get(m, name, help, labels, METRIC_COUNTER, NULL, 0);
}

struct metric *metrics_gauge(struct metrics *m, const char *name, const char *help,
                             const char *labels)
{
    return metric_get(m, name, help, labels, METRIC_GAUGE, NULL, 0);
}

struct metric *metrics_histogram(struct metrics *m, const char *name, const char *help,
                                 const char *labels, const double *bounds, size_t bound_count)
{
    return metric_get(m, name, help, labels, METRIC_HISTOGRAM, bounds, bound_count);
}

void metrics_on_collect(struct metrics *m, void (*collect)(void *context), void *context)
{
    pthread_mutex_lock(&m->mutex);
    MEM_GROW(m->collectors, m->collector_count, m->collector_capacity);
    m->collectors[m->collector_count++] = (struct collector){collect, context};
    pthread_mutex_unlock(&m->mutex);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void add_bits(_Atomic uint64_t *bits, double by)
{
    uint64_t old = atomic_load_explicit(bits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(bits, &old, bits_of(double_of(old) + by),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void metric_add(struct metric *metric, uint64_t by)
{
    assert(metric->kind == METRIC_COUNTER);
    atomic_fetch_add_explicit(&metric->count, by, memory_order_relaxed);
}

void metric_add_double(struct metric *metric, double by)
{
    assert(metric->kind == METRIC_COUNTER && by >= 0);
    add_bits(&metric->bits, by);
}

void metric_set(struct metric *metric, double value)
{
    assert(metric->kind != METRIC_HISTOGRAM);
    atomic_store_explicit(&metric->bits, bits_of(value), memory_order_relaxed);
}

void metric_observe(struct metric *metric, double value)
{
    assert(metric->kind == METRIC_HISTOGRAM);
    size_t i = 0;
    while (i < metric->bound_count && value > metric->bounds[i])
        i++;
    atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->count, 1, memory_order_relaxed);
    add_bits(&metric->bits, value);
}

double metric_value(const struct metric *metric)
{
    double value = double_of(atomic_load_explicit(&metric->bits, memory_order_relaxed));
    if (metric->kind == METRIC_COUNTER)
        value += (double)atomic_load_explicit(&metric->count, memory_order_relaxed);
    return value;
}

static void render_line(struct buf *out, const char *name, const char *suffix, const char *labels,
                        const char *extra, double value)
{
    buf_cstr(out, name);
    buf_cstr(out, suffix);
    if (*labels || *extra)
        buf_printf(out, "{%s%s%s}", labels, *labels && *extra ? "," : "", extra);
    buf_char(out, ' ');
    buf_float(out, value, FLOAT_G);
    buf_char(out, '\n');
}

static void render_histogram(struct buf *out, const char *name, const struct metric *metric)
{
    uint64_t sum = 0;
    for (size_t i = 0; i <= metric->bound_count; i++) {
        char bound[FLOAT_TEXT_SIZE];
        size_t len =
            float_format(i < metric->bound_count ? metric->bounds[i] : HUGE_VAL, FLOAT_G, bound);
        struct buf le = BUF_INIT;
        buf_printf(&le, "le=\"%.*s\"", (int)len, bound);
        sum += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        render_line(out, name, "_bucket", metric->labels, buf_text(&le), (double)sum);
        buf_release(&le);
    }
    render_line(out, name, "_sum", metric->labels, "", metric_value(metric));
    render_line(out, name, "_count", metric->labels, "", (double)sum);
}

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static void render_family(struct buf *out, const struct family *f)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kind_names[f->kind]);
    for (const struct metric *metric = f->first; metric; metric = metric->next) {
        if (f->kind == METRIC_HISTOGRAM)
            render_histogram(out, f->name, metric);
        else
            render_line(out, f->name, "", metric->labels, "", metric_value(metric));
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct family *const *)a)->name, (*(struct family *const *)b)->name);
}

static void render_each(struct metrics *m, struct buf *out,
                        void (*render)(struct buf *out, const struct family *f))
{
    pthread_mutex_lock(&m->mutex);
    qsort(m->families, m->family_count, sizeof(struct family *), by_name);
    for (size_t i = 0; i < m->family_count; i++)
        render(out, m->families[i]);
    pthread_mutex_unlock(&m->mutex);
}

void metrics_render(struct metrics *m, struct buf *out)
{
    // Collectors run without the mutex: they set values and may take their module's locks.
    for (size_t i = 0; i < m->collector_count; i++)
        m->collectors[i].collect(m->collectors[i].context);
    render_each(m, out, render_family);
}

static void render_reference_row(struct buf *out, const struct family *f)
{
    buf_printf(out, "| `%s` | %s | %s |\n", f->name, kind_names[f->kind], f->help);
}

void metrics_render_reference(struct metrics *m, struct buf *out)
{
    buf_cstr(out, "| metric | kind | meaning |\n| --- | --- | --- |\n");
    render_each(m, out, render_reference_row);
}
