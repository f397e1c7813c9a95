#include "flags.h"

#include "base/mem.h"
#include "model/duration.h"

struct flag {
    size_t offset;
    enum flag_kind kind;
    const char *name, *alias, *initial, *help;
};

static const struct flag table[] = {
#define X(field, kind, name, alias, initial, help)                                                 \
    {offsetof(struct flags, field), kind, name, alias, initial, help},
    FLAG_TABLE(X)
#undef X
};

#define FLAG_TOTAL (sizeof(table) / sizeof(table[0]))

static struct flag_text texts[FLAG_TOTAL];

static bool parse_size(struct str s, uint64_t *out)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {{"EB", 60}, {"PB", 50}, {"TB", 40}, {"GB", 30}, {"MB", 20}, {"KB", 10}, {"B", 0}};
    unsigned shift = 0;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (str_has_suffix(s, str_from(units[i].suffix))) {
            shift = units[i].shift;
            s.len -= strlen(units[i].suffix);
            break;
        }
    }
    uint64_t amount;
    if (!str_to_u64(s, &amount) || (shift && amount >> (64 - shift)))
        return false;
    *out = amount << shift;
    return true;
}

static const char *set_value(union flag_value *v, enum flag_kind kind, struct str text)
{
    switch (kind) {
    case FLAG_TEXT:
        return NULL;
    case FLAG_BOOL:
        v->on = str_is(text, "true");
        return v->on || str_is(text, "false") ? NULL : "true or false";
    case FLAG_DURATION:
        return duration_parse(text, &v->duration_ms) ? NULL : "a duration such as 15s or 15d";
    case FLAG_SIZE:
        return parse_size(text, &v->size) ? NULL : "a size such as 512MB or 50GB";
    case FLAG_COUNT:
        return str_to_u64(text, &v->size) ? NULL : "a whole number";
    }
    return NULL;
}

static int set_flag(struct flags *f, size_t i, struct str text, struct error *err)
{
    union flag_value *v = (union flag_value *)((char *)f + table[i].offset);
    const char *expected = set_value(v, table[i].kind, text);
    if (expected)
        return error_set(err, ERR_INVALID, "--%s: expected %s, got \"%.*s\"", table[i].name,
                         expected, STR_ARG(text));
    mem_free((char *)(uintptr_t)texts[i].value);
    texts[i] = (struct flag_text){table[i].name, mem_copy_str(text)};
    if (table[i].kind == FLAG_TEXT)
        v->text = texts[i].value;
    return OK;
}

static size_t find_flag(struct str name)
{
    size_t i = 0;
    while (i < FLAG_TOTAL && !str_is(name, table[i].name) &&
           !(table[i].alias && str_is(name, table[i].alias)))
        i++;
    return i;
}

static int parse_one(struct flags *f, int *at, int argc, char **argv, struct error *err)
{
    struct str argument = str_from(argv[*at]), name, value;
    if (!str_has_prefix(argument, STR("--")))
        return error_set(err, ERR_INVALID, "unexpected argument \"%s\": see --help", argv[*at]);
    bool given = str_cut(str_skip(argument, 2), '=', &name, &value);
    size_t i = find_flag(name);
    if (i == FLAG_TOTAL && str_has_prefix(name, STR("no-"))) {
        i = find_flag(str_skip(name, 3));
        if (i < FLAG_TOTAL && table[i].kind == FLAG_BOOL && !given)
            return set_flag(f, i, STR("false"), err);
        i = FLAG_TOTAL;
    }
    if (i == FLAG_TOTAL)
        return error_set(err, ERR_INVALID, "unknown flag --%.*s: see --help", STR_ARG(name));
    if (!given && table[i].kind == FLAG_BOOL)
        value = STR("true");
    else if (!given && *at + 1 < argc)
        value = str_from(argv[++*at]);
    else if (!given)
        return error_set(err, ERR_INVALID, "--%s needs a value", table[i].name);
    return set_flag(f, i, value, err);
}

int flags_parse(struct flags *f, int argc, char **argv, struct error *err)
{
    for (size_t i = 0; i < FLAG_TOTAL; i++) {
        int rc = set_flag(f, i, str_from(table[i].initial), err);
        if (rc)
            return rc;
    }
    for (int at = 1; at < argc; at++) {
        int rc = parse_one(f, &at, argc, argv, err);
        if (rc)
            return rc;
    }
    return OK;
}

void flags_release(struct flags *f)
{
    (void)f;
    for (size_t i = 0; i < FLAG_TOTAL; i++) {
        mem_free((char *)(uintptr_t)texts[i].value);
        texts[i].value = NULL;
    }
}

void flags_help(struct buf *out)
{
    for (size_t i = 0; i < FLAG_TOTAL; i++) {
        buf_printf(out, "  --%s%s%s\n        %s", table[i].name, table[i].alias ? ", --" : "",
                   table[i].alias ? table[i].alias : "", table[i].help);
        if (*table[i].initial)
            buf_printf(out, " Default: %s.", table[i].initial);
        buf_char(out, '\n');
    }
}

void flags_reference(struct buf *out)
{
    buf_cstr(out, "| flag | Prometheus' name | default | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < FLAG_TOTAL; i++)
        buf_printf(out, "| `--%s` | %s | %s | %s |\n", table[i].name,
                   table[i].alias ? table[i].alias : "", table[i].initial, table[i].help);
}

const struct flag_text *flags_list(size_t *count)
{
    *count = FLAG_TOTAL;
    return texts;
}
