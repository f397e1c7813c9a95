// Every subcommand is one request to the API, whose answer is printed; but for routes test of a file.
#include "alerts.h"

#include <stdio.h>

#include "alerting/preview.h"
#include "base/buf.h"
#include "config/http_file.h"
#include "options.h"
#include "scrape/transfer.h"

#define URL_DEFAULT  "http://localhost:9090"
#define TIMEOUT_MS   60000
#define RESPONSE_MAX ((size_t)256 << 20)

static const struct subcommand {
    const char *name;
    const char *word; // that must follow, or NULL
    const char *method;
    const char *path;
    const char *param; // that each argument becomes
    const char *arguments;
    int argument_min;
} subcommands[] = {
    {"explain", NULL, "GET", "/api/v1/alerts/explain", "filter", "[MATCHER...]", 0},
    {"history", NULL, "GET", "/api/v1/alerts/history", "filter", "[MATCHER...]", 0},
    {"routes", "test", "GET", "/api/v1/alerts/routes", "label", "LABEL=VALUE...", 1},
    {"send-test", NULL, "POST", "/api/v1/receivers/test", "receiver", "RECEIVER", 1},
};

static int usage(FILE *out)
{
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        fprintf(out, "%s lapwing alerts %s%s%s [OPTION...] %s\n",
                i ? "      " : "usage:", subcommands[i].name, subcommands[i].word ? " " : "",
                subcommands[i].word ? subcommands[i].word : "", subcommands[i].arguments);
    fputs("  --url=" URL_DEFAULT "      the server that is asked\n"
          "  --http.config.file=FILE          TLS and credentials for it, as an http_config\n"
          "  --start=TIME, --end=TIME         of explain and history: RFC 3339 or Unix seconds\n"
          "  --limit=COUNT                    of explain and history: the newest so many\n"
          "  --alertmanager.config.file=FILE  of routes test: this file, no server\n",
          out);
    return 2;
}

static void add_param(struct buf *url, struct str name, struct str value)
{
    buf_char(url, str_find(buf_view(url), '?') < url->len ? '&' : '?');
    buf_str(url, name);
    buf_char(url, '=');
    for (size_t i = 0; i < value.len; i++)
        buf_printf(url, "%%%02X", (unsigned char)value.ptr[i]);
}

// What the options say.
struct request {
    struct str url;
    const char *http_file;   // TLS and credentials; NULL: none
    const char *config_file; // asked instead of a server; NULL: none
    struct buf query;
};

static bool take_switch(void *context, struct str name)
{
    (void)context;
    (void)name;
    return false;
}

static bool take_option(void *context, struct str name, const char *value)
{
    struct request *request = context;
    if (str_is(name, "--url"))
        request->url = str_from(value);
    else if (str_is(name, "--http.config.file"))
        request->http_file = value;
    else if (str_is(name, "--alertmanager.config.file"))
        request->config_file = value;
    else if (str_is(name, "--start") || str_is(name, "--end") || str_is(name, "--limit"))
        add_param(&request->query, str_skip(name, 2), str_from(value));
    else
        return false;
    return true;
}

struct answer {
    bool done;
    int status; // exit status
};

static void print_answer(void *context, const struct transfer_result *result)
{
    struct answer *answer = context;
    bool good = result->code == 0 && result->status == 200;
    bool undelivered = str_search(result->body, STR("\"delivered\":false")) < result->body.len;
    answer->done = true;
    answer->status = good && !undelivered ? 0 : 1;
    if (result->code)
        fprintf(stderr, "lapwing: %s\n", result->text);
    else if (!good)
        fprintf(stderr, "lapwing: the server answered %ld: %.*s\n", result->status,
                STR_ARG(result->body));
    else
        printf("%.*s%s", STR_ARG(result->body),
               str_has_suffix(result->body, STR("\n")) ? "" : "\n");
}

static int call(const char *method, struct str url, const struct config_http *http)
{
    struct answer answer = {.status = 1};
    struct transfer *transfer;
    struct error err;
    struct transfer_client *client = transfer_client_new("lapwing-cli");
    const struct transfer_request request = {.method = str_from(method),
                                             .url = url,
                                             .timeout_ms = TIMEOUT_MS,
                                             .response_max = RESPONSE_MAX,
                                             .encoding = TRANSFER_COMPRESSED,
                                             .http = http};
    if (transfer_start(client, &request, print_answer, &answer, &transfer, &err))
        fprintf(stderr, "lapwing: %s\n", err.text);
    else
        while (!answer.done)
            transfer_run(client, 1000);
    transfer_client_free(client);
    return answer.status;
}

