// Command lines: --name=value and --name value options in any order among positional arguments.
//
// A command takes the options it knows, by name, then its positional arguments, and then asks
// args_finish(), which names the first that nobody took or that did not parse. Borrowed: the
// strings of argv.
#ifndef BENCH_ARGS_H
#define BENCH_ARGS_H

#include "base/error.h"
#include "base/str.h"

#define ARGS_MAX 256

struct args {
    const char *items[ARGS_MAX];
    bool taken[ARGS_MAX];
    int count;
    struct error err; // the first fault
};

void args_init(struct args *a, int argc, char **argv);
// --name=value, or `fallback`; the last one given counts.
const char *args_text(struct args *a, const char *name, const char *fallback);
// The next --name=value that was not taken yet; NULL when there is none. For options that repeat.
const char *args_each(struct args *a, const char *name);
// --name, --name=true or --name=false.
bool args_flag(struct args *a, const char *name);
int64_t args_integer(struct args *a, const char *name, int64_t fallback);
double args_number(struct args *a, const char *name, double fallback);
// 15s, 24h, or "0"; milliseconds.
int64_t args_duration(struct args *a, const char *name, int64_t fallback_ms);
// RFC 3339, Unix seconds or "now"; milliseconds.
int64_t args_time(struct args *a, const char *name, int64_t fallback_ms);
// The next positional argument; NULL when there is none.
const char *args_next(struct args *a);
// OK, or the fault with its text in *err.
int args_finish(struct args *a, struct error *err);

#endif
