// Every subcommand is one request to the API, whose answer is printed.
#include "alerts.h"

#include <stdio.h>

#include "base/buf.h"
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
                "  lapwing alerts %s%s%s [--url=%s] [--start=TIME] [--end=TIME] "
                "[--limit=COUNT] %s\n",
                subcommands[i].name, subcommands[i].word ? " " : "",
                subcommands[i].word ? subcommands[i].word : "", URL_DEFAULT,
                subcommands[i].arguments);
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

static bool add_option(struct buf *query, struct str option, struct str *base)
{
    static const char *const known[] = {"start", "end", "limit"};
    struct str name, value;
    if (!str_cut(str_skip(option, 2), '=', &name, &value))
        return false;
    if (str_is(name, "url")) {
        *base = value;
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

static int call(const char *method, struct str url)
{
    struct answer answer = {.status = 1};
    struct transfer *transfer;
    struct error err;
    struct transfer_client *client = transfer_client_new("lapwing-cli");
    const struct transfer_request request = {.method = str_from(method),
                                             .url = url,
                                             .timeout_ms = TIMEOUT_MS,
                                             .response_max = RESPONSE_MAX,
                                             .encoding = TRANSFER_COMPRESSED};
    if (transfer_start(client, &request, print_answer, &answer, &transfer, &err))
        fprintf(stderr, "lapwing: %s\n", err.text);
    else
        while (!answer.done)
            transfer_run(client, 1000);
    transfer_client_free(client);
    return answer.status;
}

static int run(const struct subcommand *sub, int argc, char **argv)
{
    struct buf query = BUF_INIT, url = BUF_INIT;
    struct str base = STR(URL_DEFAULT);
    int arguments = 0;
    bool good = true;
    for (int i = 0; i < argc; i++) {
        struct str word = str_from(argv[i]);
        if (str_has_prefix(word, STR("--"))) {
            good &= add_option(&query, word, &base);
        } else {
            add_param(&query, str_from(sub->param), word);
            arguments++;
        }
    }
    while (str_has_suffix(base, STR("/")))
        base.len--;
    buf_printf(&url, "%.*s%s%.*s", STR_ARG(base), sub->path, STR_ARG(buf_view(&query)));
    int status = good && arguments ? call(sub->method, buf_view(&url)) : usage();
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
