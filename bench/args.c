// Options are looked up by name when they are wanted: a command line is short, and a command reads
// each option once, where it is used.
#include "args.h"

#include "base/clock.h"
#include "base/float_text.h"
#include "model/duration.h"

void args_init(struct args *a, int argc, char **argv)
{
    *a = (struct args){0};
    for (int i = 0; i < argc && i < ARGS_MAX; i++)
        a->items[a->count++] = argv[i];
    if (argc > ARGS_MAX)
        error_set(&a->err, ERR_LIMIT, "more than %d arguments", ARGS_MAX);
}

static bool is_option(const char *item)
{
    return item[0] == '-' && item[1] == '-';
}

// The value of an item that is --name=value, "" for a bare --name; else NULL.
static const char *value_of(const char *item, const char *name)
{
    size_t len = strlen(name);
    if (!is_option(item) || strncmp(item + 2, name, len) != 0)
        return NULL;
    if (item[2 + len] == '\0')
        return "";
    return item[2 + len] == '=' ? item + 3 + len : NULL;
}

static void fault(struct args *a, const char *name, const char *expected, const char *text)
{
    if (!a->err.code)
        error_set(&a->err, ERR_INVALID, "--%s: expected %s, got \"%s\"", name, expected, text);
}

const char *args_each(struct args *a, const char *name)
{
    for (int i = 0; i < a->count; i++) {
        const char *value = a->taken[i] ? NULL : value_of(a->items[i], name);
        if (!value)
            continue;
        a->taken[i] = true;
        if (*value || strchr(a->items[i], '='))
            return value;
        if (i + 1 == a->count || a->taken[i + 1] || is_option(a->items[i + 1])) {
            fault(a, name, "a value", "");
            return NULL;
        }
        a->taken[i + 1] = true;
        return a->items[i + 1];
    }
    return NULL;
}

const char *args_text(struct args *a, const char *name, const char *fallback)
{
    for (const char *value; (value = args_each(a, name));)
        fallback = value;
    return fallback;
}

bool args_flag(struct args *a, const char *name)
{
    const char *text = NULL;
    for (int i = 0; i < a->count; i++) {
        const char *value = value_of(a->items[i], name);
        if (!value)
            continue;
        a->taken[i] = true;
        text = value;
    }
    if (!text || strcmp(text, "false") == 0)
        return false;
    if (*text && strcmp(text, "true") != 0)
        fault(a, name, "true or false", text);
    return true;
}

int64_t args_integer(struct args *a, const char *name, int64_t fallback)
{
    const char *text = args_text(a, name, NULL);
    if (text && !str_to_i64(str_from(text), &fallback))
        fault(a, name, "a whole number", text);
    return fallback;
}

double args_number(struct args *a, const char *name, double fallback)
{
    const char *text = args_text(a, name, NULL);
    if (text && !float_parse(str_from(text), &fallback))
        fault(a, name, "a number", text);
    return fallback;
}

int64_t args_duration(struct args *a, const char *name, int64_t fallback_ms)
{
    const char *text = args_text(a, name, NULL);
    if (text && !duration_parse(str_from(text), &fallback_ms))
        fault(a, name, "a duration such as 15s or 24h", text);
    return fallback_ms;
}

int64_t args_time(struct args *a, const char *name, int64_t fallback_ms)
{
    const char *text = args_text(a, name, NULL);
    if (text && strcmp(text, "now") == 0)
        return clock_wall_ms(&clock_system);
    if (text && !timestamp_parse(str_from(text), &fallback_ms))
        fault(a, name, "now, RFC 3339 or Unix seconds", text);
    return fallback_ms;
}

const char *args_next(struct args *a)
{
    for (int i = 0; i < a->count; i++) {
        if (a->taken[i] || is_option(a->items[i]))
            continue;
        a->taken[i] = true;
        return a->items[i];
    }
    return NULL;
}

int args_finish(struct args *a, struct error *err)
{
    for (int i = 0; i < a->count && !a->err.code; i++) {
        if (!a->taken[i])
            error_set(
                &a->err, ERR_INVALID, "%s \"%s\"",
                is_option(a->items[i]) ? "no such option:" : "one argument too many:", a->items[i]);
    }
    *err = a->err;
    return a->err.code;
}
