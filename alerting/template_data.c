// What notification templates see: the notification, its alerts, label sets with their methods.
// Printed as Go prints the structs, and as JSON with the names that webhooks use.
#include "template_tree.h"

static struct value kv_value(struct labels labels)
{
    return (struct value){.kind = VALUE_KV, .labels = labels};
}

struct value notification_value(const struct notification_data *d)
{
    return (struct value){.kind = VALUE_NOTIFICATION, .notification = d};
}

static struct value alerts_value(struct arena *arena, const struct notification_data *d)
{
    struct value *items = arena_array(arena, d->alert_count, sizeof(*items));
    for (size_t i = 0; i < d->alert_count; i++)
        items[i] = (struct value){.kind = VALUE_ALERT, .alert = &d->alerts[i]};
    return value_list(items, d->alert_count, LIST_ALERTS);
}

int notification_field(struct arena *arena, const struct notification_data *d, struct str name,
                       struct value *out)
{
    if (str_is(name, "Receiver"))
        *out = value_text(d->receiver);
    else if (str_is(name, "Status"))
        *out = value_text(d->status);
    else if (str_is(name, "Alerts"))
        *out = alerts_value(arena, d);
    else if (str_is(name, "GroupLabels"))
        *out = kv_value(d->group_labels);
    else if (str_is(name, "CommonLabels"))
        *out = kv_value(d->common_labels);
    else if (str_is(name, "CommonAnnotations"))
        *out = kv_value(d->common_annotations);
    else if (str_is(name, "ExternalURL"))
        *out = value_text(d->external_url);
    else
        return ERR_NOT_FOUND;
    return OK;
}

static struct value time_value(int64_t ms)
{
    // Go's zero time.
    return value_time_ms(ms ? ms : GO_ZERO_TIME * 1000);
}

int alert_field(const struct notification_alert *a, struct str name, struct value *out)
{
    if (str_is(name, "Status"))
        *out = value_text(a->status);
    else if (str_is(name, "Labels"))
        *out = kv_value(a->labels);
    else if (str_is(name, "Annotations"))
        *out = kv_value(a->annotations);
    else if (str_is(name, "StartsAt"))
        *out = time_value(a->starts_ms);
    else if (str_is(name, "EndsAt"))
        *out = time_value(a->ends_ms);
    else if (str_is(name, "GeneratorURL"))
        *out = value_text(a->generator_url);
    else if (str_is(name, "Fingerprint"))
        *out = value_text(a->fingerprint);
    else
        return ERR_NOT_FOUND;
    return OK;
}

// Names or values of a list of pairs.
static struct value pairs_part(struct arena *arena, struct value_list list, bool names)
{
    struct value *items = arena_array(arena, list.count, sizeof(*items));
    for (size_t i = 0; i < list.count; i++)
        items[i] = value_text(names ? list.items[i].pair.name : list.items[i].pair.value);
    return value_list(items, list.count, LIST_STRING);
}

static struct value alerts_in(struct arena *arena, struct value_list list, struct str status)
{
    struct value *items = arena_array(arena, list.count, sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (str_eq_nocase(list.items[i].alert->status, status))
            items[count++] = list.items[i];
    }
    return value_list(items, count, LIST_ALERTS);
}

// .Firing and .Resolved of alerts, .Names and .Values of pairs.
int list_field(struct arena *arena, struct value_list list, struct str name, struct value *out)
{
    if (list.type == LIST_PAIRS && (str_is(name, "Names") || str_is(name, "Values")))
        *out = pairs_part(arena, list, str_is(name, "Names"));
    else if (list.type == LIST_ALERTS && (str_is(name, "Firing") || str_is(name, "Resolved")))
        *out = alerts_in(arena, list, name);
    else
        return ERR_NOT_FOUND;
    return OK;
}

// alertname first, then by name.
static struct value_list sorted_pairs(struct arena *arena, struct labels labels)
{
    struct value *items = arena_array(arena, labels.count, sizeof(*items));
    size_t at = 0;
    for (int first = 1; first >= 0; first--) {
        for (size_t i = 0; i < labels.count; i++) {
            if (str_is(labels.items[i].name, "alertname") == (first == 1))
                items[at++] = (struct value){.kind = VALUE_PAIR, .pair = labels.items[i]};
        }
    }
    return (struct value_list){items, at, LIST_PAIRS};
}

