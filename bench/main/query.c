// query: the queries of files, asked of any number of targets.
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "commands.h"
#include "model/duration.h"
#include "runner.h"
#include "target.h"

#define TARGETS_MAX 32

struct query_command {
    struct results results;
    struct query_set set;
    struct target targets[TARGETS_MAX];
    struct runner_options options;
    double tolerance;      // of queries that say none
    const char *reference; // name or number of a target, or NULL
    const char *json, *csv, *html;
};

static void read_modes(struct query_command *c, struct args *a)
{
    struct str rest = str_from(args_text(a, "modes", "nocache,cache")), mode;
    while (str_next(&rest, ',', &mode)) {
        bool known = false;
        for (int i = 0; i < MODE_COUNT; i++) {
            bool same = str_is(mode, run_mode_names[i]);
            c->results.modes[i] |= same;
            known |= same;
        }
        if (!known && !a->err.code)
            error_set(&a->err, ERR_INVALID,
                      "--modes: expected nocache, cache or both, got \"%.*s\"", STR_ARG(mode));
    }
}

static void read_options(struct query_command *c, struct args *a)
{
    struct results *r = &c->results;
    r->repetitions = (unsigned)args_integer(a, "repetitions", 20);
    r->warmup = (unsigned)args_integer(a, "warmup", 3);
    r->concurrency = (unsigned)args_integer(a, "concurrency", 1);
    const char *end = args_text(a, "end", "now");
    c->options.live = strcmp(end, "rolling") == 0;
    r->end_ms = clock_wall_ms(&clock_system);
    if (!c->options.live && strcmp(end, "now") != 0 && !timestamp_parse(str_from(end), &r->end_ms))
        error_set(&a->err, ERR_INVALID,
                  "--end: expected now, rolling, RFC 3339 or Unix seconds, got \"%s\"", end);
    c->tolerance = args_number(a, "tolerance", TOLERANCE_DEFAULT);
    c->options.timeout_ms = args_duration(a, "timeout", 60000);
    c->options.roll_ms = args_duration(a, "roll", 0);
    c->options.compare = !args_flag(a, "no-compare");
    c->options.quiet = args_flag(a, "quiet");
    c->reference = args_text(a, "reference", NULL);
    c->json = args_text(a, "json", NULL);
    c->csv = args_text(a, "csv", NULL);
    c->html = args_text(a, "html", NULL);
    read_modes(c, a);
    if (!a->err.code && (!(c->tolerance >= 0) || r->repetitions < 1 || r->repetitions > 1000000 ||
                         r->concurrency < 1 || r->concurrency > 1000))
        error_set(&a->err, ERR_INVALID,
                  "expected 1 to 1000000 --repetitions, 1 to 1000 of --concurrency and a "
                  "--tolerance that is not negative");
}

// Files come before targets: an argument with a scheme, a colon or an equals sign is a target.
static bool is_target(const char *item)
{
    return strpbrk(item, ":=") && !file_exists(item);
}

static int read_positional(struct query_command *c, struct args *a, struct error *err)
{
    struct results *r = &c->results;
    for (const char *item; (item = args_next(a));) {
        int result;
        if (!is_target(item))
            result = query_set_read(&c->set, item, err);
        else if (r->target_count == TARGETS_MAX)
            result = error_set(err, ERR_LIMIT, "more than %d targets", TARGETS_MAX);
        else
            result = target_parse(&c->targets[r->target_count++], item, &r->arena, err);
        if (result)
            return result;
    }
    if (!c->set.count || !r->target_count)
        return error_set(err, ERR_INVALID, "query: expected a FILE of queries and a URL");
    return OK;
}

static struct str machine(struct arena *arena)
{
    struct utsname name;
    uname(&name);
    return arena_printf(arena, "%ld CPUs, %ld MiB, %s %s %s", sysconf(_SC_NPROCESSORS_ONLN),
                        (sysconf(_SC_PHYS_PAGES) / 1024) * (sysconf(_SC_PAGE_SIZE) / 1024),
                        name.sysname, name.release, name.machine);
}

static void describe(struct query_command *c, const char *title)
{
    struct results *r = &c->results;
    struct buf date = BUF_INIT;
    struct tm tm;
    time_t now = time(NULL);
    gmtime_r(&now, &tm);
    buf_printf(&date, "%04d-%02d-%02d %02d:%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
               tm.tm_hour, tm.tm_min);
    r->date = arena_copy(&r->arena, buf_view(&date));
    r->machine = machine(&r->arena);
    r->title =
        title ? str_from(title)
              : arena_printf(&r->arena, "%zu queries, %zu targets", c->set.count, r->target_count);
    for (size_t q = 0; q < c->set.count; q++)
        for (int kind = 0; kind < KIND_COUNT; kind++)
            if (c->set.queries[q].tolerances[kind] == TOLERANCE_DEFAULT)
                c->set.queries[q].tolerances[kind] = c->tolerance;
    r->targets = c->targets;
    r->queries = c->set.queries;
    r->query_count = c->set.count;
    buf_release(&date);
}

// The index of the target named; SIZE_MAX for none.
static size_t reference_index(const struct query_command *c)
{
    for (size_t t = 0; c->reference && t < c->results.target_count; t++)
        if (str_is(c->targets[t].name, c->reference) || str_is(c->targets[t].url, c->reference))
            return t;
    return SIZE_MAX;
}

int command_write_results(const struct results *r, const char *json, const char *csv,
                          const char *html)
{
    static void (*const WRITERS[])(const struct results *, struct buf *) = {
        results_write_json, results_write_csv, results_write_html};
    const char *const paths[] = {json, csv, html};
    struct error err;
    int status = 0;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct buf out = BUF_INIT;
        if (paths[i]) {
            WRITERS[i](r, &out);
            if (file_write_atomic(paths[i], buf_view(&out), &err))
                status = command_failed(&err);
        }
        buf_release(&out);
    }
    return status;
}

static int run(struct query_command *c)
{
    struct buf text = BUF_INIT;
    results_start(&c->results);
    runner_run(&c->results, reference_index(c), &c->options);
    results_write_text(&c->results, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    buf_release(&text);
    int status = command_write_results(&c->results, c->json, c->csv, c->html);
    return status || !c->results.complete || results_count_differing(&c->results) ? 1 : 0;
}

int command_query(struct args *a)
{
    static struct query_command c;
    struct error err;
    results_init(&c.results);
    query_set_init(&c.set);
    read_options(&c, a);
    const char *title = args_text(a, "title", NULL);
    int status;
    if ((a->err.code && args_finish(a, &err)) || read_positional(&c, a, &err) ||
        args_finish(a, &err) ||
        (c.reference && reference_index(&c) == SIZE_MAX &&
         error_set(&err, ERR_INVALID, "--reference: no target is called \"%s\"", c.reference))) {
        status = command_usage(&err);
    } else {
        describe(&c, title);
        status = run(&c);
    }
    results_release(&c.results);
    query_set_release(&c.set);
    return status;
}
