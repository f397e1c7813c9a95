// Email: a multipart/alternative message with a text and an HTML part, sent as it was rendered: a
// message keeps its Message-Id over retries, so that a mail that was taken twice shows once.
//
// The payload is the envelope and the message: from | count | to... | message, each
// length-prefixed.
#include <unistd.h>

#include "base/coding.h"
#include "integration.h"
#include "mime.h"
#include "sha256.h"
#include "template_tree.h"

#define EMAIL_TIMEOUT_MS INT64_C(60000)
#define RECIPIENTS_MAX   1000
#define HOST_NAME_SIZE   256

static const struct label default_headers[] = {
    {STR_INIT("From"), STR_INIT("")},
    {STR_INIT("Subject"), STR_INIT("{{ template \"email.default.subject\" . }}")},
    {STR_INIT("To"), STR_INIT("")},
};

static bool has_header(const struct email_config *config, struct str name)
{
    for (size_t i = 0; i < config->header_count; i++)
        if (str_eq_nocase(config->headers[i].name, name))
            return true;
    return false;
}

static int header_order(const void *left, const void *right)
{
    const struct label *a = left, *b = right;
    return str_cmp(a->name, b->name);
}

// The configured headers and those every mail has, sorted by name. What makes the message's own
// structure cannot be set.
static struct label *all_headers(const struct email_config *config, struct arena *arena,
                                 size_t *count)
{
    struct label *all = arena_array(arena, config->header_count + 3, sizeof(*all));
    size_t n = 0;
    for (size_t i = 0; i < config->header_count; i++) {
        struct str name = config->headers[i].name;
        if (!str_eq_nocase(name, STR("Content-Type")) && !str_eq_nocase(name, STR("Date")) &&
            !str_eq_nocase(name, STR("MIME-Version")) &&
            !str_eq_nocase(name, STR("Content-Transfer-Encoding")))
            all[n++] = config->headers[i];
    }
    for (size_t i = 0; i < 3; i++) {
        struct label header = default_headers[i];
        if (has_header(config, header.name))
            continue;
        if (header.value.len == 0)
            header.value = str_is(header.name, "To") ? config->to : config->from;
        all[n++] = header;
    }
    qsort(all, n, sizeof(*all), header_order);
    *count = n;
    return all;
}

static void put_message_id(struct buf *out, const struct notice *notice)
{
    char host[HOST_NAME_SIZE];
    if (gethostname(host, sizeof(host)))
        host[0] = '\0';
    host[sizeof(host) - 1] = '\0';
    struct buf id = BUF_INIT;
    buf_printf(&id, "<%lld.%016llx@%s>", (long long)notice->now_ms,
               (unsigned long long)notice->random, host[0] ? host : "localhost");
    (void)mime_header(out, STR("Message-Id"), buf_view(&id));
    buf_release(&id);
}

// All mails of a group answer one that was never sent: mail programs show them as a thread.
static void put_thread(struct buf *out, const struct email_config *config,
                       const struct notice *notice)
{
    char hash[SHA256_HEX_SIZE];
    struct buf root = BUF_INIT;
    struct template_time now = {notice->now_ms / 1000, 0, NULL};
    sha256_hex(notice->group_key, hash);
    buf_printf(&root, "<alert-%.16s-", hash);
    if (config->threads_by_day)
        time_format(&root, &now, STR("2006-01-02"));
    buf_cstr(&root, "@alertmanager>");
    (void)mime_header(out, STR("References"), buf_view(&root));
    (void)mime_header(out, STR("In-Reply-To"), buf_view(&root));
    buf_release(&root);
}

static void put_headers(struct buf *out, const struct email_config *config,
                        const struct notice *notice, struct arena *arena)
{
    size_t count;
    struct label *headers = all_headers(config, arena, &count);
    for (size_t i = 0; i < count; i++) {
        struct str value = notice_expand_in(notice, headers[i].value, arena);
        (void)mime_header(out, headers[i].name, value);
    }
    if (!has_header(config, STR("Message-Id")))
        put_message_id(out, notice);
    if (config->threads)
        put_thread(out, config, notice);
    buf_cstr(out, "Date: ");
    mime_date(out, notice->now_ms);
    buf_cstr(out, "\r\n");
}

static void put_part(struct buf *out, const char *boundary, const char *type, struct str text)
{
    buf_printf(out, "--%s\r\n", boundary);
    buf_printf(out, "Content-Transfer-Encoding: quoted-printable\r\n");
    buf_printf(out, "Content-Type: %s; charset=UTF-8\r\n\r\n", type);
    mime_quoted_printable(out, text);
    buf_cstr(out, "\r\n");
}

