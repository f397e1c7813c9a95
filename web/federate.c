// /federate: the newest sample of each selected series, as text that another server scrapes.
#include "api.h"
#include "escape.h"
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

struct writing {
    struct buf *out;
    enum name_escaping escaping;
    struct labels global; // added where a series has no label of that name
    bool separated;       // a brace is open
};

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

// As it is, or in quotes where it is not a legacy name and nobody asked for an escape.
static void write_name(struct writing *w, struct str name)
{
    if (metric_name_is_legacy(name) || w->escaping != ESCAPE_NONE) {
        name_escape(w->out, name, w->escaping);
        return;
    }
    buf_char(w->out, '"');
    write_label_text(w->out, name);
    buf_char(w->out, '"');
}

static void separate(struct writing *w)
{
    buf_char(w->out, w->separated ? ',' : '{');
    w->separated = true;
}

static void write_label(struct writing *w, struct label l)
{
    separate(w);
    write_name(w, l.name);
    buf_cstr(w->out, "=\"");
    write_label_text(w->out, l.value);
    buf_char(w->out, '"');
}

static void write_labels(struct writing *w, struct labels set)
{
    for (size_t i = 0; i < set.count; i++) {
        if (!str_is(set.items[i].name, LABEL_METRIC_NAME))
            write_label(w, set.items[i]);
    }
    for (size_t i = 0; i < w->global.count; i++) {
        if (!labels_get(set, w->global.items[i].name).len)
            write_label(w, w->global.items[i]);
    }
}

static void write_line(struct writing *w, const struct found *f, bool first_of_metric)
{
    struct str name = metric_name(f->labels);
    bool outside = metric_name_is_legacy(name) || w->escaping != ESCAPE_NONE;
    if (first_of_metric) {
        buf_cstr(w->out, "# TYPE ");
        write_name(w, name);
        buf_cstr(w->out, " untyped\n");
    }
    w->separated = false;
    if (!outside)
        separate(w);
    write_name(w, name);
    write_labels(w, f->labels);
    if (w->separated)
        buf_char(w->out, '}');
    buf_char(w->out, ' ');
    buf_float(w->out, f->sample.value, FLOAT_G);
    buf_char(w->out, ' ');
    buf_i64(w->out, f->sample.t_ms);
    buf_char(w->out, '\n');
}

// The external labels, and an empty instance: without one the scraper would add its own.
static struct labels global_labels(struct web_server *web, struct arena *a)
{
    struct labels external = {0};
    if (web->options.external_labels)
        external = web->options.external_labels(web->options.context, a);
    struct label *items = arena_array(a, external.count + 1, sizeof(*items));
    size_t count = 0;
    bool placed = labels_get(external, STR("instance")).len > 0;
    for (size_t i = 0; i < external.count; i++) {
        if (!placed && str_cmp(external.items[i].name, STR("instance")) > 0) {
            items[count++] = (struct label){STR("instance"), {0}};
            placed = true;
        }
        items[count++] = external.items[i];
    }
    if (!placed)
        items[count++] = (struct label){STR("instance"), {0}};
    return (struct labels){items, count};
}

static void write_found(struct web_server *web, struct request *req, struct response *res,
                        struct found_list *list)
{
    struct writing w = {.out = &res->body,
                        .escaping = name_escaping_accepted(req->accept),
                        .global = global_labels(web, &req->arena)};
    res->content_type = arena_printf(&req->arena,
                                     "text/plain; version=0.0.4; charset=utf-8; "
                                     "escaping=%s",
                                     name_escaping_text(w.escaping))
                            .ptr;
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), order_found);
    for (size_t i = 0; i < list->count; i++) {
        const struct found *before = i ? &list->items[i - 1] : NULL;
        if (before && labels_eq(before->labels, list->items[i].labels))
            continue; // selected twice
        bool first =
            !before || !str_eq(metric_name(before->labels), metric_name(list->items[i].labels));
        write_line(&w, &list->items[i], first);
    }
}

// Scrapers are told in a line of text, not in JSON.
static bool read_matchers(struct request *req, struct response *res, struct matcher_sets *sets)
{
    struct error err;
    if (matcher_sets_parse(req, "match[]", sets, &err) == OK)
        return true;
    response_text(res, 400, arena_copy(&req->arena, str_from(err.text)));
    return false;
}

void federate(struct web_server *web, struct request *req, struct response *res)
{
    struct matcher_sets sets;
    struct querier *q = NULL;
    struct found_list list = {0};
    struct error err = {0};
    int64_t now_ms = clock_wall_ms(web->options.clock);
    if (read_matchers(req, res, &sets)) {
        int rc = querier_new(&q, web->options.storage, now_ms - LOOKBACK_MS + 1, now_ms, &err);
        if (rc == OK)
            rc = collect(q, req, &sets, now_ms, &list, &err);
        if (rc == OK)
            write_found(web, req, res, &list);
        else
            response_text(res, 500, arena_copy(&req->arena, str_from(err.text)));
        if (q)
            querier_free(q);
    }
    matcher_sets_release(&sets);
}
