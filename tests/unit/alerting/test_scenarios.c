// Plays the timelines of tests/alerting/*.scn on a virtual clock; their format is described in
// tests/alerting/README.md. Each is played again with a restart, and with a kill, at every one of
// its moments: what is told must not change.
#include "notify_fixture.h"

#include "alerting/silence.h"
#include "base/file.h"
#include "base/json.h"
#include "config/matcher_text.h"
#include "model/duration.h"

#define SCENARIO_FOLDER   "tests/alerting"
#define ALERTS_MAX        64
#define SILENCES_MAX      8
#define RESEND_MS         60000
#define RANDOM_PLUG_COUNT 40

enum plug { PLUG_IN, PLUG_RESTART, PLUG_KILL };

struct live_alert {
    struct labels labels;
    struct labels annotations;
    int64_t starts_ms;
    int64_t next_send_ms;
    bool firing;
};

struct named_silence {
    struct str name;
    struct silence_spec spec;
    char id[SILENCE_ID_SIZE];
};

struct play {
    struct fixture f;
    struct arena arena;
    int64_t start_ms;
    struct live_alert alerts[ALERTS_MAX];
    size_t alert_count;
    struct named_silence silences[SILENCES_MAX];
    size_t silence_count;
    struct buf told;
    enum plug plug;
    int64_t plug_ms; // from the start
};

static struct labels parse_labels(struct play *p, struct str text)
{
    struct labels_builder b;
    struct str pair, name, value;
    labels_builder_init(&b, &p->arena, (struct labels){0});
    while (str_next(&text, ',', &pair)) {
        if (!str_cut(pair, '=', &name, &value))
            fail_msg("bad label \"%.*s\"", STR_ARG(pair));
        labels_builder_set(&b, arena_copy(&p->arena, name), arena_copy(&p->arena, value));
    }
    return labels_copy(&p->arena, labels_builder_finish(&b));
}

static void print_alerts(struct buf *out, const struct json *alerts, const char *status)
{
    bool any = false;
    buf_printf(out, " %s=", status);
    for (const struct json *a = json_child(alerts); a; a = json_next(a)) {
        if (!str_is(json_text(json_get(a, "status")), status))
            continue;
        const struct json *labels = json_get(a, "labels");
        if (any)
            buf_char(out, ',');
        buf_str(out, json_text(json_get(labels, "alertname")));
        struct str instance = json_text(json_get(labels, "instance"));
        if (instance.len)
            buf_printf(out, "/%.*s", STR_ARG(instance));
        any = true;
    }
    if (!any)
        buf_char(out, '-');
}

static void on_delivered(struct fixture *f, struct str body)
{
    struct play *p = f->context;
    struct json *document;
    assert_int_equal(json_parse(&document, body, NULL), 0);
    duration_format(&p->told, (f->clock.now_ms - p->start_ms) / 1000 * 1000);
    buf_printf(&p->told, " %.*s", STR_ARG(json_text(json_get(document, "receiver"))));
    print_alerts(&p->told, json_get(document, "alerts"), "firing");
    print_alerts(&p->told, json_get(document, "alerts"), "resolved");
    buf_char(&p->told, '\n');
    json_free(document);
}

static void send_alert(struct play *p, struct live_alert *live)
{
    int64_t now_ms = p->f.clock.now_ms;
    const struct alert alert = {
        .labels = live->labels,
        .annotations = live->annotations,
        .starts_ms = live->starts_ms,
        .ends_ms = live->firing ? now_ms + 4 * RESEND_MS : now_ms,
    };
    alertmanager_put(p->f.engine, &alert, 1, now_ms);
    alertmanager_sync(p->f.engine, now_ms);
    live->next_send_ms = live->firing ? now_ms + RESEND_MS : INT64_MAX;
}

