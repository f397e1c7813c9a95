#include "flags.h"

#include "base/mem.h"
#include "model/duration.h"
#include "model/size.h"

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
static bool given_before[FLAG_TOTAL];

// Flags of Prometheus that people's command lines carry and that mean nothing here. They are taken,
// so that those command lines start Lapwing, and named in the log.
static const struct {
    const char *name;
    enum flag_kind kind;
    const char *why;
} without_effect[] = {
    {"web.console.templates", FLAG_TEXT, "there are no console templates"},
    {"web.console.libraries", FLAG_TEXT, "there are no console templates"},
    {"web.user-assets", FLAG_TEXT, "there are no console templates"},
    {"storage.tsdb.no-lockfile", FLAG_BOOL, "the data folder is always locked"},
    {"storage.tsdb.wal-compression", FLAG_BOOL, "the journal is compact already"},
    {"storage.tsdb.wal-compression-type", FLAG_TEXT, "the journal is compact already"},
    {"storage.tsdb.wal-segment-size", FLAG_TEXT, "the journal has no segments"},
    {"storage.tsdb.min-block-duration", FLAG_TEXT, "there are no blocks"},
    {"storage.tsdb.max-block-duration", FLAG_TEXT, "there are no blocks"},
    {"storage.tsdb.head-chunks-write-queue-size", FLAG_TEXT, "the head is in memory"},
    {"storage.remote.flush-deadline", FLAG_TEXT, "there is no remote write of its own"},
    {"rules.max-concurrent-evals", FLAG_TEXT, "rules are evaluated one after another"},
    {"alertmanager.timeout", FLAG_TEXT, "each receiver has its own timeout"},
    {"alertmanager.drain-notification-queue-on-shutdown", FLAG_BOOL, "it is always drained"},
    {"auto-gomaxprocs", FLAG_BOOL, "Lapwing is not written in Go"},
    {"auto-gomemlimit", FLAG_BOOL, "Lapwing is not written in Go"},
    {"auto-gomemlimit.ratio", FLAG_TEXT, "Lapwing is not written in Go"},
    {"web.remote-write-receiver.accepted-protobuf-messages", FLAG_TEXT,
     "both messages of remote write are accepted"},
};

#define WITHOUT_EFFECT_TOTAL (sizeof(without_effect) / sizeof(without_effect[0]))

static bool given_without_effect[WITHOUT_EFFECT_TOTAL];

static const char *set_value(union flag_value *v, enum flag_kind kind, struct str text)
{
    switch (kind) {
    case FLAG_TEXT:
    case FLAG_LIST:
        return NULL;
    case FLAG_BOOL:
        v->on = str_is(text, "true");
        return v->on || str_is(text, "false") ? NULL : "true or false";
    case FLAG_DURATION:
        return duration_parse(text, &v->duration_ms) ? NULL : "a duration such as 15s or 15d";
    case FLAG_SIZE:
        return str_to_u64(text, &v->size) || size_parse(text, &v->size) // a bare number is bytes
                   ? NULL
                   : "a size such as 512MB or 50GB";
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
    struct buf all = BUF_INIT;
    if (table[i].kind == FLAG_LIST && texts[i].value && *texts[i].value)
        buf_printf(&all, "%s,", texts[i].value);
    buf_str(&all, text);
    mem_free((char *)(uintptr_t)texts[i].value);
    texts[i] = (struct flag_text){table[i].name, table[i].alias, buf_steal(&all)};
    if (table[i].kind == FLAG_TEXT || table[i].kind == FLAG_LIST)
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

// Takes a flag of without_effect, its value too where that is an argument of its own.
static bool take_without_effect(struct str name, bool given, int *at)
{
    for (size_t i = 0; i < WITHOUT_EFFECT_TOTAL; i++) {
        bool is_switch = without_effect[i].kind == FLAG_BOOL;
        if (str_is(name, without_effect[i].name))
            *at += !given && !is_switch;
        else if (!is_switch || !str_has_prefix(name, STR("no-")) ||
                 !str_is(str_skip(name, 3), without_effect[i].name))
            continue;
        given_without_effect[i] = true;
        return true;
    }
    return false;
}

// One that the command line has.
static int give_flag(struct flags *f, size_t i, struct str text, struct error *err)
{
    if (given_before[i] && table[i].kind != FLAG_LIST)
        return error_set(err, ERR_INVALID, "--%s cannot be repeated", table[i].name);
    given_before[i] = true;
    return set_flag(f, i, text, err);
}

static int parse_one(struct flags *f, int *at, int argc, char **argv, struct error *err)
{
    struct str argument = str_from(argv[*at]), name, value;
    if (!str_has_prefix(argument, STR("--")))
        return error_set(err, ERR_INVALID, "unexpected argument \"%s\": see --help", argv[*at]);
    bool given = str_cut(str_skip(argument, 2), '=', &name, &value);
    if (take_without_effect(name, given, at))
        return OK;
    size_t i = find_flag(name);
    if (i == FLAG_TOTAL && str_has_prefix(name, STR("no-"))) {
        i = find_flag(str_skip(name, 3));
        if (i < FLAG_TOTAL && table[i].kind == FLAG_BOOL && !given)
            return give_flag(f, i, STR("false"), err);
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
    return give_flag(f, i, value, err);
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

void flags_warnings(struct buf *out)
{
    for (size_t i = 0; i < WITHOUT_EFFECT_TOTAL; i++)
        if (given_without_effect[i])
            buf_printf(out, "--%s has no effect: %s\n", without_effect[i].name,
                       without_effect[i].why);
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
    buf_cstr(
        out,
        "# Flags\n\nAs `lapwing --help-markdown` prints them: `--name=value`, `--name value`, and "
        "`--name` or `--no-name` for switches. Lists grow when they are given again, others are "
        "refused.\n\n");
    buf_cstr(out, "| flag | Prometheus' name | default | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < FLAG_TOTAL; i++)
        buf_printf(out, "| `--%s` | %s | %s | %s |\n", table[i].name,
                   table[i].alias ? table[i].alias : "", table[i].initial, table[i].help);
    buf_cstr(out, "\nTaken from Prometheus' command lines without effect, with a warning in the "
                  "log:\n\n| flag | because |\n| --- | --- |\n");
    for (size_t i = 0; i < WITHOUT_EFFECT_TOTAL; i++)
        buf_printf(out, "| `--%s` | %s |\n", without_effect[i].name, without_effect[i].why);
}

const struct flag_text *flags_list(size_t *count)
{
    *count = FLAG_TOTAL;
    return texts;
}
