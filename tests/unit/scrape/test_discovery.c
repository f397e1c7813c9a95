// From a job and its target groups to labels and URLs; target files that come, change, break and
// go.
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "discovery.h"
#include "scrape/target_files.h"

static struct prometheus_config *parse(const char *job)
{
    struct prometheus_config *config;
    struct buf text = BUF_INIT;
    struct error err;
    buf_printf(&text, "scrape_configs: [{job_name: j, %s}]", job);
    if (prometheus_config_parse(&config, buf_view(&text), "p.yml", "/", NULL, &err))
        fail_msg("%s: %s", job, err.text);
    buf_release(&text);
    return config;
}

// "URL {labels}", "dropped" or "! error" for each target of the job, one a line.
static void resolve_all(const char *job, struct buf *out)
{
    struct prometheus_config *config = parse(job);
    const struct scrape_config *c = &config->scrapes[0];
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    for (size_t i = 0; i < c->static_groups[0].target_count; i++) {
        struct discovered_target d;
        if (discovery_resolve(c, c->static_groups[0].targets[i], c->static_groups[0].labels, &arena,
                              &d, &err)) {
            buf_printf(out, "! %s", err.text);
        } else if (d.dropped) {
            buf_cstr(out, "dropped");
        } else {
            buf_printf(out, "%.*s ", STR_ARG(d.url));
            labels_format(out, d.labels);
        }
        buf_char(out, '\n');
    }
    arena_release(&arena);
    prometheus_config_unref(config);
}

#define ONE "static_configs: [{targets: ['h:1']}]"

static const struct {
    const char *job, *expected;
} cases[] = {
    {ONE, "http://h:1/metrics {instance=\"h:1\", job=\"j\"}\n"},
    {"static_configs: [{targets: [a, 'b:2'], labels: {x: y, job: own, instance: it}}]",
     "http://a/metrics {instance=\"it\", job=\"own\", x=\"y\"}\n"
     "http://b:2/metrics {instance=\"it\", job=\"own\", x=\"y\"}\n"},
    {"scheme: https, metrics_path: 'probe it?', " ONE,
     "https://h:1/probe%20it%3F {instance=\"h:1\", job=\"j\"}\n"},
    {"params: {z: [1], b: ['x y', '&'], a: []}, " ONE,
     "http://h:1/metrics?b=x+y&b=%26&z=1 {instance=\"h:1\", job=\"j\"}\n"},
    {"params: {target: [t]}, static_configs: [{targets: ['h:1'], labels: {__param_target: own, "
     "__param_m: 'ü'}}]",
     "http://h:1/metrics?m=%C3%BC&target=own {instance=\"h:1\", job=\"j\"}\n"},
    // The blackbox exporter's way.
    {"params: {module: [http]}, relabel_configs: ["
     "{source_labels: [__address__], target_label: __param_target}, "
     "{source_labels: [__param_target], target_label: instance}, "
     "{target_label: __address__, replacement: 'box:9115'}], " ONE,
     "http://box:9115/metrics?module=http&target=h%3A1 {instance=\"h:1\", job=\"j\"}\n"},
    {"relabel_configs: [{target_label: __metrics_path__, replacement: /m}, "
     "{target_label: __scheme__, replacement: https}, {target_label: __tmp, replacement: x}, "
     "{source_labels: [__tmp], target_label: kept}], " ONE,
     "https://h:1/m {instance=\"h:1\", job=\"j\", kept=\"x\"}\n"},
    {"relabel_configs: [{source_labels: [__scrape_interval__, __scrape_timeout__], target_label: "
     "t}], scrape_interval: 90s, scrape_timeout: 1500ms, " ONE,
     "http://h:1/metrics {instance=\"h:1\", job=\"j\", t=\"1m30s;1s500ms\"}\n"},
    {"relabel_configs: [{source_labels: [__address__], regex: 'h:.*', action: drop}], " ONE,
     "dropped\n"},
    {"relabel_configs: [{target_label: __address__, replacement: ''}], " ONE, "! no address\n"},
    {"relabel_configs: [{target_label: __address__, replacement: 'a/b'}], " ONE,
     "! \"a/b\" is not a valid hostname\n"},
    {"relabel_configs: [{target_label: __scheme__, replacement: 'ftp'}], " ONE,
     "! __scheme__ is \"ftp\", expected http or https\n"},
    {"relabel_configs: [{target_label: __scrape_interval__, replacement: soon}], " ONE,
     "! error parsing scrape interval: __scrape_interval__ is \"soon\", expected a duration such "
     "as 15s\n"},
    {"relabel_configs: [{target_label: __scrape_timeout__, replacement: 0s}], " ONE,
     "! scrape timeout cannot be 0\n"},
    {"relabel_configs: [{target_label: __scrape_timeout__, replacement: 2h}], " ONE,
     "! scrape timeout cannot be greater than scrape interval (\"2h\" > \"1m\")\n"},
};

