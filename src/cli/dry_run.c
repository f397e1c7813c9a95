// The subcommand `rules dry-run`: reads files and flags, opens the store and plays.
//
// The store's folder is opened as the server opens it, so not while one runs; nothing is added to it.
// With --url a running server is asked for a snapshot, which is played and then removed.
#include "cli/dry_run.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/options.h"
#include "cli/snapshot.h"
#include "config/prometheus.h"
#include "model/duration.h"
#include "promql/promql.h"

#define OVER_DEFAULT_MS     (INT64_C(15) * 24 * 3600 * 1000)
#define INTERVAL_DEFAULT_MS INT64_C(60000)
// Who routes nothing has this.
#define NO_ROUTING "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"

struct session {
    const char *storage_path, *config_path, *alertmanager_path, *external_url;
    const char *url;                 // of the server that has the store open; NULL: none has
    int64_t from_ms, to_ms, over_ms; // 0: not given
    int64_t interval_ms;
    unsigned features;
    bool json, quiet;
    struct dry_run_report *report;
    struct rules_config rules;
    struct prometheus_config *config; // NULL: none
    struct alertmanager_config *alertmanager;
};

static int usage(FILE *out)
{
    fputs("usage: lapwing rules dry-run [OPTION...] FILE...\n"
          "  --storage.path=data              folder of the data; no server may have it open\n"
          "  --url=URL                        the server that has: a snapshot of its data is "
          "played\n"
          "  --over=15d                       how far back from --to\n"
          "  --from=TIME, --to=TIME           RFC 3339 or Unix seconds; default: the newest data\n"
          "  --config.file=FILE               prometheus.yml: intervals, external labels, and its\n"
          "                                   rule files when no FILE is given\n"
          "  --alertmanager.config.file=FILE  routing; without it nobody is told\n"
          "  --evaluation-interval=1m         of groups that have none\n"
          "  --web.external-url=URL           in templates\n"
          "  --enable-feature=NAME,...        as the server's flag\n"
          "  --json                           a JSON object for each event\n",
          out);
    return 2;
}

static int fail(const struct error *err)
{
    fflush(stdout);
    fprintf(stderr, "lapwing: %s\n", err->text);
    return 1;
}

// ---- flags

static bool take_duration(struct str text, int64_t *ms)
{
    return duration_parse(text, ms) && *ms > 0;
}

static bool take_switch(void *context, struct str name)
{
    struct session *s = context;
    if (!str_is(name, "--json"))
        return false;
    s->json = true;
    return true;
}

static bool take_option(void *context, struct str name, const char *value)
{
    struct session *s = context;
    struct str text = str_from(value);
    if (str_is(name, "--storage.path") || str_is(name, "--storage.tsdb.path"))
        s->storage_path = value;
    else if (str_is(name, "--url"))
        s->url = value;
    else if (str_is(name, "--config.file"))
        s->config_path = value;
    else if (str_is(name, "--alertmanager.config.file"))
        s->alertmanager_path = value;
    else if (str_is(name, "--web.external-url"))
        s->external_url = value;
    else if (str_is(name, "--over"))
        return take_duration(text, &s->over_ms);
    else if (str_is(name, "--evaluation-interval"))
        return take_duration(text, &s->interval_ms);
    else if (str_is(name, "--from"))
        return timestamp_parse(text, &s->from_ms);
    else if (str_is(name, "--to"))
        return timestamp_parse(text, &s->to_ms);
    else if (str_is(name, "--enable-feature"))
        return cli_take_features(text, &s->features);
    else
        return false;
    return true;
}

// ---- files

static void print_warnings(struct buf *warnings)
{
    struct str rest = buf_view(warnings), line;
    while (str_next(&rest, '\n', &line))
        if (line.len)
            fprintf(stderr, "WARNING: %.*s\n", STR_ARG(line));
    buf_release(warnings);
}

static int load_config(struct session *s, struct error *err)
{
    struct buf warnings = BUF_INIT;
    if (!s->config_path)
        return OK;
    int rc = prometheus_config_load(&s->config, s->config_path, &warnings, err);
    print_warnings(&warnings);
    return rc;
}

static int load_rules(struct session *s, char **files, int count, struct error *err)
{
    int rc = OK;
    for (int i = 0; i < count && rc == OK; i++)
        rc = rules_config_load(&s->rules, files[i], err);
    if (rc == OK && count == 0 && s->config)
        rc = rules_config_load_all(&s->rules, s->config->rule_files, s->config->rule_file_count,
                                   err);
    return rc;
}

static int load_routing(struct session *s, struct error *err)
{
    struct buf warnings = BUF_INIT;
    int rc = s->alertmanager_path
                 ? alertmanager_config_load(&s->alertmanager, s->alertmanager_path, &warnings, err)
                 : alertmanager_config_parse(&s->alertmanager, STR(NO_ROUTING), "no routing", ".",
                                             &warnings, err);
    print_warnings(&warnings);
    return rc;
}

static int load(struct session *s, char **files, int count, struct error *err)
{
    int rc = load_config(s, err);
    if (rc == OK)
        rc = load_rules(s, files, count, err);
    return rc ? rc : load_routing(s, err);
}

// ---- the run

