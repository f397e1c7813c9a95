// /api/v1/series, labels, label/NAME/values: what is stored, without samples.
//
// Each match[] selects on its own and the answers are united, sorted and without duplicates.
#include "api.h"
#include "escape.h"
#include "routes.h"
#include "storage/querier.h"

// The checked parameters that the three have in common.
struct scope {
    struct matcher_sets sets; // owned
    int64_t start_ms, end_ms;
    size_t limit;
    struct querier *querier; // owned
};

static void scope_release(struct scope *s)
{
    if (s->querier)
        querier_free(s->querier);
    matcher_sets_release(&s->sets);
}

static void fail_with(struct response *res, const struct error *err)
{
    // A limit of the store is no fault of the request's form.
    api_fail(res, err->code == ERR_INVALID ? API_BAD_DATA : api_error_type_from(err->code), "%s",
             err->text);
}

// On false the answer is written; release in both cases.
static bool scope_init(struct web_server *web, struct request *req, struct response *res,
                       struct scope *s)
{
    struct error err;
    *s = (struct scope){0};
    if (!api_limit(req, res, &s->limit) ||
        !api_time_or(req, res, "start", -API_TIME_OPEN_MS, &s->start_ms) ||
        !api_time_or(req, res, "end", API_TIME_OPEN_MS, &s->end_ms) ||
        !api_matchers(req, res, "match[]", true, &s->sets))
        return false;
    // Prometheus does not mind a range that is the wrong way round here.
    if (s->end_ms < s->start_ms) {
        int64_t later_ms = s->start_ms;
        s->start_ms = s->end_ms;
        s->end_ms = later_ms;
    }
    if (querier_new(&s->querier, web->options.storage, s->start_ms, s->end_ms, &err) == OK)
        return true;
    fail_with(res, &err);
    return false;
}

static int order_labels(const void *a, const void *b)
{
    return labels_cmp(*(const struct labels *)a, *(const struct labels *)b);
}

static int order_strs(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

// Sorts and removes duplicates; returns how many are left.
static size_t unite(void *items, size_t count, size_t size,
                    int (*order)(const void *, const void *))
{
    char *base = items;
    if (count == 0)
        return 0;
    qsort(items, count, size, order);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (order(base + (kept - 1) * size, base + i * size) != 0)
            memmove(base + kept++ * size, base + i * size, size);
    }
    return kept;
}

static bool select_series(struct request *req, struct scope *s, struct labels **out, size_t *count,
                          struct error *err)
{
    size_t capacity = 0;
    *out = NULL;
    *count = 0;
    for (size_t i = 0; i < s->sets.count; i++) {
        const struct matcher_set *set = &s->sets.items[i];
        struct series_set found;
        if (querier_select(s->querier, set->matchers, set->count, s->start_ms, s->end_ms,
                           &req->arena, &found, err))
            return false;
        if (s->sets.count == 1) {
            *out = found.labels;
            *count = found.count;
            return true;
        }
        for (size_t k = 0; k < found.count; k++) {
            ARENA_GROW(&req->arena, *out, *count, capacity);
            (*out)[(*count)++] = found.labels[k];
        }
    }
    *count = unite(*out, *count, sizeof(**out), order_labels);
    return true;
}

static void write_series(struct response *res, const struct labels *items, size_t count,
                         size_t limit)
{
    struct json_writer w;
    bool cut = limit && count > limit;
    api_begin(res, &w);
    json_array_begin(&w);
    for (size_t i = 0; i < (cut ? limit : count) && !res->body.failed; i++)
        labels_json(&w, items[i]);
    json_array_end(&w);
    api_end_notes(&w, &API_TRUNCATED, cut, NULL, 0);
}

void api_series(struct web_server *web, struct request *req, struct response *res)
{
    struct scope scope;
    struct labels *items;
    size_t count;
    struct error err;
    request_param_all(req, "match[]", &count);
    if (count == 0) {
        api_fail(res, API_BAD_DATA, "no match[] parameter provided");
        return;
    }
    if (scope_init(web, req, res, &scope)) {
        if (select_series(req, &scope, &items, &count, &err))
            write_series(res, items, count, scope.limit);
        else
            fail_with(res, &err);
    }
    scope_release(&scope);
}

// Names, or the values of `name` unless it is empty, for one match[] (NULL: for everything).
static int list_one(struct request *req, struct scope *s, struct str name,
                    const struct matcher_set *set, struct str **out, size_t *count, bool *cut,
                    struct error *err)
{
    const struct matcher *matchers = set ? set->matchers : NULL;
    size_t matcher_count = set ? set->count : 0;
    // Several lists can only be cut once they are united.
    size_t limit = s->sets.count > 1 ? 0 : s->limit;
    if (name.len)
        return querier_label_values(s->querier, name, matchers, matcher_count, limit, &req->arena,
                                    out, count, cut, err);
    return querier_label_names(s->querier, matchers, matcher_count, limit, &req->arena, out, count,
                               cut, err);
}

static int list_all(struct request *req, struct scope *s, struct str name, struct str **out,
                    size_t *count, bool *cut, struct error *err)
{
    size_t capacity = 0;
    *cut = false;
    if (s->sets.count <= 1)
        return list_one(req, s, name, s->sets.count ? s->sets.items : NULL, out, count, cut, err);
    *out = NULL;
    *count = 0;
    for (size_t i = 0; i < s->sets.count; i++) {
        struct str *found;
        size_t found_count;
        int rc = list_one(req, s, name, &s->sets.items[i], &found, &found_count, cut, err);
        if (rc)
            return rc;
        for (size_t k = 0; k < found_count; k++) {
            ARENA_GROW(&req->arena, *out, *count, capacity);
            (*out)[(*count)++] = found[k];
        }
    }
    *count = unite(*out, *count, sizeof(**out), order_strs);
    *cut = s->limit && *count > s->limit;
    if (*cut)
        *count = s->limit;
    return OK;
}

static void answer_list(struct web_server *web, struct request *req, struct response *res,
                        struct str name)
{
    struct scope scope;
    struct str *items;
    size_t count;
    bool cut;
    struct error err;
    if (scope_init(web, req, res, &scope)) {
        if (list_all(req, &scope, name, &items, &count, &cut, &err)) {
            fail_with(res, &err);
        } else {
            struct json_writer w;
            api_begin(res, &w);
            json_array_begin(&w);
            for (size_t i = 0; i < count; i++)
                json_str(&w, items[i]);
            json_array_end(&w);
            api_end_notes(&w, &API_TRUNCATED, cut, NULL, 0);
        }
    }
    scope_release(&scope);
}

void api_labels(struct web_server *web, struct request *req, struct response *res)
{
    answer_list(web, req, res, str_make(NULL, 0));
}

void api_label_values(struct web_server *web, struct request *req, struct response *res)
{
    struct str name = name_unescape(&req->arena, req->path_param);
    if (label_name_is_valid(name)) {
        answer_list(web, req, res, name);
        return;
    }
    struct buf quoted = BUF_INIT;
    str_quote(&quoted, name);
    api_fail(res, API_BAD_DATA, "invalid label name: %.*s", STR_ARG(buf_view(&quoted)));
    buf_release(&quoted);
}
