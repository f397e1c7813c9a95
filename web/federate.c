// /federate: the newest sample of each selected series, as text that another server scrapes.
#include "api.h"
#include "routes.h"
#include "storage/querier.h"

#define LOOKBACK_MS (INT64_C(5) * 60 * 1000)

struct found {
    struct labels labels;
    struct sample sample;
};

struct found_list {
    struct found *items; // in the request's arena
    size_t count;
    size_t capacity;
};

static struct str metric_name(struct labels set)
{
    return labels_get(set, STR(LABEL_METRIC_NAME));
}

// By metric, since the text format keeps a metric's lines together.
static int order_found(const void *a, const void *b)
{
    struct labels left = ((const struct found *)a)->labels;
    struct labels right = ((const struct found *)b)->labels;
    int order = str_cmp(metric_name(left), metric_name(right));
    return order ? order : labels_cmp(left, right);
}

static int add_newest(struct querier *q, struct series_set *set, size_t index, int64_t now_ms,
                      struct arena *a, struct columns *columns, struct found_list *out,
                      struct error *err)
{
    int rc = querier_read(q, set->series[index], now_ms - LOOKBACK_MS + 1, now_ms, columns, err);
    if (rc || columns->count == 0)
        return rc;
    size_t last = columns->count - 1;
    if (sample_is_stale(columns->values[last]))
        return OK;
    ARENA_GROW(a, out->items, out->count, out->capacity);
    out->items[out->count++] =
        (struct found){set->labels[index], {columns->times_ms[last], columns->values[last]}};
    return OK;
}

static int collect(struct querier *q, struct request *req, const struct matcher_sets *sets,
                   int64_t now_ms, struct found_list *out, struct error *err)
{
    struct columns columns;
    int rc = OK;
    columns_init(&columns);
    for (size_t i = 0; i < sets->count && rc == OK; i++) {
        struct series_set set;
        rc = querier_select(q, sets->items[i].matchers, sets->items[i].count,
                            now_ms - LOOKBACK_MS + 1, now_ms, &req->arena, &set, err);
        for (size_t k = 0; rc == OK && k < set.count; k++) {
            rc = cancel_raised(&req->cancel)
                     ? error_set(err, ERR_CANCELED, "the client hung up")
                     : add_newest(q, &set, k, now_ms, &req->arena, &columns, out, err);
        }
    }
    columns_release(&columns);
    return rc;
}

static void write_label_text(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\n') {
            buf_cstr(out, "\\n");
            continue;
        }
        if (c == '"' || c == '\\')
            buf_char(out, '\\');
        buf_char(out, c);
    }
}

static void write_name(struct buf *out, struct str name, bool legacy)
{
    if (legacy) {
        buf_str(out, name);
        return;
    }
    buf_char(out, '"');
    write_label_text(out, name);
    buf_char(out, '"');
}

static void write_labels(struct buf *out, struct labels set, bool legacy_metric)
{
    char separator = '{';
    if (!legacy_metric) {
        buf_char(out, separator);
        write_name(out, metric_name(set), false);
        separator = ',';
    }
    for (size_t i = 0; i < set.count; i++) {
        struct label l = set.items[i];
        if (str_is(l.name, LABEL_METRIC_NAME))
            continue;
        buf_char(out, separator);
        write_name(out, l.name, label_name_is_legacy(l.name));
        buf_cstr(out, "=\"");
        write_label_text(out, l.value);
        buf_char(out, '"');
        separator = ',';
    }
    if (separator == ',')
        buf_char(out, '}');
}

static void write_line(struct buf *out, const struct found *f, bool first_of_metric)
{
    struct str name = metric_name(f->labels);
    bool legacy = metric_name_is_legacy(name);
    if (first_of_metric) {
        buf_cstr(out, "# TYPE ");
        write_name(out, name, legacy);
        buf_cstr(out, " untyped\n");
    }
    if (legacy)
        buf_str(out, name);
    write_labels(out, f->labels, legacy);
    buf_char(out, ' ');
    buf_float(out, f->sample.value, FLOAT_G);
    buf_char(out, ' ');
    buf_i64(out, f->sample.t_ms);
    buf_char(out, '\n');
}

static void write_found(struct response *res, struct found_list *list)
{
    res->content_type = "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8";
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), order_found);
    for (size_t i = 0; i < list->count; i++) {
        const struct found *before = i ? &list->items[i - 1] : NULL;
        if (before && labels_eq(before->labels, list->items[i].labels))
            continue; // selected twice
        bool first =
            !before || !str_eq(metric_name(before->labels), metric_name(list->items[i].labels));
        write_line(&res->body, &list->items[i], first);
    }
}

void federate(struct web_server *web, struct request *req, struct response *res)
{
    struct matcher_sets sets;
    struct querier *q = NULL;
    struct found_list list = {0};
    struct error err = {0};
    int64_t now_ms = clock_wall_ms(web->options.clock);
    if (api_matchers(req, res, "match[]", false, &sets)) {
        int rc = querier_new(&q, web->options.storage, now_ms - LOOKBACK_MS + 1, now_ms, &err);
        if (rc == OK)
            rc = collect(q, req, &sets, now_ms, &list, &err);
        if (rc == OK)
            write_found(res, &list);
        else
            response_text(res, 500, arena_copy(&req->arena, str_from(err.text)));
        if (q)
            querier_free(q);
    }
    matcher_sets_release(&sets);
}
