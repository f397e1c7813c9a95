// Transfers on their links: waited for together with libcurl's, each with its own deadline.
//
// What the link cannot do goes through libcurl within the time that is left: scrapes are GETs, which
// may be asked twice. The request is copied for that.
#include "base/clock.h"
#include "base/compress.h"
#include "base/mem.h"
#include "transfer_internal.h"

#define MS_NS INT64_C(1000000)

static int64_t mono_ns(void)
{
    return clock_mono_ns(&clock_system);
}

static void keep_request(struct transfer *t, const struct transfer_request *r)
{
    struct arena *a = &t->arena;
    struct transfer_header *headers = arena_array(a, r->header_count, sizeof(*headers));
    for (size_t i = 0; i < r->header_count; i++) {
        headers[i].name = arena_copy(a, r->headers[i].name);
        headers[i].value = arena_copy(a, r->headers[i].value);
    }
    t->request = (struct transfer_request){.method = STR("GET"),
                                           .url = arena_copy(a, r->url),
                                           .headers = headers,
                                           .header_count = r->header_count,
                                           .timeout_ms = r->timeout_ms,
                                           .response_max = r->response_max,
                                           .encoding = r->encoding};
    if (r->http) {
        // The rest is as it is by default, or there would be no link.
        t->http.follow_redirects = r->http->follow_redirects;
        t->http.enable_http2 = r->http->enable_http2;
        t->request.http = &t->http;
    }
}

static void drop_answer(struct transfer *t)
{
    transfer_count(t, 0);
    buf_release(&t->answer.bytes);
    t->answer = (struct http_answer){.part = HTTP_HEAD};
}

bool transfer_go_direct(struct transfer *t, const struct transfer_request *request)
{
    struct transfer_client *c = t->client;
    if (!t->link || !link_is_known(t->link))
        return false;
    t->answer.bytes = transfer_take_spare(c);
    if (link_begin(t->link, request, c->user_agent, transfer_accept_encoding(request),
                   &t->answer) != DIRECT_WAITS) {
        drop_answer(t);
        link_forget(t->link);
        return false;
    }
    keep_request(t, request);
    c->direct_count++;
    return true;
}

static void fail(struct transfer *t, int code, const char *text)
{
    struct transfer_result result = {
        .code = code, .text = text, .duration_us = (mono_ns() - t->start_ns) / 1000};
    link_done(t->link, false, mono_ns());
    t->link = NULL;
    transfer_finish(t, &result);
}

static void fail_too_large(struct transfer *t, enum overflow overflow)
{
    t->overflow = overflow;
    fail(t, ERR_LIMIT, NULL);
}

// The body as it was before it was compressed.
static int decode(struct transfer *t, struct str *body)
{
    *body = http_answer_body(&t->answer);
    if (!t->answer.gzip)
        return OK;
    t->response = transfer_take_spare(t->client);
    int rc = gzip_decompress(*body, t->response_max, &t->response);
    *body = buf_view(&t->response);
    return rc;
}

static void succeed(struct transfer *t)
{
    const struct http_answer *a = &t->answer;
    struct transfer_result result = {.status = 200,
                                     .reason = http_answer_field(a, a->reason),
                                     .content_type = http_answer_field(a, a->content_type),
                                     .duration_us = (mono_ns() - t->start_ns) / 1000};
    int rc = decode(t, &result.body);
    if (rc == ERR_LIMIT) {
        fail_too_large(t, OVERFLOW_BODY);
        return;
    }
    if (rc) {
        fail(t, ERR_UNAVAILABLE, "the compressed body is damaged");
        return;
    }
    // Who closes after each answer is better served by libcurl.
    if (a->closes)
        link_give_up(t->link, mono_ns());
    link_done(t->link, !a->closes, mono_ns());
    t->link = NULL;
    transfer_finish(t, &result);
}

// Lets libcurl have it, and find out the server's address anew unless its answers are odd.
static void hand_over(struct transfer *t, enum direct_progress why)
{
    struct transfer_request rest = t->request;
    struct error err;
    drop_answer(t);
    if (why == DIRECT_ODD) {
        link_give_up(t->link, mono_ns());
        link_done(t->link, false, mono_ns());
        t->link = NULL;
    } else {
        link_forget(t->link);
    }
    rest.timeout_ms -= (mono_ns() - t->start_ns) / MS_NS;
    if (rest.timeout_ms < 1)
        rest.timeout_ms = 1;
    int rc = transfer_go_easy(t, &rest, &err);
    if (rc)
        fail(t, rc, err.text);
    else
        t->client->direct_count--;
}

static void go_on(struct transfer *t)
{
    enum direct_progress progress = link_step(t->link, &t->answer, t->response_max);
    if (!transfer_count(t, t->answer.bytes.len)) {
        fail_too_large(t, OVERFLOW_MEMORY);
        return;
    }
    switch (progress) {
    case DIRECT_WAITS:
        break;
    case DIRECT_DONE:
        succeed(t);
        break;
    case DIRECT_TOO_LARGE:
        fail_too_large(t, OVERFLOW_BODY);
        break;
    case DIRECT_BROKEN:
    case DIRECT_ODD:
        hand_over(t, progress);
        break;
    }
}

static int64_t deadline_ns(const struct transfer *t)
{
    return t->start_ns + t->request.timeout_ms * MS_NS;
}

int64_t transfer_direct_wait(struct transfer_client *c, struct curl_waitfd *fds, int64_t wait_ms)
{
    int64_t now_ns = c->direct_count ? mono_ns() : 0;
    size_t at = 0;
    for (const struct transfer *t = c->first; at < c->direct_count; t = t->next) {
        if (t->easy)
            continue;
        int64_t left_ms = (deadline_ns(t) - now_ns) / MS_NS + 1;
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
        bool to_write;
        fds[at].fd = link_wait(t->link, &to_write);
        fds[at++].events = to_write ? CURL_WAIT_POLLOUT : CURL_WAIT_POLLIN;
    }
    return wait_ms > 0 ? wait_ms : 0;
}

void transfer_direct_mark(struct transfer_client *c, const struct curl_waitfd *fds)
{
    size_t at = 0;
    for (struct transfer *t = c->first; at < c->direct_count; t = t->next) {
        if (!t->easy)
            t->ready = fds[at++].revents;
    }
}

// Completions may start and cancel others: after each the list is looked at anew.
static struct transfer *next_ready(struct transfer_client *c, int64_t now_ns)
{
    for (struct transfer *t = c->first; t; t = t->next) {
        if (!t->easy && (t->ready || now_ns >= deadline_ns(t)))
            return t;
    }
    return NULL;
}

void transfer_direct_run(struct transfer_client *c)
{
    struct transfer *t;
    int64_t now_ns = mono_ns();
    while (c->direct_count && (t = next_ready(c, now_ns))) {
        bool ready = t->ready;
        t->ready = false;
        if (ready)
            go_on(t);
        else
            fail(t, ERR_TIMEOUT, "context deadline exceeded");
    }
}
