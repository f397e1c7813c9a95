// email_configs. What a receiver does not say comes from the smtp_* keys of `global`.
//
// Users' files also have `subject` (the header Subject) and `body` (the text part), which
// Alertmanager refuses. A body without html is the whole message: the default HTML beside it would
// be what mail programs show.
#include <stdlib.h>

#include "alertmanager_sections.h"

#define DEFAULT_SUBJECT "{{ template \"email.default.subject\" . }}"
#define DEFAULT_HTML    "{{ template \"email.default.html\" . }}"

static struct str canonical_header(struct decoder *d, struct str name)
{
    struct str copy = arena_copy(d->arena, name);
    char *bytes = (char *)(uintptr_t)copy.ptr;
    bool upper = true;
    for (size_t i = 0; i < copy.len; i++) {
        char c = bytes[i];
        if (upper && c >= 'a' && c <= 'z')
            bytes[i] = (char)(c - 'a' + 'A');
        else if (!upper && c >= 'A' && c <= 'Z')
            bytes[i] = (char)(c - 'A' + 'a');
        upper = c == '-';
    }
    return copy;
}

static bool has_header(const struct email_config *email, struct str name)
{
    for (size_t i = 0; i < email->header_count; i++) {
        if (str_eq(email->headers[i].name, name))
            return true;
    }
    return false;
}

static int decode_headers(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct email_config *email = out;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of header names to texts");
    // One more for the subject that may follow.
    email->headers = arena_calloc(d->arena, node->child_count + 1, sizeof(*email->headers));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        struct str name = canonical_header(d, child->key->text);
        struct str value = str_make(NULL, 0);
        if (!header_name_is_valid(name))
            return decode_fail(d, child->key, "\"%.*s\" is not a valid header name", STR_ARG(name));
        if (has_header(email, name))
            return decode_fail(d, child->key, "duplicate header \"%.*s\" in email config",
                               STR_ARG(name));
        int rc = child->kind == YAML_NULL ? OK : decode_string(d, child, &value);
        if (rc)
            return rc;
        email->headers[email->header_count++] = (struct label){name, value};
    }
    return OK;
}

struct raw_threading {
    bool enabled;
    struct str thread_by_date;
};

static const struct field threading_fields[] = {
    {"enabled", FIELD_BOOL, offsetof(struct raw_threading, enabled), NULL},
    {"thread_by_date", FIELD_STRING, offsetof(struct raw_threading, thread_by_date), NULL},
};
static const struct section threading_section = SECTION("threading", threading_fields);

static int decode_threading(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct email_config *email = out;
    struct raw_threading raw = {.thread_by_date = STR("daily")};
    int rc = decode_section(d, node, &threading_section, &raw);
    if (rc)
        return rc;
    email->threads = raw.enabled;
    email->threads_by_day = str_is(raw.thread_by_date, "daily");
    if (!email->threads_by_day && !str_is(raw.thread_by_date, "none"))
        return decode_fail(d, yaml_get(node, "thread_by_date"),
                           "expected daily or none as thread_by_date, got \"%.*s\"",
                           STR_ARG(raw.thread_by_date));
    return OK;
}

struct raw_email {
    struct email_config email;
    struct str subject;
    struct str body;
};

#define IN_EMAIL(member) (offsetof(struct raw_email, email) + offsetof(struct email_config, member))

