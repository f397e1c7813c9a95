#include "cli/options.h"

#include <stdio.h>

#include "promql/promql.h"

static int refuse(const char *option, const char *why)
{
    fprintf(stderr, "lapwing: %s: %s\n", option, why);
    return -1;
}

int cli_take_options(const struct cli_options *o, int argc, char **argv)
{
    int files = 0;
    for (int i = 0; i < argc; i++) {
        struct str name, value;
        const char *given = argv[i];
        if (given[0] != '-') {
            argv[files++] = argv[i];
            continue;
        }
        bool has_value = str_cut(str_from(given), '=', &name, &value);
        if (!has_value && o->take_switch(o->context, name))
            continue;
        if (!has_value && i + 1 == argc)
            return refuse(given, "unknown, or its value is missing");
        if (!o->take_option(o->context, name, has_value ? value.ptr : argv[++i]))
            return refuse(given, "no such option, or not such a value");
    }
    return files;
}

bool cli_help_wanted(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

bool cli_take_features(struct str names, unsigned *features)
{
    struct error err;
    if (promql_features_parse(names, features, &err) == OK)
        return true;
    fprintf(stderr, "lapwing: %s\n", err.text);
    return false;
}
