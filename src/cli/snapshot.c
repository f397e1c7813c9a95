#include "cli/snapshot.h"

#include "base/file.h"
#include "base/json.h"
#include "scrape/transfer.h"

#define TIMEOUT_MS   60000
#define RESPONSE_MAX ((size_t)1 << 20)

struct answer {
    bool done;
    struct buf *name;
    struct error *err;
    int rc;
};

static int read_name(struct answer *answer, struct str body)
{
    struct json *document;
    int rc = json_parse(&document, body, answer->err);
    if (rc)
        return rc;
    struct str name = json_text(json_get(json_get(document, "data"), "name"));
    if (name.len)
        buf_str(answer->name, name);
    else
        rc = error_set(answer->err, ERR_INVALID, "the server's answer names no snapshot");
    json_free(document);
    return rc;
}

static void take_answer(void *context, const struct transfer_result *result)
{
    struct answer *answer = context;
    answer->done = true;
    if (result->code)
        answer->rc = error_set(answer->err, result->code, "%s", result->text);
    else if (result->status != 200)
        answer->rc =
            error_set(answer->err, ERR_UNAVAILABLE,
                      "the server takes no snapshot (%ld: %.*s); it needs --web.enable-admin-api",
                      result->status, STR_ARG(str_trim(result->body)));
    else
        answer->rc = read_name(answer, result->body);
}

static int ask(struct str url, struct buf *name, struct error *err)
{
    struct answer answer = {.name = name, .err = err};
    struct transfer *transfer;
    struct transfer_client *client = transfer_client_new("lapwing-cli");
    const struct transfer_request request = {.method = STR("POST"),
                                             .url = url,
                                             .timeout_ms = TIMEOUT_MS,
                                             .response_max = RESPONSE_MAX,
                                             .encoding = TRANSFER_COMPRESSED};
    int rc = transfer_start(client, &request, take_answer, &answer, &transfer, err);
    while (rc == OK && !answer.done)
        transfer_run(client, 1000);
    transfer_client_free(client);
    return rc ? rc : answer.rc;
}

int snapshot_take(struct str url, const char *storage_path, struct buf *folder, struct error *err)
{
    struct buf endpoint = BUF_INIT, name = BUF_INIT;
    while (str_has_suffix(url, STR("/")))
        url.len--;
    buf_printf(&endpoint, "%.*s/api/v1/admin/tsdb/snapshot", STR_ARG(url));
    int rc = ask(buf_view(&endpoint), &name, err);
    if (rc == OK) {
        buf_printf(folder, "%s/snapshots/%s", storage_path, buf_text(&name));
        if (!file_exists(buf_text(folder)))
            rc = error_set(err, ERR_NOT_FOUND,
                           "the server's snapshot is not at %s: --storage.path is another folder",
                           buf_text(folder));
    }
    buf_release(&endpoint);
    buf_release(&name);
    return rc;
}
