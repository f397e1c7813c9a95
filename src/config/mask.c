// The text of a configuration that may be shown: the user's own, secrets replaced.
//
// Secrets are marked while they are decoded, not searched for afterwards: FIELD_SECRET and friends
// note the bytes of the source in `masked`. Only where nothing is decoded (integrations that cannot
// send yet, discovery that finds nothing yet) are keys told by their names. Comments and order stay
// as the user wrote them, and the result is YAML of the same shape: an anchor or tag before a
// secret stays, and where an alias repeats one, the anchor's value was replaced.
#include <stdlib.h>

#include "decode.h"

#define SECRET_SHOWN "<secret>"

static int by_offset(const void *a, const void *b)
{
    const struct masked_span *x = a;
    const struct masked_span *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

// A block scalar's bytes end with its line breaks, which stay.
static size_t span_end(const struct decoder *d, const struct masked_span *span)
{
    size_t end = span->offset + span->size;
    while (end > span->offset && strchr(" \t\r\n", d->text.ptr[end - 1]))
        end--;
    return end;
}

struct str decoder_masked_text(struct decoder *d)
{
    struct buf out = BUF_INIT;
    size_t copied = 0;
    if (d->masked_count)
        qsort(d->masked, d->masked_count, sizeof(*d->masked), by_offset);
    for (size_t i = 0; i < d->masked_count; i++) {
        const struct masked_span *span = &d->masked[i];
        if (span->offset < copied) // an anchor's value, met again
            continue;
        buf_append(&out, d->text.ptr + copied, span->offset - copied);
        buf_cstr(&out, span->text);
        copied = span_end(d, span);
    }
    if (copied < d->text.len)
        buf_append(&out, d->text.ptr + copied, d->text.len - copied);
    struct str text = arena_copy(d->arena, buf_view(&out));
    buf_release(&out);
    return text;
}

static void mask_span(struct decoder *d, size_t offset, size_t size, const char *shown)
{
    ARENA_GROW(d->arena, d->masked, d->masked_count, d->masked_capacity);
    d->masked[d->masked_count++] = (struct masked_span){offset, size, shown};
}

void mask_node(struct decoder *d, const struct yaml_node *scalar)
{
    if (scalar->kind != YAML_SCALAR || scalar->text.len == 0)
        return;
    mask_span(d, scalar->offset, scalar->size, SECRET_SHOWN);
}

// The offset of a URL's authority in the source, and what follows up to the end of the scalar.
static size_t find_authority(struct decoder *d, const struct yaml_node *scalar, struct str *rest)
{
    struct str source = str_make(d->text.ptr + scalar->offset, scalar->size);
    size_t start = str_search(source, STR("://"));
    if (scalar->kind != YAML_SCALAR || start == source.len)
        return 0;
    *rest = str_skip(source, start + 3);
    if (source.ptr[0] == '"' || source.ptr[0] == '\'')
        rest->len--;
    return scalar->offset + start + 3;
}

static size_t authority_size(struct str rest)
{
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?' && rest.ptr[len] != '#')
        len++;
    return len;
}

void mask_url(struct decoder *d, const struct yaml_node *scalar)
{
    struct str rest = {0};
    size_t start = find_authority(d, scalar, &rest);
    struct str authority = str_first(rest, str_find(rest, '/'));
    size_t at = str_find_last(authority, '@');
    size_t colon = str_find(authority, ':');
    if (start && at < authority.len && colon < at)
        mask_span(d, start + colon + 1, at - colon - 1, "xxxxx");
}

void mask_secret_url(struct decoder *d, const struct yaml_node *scalar)
{
    struct str rest = {0};
    size_t start = find_authority(d, scalar, &rest);
    size_t host = authority_size(rest);
    if (start == 0 || str_find(rest, '\n') < rest.len) {
        mask_node(d, scalar);
        return;
    }
    size_t at = str_find_last(str_first(rest, host), '@');
    if (at < host)
        mask_span(d, start, at, "xxxxx");
    if (host + 1 < rest.len)
        mask_span(d, start + host + 1, rest.len - host - 1, SECRET_SHOWN);
}

static bool is_secret_name(struct str key)
{
    static const char *const names[] = {
        "access_key",
        "access_token",
        "api_key",
        "api_secret",
        "api_token",
        "application_credential_secret",
        "application_secret",
        "auth_password",
        "auth_secret",
        "auth_token",
        "bearer_token",
        "bot_token",
        "client_certificate_key",
        "client_secret",
        "consumer_key",
        "credentials",
        "key",
        "password",
        "routing_key",
        "secret",
        "secret_key",
        "service_account_key",
        "service_key",
        "token",
        "token_id",
        "url",
        "user_key",
        "webhook_url",
        "alert_source_token",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_is(key, names[i]))
            return true;
    }
    return str_has_suffix(key, STR("_token")) || str_has_suffix(key, STR("_secret")) ||
           str_has_suffix(key, STR("_password"));
}

void mask_by_name(struct decoder *d, const struct yaml_node *node)
{
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (child->kind == YAML_SCALAR && child->key && is_secret_name(child->key->text))
            mask_node(d, child);
        else
            mask_by_name(d, child);
    }
}
