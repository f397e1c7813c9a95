// /api/v1/status/*: what runs here, with which configuration, and what the store holds.
#include <unistd.h>

#include "api.h"
#include "base/version.h"
#include "routes.h"

static void json_pair(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstr(w, value);
}

// `version` is the Prometheus release whose API this is: clients switch features by it.
static void write_build(struct json_writer *w)
{
    json_object_begin(w);
    json_pair(w, "version", PROMETHEUS_VERSION);
    json_pair(w, "revision", lapwing_revision);
    json_pair(w, "branch", "lapwing-" LAPWING_VERSION);
    json_pair(w, "buildUser", "");
    json_pair(w, "buildDate", "");
    json_pair(w, "goVersion", "");
    json_object_end(w);
}

void api_buildinfo(struct web_server *web, struct request *req, struct response *res)
{
    (void)web, (void)req;
    struct json_writer w;
    api_begin(res, &w);
    write_build(&w);
    api_end(&w);
}

void manage_version(struct web_server *web, struct request *req, struct response *res)
{
    (void)web, (void)req;
    struct json_writer w;
    res->content_type = "application/json";
    json_writer_init(&w, &res->body);
    write_build(&w);
}

void api_config(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    struct json_writer w;
    struct buf text = BUF_INIT;
    web->options.config_text(web->options.context, &text);
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "yaml");
    json_str(&w, buf_view(&text));
    json_object_end(&w);
    api_end(&w);
    buf_release(&text);
}

void api_flags(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    struct json_writer w;
    api_begin(res, &w);
    json_object_begin(&w);
    for (size_t i = 0; i < web->options.flag_count; i++)
        json_pair(&w, web->options.flags[i].name, web->options.flags[i].value);
    json_object_end(&w);
    api_end(&w);
}

// The keys that only a Go runtime could fill in are there and empty: clients expect them.
static void write_runtime(struct json_writer *w, const struct web_runtime *runtime, int64_t now_ms)
{
    char folder[4096] = "", host[256] = "";
    if (!getcwd(folder, sizeof(folder)))
        folder[0] = 0;
    gethostname(host, sizeof(host) - 1);
    json_object_begin(w);
    json_key(w, "startTime");
    json_time(w, runtime->start_ms);
    json_pair(w, "CWD", folder);
    json_pair(w, "hostname", host);
    json_key(w, "serverTime");
    json_time(w, now_ms);
    json_key(w, "reloadConfigSuccess");
    json_bool(w, runtime->reload_ok);
    json_key(w, "lastConfigTime");
    json_time(w, runtime->last_config_ms);
    json_key(w, "corruptionCount");
    json_i64(w, 0);
    json_key(w, "goroutineCount");
    json_i64(w, 0);
    json_key(w, "GOMAXPROCS");
    json_i64(w, sysconf(_SC_NPROCESSORS_ONLN));
    json_key(w, "GOMEMLIMIT");
    json_i64(w, 0);
    json_pair(w, "GOGC", "");
    json_pair(w, "GODEBUG", "");
    json_pair(w, "storageRetention", runtime->storage_retention);
    json_object_end(w);
}

void api_runtimeinfo(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    struct web_runtime runtime = {0};
    struct json_writer w;
    web->options.runtime(web->options.context, &runtime);
    api_begin(res, &w);
    write_runtime(&w, &runtime, clock_wall_ms(web->options.clock));
    api_end(&w);
}

static void write_counts(struct json_writer *w, const char *key, const struct storage_count *items,
                         size_t count, size_t limit)
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count && i < limit; i++) {
        json_object_begin(w);
        json_key(w, "name");
        json_str(w, items[i].name);
        json_key(w, "value");
        json_u64(w, items[i].count);
        json_object_end(w);
    }
    json_array_end(w);
}

struct named_number {
    const char *name;
    int64_t value;
};