static const struct field email_fields[] = {
    {"send_resolved", FIELD_BOOL, IN_EMAIL(send_resolved), NULL},
    {"to", FIELD_STRING, IN_EMAIL(to), NULL},
    {"from", FIELD_STRING, IN_EMAIL(from), NULL},
    {"hello", FIELD_STRING, IN_EMAIL(hello), NULL},
    {"smarthost", FIELD_CUSTOM, offsetof(struct raw_email, email), decode_smarthost},
    {"auth_username", FIELD_STRING, IN_EMAIL(auth_username), NULL},
    {"auth_password", FIELD_SECRET, IN_EMAIL(auth_password), NULL},
    {"auth_password_file", FIELD_SECRET_FILE, IN_EMAIL(auth_password), NULL},
    {"auth_secret", FIELD_SECRET, IN_EMAIL(auth_secret), NULL},
    {"auth_secret_file", FIELD_SECRET_FILE, IN_EMAIL(auth_secret), NULL},
    {"auth_identity", FIELD_STRING, IN_EMAIL(auth_identity), NULL},
    {"require_tls", FIELD_BOOL, IN_EMAIL(require_tls), NULL},
    {"force_implicit_tls", FIELD_CUSTOM, IN_EMAIL(implicit_tls), decode_implicit_tls},
    {"tls_config", FIELD_CUSTOM, IN_EMAIL(tls), decode_tls},
    {"headers", FIELD_CUSTOM, offsetof(struct raw_email, email), decode_headers},
    {"html", FIELD_STRING, IN_EMAIL(html), NULL},
    {"text", FIELD_STRING, IN_EMAIL(text), NULL},
    {"subject", FIELD_STRING, offsetof(struct raw_email, subject), NULL},
    {"body", FIELD_STRING, offsetof(struct raw_email, body), NULL},
    {"threading", FIELD_CUSTOM, offsetof(struct raw_email, email), decode_threading},
};
static const struct section email_section = SECTION("email_config", email_fields);

static int take_subject(struct decoder *d, const struct yaml_node *node, struct raw_email *raw)
{
    struct email_config *email = &raw->email;
    bool given = has_header(email, STR("Subject"));
    if (raw->subject.len && given)
        return decode_fail(d, yaml_get(node, "subject")->key,
                           "duplicate header \"Subject\" in email config");
    if (given)
        return OK;
    if (!email->headers)
        email->headers = arena_calloc(d->arena, 1, sizeof(*email->headers));
    email->headers[email->header_count++] =
        (struct label){STR("Subject"), raw->subject.len ? raw->subject : STR(DEFAULT_SUBJECT)};
    return OK;
}

static int take_body(struct decoder *d, const struct yaml_node *node, struct raw_email *raw)
{
    struct email_config *email = &raw->email;
    bool has_body = has_key(node, "body");
    if (has_body && has_key(node, "text"))
        return decode_fail(d, yaml_get(node, "body")->key,
                           "at most one of text & body must be configured");
    if (has_body)
        email->text = raw->body;
    if (!has_body && !has_key(node, "html"))
        email->html = STR(DEFAULT_HTML);
    return OK;
}

static int check_email(struct decoder *d, const struct yaml_node *node,
                       const struct email_config *email)
{
    if (email->to.len == 0)
        return decode_fail(d, node, "missing to address in email config");
    if (email->smarthost_host.len == 0 && email->smarthost_port.len == 0)
        return decode_fail(d, node,
                           "no SMTP smarthost: expected smarthost here or smtp_smarthost "
                           "in global");
    if (email->from.len == 0)
        return decode_fail(d, node,
                           "no SMTP from address: expected from here or smtp_from in "
                           "global");
    int rc = check_exclusive(d, node, "auth_password", "auth_password_file");
    return rc ? rc : check_exclusive(d, node, "auth_secret", "auth_secret_file");
}

static int decode_email(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct alertmanager_global *global = d->context;
    struct raw_email raw = {.email = global->email};
    struct email_config *email = &raw.email;
    // Set again below, unless the receiver has its own: value and file exclude each other.
    email->auth_password = email->auth_secret = (struct config_secret){0};
    int rc = decode_section(d, node, &email_section, &raw);
    if (rc)
        return rc;
    if (!secret_is_set(&email->auth_password))
        email->auth_password = global->email.auth_password;
    if (!secret_is_set(&email->auth_secret))
        email->auth_secret = global->email.auth_secret;
    rc = check_email(d, node, email);
    if (rc == OK)
        rc = take_subject(d, node, &raw);
    if (rc == OK)
        rc = take_body(d, node, &raw);
    *(struct email_config *)out = raw.email;
    return rc;
}

int decode_email_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct receiver_config *receiver = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct email_config), decode_email, &items,
                         &receiver->email_count);
    receiver->emails = items;
    return rc;
}
