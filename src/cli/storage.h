// lapwing storage import|export|dump|inspect|verify: a store's folder without its server.
#ifndef CLI_STORAGE_H
#define CLI_STORAGE_H

#include "model/matcher.h"

// Arguments behind "storage"; returns the exit status: 1 when something failed or is damaged, 2 for
// a wrong command line.
int cli_storage(int argc, char **argv);

// What the subcommands' options say.
struct storage_arguments {
    const char *path; // --storage.path
    struct str positional[4];
    size_t positional_count;
    struct matcher_list {
        struct matcher *matchers; // owned
        size_t count;
    } selectors[32]; // --match, each on its own
    size_t selector_count;
    int64_t start_ms, end_ms; // --start, --end, both inclusive
};

// The subcommands: see cli_storage().
typedef int storage_command(const struct storage_arguments *arguments);
// storage_import.c
storage_command cli_storage_import;
// storage_export.c
storage_command cli_storage_export, cli_storage_dump;
// storage_inspect.c
storage_command cli_storage_inspect, cli_storage_verify;

struct archive;
// Says on standard error what of it could not be read; false when all was well.
bool cli_storage_tell_damage(const struct archive *a);

#endif
