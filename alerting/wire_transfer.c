// A transfer client belongs to one thread at a time: each request borrows one from a small stack,
// so that connections and tokens are used again and threads never share one. The stack has room for
// the client of every thread that delivers.
#include "wire_transfer.h"

#include <pthread.h>

#include "base/mem.h"
#include "deliver.h"
#include "scrape/transfer.h"
#include "smtp.h"

#define RESPONSE_MAX    ((size_t)64 << 10)
#define CANCEL_CHECK_MS 100

struct wire_transfer {
    const char *user_agent;
    struct cancel cancel;
    pthread_mutex_t lock; // guards the two below
    struct transfer_client *idle[DELIVER_THREADS_MAX];
    size_t idle_count;
};

struct pending_post {
    struct wire_reply *reply;
    struct error *err;
    int rc;
    bool done;
};

static struct transfer_client *client_take(struct wire_transfer *t)
{
    struct transfer_client *client = NULL;
    pthread_mutex_lock(&t->lock);
    if (t->idle_count)
        client = t->idle[--t->idle_count];
    pthread_mutex_unlock(&t->lock);
    return client ? client : transfer_client_new(t->user_agent);
}

static void client_give(struct wire_transfer *t, struct transfer_client *client)
{
    pthread_mutex_lock(&t->lock);
    if (t->idle_count < DELIVER_THREADS_MAX) {
        t->idle[t->idle_count++] = client;
        client = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    transfer_client_free(client);
}

// Seconds, or a date.
static int64_t retry_after_ms(struct str text)
{
    uint64_t seconds;
    if (str_to_u64(text, &seconds))
        return seconds < 86400 ? (int64_t)seconds * 1000 : 86400000;
    struct buf copy = BUF_INIT;
    struct tm tm = {0};
    buf_str(&copy, text);
    const char *end = strptime(buf_text(&copy), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    int64_t wait_s = end ? (int64_t)timegm(&tm) - (int64_t)time(NULL) : 0;
    buf_release(&copy);
    return wait_s > 0 ? wait_s * 1000 : 0;
}

static void on_done(void *context, const struct transfer_result *result)
{
    struct pending_post *pending = context;
    pending->done = true;
    if (result->code) {
        pending->rc = error_set(pending->err, result->code, "%s", result->text);
        return;
    }
    pending->reply->status = (int)result->status;
    pending->reply->retry_after_ms = retry_after_ms(result->retry_after);
    buf_str(&pending->reply->body, result->body);
}

static void run(struct wire_transfer *t, struct transfer_client *client, struct transfer *transfer,
                struct pending_post *pending)
{
    while (!pending->done) {
        transfer_run(client, CANCEL_CHECK_MS);
        if (!pending->done && cancel_raised(&t->cancel)) {
            transfer_cancel(client, transfer);
            pending->rc = error_set(pending->err, ERR_CANCELED, "cancelled by the shutdown");
            return;
        }
    }
}

static int post(void *context, const struct wire_post *what, struct wire_reply *reply,
                struct error *err)
{
    struct wire_transfer *t = context;
    struct pending_post pending = {.reply = reply, .err = err};
    struct buf bearer = BUF_INIT, id = BUF_INIT;
    struct transfer_header headers[3] = {{STR("Content-Type"), STR("application/json")}};
    size_t header_count = 1;
    if (what->bearer.len) {
        buf_printf(&bearer, "%.*s %.*s",
                   STR_ARG(what->auth_scheme.len ? what->auth_scheme : STR("Bearer")),
                   STR_ARG(what->bearer));
        headers[header_count++] = (struct transfer_header){STR("Authorization"), buf_view(&bearer)};
    }
    if (what->id) {
        buf_printf(&id, "\"%016llx\"", (unsigned long long)what->id);
        headers[header_count++] = (struct transfer_header){STR("Idempotency-Key"), buf_view(&id)};
    }
    const struct transfer_request request = {
        .method = what->method.len ? what->method : STR("POST"),
        .url = what->url,
        .headers = headers,
        .header_count = header_count,
        .body = what->body,
        .timeout_ms = what->timeout_ms,
        .response_max = RESPONSE_MAX,
        .http = what->http,
    };
    struct transfer_client *client = client_take(t);
    struct transfer *transfer;
    int rc = transfer_start(client, &request, on_done, &pending, &transfer, err);
    if (rc == 0) {
        run(t, client, transfer, &pending);
        rc = pending.rc;
    }
    client_give(t, client);
    buf_release(&bearer);
    buf_release(&id);
    return rc;
}

static int send_mail(void *context, const struct wire_mail *mail, struct wire_reply *reply,
                     struct error *err)
{
    struct wire_transfer *t = context;
    return smtp_send(mail, &t->cancel, reply, err);
}

struct wire_transfer *wire_transfer_new(const char *user_agent)
{
    struct wire_transfer *t = mem_calloc(1, sizeof(*t));
    t->user_agent = user_agent;
    cancel_init(&t->cancel);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void wire_transfer_cancel(struct wire_transfer *t)
{
    cancel_raise(&t->cancel);
}

void wire_transfer_free(struct wire_transfer *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->idle_count; i++)
        transfer_client_free(t->idle[i]);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

struct wire wire_transfer_wire(struct wire_transfer *t)
{
    return (struct wire){.post = post, .mail = send_mail, .context = t};
}
