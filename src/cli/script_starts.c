// Series are few in a script, so that they are looked for one after the other.
#include "cli/script_starts.h"

#include "base/mem.h"
#include "model/duration.h"
#include "model/sample.h"

struct known_start {
    int64_t t_ms, start_ms;
};

struct known_series {
    struct labels labels; // in the arena
    struct known_start *starts;
    size_t count;
    size_t capacity;
};

struct script_starts {
    struct arena arena;
    struct known_series *series;
    size_t count;
    size_t capacity;
    struct promql_start_times view;
};

// ---- reading

static struct str cut_word(struct str *rest)
{
    size_t length = 0;
    *rest = str_trim(*rest);
    while (length < rest->len && rest->ptr[length] != ' ' && rest->ptr[length] != '\t')
        length++;
    struct str word = str_first(*rest, length);
    *rest = str_skip(*rest, length);
    return word;
}

bool start_offsets_are(struct str line)
{
    return str_has_suffix(cut_word(&line), STR("@st"));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// A duration with a sign at the start of *s, which it cuts off.
static bool take_duration(struct str *s, int64_t *ms)
{
    bool negative = str_has_prefix(*s, STR("-"));
    struct str rest = str_skip(*s, negative || str_has_prefix(*s, STR("+")));
    size_t digits = 0;
    while (digits < rest.len && is_digit(rest.ptr[digits]))
        digits++;
    size_t end = digits;
    while (end < rest.len && rest.ptr[end] >= 'a' && rest.ptr[end] <= 'z' && rest.ptr[end] != 'x')
        end++;
    if (!digits || !duration_parse(str_first(rest, end), ms))
        return false;
    *ms = negative ? -*ms : *ms;
    *s = str_skip(rest, end);
    return true;
}

static int fail(struct error *err, struct str item)
{
    return error_set(err, ERR_INVALID,
                     "expected start timestamps such as -1m, 30sx3, -1m+10sx3, _ or _x3, got "
                     "\"%.*s\"",
                     STR_ARG(item));
}

static int push(struct arena *arena, struct start_offsets *out, bool known, int64_t ms,
                int64_t by_ms, uint64_t times, struct error *err)
{
    if (times > SERIES_TEXT_POINTS_MAX)
        return error_set(err, ERR_LIMIT, "a series has more than %d points",
                         SERIES_TEXT_POINTS_MAX);
    for (uint64_t i = 0; i < times; i++, ms += by_ms) {
        ARENA_GROW(arena, out->items, out->count, out->capacity);
        out->items[out->count++] = (struct start_offset){ms, known};
    }
    return OK;
}

static int parse_item(struct arena *arena, struct str item, struct start_offsets *out,
                      struct error *err)
{
    struct str rest = item;
    int64_t ms = 0, by_ms = 0;
    uint64_t times = 0;
    if (str_is(item, "_"))
        return push(arena, out, false, 0, 0, 1, err);
    if (str_has_prefix(item, STR("_x"))) {
        if (!str_to_u64(str_skip(item, 2), &times) || times == 0)
            return fail(err, item);
        return push(arena, out, false, 0, 0, times, err);
    }
    if (!take_duration(&rest, &ms))
        return fail(err, item);
    bool stepped = rest.len && rest.ptr[0] != 'x';
    if (stepped && ((rest.ptr[0] != '+' && rest.ptr[0] != '-') || !take_duration(&rest, &by_ms)))
        return fail(err, item);
    if (rest.len ? rest.ptr[0] != 'x' || !str_to_u64(str_skip(rest, 1), &times) : stepped)
        return fail(err, item);
    return push(arena, out, true, ms, by_ms, times + 1, err);
}

int start_offsets_parse(struct arena *arena, struct str line, struct labels *labels,
                        struct start_offsets *out, struct error *err)
{
    struct str series = cut_word(&line);
    *out = (struct start_offsets){0};
    int rc = series_text_labels(arena, str_first(series, series.len - 3), labels, err);
    for (line = str_trim(line); rc == OK && line.len; line = str_trim(line))
        rc = parse_item(arena, cut_word(&line), out, err);
    return rc;
}

// ---- keeping

static const struct known_series *find_series(const struct script_starts *s, struct labels labels)
{
    for (size_t i = 0; i < s->count; i++)
        if (labels_eq(s->series[i].labels, labels))
            return &s->series[i];
    return NULL;
}

// For sample times in ascending order.
static bool find(void *context, struct labels labels, const int64_t *times_ms, size_t count,
                 int64_t *starts_ms)
{
    const struct known_series *k = find_series(context, labels);
    for (size_t i = 0, at = 0; i < count; i++) {
        while (k && at < k->count && k->starts[at].t_ms < times_ms[i])
            at++;
        bool known = k && at < k->count && k->starts[at].t_ms == times_ms[i];
        starts_ms[i] = known ? k->starts[at].start_ms : 0;
    }
    return k;
}

struct script_starts *script_starts_new(void)
{
    struct script_starts *s = mem_calloc(1, sizeof(*s));
    arena_init(&s->arena, 0);
    s->view = (struct promql_start_times){.find = find, .context = s};
    return s;
}

void script_starts_free(struct script_starts *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        mem_free(s->series[i].starts);
    mem_free(s->series);
    arena_release(&s->arena);
    mem_free(s);
}

static struct known_series *series_of(struct script_starts *s, struct labels labels)
{
    const struct known_series *known = find_series(s, labels);
    if (known)
        return &s->series[known - s->series];
    struct labels_builder b;
    labels_builder_init(&b, &s->arena, (struct labels){0});
    for (size_t i = 0; i < labels.count; i++)
        labels_builder_set(&b, arena_copy(&s->arena, labels.items[i].name),
                           arena_copy(&s->arena, labels.items[i].value));
    MEM_GROW(s->series, s->count, s->capacity);
    s->series[s->count] = (struct known_series){.labels = labels_builder_finish(&b)};
    return &s->series[s->count++];
}

void script_starts_add(struct script_starts *s, struct labels labels, int64_t step_ms,
                       const struct series_text *series, const struct start_offsets *offsets)
{
    struct known_series *k = series_of(s, labels);
    for (size_t i = 0; i < series->count && i < offsets->count; i++) {
        int64_t t_ms = (int64_t)i * step_ms;
        if (series->points[i].kind == POINT_ABSENT || !offsets->items[i].known)
            continue;
        MEM_GROW(k->starts, k->count, k->capacity);
        k->starts[k->count++] = (struct known_start){t_ms, t_ms + offsets->items[i].ms};
    }
}

const struct promql_start_times *script_starts_view(const struct script_starts *s)
{
    return &s->view;
}
