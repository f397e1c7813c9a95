// What notification templates see beyond rule templates: the notification and its alerts, the methods of
// label sets, the few functions of their own, and Alertmanager's default templates.
#include "base/regex.h"
#include "template_tree.h"

static struct value labels_value(struct labels labels)
{
    return (struct value){.kind = VALUE_LABELS, .labels = labels};
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
    return (struct value){.kind = VALUE_LIST, .list = {items, d->alert_count}};
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
        *out = labels_value(d->group_labels);
    else if (str_is(name, "CommonLabels"))
        *out = labels_value(d->common_labels);
    else if (str_is(name, "CommonAnnotations"))
        *out = labels_value(d->common_annotations);
    else if (str_is(name, "ExternalURL"))
        *out = value_text(d->external_url);
    else
        return ERR_NOT_FOUND;
    return OK;
}

static struct value time_value(int64_t ms)
{
    // Go's zero time.
    return (struct value){.kind = VALUE_TIME, .integer = ms ? ms : INT64_C(-62135596800000)};
}

int alert_field(const struct notification_alert *a, struct str name, struct value *out)
{
    if (str_is(name, "Status"))
        *out = value_text(a->status);
    else if (str_is(name, "Labels"))
        *out = labels_value(a->labels);
    else if (str_is(name, "Annotations"))
        *out = labels_value(a->annotations);
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

// .Firing and .Resolved of a list of alerts.
int alerts_field(struct arena *arena, struct value_list list, struct str name, struct value *out)
{
    if (!str_is(name, "Firing") && !str_is(name, "Resolved"))
        return ERR_NOT_FOUND;
    struct value *items = arena_array(arena, list.count, sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].kind == VALUE_ALERT && str_eq_nocase(list.items[i].alert->status, name))
            items[count++] = list.items[i];
    }
    *out = (struct value){.kind = VALUE_LIST, .list = {items, count}};
    return OK;
}

// Names, values or pairs; alertname first, then by name.
static struct value label_list(struct arena *arena, struct labels labels, char part)
{
    struct value *items = arena_array(arena, labels.count, sizeof(*items));
    size_t at = 0;
    for (int first = 1; first >= 0; first--) {
        for (size_t i = 0; i < labels.count; i++) {
            const struct label *l = &labels.items[i];
            if (str_is(l->name, "alertname") != (first == 1))
                continue;
            items[at++] = part == 'N'   ? value_text(l->name)
                          : part == 'V' ? value_text(l->value)
                                        : (struct value){.kind = VALUE_PAIR, .pair = *l};
        }
    }
    return (struct value){.kind = VALUE_LIST, .list = {items, at}};
}

int label_set_field(struct arena *arena, struct labels labels, struct str name, struct value *out)
{
    if (str_is(name, "SortedPairs") || str_is(name, "Names") || str_is(name, "Values"))
        *out = label_list(arena, labels, name.ptr[0]);
    else
        *out = value_text(labels_get(labels, name));
    return OK;
}

static bool names_contain(const struct value *args, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (value_is_text(&args[i]) && str_eq(args[i].text, name))
            return true;
        if (args[i].kind == VALUE_LIST &&
            names_contain(args[i].list.items, args[i].list.count, name))
            return true;
    }
    return false;
}

int value_method(struct arena *arena, const struct value *v, struct str name,
                 const struct value *args, size_t count, struct value *out)
{
    if (v->kind != VALUE_LABELS || !str_is(name, "Remove"))
        return ERR_NOT_FOUND;
    struct label *items = arena_array(arena, v->labels.count, sizeof(*items));
    size_t kept = 0;
    for (size_t i = 0; i < v->labels.count; i++) {
        if (!names_contain(args, count, v->labels.items[i].name))
            items[kept++] = v->labels.items[i];
    }
    *out = labels_value((struct labels){items, kept});
    return OK;
}

static int fn_join(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    (void)count;
    if (args[1].kind != VALUE_LIST)
        return call_error(ex, "join needs a list, got %s", value_type_name(&args[1]));
    for (size_t i = 0; i < args[1].list.count; i++) {
        if (i)
            buf_str(&text, value_string(ex->arena, &args[0]));
        value_print(&text, &args[1].list.items[i]);
    }
    *out = value_text(arena_copy(ex->arena, buf_view(&text)));
    buf_release(&text);
    return OK;
}