// With the TLS settings and credentials of a file.
static int call_server(const struct request *request, const char *method, struct str url)
{
    struct http_file *file = NULL;
    struct error err;
    if (request->http_file && http_file_load(&file, request->http_file, &err)) {
        fprintf(stderr, "lapwing: %s\n", err.text);
        return 1;
    }
    int status = call(method, url, file ? &file->http : NULL);
    http_file_free(file);
    return status;
}

// name=value as it is, name="value" as amtool takes it.
static bool read_label(const char *text, struct str *name, struct str *value)
{
    if (!str_cut(str_from(text), '=', name, value) || name->len == 0)
        return false;
    if (value->len >= 2 && value->ptr[0] == '"' && value->ptr[value->len - 1] == '"')
        *value = str_make(value->ptr + 1, value->len - 2);
    return true;
}

static bool read_labels(int argc, char **argv, struct arena *arena, struct labels *out)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, (struct labels){0});
    for (int i = 0; i < argc; i++) {
        struct str name, value;
        if (!read_label(argv[i], &name, &value))
            return false;
        labels_builder_set(&b, name, value);
    }
    *out = labels_builder_finish(&b);
    return out->count > 0;
}

// Of a file, without a server: a line per receiver.
static int test_routes(const char *path, int argc, char **argv)
{
    struct alertmanager_config *config;
    struct arena arena;
    struct error err;
    struct labels labels;
    size_t count;
    if (alertmanager_config_load(&config, path, NULL, &err)) {
        fprintf(stderr, "lapwing: %s\n", err.text);
        return 1;
    }
    arena_init(&arena, 0);
    bool good = read_labels(argc, argv, &arena, &labels);
    if (good) {
        const struct route_preview *routes =
            alertmanager_config_preview(config, labels, &arena, &count);
        for (size_t i = 0; i < count; i++)
            printf("%.*s\t%.*s\n", STR_ARG(routes[i].receiver), STR_ARG(routes[i].group));
    }
    arena_release(&arena);
    alertmanager_config_unref(config);
    return good ? 0 : usage(stderr);
}

// A label goes without the quotes that its value may have; matchers go as they are.
static void add_argument(struct buf *query, const struct subcommand *sub, const char *text)
{
    struct str name, value;
    struct buf label = BUF_INIT;
    if (str_is(str_from(sub->param), "label") && read_label(text, &name, &value))
        buf_printf(&label, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
    else
        buf_cstr(&label, text);
    add_param(query, str_from(sub->param), buf_view(&label));
    buf_release(&label);
}

static int ask_server(const struct subcommand *sub, struct request *request, int argc, char **argv)
{
    struct buf url = BUF_INIT;
    for (int i = 0; i < argc; i++)
        add_argument(&request->query, sub, argv[i]);
    while (str_has_suffix(request->url, STR("/")))
        request->url.len--;
    buf_printf(&url, "%.*s%s%s", STR_ARG(request->url), sub->path, buf_text(&request->query));
    int status = call_server(request, sub->method, buf_view(&url));
    buf_release(&url);
    return status;
}

static int run(const struct subcommand *sub, int argc, char **argv)
{
    struct request request = {.url = STR(URL_DEFAULT), .query = BUF_INIT};
    const struct cli_options options = {&request, take_switch, take_option};
    int count = cli_take_options(&options, argc, argv);
    int status;
    if (count < sub->argument_min)
        status = usage(stderr);
    else if (sub->word && request.config_file)
        status = test_routes(request.config_file, count, argv);
    else
        status = ask_server(sub, &request, count, argv);
    buf_release(&request.query);
    return status;
}

int cli_alerts(int argc, char **argv)
{
    if (cli_help_wanted(argc, argv))
        return usage(stdout), 0;
    for (size_t i = 0; argc > 0 && i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        const struct subcommand *sub = &subcommands[i];
        int used = sub->word ? 2 : 1;
        if (!str_is(str_from(argv[0]), sub->name) || argc < used)
            continue;
        if (!sub->word || str_is(str_from(argv[1]), sub->word))
            return run(sub, argc - used, argv + used);
    }
    return usage(stderr);
}
