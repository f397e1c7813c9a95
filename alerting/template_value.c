// Values as Go's fmt prints them, their truth, fields and methods.
#include <stdlib.h>

#include "base/float_text.h"
#include "base/mem.h"
#include "template_tree.h"

static const char rule_type[] =
    "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
    "Value float64 }";

struct value value_text(struct str s)
{
    return (struct value){.kind = VALUE_STRING, .text = s};
}

struct value value_integer(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .integer = i};
}

struct value value_number(double d)
{
    return (struct value){.kind = VALUE_FLOAT, .number = d};
}

struct value value_boolean(bool b)
{
    return (struct value){.kind = VALUE_BOOL, .boolean = b};
}

bool value_is_text(const struct value *v)
{
    return v->kind == VALUE_STRING || v->kind == VALUE_SAFE || v->kind == VALUE_SAFE_URL;
}

bool value_to_number(const struct value *v, double *out)
{
    switch (v->kind) {
    case VALUE_INT:
        *out = (double)v->integer;
        return true;
    case VALUE_FLOAT:
        *out = v->number;
        return true;
    case VALUE_DURATION:
        *out = (double)v->integer / 1e9;
        return true;
    case VALUE_STRING:
    case VALUE_SAFE:
    case VALUE_SAFE_URL:
        return float_parse(v->text, out);
    default:
        return false;
    }
}

size_t value_length(const struct value *v)
{
    switch (v->kind) {
    case VALUE_STRING:
    case VALUE_SAFE:
    case VALUE_SAFE_URL:
        return v->text.len;
    case VALUE_LABELS:
    case VALUE_KV:
        return v->labels.count;
    case VALUE_LIST:
        return v->list.count;
    case VALUE_MAP:
        return v->list.count / 2;
    default:
        return 0;
    }
}

bool value_is_iterable(const struct value *v)
{
    return v->kind == VALUE_LABELS || v->kind == VALUE_KV || v->kind == VALUE_LIST ||
           v->kind == VALUE_MAP;
}

bool value_is_true(const struct value *v)
{
    switch (v->kind) {
    case VALUE_NIL:
        return false;
    case VALUE_BOOL:
        return v->boolean;
    case VALUE_INT:
    case VALUE_DURATION:
        return v->integer != 0;
    case VALUE_FLOAT:
        return v->number != 0;
    case VALUE_STRING:
    case VALUE_SAFE:
    case VALUE_SAFE_URL:
    case VALUE_LABELS:
    case VALUE_KV:
    case VALUE_LIST:
    case VALUE_MAP:
        return value_length(v) > 0;
    default:
        return true; // structs
    }
}

struct value value_at(const struct value *v, size_t index, struct value *key)
{
    if (v->kind == VALUE_LABELS || v->kind == VALUE_KV) {
        *key = value_text(v->labels.items[index].name);
        return value_text(v->labels.items[index].value);
    }
    if (v->kind == VALUE_MAP) {
        *key = v->list.items[index * 2];
        return v->list.items[index * 2 + 1];
    }
    *key = value_integer((int64_t)index);
    return v->list.items[index];
}

static void print_pairs(struct buf *out, struct value_list list)
{
    for (size_t i = 0; i < list.count; i++)
        buf_printf(out, "%s%.*s=%.*s", i ? ", " : "", STR_ARG(list.items[i].pair.name),
                   STR_ARG(list.items[i].pair.value));
}

static void print_list(struct buf *out, struct value_list list)
{
    if (list.type == LIST_PAIRS) {
        print_pairs(out, list);
        return;
    }
    buf_char(out, '[');
    for (size_t i = 0; i < list.count; i++) {
        if (i)
            buf_char(out, ' ');
        value_print(out, &list.items[i]);
    }
    buf_char(out, ']');
}

static void print_map(struct buf *out, struct value_list pairs)
{
    buf_cstr(out, "map[");
    for (size_t i = 0; i + 1 < pairs.count; i += 2) {
        if (i)
            buf_char(out, ' ');
        value_print(out, &pairs.items[i]);
        buf_char(out, ':');
        value_print(out, &pairs.items[i + 1]);
    }
    buf_char(out, ']');
}

static void print_labels(struct buf *out, struct labels labels)
{
    buf_cstr(out, "map[");
    for (size_t i = 0; i < labels.count; i++)
        buf_printf(out, "%s%.*s:%.*s", i ? " " : "", STR_ARG(labels.items[i].name),
                   STR_ARG(labels.items[i].value));
    buf_char(out, ']');
}