int kv_field(struct arena *arena, struct labels labels, struct str name, struct value *out)
{
    if (str_is(name, "SortedPairs"))
        *out = (struct value){.kind = VALUE_LIST, .list = sorted_pairs(arena, labels)};
    else if (str_is(name, "Names") || str_is(name, "Values"))
        *out = pairs_part(arena, sorted_pairs(arena, labels), str_is(name, "Names"));
    else
        *out = value_text(labels_get(labels, name));
    return OK;
}

static bool names_contain(struct value_list names, struct str name)
{
    for (size_t i = 0; i < names.count; i++) {
        if (value_is_text(&names.items[i]) && str_eq(names.items[i].text, name))
            return true;
    }
    return false;
}

int kv_remove(struct arena *arena, struct labels labels, const struct value *args, size_t count,
              struct value *out)
{
    if (count != 1 || args[0].kind != VALUE_LIST)
        return ERR_INVALID;
    struct label *items = arena_array(arena, labels.count, sizeof(*items));
    size_t kept = 0;
    for (size_t i = 0; i < labels.count; i++) {
        if (!names_contain(args[0].list, labels.items[i].name))
            items[kept++] = labels.items[i];
    }
    *out = kv_value((struct labels){items, kept});
    return OK;
}

void kv_print(struct buf *out, struct labels labels)
{
    bool any = false;
    for (int first = 1; first >= 0; first--) {
        for (size_t i = 0; i < labels.count; i++) {
            const struct label *l = &labels.items[i];
            if (str_is(l->name, "alertname") != (first == 1))
                continue;
            buf_printf(out, "%s%.*s=%.*s", any ? ", " : "", STR_ARG(l->name), STR_ARG(l->value));
            any = true;
        }
    }
}

static void print_moment(struct buf *out, int64_t ms)
{
    struct value v = time_value(ms);
    value_print(out, &v);
}

void alert_print(struct buf *out, const struct notification_alert *a)
{
    buf_printf(out, "{%.*s ", STR_ARG(a->status));
    kv_print(out, a->labels);
    buf_char(out, ' ');
    kv_print(out, a->annotations);
    buf_char(out, ' ');
    print_moment(out, a->starts_ms);
    buf_char(out, ' ');
    print_moment(out, a->ends_ms);
    buf_printf(out, " %.*s %.*s}", STR_ARG(a->generator_url), STR_ARG(a->fingerprint));
}

void notification_print(struct buf *out, const struct notification_data *d)
{
    buf_printf(out, "{%.*s %.*s [", STR_ARG(d->receiver), STR_ARG(d->status));
    for (size_t i = 0; i < d->alert_count; i++) {
        if (i)
            buf_char(out, ' ');
        alert_print(out, &d->alerts[i]);
    }
    buf_cstr(out, "] ");
    kv_print(out, d->group_labels);
    buf_char(out, ' ');
    kv_print(out, d->common_labels);
    buf_char(out, ' ');
    kv_print(out, d->common_annotations);
    buf_printf(out, " %.*s}", STR_ARG(d->external_url));
}

static void json_member(struct json_writer *w, const char *key, struct value v)
{
    struct buf text = BUF_INIT;
    value_json(&text, &v);
    json_key(w, key);
    json_raw(w, buf_view(&text));
    buf_release(&text);
}

void alert_json(struct buf *out, const struct notification_alert *a)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_member(&w, "status", value_text(a->status));
    json_member(&w, "labels", kv_value(a->labels));
    json_member(&w, "annotations", kv_value(a->annotations));
    json_member(&w, "startsAt", time_value(a->starts_ms));
    json_member(&w, "endsAt", time_value(a->ends_ms));
    json_member(&w, "generatorURL", value_text(a->generator_url));
    json_member(&w, "fingerprint", value_text(a->fingerprint));
    json_object_end(&w);
}

void notification_json(struct buf *out, const struct notification_data *d)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_member(&w, "receiver", value_text(d->receiver));
    json_member(&w, "status", value_text(d->status));
    json_key(&w, "alerts");
    json_array_begin(&w);
    for (size_t i = 0; i < d->alert_count; i++) {
        struct buf text = BUF_INIT;
        alert_json(&text, &d->alerts[i]);
        json_raw(&w, buf_view(&text));
        buf_release(&text);
    }
    json_array_end(&w);
    json_member(&w, "groupLabels", kv_value(d->group_labels));
    json_member(&w, "commonLabels", kv_value(d->common_labels));
    json_member(&w, "commonAnnotations", kv_value(d->common_annotations));
    json_member(&w, "externalURL", value_text(d->external_url));
    json_object_end(&w);
}
