// The options of a command among its files.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>

#include "base/str.h"

struct cli_options {
    void *context;
    // False when there is no such option: one without a value, one with.
    bool (*take_switch)(void *context, struct str name);
    bool (*take_option)(void *context, struct str name, const char *value);
};

// Takes --name, --name=value and --name value, and moves the files to the front. Returns how many
// files there are; -1 after saying what is wrong.
int cli_take_options(const struct cli_options *o, int argc, char **argv);
// Whether --help or -h is among the arguments: the usage goes to standard output then, with status 0.
bool cli_help_wanted(int argc, char **argv);
// For --enable-feature: false after saying which name is unknown.
bool cli_take_features(struct str names, unsigned *features);

#endif