static void print_rule(struct buf *out, const struct rule_template_data *d)
{
    buf_char(out, '{');
    print_labels(out, d->labels);
    buf_char(out, ' ');
    print_labels(out, d->external_labels);
    buf_printf(out, " %.*s ", STR_ARG(d->external_url));
    buf_float(out, d->value, FLOAT_G);
    buf_char(out, '}');
}

static void print_sample(struct buf *out, const struct template_sample *s)
{
    buf_char(out, '{');
    print_labels(out, s->labels);
    buf_char(out, ' ');
    buf_float(out, s->value, FLOAT_G);
    buf_char(out, '}');
}

void value_print(struct buf *out, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NIL:
        buf_cstr(out, "<nil>");
        break;
    case VALUE_BOOL:
        buf_cstr(out, v->boolean ? "true" : "false");
        break;
    case VALUE_INT:
        buf_i64(out, v->integer);
        break;
    case VALUE_FLOAT:
        buf_float(out, v->number, FLOAT_G);
        break;
    case VALUE_STRING:
    case VALUE_SAFE:
    case VALUE_SAFE_URL:
        buf_str(out, v->text);
        break;
    case VALUE_LABELS:
        print_labels(out, v->labels);
        break;
    case VALUE_KV:
        kv_print(out, v->labels);
        break;
    case VALUE_PAIR:
        buf_printf(out, "{%.*s %.*s}", STR_ARG(v->pair.name), STR_ARG(v->pair.value));
        break;
    case VALUE_LIST:
        print_list(out, v->list);
        break;
    case VALUE_MAP:
        print_map(out, v->list);
        break;
    case VALUE_ALERT:
        alert_print(out, v->alert);
        break;
    case VALUE_NOTIFICATION:
        notification_print(out, v->notification);
        break;
    case VALUE_RULE:
        print_rule(out, v->rule);
        break;
    case VALUE_SAMPLE:
        print_sample(out, v->sample);
        break;
    case VALUE_TIME:
        time_print(out, &v->time);
        break;
    case VALUE_DURATION:
        duration_print(out, v->integer);
        break;
    }
}

struct str value_string(struct arena *arena, const struct value *v)
{
    if (value_is_text(v))
        return v->text;
    struct buf text = BUF_INIT;
    value_print(&text, v);
    struct str copy = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return copy;
}

const char *value_type_name(const struct value *v)
{
    static const char *const names[] = {
        [VALUE_NIL] = "nil",
        [VALUE_BOOL] = "bool",
        [VALUE_INT] = "int",
        [VALUE_FLOAT] = "float64",
        [VALUE_STRING] = "string",
        [VALUE_SAFE] = "template.HTML",
        [VALUE_SAFE_URL] = "template.URL",
        [VALUE_LABELS] = "map[string]string",
        [VALUE_KV] = "template.KV",
        [VALUE_PAIR] = "template.Pair",
        [VALUE_LIST] = "[]interface {}",
        [VALUE_MAP] = "map[string]interface {}",
        [VALUE_ALERT] = "template.Alert",
        [VALUE_NOTIFICATION] = "*template.Data",
        [VALUE_RULE] = rule_type,
        [VALUE_SAMPLE] = "*template.sample",
        [VALUE_TIME] = "time.Time",
        [VALUE_DURATION] = "time.Duration",
    };
    static const char *const lists[] = {
        [LIST_ANY] = "[]interface {}",           [LIST_STRING] = "[]string",
        [LIST_PAIRS] = "template.Pairs",         [LIST_ALERTS] = "template.Alerts",
        [LIST_SAMPLES] = "template.queryResult",
    };
    return v->kind == VALUE_LIST ? lists[v->list.type] : names[v->kind];
}

static struct value labels_value(struct labels labels)
{
    return (struct value){.kind = VALUE_LABELS, .labels = labels};
}

static int rule_field(const struct rule_template_data *d, struct str name, struct value *out)
{
    if (str_is(name, "Labels"))
        *out = labels_value(d->labels);
    else if (str_is(name, "Value"))
        *out = value_number(d->value);
    else if (str_is(name, "ExternalLabels"))
        *out = labels_value(d->external_labels);
    else if (str_is(name, "ExternalURL"))
        *out = value_text(d->external_url);
    else
        return ERR_NOT_FOUND;
    return OK;
}

static int map_field(const struct value *v, struct str name, struct value *out)
{
    *out = (struct value){.kind = VALUE_NIL};
    for (size_t i = 0; i + 1 < v->list.count; i += 2) {
        if (str_eq(v->list.items[i].text, name))
            *out = v->list.items[i + 1];
    }
    return OK;
}