static void write_numbers(struct json_writer *w, const char *key, const struct named_number *items,
                          size_t count)
{
    json_key(w, key);
    json_object_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_key(w, items[i].name);
        json_i64(w, items[i].value);
    }
    json_object_end(w);
}

static void write_head(struct json_writer *w, const struct storage_stats *stats)
{
    const struct named_number items[] = {
        {"numSeries", (int64_t)stats->head_series},
        {"numLabelPairs", (int64_t)stats->head_label_pairs},
        {"chunkCount", (int64_t)stats->head_chunks},
        {"minTime", stats->head_min_ms},
        {"maxTime", stats->head_max_ms},
    };
    write_numbers(w, "headStats", items, sizeof(items) / sizeof(items[0]));
}

// What Prometheus has no place for.
static void write_disk(struct json_writer *w, const struct storage_stats *stats)
{
    const struct named_number items[] = {
        {"lowestTime", stats->lowest_ms},
        {"windows", (int64_t)stats->window_count},
        {"windowBytes", (int64_t)stats->window_bytes},
        {"journalBytes", (int64_t)stats->journal_bytes},
    };
    write_numbers(w, "storage", items, sizeof(items) / sizeof(items[0]));
}

// `limit` here is one of rows, at least 1.
#define ROWS_MAX 10000

static bool parse_rows(const struct request *req, struct response *res, size_t *rows)
{
    struct str text = request_param(req, "limit");
    uint64_t number = STORAGE_TOP_COUNT;
    if (text.len && (!str_to_u64(text, &number) || number == 0)) {
        api_fail_param(res, "limit", "limit must be a positive number");
        return false;
    }
    if (number > ROWS_MAX) {
        api_fail_param(res, "limit", "limit must not exceed %d", ROWS_MAX);
        return false;
    }
    *rows = (size_t)number;
    return true;
}

void api_tsdb(struct web_server *web, struct request *req, struct response *res)
{
    struct storage_stats stats = {0};
    struct json_writer w;
    size_t rows;
    if (!parse_rows(req, res, &rows))
        return;
    storage_stats(web->options.storage, &req->arena, &stats);
    api_begin(res, &w);
    json_object_begin(&w);
    write_head(&w, &stats);
    write_counts(&w, "seriesCountByMetricName", stats.top_metrics, stats.top_metric_count, rows);
    write_counts(&w, "labelValueCountByLabelName", stats.top_labels, stats.top_label_count, rows);
    write_counts(&w, "memoryInBytesByLabelName", stats.top_label_memory,
                 stats.top_label_memory_count, rows);
    write_counts(&w, "seriesCountByLabelValuePair", stats.top_pairs, stats.top_pair_count, rows);
    write_disk(&w, &stats);
    json_object_end(&w);
    api_end(&w);
}

// The journal is replayed before the server listens.
void api_walreplay(struct web_server *web, struct request *req, struct response *res)
{
    (void)web, (void)req;
    struct json_writer w;
    api_begin(res, &w);
    json_raw(&w, STR("{\"min\":0,\"max\":0,\"current\":0,\"state\":\"done\"}"));
    api_end(&w);
}

// What whoever looks at the pages should know at once.
void api_notifications(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    struct web_runtime runtime = {0};
    struct json_writer w;
    web->options.runtime(web->options.context, &runtime);
    api_begin(res, &w);
    json_array_begin(&w);
    if (!runtime.reload_ok) {
        json_object_begin(&w);
        json_pair(&w, "text", "Configuration reload has failed.");
        json_key(&w, "date");
        json_time(&w, runtime.reload_failed_ms);
        json_key(&w, "active");
        json_bool(&w, true);
        json_object_end(&w);
    }
    json_array_end(&w);
    api_end(&w);
}

// "No content" tells a page that there is no stream: it asks for the list now and then.
void api_notifications_live(struct web_server *web, struct request *req, struct response *res)
{
    (void)web, (void)req;
    res->status = 204;
}