static void test_targets(void **state)
{
    struct buf out = BUF_INIT;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        resolve_all(cases[i].job, &out);
        if (strcmp(buf_text(&out), cases[i].expected) != 0)
            fail_msg("%s: got %s, expected %s", cases[i].job, buf_text(&out), cases[i].expected);
        buf_reset(&out);
    }
    buf_release(&out);
}

static void test_times(void **state)
{
    struct prometheus_config *config =
        parse("scrape_interval: 30s, scrape_timeout: 5s, static_configs: [{targets: [h], labels: "
              "{__scrape_interval__: 7s}}]");
    const struct scrape_config *c = &config->scrapes[0];
    struct discovered_target d;
    struct arena arena;
    struct error err;
    (void)state;
    arena_init(&arena, 0);
    assert_int_equal(discovery_resolve(c, STR("h"), c->static_groups[0].labels, &arena, &d, &err),
                     OK);
    assert_int_equal(d.interval_ms, 7000);
    assert_int_equal(d.timeout_ms, 5000);
    assert_str(labels_get(d.discovered, STR("__address__")), "h");
    assert_str(labels_get(d.discovered, STR("__scheme__")), "http");
    assert_str(labels_get(d.discovered, STR("__metrics_path__")), "/metrics");
    assert_str(labels_get(d.discovered, STR("__scrape_timeout__")), "5s");
    assert_str(labels_get(d.discovered, STR("job")), "j");
    arena_release(&arena);
    prometheus_config_unref(config);
}

struct folder {
    char path[64];
    struct prometheus_config *config;
    struct target_files *files;
    struct buf out;
    uint64_t stamp;
};

static void put(struct folder *d, const char *name, const char *text)
{
    struct buf path = BUF_INIT;
    struct error err;
    buf_printf(&path, "%s/%s", d->path, name);
    assert_int_equal(file_write_atomic(buf_text(&path), str_from(text), &err), OK);
    buf_release(&path);
}

static void remove_file(struct folder *d, const char *name)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", d->path, name);
    assert_int_equal(io_unlink(buf_text(&path)), OK);
    buf_release(&path);
}

static void print_group(void *context, const struct config_target_group *g)
{
    struct folder *d = context;
    for (size_t i = 0; i < g->target_count; i++)
        buf_printf(&d->out, "%.*s ", STR_ARG(g->targets[i]));
    struct str path = labels_get(g->labels, STR("__meta_filepath"));
    buf_printf(&d->out, "%.*s", STR_ARG(str_skip(path, strlen(d->path) + 1)));
    buf_printf(&d->out, " %.*s;", STR_ARG(labels_get(g->labels, STR("x"))));
}

// Whether the fingerprint changed, and what there is now.
static void look(struct folder *d, bool changed, const char *expected)
{
    const struct config_file_sd *sd = &d->config->scrapes[0].file_sds[0];
    uint64_t stamp = target_files_fingerprint(sd);
    assert_int_equal(stamp != d->stamp, changed);
    d->stamp = stamp;
    target_files_each(d->files, sd, print_group, d);
    assert_buf(&d->out, expected);
}

static void test_files(void **state)
{
    struct folder d = {.path = "/tmp/lapwing-files-XXXXXX"};
    struct buf job = BUF_INIT;
    (void)state;
    log_fd_set(-1);
    assert_non_null(mkdtemp(d.path));
    buf_printf(&job, "file_sd_configs: [{files: ['%s/*.yml', '%s/a.json']}]", d.path, d.path);
    d.config = parse(buf_text(&job));
    d.files = target_files_new();
    d.stamp = target_files_fingerprint(&d.config->scrapes[0].file_sds[0]);
    look(&d, false, "");
    put(&d, "a.json", "[{\"targets\": [\"h:1\", \"h:2\"], \"labels\": {\"x\": \"y\"}}]");
    look(&d, true, "h:1 h:2 a.json y;");
    put(&d, "b.yml", "- targets: ['h:3']\n- targets: ['h:4']\n");
    look(&d, true, "h:3 b.yml ;h:4 b.yml ;h:1 h:2 a.json y;");
    look(&d, false, "h:3 b.yml ;h:4 b.yml ;h:1 h:2 a.json y;");
    // A bad file keeps what it said.
    put(&d, "a.json", "[{\"targets\": ");
    put(&d, "b.yml", "- target: ['h:3']\n");
    look(&d, true, "h:3 b.yml ;h:4 b.yml ;h:1 h:2 a.json y;");
    put(&d, "a.json", "[]");
    look(&d, true, "h:3 b.yml ;h:4 b.yml ;");
    target_files_sweep(d.files);
    look(&d, false, "h:3 b.yml ;h:4 b.yml ;");
    // One that is gone takes its targets along.
    remove_file(&d, "b.yml");
    look(&d, true, "");
    target_files_sweep(d.files);
    target_files_sweep(d.files);
    target_files_free(d.files);
    prometheus_config_unref(d.config);
    dir_remove_all(d.path, NULL);
    buf_release(&d.out);
    buf_release(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_files),
    };
    return UNIT_RUN(tests);
}