int value_field(struct arena *arena, const struct value *v, struct str name, struct value *out)
{
    switch (v->kind) {
    case VALUE_LABELS:
        *out = value_text(labels_get(v->labels, name));
        return OK;
    case VALUE_KV:
        return kv_field(arena, v->labels, name, out);
    case VALUE_LIST:
        return list_field(arena, v->list, name, out);
    case VALUE_ALERT:
        return alert_field(v->alert, name, out);
    case VALUE_NOTIFICATION:
        return notification_field(arena, v->notification, name, out);
    case VALUE_RULE:
        return rule_field(v->rule, name, out);
    case VALUE_PAIR:
        *out = value_text(str_is(name, "Name") ? v->pair.name : v->pair.value);
        return str_is(name, "Name") || str_is(name, "Value") ? OK : ERR_NOT_FOUND;
    case VALUE_SAMPLE:
        *out = str_is(name, "Labels") ? labels_value(v->sample->labels)
                                      : value_number(v->sample->value);
        return str_is(name, "Labels") || str_is(name, "Value") ? OK : ERR_NOT_FOUND;
    case VALUE_TIME:
        return time_method(arena, &v->time, name, NULL, 0, out);
    case VALUE_DURATION:
        return duration_method(arena, v->integer, name, NULL, 0, out);
    case VALUE_MAP:
        return map_field(v, name, out);
    default:
        return ERR_NOT_FOUND;
    }
}

int value_method(struct arena *arena, const struct value *v, struct str name,
                 const struct value *args, size_t count, struct value *out)
{
    switch (v->kind) {
    case VALUE_KV:
        if (!str_is(name, "Remove"))
            return ERR_NOT_FOUND;
        return kv_remove(arena, v->labels, args, count, out);
    case VALUE_TIME:
        return time_method(arena, &v->time, name, args, count, out);
    case VALUE_DURATION:
        return duration_method(arena, v->integer, name, args, count, out);
    default:
        return ERR_NOT_FOUND;
    }
}

static int by_key(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    return str_cmp(x->text, y->text);
}

struct value value_map(struct value *pairs, size_t count)
{
    if (count)
        qsort(pairs, count, 2 * sizeof(*pairs), by_key);
    return (struct value){.kind = VALUE_MAP, .list = {pairs, count * 2, LIST_ANY}};
}

struct value value_list(const struct value *items, size_t count, enum list_type type)
{
    return (struct value){.kind = VALUE_LIST, .list = {items, count, type}};
}

static void json_pair(struct buf *out, struct label pair)
{
    buf_cstr(out, "{\"Name\":");
    json_escape(out, pair.name);
    buf_cstr(out, ",\"Value\":");
    json_escape(out, pair.value);
    buf_char(out, '}');
}

static void json_labels(struct buf *out, struct labels labels)
{
    struct json_writer w;
    json_writer_init(&w, out);
    labels_json(&w, labels);
}

static void json_items(struct buf *out, const struct value *v)
{
    bool is_map = v->kind == VALUE_MAP;
    size_t step = is_map ? 2 : 1;
    buf_char(out, is_map ? '{' : '[');
    for (size_t i = 0; i + step <= v->list.count; i += step) {
        if (i)
            buf_char(out, ',');
        value_json(out, &v->list.items[i]);
        if (!is_map)
            continue;
        buf_char(out, ':');
        value_json(out, &v->list.items[i + 1]);
    }
    buf_char(out, is_map ? '}' : ']');
}

static void json_text(struct buf *out, const struct value *v)
{
    struct buf text = BUF_INIT;
    if (v->kind == VALUE_TIME)
        time_print_rfc3339(&text, &v->time);
    else
        value_print(&text, v);
    json_escape(out, buf_view(&text));
    buf_release(&text);
}

void value_json(struct buf *out, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NIL:
        buf_cstr(out, "null");
        break;
    case VALUE_BOOL:
    case VALUE_INT:
        value_print(out, v);
        break;
    case VALUE_DURATION:
        buf_i64(out, v->integer);
        break;
    case VALUE_FLOAT:
        buf_float(out, v->number, FLOAT_JSON);
        break;
    case VALUE_LABELS:
    case VALUE_KV:
        json_labels(out, v->labels);
        break;
    case VALUE_PAIR:
        json_pair(out, v->pair);
        break;
    case VALUE_LIST:
    case VALUE_MAP:
        json_items(out, v);
        break;
    case VALUE_ALERT:
        alert_json(out, v->alert);
        break;
    case VALUE_NOTIFICATION:
        notification_json(out, v->notification);
        break;
    default:
        json_text(out, v);
    }
}