static int fn_list(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct value *items = arena_array(ex->arena, count, sizeof(*items));
    if (count)
        memcpy(items, args, count * sizeof(*items));
    *out = (struct value){.kind = VALUE_LIST, .list = {items, count}};
    return OK;
}

static int fn_trim(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    *out = value_text(str_trim(value_string(ex->arena, &args[0])));
    return OK;
}

static int fn_safe_url(struct execution *ex, const struct value *args, size_t count,
                       struct value *out)
{
    (void)count;
    *out = value_text(value_string(ex->arena, &args[0]));
    out->kind = VALUE_SAFE;
    return OK;
}

static const struct template_function functions[] = {
    {"join", 2, 2, fn_join},      {"list", 0, -1, fn_list},       {"stringSlice", 0, -1, fn_list},
    {"trimSpace", 1, 1, fn_trim}, {"safeUrl", 1, 1, fn_safe_url},
};

const struct template_function *notification_function_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (str_is(name, functions[i].name))
            return &functions[i];
    }
    return str_is(name, "humanizeDuration") ? rule_function_find(name) : NULL;
}

const char template_default_text[] =
    "{{ define \"__alertmanager\" }}Alertmanager{{ end }}"
    "{{ define \"__alertmanagerURL\" }}{{ .ExternalURL }}/#/alerts?receiver="
    "{{ .Receiver | urlquery }}{{ end }}"
    "{{ define \"__subject\" }}[{{ .Status | toUpper }}"
    "{{ if eq .Status \"firing\" }}:{{ .Alerts.Firing | len }}{{ end }}] "
    "{{ .GroupLabels.Values | join \" \" }} "
    "{{ if gt (len .CommonLabels) (len .GroupLabels) }}"
    "({{ with .CommonLabels.Remove .GroupLabels.Names }}{{ .Values | join \" \" }}{{ end }})"
    "{{ end }}{{ end }}"
    "{{ define \"__description\" }}{{ end }}"
    "{{ define \"__text_alert_list\" }}{{ range . }}Labels:\n"
    "{{ range .Labels.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}Annotations:\n"
    "{{ range .Annotations.SortedPairs }} - {{ .Name }} = {{ .Value }}\n{{ end }}"
    "Source: {{ .GeneratorURL }}\n{{ end }}{{ end }}"
    "{{ define \"slack.default.title\" }}{{ template \"__subject\" . }}{{ end }}"
    "{{ define \"slack.default.username\" }}{{ template \"__alertmanager\" . }}{{ end }}"
    "{{ define \"slack.default.fallback\" }}{{ template \"slack.default.title\" . }} | "
    "{{ template \"slack.default.titlelink\" . }}{{ end }}"
    "{{ define \"slack.default.callbackid\" }}{{ end }}"
    "{{ define \"slack.default.pretext\" }}{{ end }}"
    "{{ define \"slack.default.titlelink\" }}{{ template \"__alertmanagerURL\" . }}{{ end }}"
    "{{ define \"slack.default.iconemoji\" }}{{ end }}"
    "{{ define \"slack.default.iconurl\" }}{{ end }}"
    "{{ define \"slack.default.text\" }}{{ end }}"
    "{{ define \"slack.default.footer\" }}{{ end }}"
    "{{ define \"email.default.subject\" }}{{ template \"__subject\" . }}{{ end }}"
    "{{ define \"email.default.html\" }}<html><body><h2>{{ template \"__subject\" . }}</h2>"
    "{{ range .Alerts }}<h3>{{ .Status }}</h3><p>{{ range .Labels.SortedPairs }}"
    "{{ .Name }} = {{ .Value }}<br/>{{ end }}</p><p>{{ range .Annotations.SortedPairs }}"
    "{{ .Name }} = {{ .Value }}<br/>{{ end }}</p><p><a href=\"{{ .GeneratorURL }}\">Source</a></p>"
    "{{ end }}<p><a href=\"{{ template \"__alertmanagerURL\" . }}\">View</a></p></body></html>{{ "
    "end }}";
