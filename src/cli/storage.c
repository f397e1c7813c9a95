// The command line of `lapwing storage`.
#include "cli/storage.h"

#include <stdio.h>

#include "base/mem.h"
#include "cli/options.h"
#include "model/duration.h"
#include "promql/selector.h"

static const struct {
    const char *name;
    const char *usage;
    size_t positional_min, positional_max;
    storage_command *run;
} commands[] = {
    {"import", "import prometheus FOLDER | openmetrics FILE|-  [--storage.path=FOLDER]", 2, 2,
     cli_storage_import},
    {"export", "export [FOLDER]   [--match=SELECTOR]... [--start=TIME] [--end=TIME]", 0, 1,
     cli_storage_export},
    {"dump", "dump [FOLDER]     [--match=SELECTOR]... [--start=TIME] [--end=TIME]", 0, 1,
     cli_storage_dump},
    {"inspect", "inspect [FOLDER]", 0, 1, cli_storage_inspect},
    {"verify", "verify [FOLDER]", 0, 1, cli_storage_verify},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static int usage(FILE *out)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "%s lapwing storage %s\n", i ? "      " : "usage:", commands[i].usage);
    fputs("\nFOLDER is the data folder, default: data. A TIME is RFC 3339 or Unix seconds.\n", out);
    return 2;
}

static bool refuse(const char *option, struct str value, const char *expected)
{
    fprintf(stderr, "lapwing: --%s: expected %s, got \"%.*s\"\n", option, expected, STR_ARG(value));
    return false;
}

static bool add_selector(struct storage_arguments *a, struct str value)
{
    struct error err;
    if (a->selector_count == sizeof(a->selectors) / sizeof(a->selectors[0]))
        return refuse("match", value, "fewer selectors");
    struct matcher_list *list = &a->selectors[a->selector_count];
    if (promql_parse_selector(value, &list->matchers, &list->count, &err)) {
        fprintf(stderr, "lapwing: --match: %s\n", err.text);
        return false;
    }
    a->selector_count++;
    return true;
}

static bool take_option(struct storage_arguments *a, struct str name, const char *value)
{
    struct str text = str_from(value);
    if (str_is(name, "storage.path") || str_is(name, "storage.tsdb.path")) {
        a->path = value;
        return true;
    }
    if (str_is(name, "match"))
        return add_selector(a, text);
    if (str_is(name, "start"))
        return timestamp_parse(text, &a->start_ms) || refuse("start", text, "a time");
    if (str_is(name, "end"))
        return timestamp_parse(text, &a->end_ms) || refuse("end", text, "a time");
    fprintf(stderr, "lapwing: unknown option --%.*s\n", STR_ARG(name));
    return false;
}

// --name=value, --name value, and what is neither.
static bool parse(struct storage_arguments *a, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        struct str argument = str_from(argv[i]), name, value;
        if (!str_has_prefix(argument, STR("--"))) {
            if (a->positional_count == sizeof(a->positional) / sizeof(a->positional[0]))
                return false;
            a->positional[a->positional_count++] = argument;
            continue;
        }
        bool given = str_cut(str_skip(argument, 2), '=', &name, &value);
        if (!given && i + 1 == argc)
            return refuse(argv[i] + 2, str_make(NULL, 0), "a value");
        if (!take_option(a, name, given ? value.ptr : argv[++i]))
            return false;
    }
    return true;
}

static void release(struct storage_arguments *a)
{
    for (size_t i = 0; i < a->selector_count; i++) {
        for (size_t m = 0; m < a->selectors[i].count; m++)
            matcher_release(&a->selectors[i].matchers[m]);
        mem_free(a->selectors[i].matchers);
    }
}

int cli_storage(int argc, char **argv)
{
    struct storage_arguments a = {.path = "data", .start_ms = INT64_MIN, .end_ms = INT64_MAX};
    size_t command = 0;
    if (cli_help_wanted(argc, argv))
        return usage(stdout), 0;
    while (argc > 0 && command < COMMAND_COUNT && strcmp(argv[0], commands[command].name) != 0)
        command++;
    if (argc == 0 || command == COMMAND_COUNT)
        return usage(stderr);
    bool valid = parse(&a, argc - 1, argv + 1) &&
                 a.positional_count >= commands[command].positional_min &&
                 a.positional_count <= commands[command].positional_max;
    if (commands[command].positional_max == 1 && a.positional_count == 1)
        a.path = a.positional[0].ptr;
    int status = valid ? commands[command].run(&a) : usage(stderr);
    release(&a);
    return status;
}