// Moves on to `to_ms`, with every firing alert repeated each minute.
static void run_until(struct play *p, int64_t to_ms)
{
    for (;;) {
        struct live_alert *next = NULL;
        for (size_t i = 0; i < p->alert_count; i++)
            if (!next || p->alerts[i].next_send_ms < next->next_send_ms)
                next = &p->alerts[i];
        int64_t at_ms = next && next->next_send_ms < to_ms ? next->next_send_ms : to_ms;
        fixture_run_until(&p->f, at_ms);
        if (at_ms == to_ms)
            return;
        send_alert(p, next);
    }
}

static void pull_plug(struct play *p, int64_t to_ms)
{
    int64_t plug_ms = p->start_ms + p->plug_ms;
    if (p->plug == PLUG_IN || plug_ms > to_ms)
        return;
    run_until(p, plug_ms);
    if (p->plug == PLUG_KILL)
        fixture_kill(&p->f);
    else
        fixture_restart(&p->f);
    p->plug = PLUG_IN;
}

static void fire(struct play *p, struct str labels, bool firing)
{
    struct labels set = parse_labels(p, labels);
    struct live_alert *live = NULL;
    for (size_t i = 0; i < p->alert_count; i++)
        if (labels_eq(p->alerts[i].labels, set))
            live = &p->alerts[i];
    if (!live) {
        assert_true(p->alert_count < ALERTS_MAX);
        live = &p->alerts[p->alert_count++];
        live->labels = set;
    }
    if (firing)
        live->starts_ms = p->f.clock.now_ms;
    live->firing = firing;
    send_alert(p, live);
}

static void receiver_answers(struct play *p, struct str how)
{
    uint64_t status = 0;
    if (!str_is(how, "refused") && !str_to_u64(how, &status))
        fail_msg("bad answer \"%.*s\"", STR_ARG(how));
    p->f.status = (int)status;
}

static struct named_silence *find_silence(struct play *p, struct str name)
{
    for (size_t i = 0; i < p->silence_count; i++)
        if (str_eq(p->silences[i].name, name))
            return &p->silences[i];
    assert_true(p->silence_count < SILENCES_MAX);
    struct named_silence *silence = &p->silences[p->silence_count++];
    silence->name = arena_copy(&p->arena, name);
    silence->spec.created_by = STR("ops");
    silence->spec.comment = STR("work");
    return silence;
}

static void set_matchers(struct play *p, struct silence_spec *spec, struct str text)
{
    struct matcher_list list;
    assert_int_equal(matcher_list_parse(&list, text, NULL), 0);
    struct silence_matcher *out = arena_array(&p->arena, list.count, sizeof(*out));
    for (size_t i = 0; i < list.count; i++)
        out[i] =
            (struct silence_matcher){list.items[i].type, arena_copy(&p->arena, list.items[i].name),
                                     arena_copy(&p->arena, list.items[i].value)};
    spec->matchers = out;
    spec->matcher_count = list.count;
    matcher_list_release(&list);
}

static void set_option(struct play *p, struct silence_spec *spec, struct str option)
{
    struct str name, value, begin, end;
    int64_t ms = 0;
    (void)str_cut(option, '=', &name, &value);
    (void)str_cut(value, '-', &begin, &end);
    (void)duration_parse(value, &ms);
    if (str_is(name, "until-resolved"))
        spec->expire_on_resolve = true;
    else if (str_is(name, "after"))
        spec->starts_ms += ms;
    else if (str_is(name, "for"))
        spec->ends_ms = spec->starts_ms + ms;
    else if (str_is(name, "remind"))
        spec->remind_before_ms = ms;
    else if (str_is(name, "daily"))
        spec->recurrence = arena_printf(
            &p->arena, "[{\"times\":[{\"start_time\":\"%.*s\",\"end_time\":\"%.*s\"}]}]",
            STR_ARG(begin), STR_ARG(end));
    else
        fail_msg("unknown option \"%.*s\"", STR_ARG(option));
}

