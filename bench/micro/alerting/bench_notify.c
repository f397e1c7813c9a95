// What 10,000 firing alerts in 500 groups cost: repeated every minute, flushed every 30 s, a tenth
// of them changing each minute, for ten minutes on a virtual clock; CPU per second and memory.
#include <stdio.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "deliver.h"
#include "engine.h"

#define ALERT_COUNT 10000
#define GROUP_COUNT 500
#define MINUTES     10

static const char *const yaml = "route:\n"
                                "  receiver: hook\n"
                                "  group_by: [alertname]\n"
                                "  group_wait: 10s\n"
                                "  group_interval: 30s\n"
                                "inhibit_rules:\n"
                                "- source_matchers: [ 'severity=\"critical\"' ]\n"
                                "  target_matchers: [ 'severity=\"warning\"' ]\n"
                                "  equal: [instance]\n"
                                "receivers:\n"
                                "- name: hook\n"
                                "  webhook_configs:\n"
                                "  - url: http://127.0.0.1:1/\n";

struct totals {
    uint64_t posts;
    uint64_t bytes;
};

static int count_post(void *context, const struct wire_post *post, struct wire_reply *reply,
                      struct error *err)
{
    (void)err;
    struct totals *totals = context;
    totals->posts++;
    totals->bytes += post->body.len;
    reply->status = 200;
    return 0;
}

static void put_all(struct alertmanager *a, int minute, int64_t now_ms)
{
    for (int i = 0; i < ALERT_COUNT; i++) {
        char name[32], instance[32];
        snprintf(name, sizeof(name), "Alert%d", i % GROUP_COUNT);
        snprintf(instance, sizeof(instance), "host%d:9100", i / GROUP_COUNT);
        const struct label labels[] = {
            {STR("alertname"), str_from(name)},    {STR("cluster"), STR("edge-1")},
            {STR("instance"), str_from(instance)}, {STR("job"), STR("node")},
            {STR("severity"), STR("warning")},
        };
        const struct label annotations[] = {
            {STR("description"), STR("The file system on /var has been nearly full for an hour.")},
            {STR("summary"), STR("disk nearly full")},
        };
        bool firing = (i / GROUP_COUNT + minute) % 10 != 0;
        const struct alert alert = {
            .labels = {labels, 5},
            .annotations = {annotations, 2},
            .starts_ms = now_ms,
            .ends_ms = firing ? now_ms + 240000 : now_ms,
            .generator_url = STR("http://lapwing.example:9090/graph?g0.expr=x&g0.tab=1"),
        };
        alertmanager_put(a, &alert, 1, now_ms);
    }
}

static void run(struct alertmanager *a, struct clock_virtual *clock)
{
    for (int second = 0; second < MINUTES * 60; second++) {
        if (second % 60 == 0)
            put_all(a, second / 60, clock->now_ms);
        (void)alertmanager_tick(a, clock->now_ms);
        while (deliver_one(a))
            ;
        clock_virtual_advance(clock, 1000);
    }
}

// Kilobytes: what is not a page of a file.
static long anonymous_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtol(line + 8, NULL, 10);
    if (status)
        fclose(status);
    return kb;
}

int main(void)
{
    struct clock_virtual clock;
    struct storage_options storage_options;
    struct storage *storage;
    struct alertmanager_config *config;
    struct buf warnings = BUF_INIT;
    struct error err = {0};
    struct totals totals = {0};
    struct rusage usage;
    char folder[] = "/tmp/lapwing-bench-XXXXXX";
    struct metrics *metrics = metrics_new();
    log_fd_set(-1);
    clock_virtual_init(&clock, 1700000000000);
    storage_options_init(&storage_options);
    storage_options.clock = &clock.clock;
    storage_options.metrics = metrics;
    storage_options.path = mkdtemp(folder);
    if (storage_open(&storage, &storage_options, &err) ||
        alertmanager_config_parse(&config, str_from(yaml), "b.yml", ".", &warnings, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    const struct alertmanager_options options = {.storage = storage,
                                                 .clock = &clock.clock,
                                                 .metrics = metrics,
                                                 .external_url = STR("http://x"),
                                                 .user_agent = "bench"};
    struct alertmanager *a = alertmanager_new(&options);
    long before_kb = anonymous_kb();
    a->wire = (struct wire){.post = count_post, .context = &totals};
    if (alertmanager_apply(a, config, &err))
        return 1;
    run(a, &clock);
    getrusage(RUSAGE_SELF, &usage);
    double cpu_ms = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
    printf("%d alerts in %d groups: %.2f ms of CPU a second, "
           "%ld KB of memory (%ld before) and at most %ld KB with pages of files, "
           "%llu notifications of %.1f KB\n",
           ALERT_COUNT, GROUP_COUNT, cpu_ms / (MINUTES * 60), anonymous_kb(), before_kb,
           usage.ru_maxrss, (unsigned long long)totals.posts,
           (double)totals.bytes / 1e3 / (double)totals.posts);
    alertmanager_free(a);
    alertmanager_config_unref(config);
    storage_close(storage);
    (void)dir_remove_all(folder, NULL);
    metrics_free(metrics);
    buf_release(&warnings);
    return 0;
}
