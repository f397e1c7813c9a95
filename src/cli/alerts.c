// Every subcommand is one request to the API, whose answer is printed; but for routes test of a file.
#include "alerts.h"

#include <stdio.h>

#include "alerting/preview.h"
#include "base/buf.h"
#include "config/http_file.h"
#include "scrape/transfer.h"

#define URL_DEFAULT   "http://localhost:9090"
#define TIMEOUT_MS    60000
#define CONFIG_OPTION "--alertmanager.config.file="
#define RESPONSE_MAX  ((size_t)256 << 20)

static const struct subcommand {
    const char *name;
    const char *word; // that must follow, or NULL
    const char *method;
    const char *path;
    const char *param; // that each argument becomes
    const char *arguments;
} subcommands[] = {
    {"explain", NULL, "GET", "/api/v1/alerts/explain", "filter", "MATCHER..."},
    {"history", NULL, "GET", "/api/v1/alerts/history", "filter", "MATCHER..."},
    {"routes", "test", "GET", "/api/v1/alerts/routes", "label", "LABEL=VALUE..."},
    {"send-test", NULL, "POST", "/api/v1/receivers/test", "receiver", "RECEIVER"},
};

static int usage(void)
{
    fprintf(stderr, "usage:\n");
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        fprintf(stderr,
                "  lapwing alerts %s%s%s [--url=%s] [--http.config.file=FILE] [--start=TIME] "
                "[--end=TIME] "
                "[--limit=COUNT] %s\n",
                subcommands[i].name, subcommands[i].word ? " " : "",
                subcommands[i].word ? subcommands[i].word : "", URL_DEFAULT,
                subcommands[i].arguments);
    fprintf(stderr, "  lapwing alerts routes test " CONFIG_OPTION "FILE LABEL=VALUE...\n");
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

// How the server is reached.
struct server {
    struct str url;
    const char *http_file; // TLS and credentials; NULL: none
};

static bool add_option(struct buf *query, struct str option, struct server *server)
{
    static const char *const known[] = {"start", "end", "limit"};
    struct str name, value;
    if (!str_cut(str_skip(option, 2), '=', &name, &value))
        return false;
    if (str_is(name, "url")) {
        server->url = value;
        return true;
    }
    if (str_is(name, "http.config.file")) {
        server->http_file = value.ptr; // an argument: it ends with a NUL
        return true;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!str_is(name, known[i]))
            continue;
        add_param(query, name, value);
        return true;
    }
    return false;
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
static int call_server(const struct server *server, const char *method, struct str url)
{
    struct http_file *file = NULL;
    struct error err;
    if (server->http_file && http_file_load(&file, server->http_file, &err)) {
        fprintf(stderr, "lapwing: %s\n", err.text);
        return 1;
    }
    int status = call(method, url, file ? &file->http : NULL);
    http_file_free(file);
    return status;
}

static bool read_labels(int argc, char **argv, struct arena *arena, struct labels *out)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, (struct labels){0});
    for (int i = 0; i < argc; i++) {
        struct str name, value;
        if (str_has_prefix(str_from(argv[i]), STR("--")))
            continue;
        if (!str_cut(str_from(argv[i]), '=', &name, &value) || name.len == 0)
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
    return good ? 0 : usage();
}

static int run(const struct subcommand *sub, int argc, char **argv)
{
    struct buf query = BUF_INIT, url = BUF_INIT;
    struct server server = {.url = STR(URL_DEFAULT)};
    int arguments = 0;
    bool good = true;
    for (int i = 0; sub->word && i < argc; i++)
        if (str_has_prefix(str_from(argv[i]), STR(CONFIG_OPTION)))
            return test_routes(argv[i] + strlen(CONFIG_OPTION), argc, argv);
    for (int i = 0; i < argc; i++) {
        struct str word = str_from(argv[i]);
        if (str_has_prefix(word, STR("--"))) {
            good &= add_option(&query, word, &server);
        } else {
            add_param(&query, str_from(sub->param), word);
            arguments++;
        }
    }
    while (str_has_suffix(server.url, STR("/")))
        server.url.len--;
    buf_printf(&url, "%.*s%s%.*s", STR_ARG(server.url), sub->path, STR_ARG(buf_view(&query)));
    int status = good && arguments ? call_server(&server, sub->method, buf_view(&url)) : usage();
    buf_release(&url);
    buf_release(&query);
    return status;
}

int cli_alerts(int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        const struct subcommand *sub = &subcommands[i];
        int used = sub->word ? 2 : 1;
        if (!str_is(str_from(argv[0]), sub->name) || argc < used)
            continue;
        if (!sub->word || str_is(str_from(argv[1]), sub->word))
            return run(sub, argc - used, argv + used);
    }
    return usage();
}