// NAME MATCHERS OPTION..., or for one that exists NAME OPTION...
static void silence(struct play *p, struct str text)
{
    struct str name, word;
    struct error err = {0};
    assert_true(str_next(&text, ' ', &name));
    struct named_silence *silence = find_silence(p, name);
    struct silence_spec *spec = &silence->spec;
    if (spec->matcher_count == 0) {
        assert_true(str_next(&text, ' ', &word));
        set_matchers(p, spec, word);
        spec->starts_ms = p->f.clock.now_ms;
    }
    while (str_next(&text, ' ', &word))
        set_option(p, spec, word);
    if (alertmanager_set_silence(p->f.engine, spec, p->f.clock.now_ms, silence->id, &err))
        fail_msg("silence: %s", err.text);
    spec->id = str_from(silence->id);
}

static void expire_silence(struct play *p, struct str name)
{
    assert_int_equal(
        alertmanager_expire_silence(p->f.engine, find_silence(p, name)->spec.id, p->f.clock.now_ms),
        0);
}

static void step(struct play *p, struct str line)
{
    struct str at, rest, verb, argument;
    int64_t at_ms;
    (void)str_cut(line, ' ', &at, &rest);
    (void)str_cut(str_trim(rest), ' ', &verb, &argument);
    if (!duration_parse(at, &at_ms))
        fail_msg("bad time in \"%.*s\"", STR_ARG(line));
    pull_plug(p, p->start_ms + at_ms);
    run_until(p, p->start_ms + at_ms);
    argument = str_trim(argument);
    if (str_is(verb, "fire"))
        fire(p, argument, true);
    else if (str_is(verb, "resolve"))
        fire(p, argument, false);
    else if (str_is(verb, "silence"))
        silence(p, argument);
    else if (str_is(verb, "unsilence"))
        expire_silence(p, argument);
    else if (str_is(verb, "answers"))
        receiver_answers(p, argument);
    else if (str_is(verb, "restart"))
        fixture_restart(&p->f);
    else if (str_is(verb, "kill"))
        fixture_kill(&p->f);
    else if (!str_is(verb, "end"))
        fail_msg("unknown step \"%.*s\"", STR_ARG(line));
}

// Cuts "config:\n...timeline:\n...told:\n..." into its parts.
struct scenario {
    struct str config, timeline, told;
};

static struct str after(struct str text, const char *heading, struct str *before)
{
    size_t at = str_search(text, str_from(heading));
    if (at == text.len)
        fail_msg("no section %s", heading);
    *before = str_first(text, at);
    return str_skip(text, at + strlen(heading));
}

static struct scenario parse_scenario(struct str text)
{
    struct scenario s;
    struct str head;
    struct str rest = after(text, "config:\n", &head);
    rest = after(rest, "timeline:\n", &s.config);
    s.told = after(rest, "told:\n", &s.timeline);
    return s;
}

static struct str play(const struct scenario *s, enum plug plug, int64_t plug_ms, struct play *p)
{
    *p = (struct play){.plug = plug, .plug_ms = plug_ms};
    arena_init(&p->arena, 0);
    fixture_init(&p->f, s->config);
    p->f.on_delivered = on_delivered;
    p->f.context = p;
    p->start_ms = p->f.clock.now_ms;
    struct str rest = s->timeline, line;
    while (str_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.len && line.ptr[0] != '#')
            step(p, line);
    }
    return buf_view(&p->told);
}

static void play_release(struct play *p)
{
    fixture_release(&p->f);
    arena_release(&p->arena);
    buf_release(&p->told);
}

static struct str time_of(struct str line)
{
    return str_first(line, str_find(line, ' '));
}