// "=_" never occurs in quoted-printable text.
static void put_message(struct buf *out, const struct email_config *config,
                        const struct notice *notice, struct arena *arena)
{
    char boundary[64];
    snprintf(boundary, sizeof(boundary), "=_lapwing_%016llx", (unsigned long long)notice->random);
    put_headers(out, config, notice, arena);
    buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n", boundary);
    buf_cstr(out, "MIME-Version: 1.0\r\n\r\n");
    if (config->text.len || config->html.len == 0)
        put_part(out, boundary, "text/plain", notice_expand_in(notice, config->text, arena));
    if (config->html.len) {
        struct buf html = BUF_INIT;
        notice_expand(notice, TEMPLATE_HTML, config->html, &html);
        put_part(out, boundary, "text/html", buf_view(&html));
        buf_release(&html);
    }
    buf_printf(out, "--%s--\r\n", boundary);
}

// Exactly one sender, at least one recipient.
static int put_envelope(struct buf *out, const struct email_config *config,
                        const struct notice *notice, struct arena *arena, struct error *err)
{
    struct str *from, *to;
    size_t from_count, to_count;
    int rc = mime_addresses(notice_expand_in(notice, config->from, arena), arena, &from,
                            &from_count, err);
    if (rc == 0 && from_count != 1)
        rc = error_set(err, ERR_INVALID, "`from` must be one mail address");
    if (rc)
        return rc;
    rc = mime_addresses(notice_expand_in(notice, config->to, arena), arena, &to, &to_count, err);
    if (rc == 0 && to_count == 0)
        rc = error_set(err, ERR_INVALID, "`to` names no mail address");
    if (rc)
        return rc;
    buf_sized(out, from[0]);
    buf_varint(out, to_count);
    for (size_t i = 0; i < to_count; i++)
        buf_sized(out, to[i]);
    return 0;
}

static int email_render(const struct integration *in, const struct notice *notice,
                        struct buf *payload, struct error *err)
{
    const struct email_config *config = in->config;
    struct arena arena;
    struct buf message = BUF_INIT;
    arena_init(&arena, 0);
    int rc = put_envelope(payload, config, notice, &arena, err);
    if (rc == 0) {
        put_message(&message, config, notice, &arena);
        buf_sized(payload, buf_view(&message));
    }
    buf_release(&message);
    arena_release(&arena);
    return rc;
}

static bool mail_decode(struct str payload, struct wire_mail *mail, struct arena *arena)
{
    struct decoder d;
    decoder_init(&d, payload);
    mail->from = decode_sized(&d);
    uint64_t count = decode_varint(&d);
    if (d.failed || count > RECIPIENTS_MAX)
        return false;
    struct str *to = arena_array(arena, count + 1, sizeof(*to));
    for (uint64_t i = 0; i < count; i++)
        to[i] = decode_sized(&d);
    mail->to = to;
    mail->to_count = count;
    mail->message = decode_sized(&d);
    return !d.failed;
}

// SMTP: 4xx is worth another try, 5xx is final.
static void classify(struct send_result *out, int rc, const struct wire_reply *reply)
{
    out->status = reply->status;
    if (rc == 0 && reply->status / 100 == 2) {
        out->outcome = OUTBOX_DELIVERED;
        return;
    }
    if (rc == 0)
        (void)error_set(&out->err, ERR_EXECUTION, "the mail server answered %d: %.*s",
                        reply->status, STR_ARG(buf_view(&reply->body)));
    if (reply->status / 100 == 5 || rc == ERR_INVALID || rc == ERR_UNSUPPORTED)
        out->outcome = OUTBOX_REFUSED;
    else
        out->outcome = reply->status ? OUTBOX_RETRY : OUTBOX_UNREACHABLE;
}

static void email_send(const struct integration *in, struct str payload, const struct wire *wire,
                       struct send_result *out)
{
    struct wire_mail mail = {.config = in->config,
                             .timeout_ms = EMAIL_TIMEOUT_MS,
                             .on_taken = out->on_arrival,
                             .on_taken_context = out->context};
    struct wire_reply reply = {0};
    struct arena arena;
    arena_init(&arena, 0);
    if (!mail_decode(payload, &mail, &arena)) {
        out->outcome = OUTBOX_REFUSED;
        (void)error_set(&out->err, ERR_CORRUPT, "the stored mail cannot be read");
    } else {
        int rc = wire->mail(wire->context, &mail, &reply, &out->err);
        classify(out, rc, &reply);
    }
    buf_release(&reply.body);
    arena_release(&arena);
}

const struct integration_kind integration_email = {
    .name = "email",
    .render = email_render,
    .send = email_send,
};
