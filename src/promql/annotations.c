// Annotations: what a query's answer carries besides its data.
//
// They are kept once per text, whatever the step or series that gave rise to them; the position is
// that of the last. The one about histogram buckets gathers details over all its occasions, and the
// position is that of the first.
#include "annotations.h"

#include <math.h>

#include "base/float_text.h"
#include "base/hash.h"
#include "base/mem.h"
#include "model/duration.h"

void annotations_init(struct annotations *a, struct arena *arena)
{
    *a = (struct annotations){.arena = arena};
    hmap_init(&a->index);
}

void annotations_release(struct annotations *a)
{
    hmap_release(&a->index);
}

static bool text_equal(const void *context, uint32_t value, const void *key)
{
    const struct annotations *a = context;
    return str_eq(a->items[value].text, *(const struct str *)key);
}

static struct annotation *add(struct annotations *a, enum annotation_kind kind,
                              struct position position, struct str text)
{
    uint64_t hash = hash_str(text);
    uint32_t found = hmap_find(&a->index, hash, text_equal, a, &text);
    if (found != HMAP_NONE) {
        if (a->items[found].monotonicity_count == 0)
            a->items[found].position = position;
        return &a->items[found];
    }
    ARENA_GROW(a->arena, a->items, a->count, a->capacity);
    a->items[a->count] =
        (struct annotation){.kind = kind, .text = arena_copy(a->arena, text), .position = position};
    hmap_insert(&a->index, hash, (uint32_t)a->count);
    return &a->items[a->count++];
}

struct annotation *annotate(struct annotations *a, enum annotation_kind kind,
                            struct position position, const char *format, ...)
{
    struct buf text = BUF_INIT;
    buf_cstr(&text, kind == ANNOTATION_WARNING ? "PromQL warning: " : "PromQL info: ");
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    struct annotation *added = add(a, kind, position, buf_view(&text));
    buf_release(&text);
    return added;
}

void annotate_quantile(struct annotations *a, double q, struct position position)
{
    if (q >= 0 && q <= 1)
        return;
    char text[FLOAT_TEXT_SIZE];
    size_t len = float_format(q, FLOAT_G, text);
    annotate(a, ANNOTATION_WARNING, position, "quantile value should be between 0 and 1, got %.*s",
             (int)len, text);
}

void annotate_non_counter(struct annotations *a, struct str metric, struct position position)
{
    static const char *const endings[] = {"_total", "_sum", "_count", "_bucket"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (str_has_suffix(metric, str_from(endings[i])))
            return;
    struct buf name = BUF_INIT;
    str_quote(&name, metric);
    annotate(a, ANNOTATION_INFO, position,
             "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: %s",
             buf_text(&name));
    buf_release(&name);
}

// ` for metric name "x"`, or nothing without a name.
static void append_metric(struct buf *b, struct str metric)
{
    if (metric.len) {
        buf_cstr(b, " for metric name ");
        str_quote(b, metric);
    }
}

void annotate_bad_bucket(struct annotations *a, struct str metric, struct str le,
                         struct position position)
{
    struct buf text = BUF_INIT;
    str_quote(&text, le);
    append_metric(&text, metric);
    annotate(a, ANNOTATION_WARNING, position,
             "bucket label \"le\" is missing or has a malformed value of %s", buf_text(&text));
    buf_release(&text);
}

void annotate_monotonicity(struct annotations *a, struct str metric, int64_t t_ms,
                           const struct monotonicity *m, struct position position)
{
    struct buf text = BUF_INIT;
    append_metric(&text, metric);
    struct annotation *n =
        annotate(a, ANNOTATION_INFO, position,
                 "input to histogram_quantile needed to be fixed for monotonicity (see "
                 "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                 "#histogram_quantile)%s",
                 buf_text(&text));
    buf_release(&text);
    if (n->monotonicity_count++ == 0) {
        n->t_min_ms = n->t_max_ms = t_ms;
        n->bucket_min = m->bucket_min;
        n->bucket_max = m->bucket_max;
        n->diff_max = m->diff_max;
    }
    n->t_min_ms = t_ms < n->t_min_ms ? t_ms : n->t_min_ms;
    n->t_max_ms = t_ms > n->t_max_ms ? t_ms : n->t_max_ms;
    n->bucket_min = m->bucket_min < n->bucket_min ? m->bucket_min : n->bucket_min;
    n->bucket_max = m->bucket_max > n->bucket_max ? m->bucket_max : n->bucket_max;
    n->diff_max = m->diff_max > n->diff_max ? m->diff_max : n->diff_max;
}

static void render_monotonicity(struct buf *b, const struct annotation *n)
{
    buf_cstr(b, ", from buckets ");
    buf_float(b, n->bucket_min, FLOAT_G);
    buf_cstr(b, " to ");
    buf_float(b, n->bucket_max, FLOAT_G);
    buf_cstr(b, ", with a max diff of ");
    if (isinf(n->diff_max))
        buf_cstr(b, "+Inf");
    else
        buf_printf(b, "%.2g", n->diff_max);
    buf_printf(b, ", over %llu samples from ", (unsigned long long)n->monotonicity_count);
    timestamp_format_nano(b, n->t_min_ms / 1000 * 1000);
    buf_cstr(b, " to ");
    timestamp_format_nano(b, n->t_max_ms / 1000 * 1000);
}

static void render_position(struct buf *b, struct str query, struct position position)
{
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < query.len && i < position.start; i++) {
        if (query.ptr[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    buf_printf(b, " (%zu:%zu)", line, position.start - line_start + 1);
}

void annotations_render(const struct annotations *a, struct str query, struct promql_result *out)
{
    out->warnings = arena_array(a->arena, a->count + 1, sizeof(struct str));
    out->infos = arena_array(a->arena, a->count + 1, sizeof(struct str));
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < a->count; i++) {
        const struct annotation *n = &a->items[i];
        buf_reset(&text);
        buf_str(&text, n->text);
        if (n->occurrence_count > 1)
            buf_printf(&text, " (%llu occurrences)", (unsigned long long)n->occurrence_count);
        if (n->monotonicity_count)
            render_monotonicity(&text, n);
        render_position(&text, query, n->position);
        struct str copy = arena_copy(a->arena, buf_view(&text));
        if (n->kind == ANNOTATION_WARNING)
            out->warnings[out->warning_count++] = copy;
        else
            out->infos[out->info_count++] = copy;
    }
    buf_release(&text);
}