// Told lines without comments, those of the same moment sorted: their order is left open.
static void normalize(struct str text, struct buf *out)
{
    struct str lines[1024], line;
    size_t count = 0;
    while (str_next(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        assert_true(count < COUNT_OF(lines));
        size_t at = count++;
        for (; at > 0 && str_eq(time_of(lines[at - 1]), time_of(line)) &&
               str_cmp(lines[at - 1], line) > 0;
             at--)
            lines[at] = lines[at - 1];
        lines[at] = line;
    }
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%.*s\n", STR_ARG(lines[i]));
}

static void check(const char *name, const struct scenario *s, const char *expected, enum plug plug,
                  int64_t plug_ms)
{
    static const char *const plugs[] = {"", " with a restart at ", " killed at "};
    struct play p;
    struct buf told = BUF_INIT;
    normalize(play(s, plug, plug_ms, &p), &told);
    if (strcmp(buf_text(&told), expected) != 0) {
        struct buf at = BUF_INIT;
        if (plug != PLUG_IN)
            duration_format(&at, plug_ms);
        fail_msg("%s%s%s: told\n%sexpected\n%s", name, plugs[plug], buf_text(&at), buf_text(&told),
                 expected);
    }
    buf_release(&told);
    play_release(&p);
}

// Before a step, a moment after it, at the flushes that may follow: a kill loses nothing.
static void check_plugs(const char *name, const struct scenario *s, const char *expected)
{
    struct str rest = s->timeline, line, at, after_at;
    while (str_next(&rest, '\n', &line)) {
        int64_t at_ms;
        (void)str_cut(str_trim(line), ' ', &at, &after_at);
        if (!duration_parse(at, &at_ms) || str_is(str_trim(after_at), "end"))
            continue;
        check(name, s, expected, PLUG_RESTART, at_ms);
        check(name, s, expected, PLUG_RESTART, at_ms + 2500);
        check(name, s, expected, PLUG_KILL, at_ms);
        check(name, s, expected, PLUG_KILL, at_ms + 1);
        check(name, s, expected, PLUG_KILL, at_ms + 2500);
        check(name, s, expected, PLUG_KILL, at_ms + 10000);
        check(name, s, expected, PLUG_KILL, at_ms + 10001);
        check(name, s, expected, PLUG_KILL, at_ms + 17000);
    }
}

static int64_t end_of(const struct scenario *s)
{
    struct str rest = s->timeline, line, at, after_at;
    int64_t end_ms = 1, at_ms;
    while (str_next(&rest, '\n', &line)) {
        (void)str_cut(str_trim(line), ' ', &at, &after_at);
        if (duration_parse(at, &at_ms) && at_ms > end_ms)
            end_ms = at_ms;
    }
    return end_ms;
}

// And at any other moment.
static void check_random_plugs(const char *name, const struct scenario *s, const char *expected)
{
    struct rng rng;
    int64_t end_ms = end_of(s);
    rng_seed(&rng, 1);
    for (int i = 0; i < RANDOM_PLUG_COUNT; i++)
        check(name, s, expected, i % 4 ? PLUG_KILL : PLUG_RESTART,
              (int64_t)rng_below(&rng, (uint64_t)end_ms));
}

static int each_scenario(void *context, const char *name)
{
    size_t *count = context;
    struct buf path = BUF_INIT, text = BUF_INIT, expected = BUF_INIT;
    if (str_has_suffix(str_from(name), STR(".scn"))) {
        buf_printf(&path, SCENARIO_FOLDER "/%s", name);
        assert_int_equal(file_read(buf_text(&path), 1 << 20, &text, NULL), 0);
        struct scenario s = parse_scenario(buf_view(&text));
        normalize(s.told, &expected);
        check(name, &s, buf_text(&expected), PLUG_IN, 0);
        if (str_search(buf_view(&text), STR("# plug: no")) == text.len) {
            check_plugs(name, &s, buf_text(&expected));
            check_random_plugs(name, &s, buf_text(&expected));
        }
        (*count)++;
    }
    buf_release(&path);
    buf_release(&text);
    buf_release(&expected);
    return 0;
}

static void test_scenarios(void **state)
{
    (void)state;
    size_t count = 0;
    assert_int_equal(dir_each(SCENARIO_FOLDER, each_scenario, &count, NULL), 0);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_scenarios)};
    return UNIT_RUN(tests);
}