// Up to the newest sample, as far back as asked for or as there is.
static int find_span(const struct session *s, struct storage *storage, struct dry_run_options *o,
                     struct error *err)
{
    struct storage_stats stats;
    struct arena arena;
    arena_init(&arena, 0);
    storage_stats(storage, &arena, &stats);
    arena_release(&arena);
    if (stats.lowest_ms == INT64_MAX)
        return error_set(err, ERR_NOT_FOUND, "%s holds no samples", s->storage_path);
    o->end_ms = s->to_ms                        ? s->to_ms
                : stats.head_max_ms > INT64_MIN ? stats.head_max_ms
                                                : clock_wall_ms(&clock_system);
    o->start_ms = s->from_ms ? s->from_ms : o->end_ms - (s->over_ms ? s->over_ms : OVER_DEFAULT_MS);
    if (o->start_ms < stats.lowest_ms)
        o->start_ms = stats.lowest_ms;
    if (o->start_ms > o->end_ms)
        return error_set(err, ERR_INVALID, "there is nothing between the two times");
    return OK;
}

static void tell_event(void *context, const struct history_event *event)
{
    dry_run_report_event(((struct session *)context)->report, event);
}

static void tell_progress(void *context, int64_t now_ms)
{
    const struct session *s = context;
    struct buf time = BUF_INIT;
    if (s->quiet)
        return;
    timestamp_format_nano(&time, now_ms / 1000 * 1000);
    fflush(stdout);
    fprintf(stderr, "\r%s ", buf_text(&time));
    buf_release(&time);
}

static int play(struct session *s, struct storage *storage, struct error *err)
{
    struct dry_run_options o = {.history = storage,
                                .rules = &s->rules,
                                .alertmanager = s->alertmanager,
                                .evaluation_interval_ms = s->interval_ms,
                                .external_url = str_from(s->external_url),
                                .features = s->features,
                                .event = tell_event,
                                .progress = tell_progress,
                                .context = s};
    struct dry_run_result result;
    struct arena arena;
    if (s->config) {
        o.query_offset_ms = s->config->rule_query_offset_ms;
        o.external_labels = s->config->external_labels;
        o.alert_relabel = &s->config->alert_relabel;
    }
    if (!o.evaluation_interval_ms)
        o.evaluation_interval_ms =
            s->config ? s->config->evaluation_interval_ms : INTERVAL_DEFAULT_MS;
    int rc = find_span(s, storage, &o, err);
    if (rc)
        return rc;
    arena_init(&arena, 0);
    s->report = dry_run_report_new(s->json);
    rc = dry_run(&o, &arena, &result, err);
    if (!s->quiet)
        fprintf(stderr, "\r                     \r");
    if (rc == OK)
        dry_run_report_end(s->report, &o, &result);
    if (rc == OK && result.failed_count)
        rc = error_set(err, ERR_EXECUTION, "%llu evaluations of rules failed",
                       (unsigned long long)result.failed_count);
    dry_run_report_free(s->report);
    arena_release(&arena);
    return rc;
}

static int open_and_play(struct session *s, const char *folder, struct error *err)
{
    struct storage_options o;
    struct storage *storage;
    if (!file_exists(folder))
        return error_set(err, ERR_NOT_FOUND, "%s: there is no such folder", folder);
    struct metrics *metrics = metrics_new();
    storage_options_init(&o);
    o.path = folder;
    o.clock = &clock_system;
    o.metrics = metrics;
    o.retention_ms = 0;
    int rc = storage_open(&storage, &o, err);
    if (rc == OK) {
        rc = play(s, storage, err);
        storage_close(storage);
    } else if (rc == ERR_EXISTS) {
        error_set(
            err, rc,
            "%s is in use by another process: add --url=http://localhost:9090, the address of "
            "that server (it needs --web.enable-admin-api), or stop it",
            folder);
    }
    metrics_free(metrics);
    return rc;
}

static int play_snapshot(struct session *s, struct error *err)
{
    struct buf folder = BUF_INIT;
    struct error unused;
    int rc = snapshot_take(str_from(s->url), s->storage_path, &folder, err);
    if (rc == OK) {
        rc = open_and_play(s, buf_text(&folder), err);
        if (dir_remove_all(buf_text(&folder), &unused))
            fprintf(stderr, "WARNING: the snapshot stays: %s\n", unused.text);
    }
    buf_release(&folder);
    return rc;
}

static int dry_run_files(struct session *s, char **files, int count)
{
    struct error err;
    rules_config_init(&s->rules);
    int rc = load(s, files, count, &err);
    if (rc == OK)
        rc = s->url ? play_snapshot(s, &err) : open_and_play(s, s->storage_path, &err);
    if (rc)
        fail(&err);
    rules_config_release(&s->rules);
    prometheus_config_unref(s->config);
    alertmanager_config_unref(s->alertmanager);
    return rc ? 1 : 0;
}

int cli_rules(int argc, char **argv)
{
    struct session s = {
        .storage_path = "data", .external_url = "http://localhost:9090", .quiet = !isatty(2)};
    if (cli_help_wanted(argc, argv))
        return usage(stdout), 0;
    if (argc < 1 || strcmp(argv[0], "dry-run") != 0)
        return usage(stderr);
    const struct cli_options options = {&s, take_switch, take_option};
    int count = cli_take_options(&options, argc - 1, argv + 1);
    if (count < 0 || (count == 0 && !s.config_path))
        return usage(stderr);
    // What the engines log about a past that is played again is in the report.
    log_fd_set(-1);
    return dry_run_files(&s, argv + 1, count);
}
