#include "query_set.h"

#include "base/file.h"
#include "base/float_text.h"
#include "model/duration.h"

#define FILE_SIZE_MAX (4u << 20)

const char *const target_kind_names[KIND_COUNT] = {
    [KIND_OTHER] = "other",
    [KIND_LAPWING] = "lapwing",
    [KIND_PROMETHEUS] = "prometheus",
    [KIND_VICTORIA_METRICS] = "victoria-metrics",
};

void query_set_init(struct query_set *set)
{
    *set = (struct query_set){0};
    arena_init(&set->arena, 0);
}

void query_set_release(struct query_set *set)
{
    arena_release(&set->arena);
}

// The next word of the line; empty at its end.
static struct str take_word(struct str *line)
{
    struct str word;
    *line = str_trim(*line);
    size_t len = 0;
    while (len < line->len && line->ptr[len] != ' ' && line->ptr[len] != '\t')
        len++;
    word = str_first(*line, len);
    *line = str_trim(str_skip(*line, len));
    return word;
}

static bool parse_tolerance(struct str text, double *out)
{
    if (str_is(text, "differs")) {
        *out = TOLERANCE_DIFFERS;
        return true;
    }
    bool percent = str_has_suffix(text, STR("%"));
    double value;
    if (!float_parse(str_first(text, text.len - percent), &value) || !(value >= 0))
        return false;
    *out = percent ? value / 100 : value;
    return true;
}

// 1 when it was an attribute, 0 when the word is none, negative on a fault.
static int parse_attribute(struct query *q, struct str word, struct error *err)
{
    struct str name, value;
    if (!str_cut(word, '=', &name, &value))
        return 0;
    if (str_is(name, "offset"))
        return duration_parse(value, &q->offset_ms)
                   ? 1
                   : error_set(err, ERR_INVALID, "offset: expected a duration, got \"%.*s\"",
                               STR_ARG(value));
    bool all = str_is(name, "tolerance"), known = all;
    double tolerance = 0;
    for (int kind = 0; kind < KIND_COUNT; kind++)
        known |= str_is(name, target_kind_names[kind]);
    if (!known)
        return 0;
    if (!parse_tolerance(value, &tolerance))
        return error_set(err, ERR_INVALID, "%.*s: expected 1e-6, 5%% or differs, got \"%.*s\"",
                         STR_ARG(name), STR_ARG(value));
    for (int kind = 0; kind < KIND_COUNT; kind++)
        if (all || str_is(name, target_kind_names[kind]))
            q->tolerances[kind] = tolerance;
    return 1;
}

static int parse_kind(struct query *q, struct str *line, struct error *err)
{
    struct str kind = take_word(line);
    if (str_is(kind, "instant"))
        return OK;
    if (!str_is(kind, "range"))
        return error_set(err, ERR_INVALID, "expected \"instant\" or \"range\", got \"%.*s\"",
                         STR_ARG(kind));
    struct str word = take_word(line), span, step;
    q->range = true;
    if (!str_cut(word, '/', &span, &step) || !duration_parse(span, &q->span_ms) ||
        !duration_parse(step, &q->step_ms) || q->step_ms <= 0)
        return error_set(err, ERR_INVALID, "expected SPAN/STEP such as 6h/60s, got \"%.*s\"",
                         STR_ARG(word));
    return OK;
}

static int parse_line(struct query_set *set, struct str line, struct error *err)
{
    struct query q = {.name = take_word(&line)};
    for (int kind = 0; kind < KIND_COUNT; kind++)
        q.tolerances[kind] = TOLERANCE_DEFAULT;
    int result = parse_kind(&q, &line, err);
    if (result)
        return result;
    for (struct str rest = line;; line = rest) {
        int taken = parse_attribute(&q, take_word(&rest), err);
        if (taken < 0)
            return taken;
        if (taken == 0)
            break;
    }
    if (line.len == 0)
        return error_set(err, ERR_INVALID, "expected an expression");
    for (size_t i = 0; i < set->count; i++)
        if (str_eq(set->queries[i].name, q.name))
            return error_set(err, ERR_EXISTS, "a second query is called \"%.*s\"", STR_ARG(q.name));
    q.name = arena_copy(&set->arena, q.name);
    q.expr = arena_copy(&set->arena, line);
    ARENA_GROW(&set->arena, set->queries, set->count, set->capacity);
    set->queries[set->count++] = q;
    return OK;
}

int query_set_parse(struct query_set *set, const char *file, struct str text, struct error *err)
{
    struct buf joined = BUF_INIT;
    struct str piece;
    int result = OK, number = 0, first = 0;
    while (!result && str_next(&text, '\n', &piece)) {
        number++;
        piece = str_trim(piece);
        if (!joined.len)
            first = number;
        bool more = str_has_suffix(piece, STR("\\"));
        buf_str(&joined, str_first(piece, piece.len - more));
        if (more)
            continue;
        struct str line = str_trim(buf_view(&joined));
        if (line.len && line.ptr[0] != '#' && (result = parse_line(set, line, err)))
            error_prefix(err, "%s:%d: ", file, first);
        buf_reset(&joined);
    }
    buf_release(&joined);
    return result;
}

int query_set_read(struct query_set *set, const char *path, struct error *err)
{
    struct buf text = BUF_INIT;
    size_t before = set->count;
    int result = file_read(path, FILE_SIZE_MAX, &text, err);
    if (!result)
        result = query_set_parse(set, path, buf_view(&text), err);
    if (!result && set->count == before)
        result = error_set(err, ERR_INVALID, "%s: no query in it", path);
    buf_release(&text);
    return result;
}
