// Random configurations and timelines, seeded: routes with and without `continue`, groupings,
// timers, an inhibition rule, silences that come and go, a receiver that fails in every way,
// restarts and kills. Whatever happened:
//   - nothing is told twice within the repeat interval, per receiver and group;
//   - an alert's end, and a group's, is only told to who was told that it fires;
//   - no silenced alert enters a notification that is made while the receiver works;
//   - once all is quiet, whoever is responsible for a firing alert knows of it, and without muting
//     knows of nothing that does not fire.
// A seed that fails is printed: play() it alone.
#include "notify_fixture.h"

#include "alerting/silence.h"
#include "base/json.h"
#include "base/strmap.h"

#define NAME_COUNT     3
#define INSTANCE_COUNT 3
#define ALERT_COUNT    (NAME_COUNT * INSTANCE_COUNT)
#define RECEIVER_COUNT 3
#define SILENCE_COUNT  3
#define STEP_COUNT     250
#define SEED_COUNT     40
#define RESEND_MS      60000

struct simulated {
    bool firing;
    int64_t starts_ms;
    int64_t next_send_ms;
    bool believed[RECEIVER_COUNT];
};

struct told_group {
    struct buf content;
    int64_t told_ms;
    bool firing;
};

struct simulation {
    struct fixture f;
    uint64_t seed;
    struct rng rng;
    bool continues;
    bool mutes; // silences and inhibition are in play
    int64_t interval_ms, repeat_ms;
    int64_t status_ms; // when the receiver's answer last changed
    struct simulated alerts[ALERT_COUNT];
    char silences[SILENCE_COUNT][SILENCE_ID_SIZE];
    struct strmap groups; // receiver and group key -> struct told_group
    size_t told_count;
};

// Alert i has the name A, B or C, the instance 0 to 2, and the severity "a" for even instances.
static char name_of(size_t index)
{
    return (char)('A' + index / INSTANCE_COUNT);
}

static bool is_severe(size_t index)
{
    return index % INSTANCE_COUNT % 2 == 0;
}

static void make_config(struct simulation *s, struct buf *out)
{
    static const char *const groupings[] = {"[]", "[alertname]", "[alertname, instance]", "['...']",
                                            "[severity]"};
    static const int waits[] = {1, 10, 30};
    static const int intervals[] = {20, 60, 150};
    int interval_s = intervals[rng_below(&s->rng, 3)];
    s->interval_ms = interval_s * 1000;
    s->repeat_ms = s->interval_ms * (int64_t)(3 + rng_below(&s->rng, 60));
    s->continues = rng_below(&s->rng, 2);
    s->mutes = rng_below(&s->rng, 2);
    buf_printf(out,
               "route:\n  receiver: r0\n  group_by: %s\n  group_wait: %ds\n"
               "  group_interval: %ds\n  repeat_interval: %llds\n  routes:\n"
               "  - receiver: r1\n    matchers: [ severity=\"a\" ]\n    continue: %s\n"
               "    group_by: %s\n  - receiver: r2\n    matchers: [ alertname=~\"A|B\" ]\n",
               groupings[rng_below(&s->rng, COUNT_OF(groupings))], waits[rng_below(&s->rng, 3)],
               interval_s, (long long)s->repeat_ms / 1000, s->continues ? "true" : "false",
               groupings[rng_below(&s->rng, COUNT_OF(groupings))]);
    if (s->mutes)
        buf_cstr(out, "inhibit_rules:\n- source_matchers: [ alertname=\"A\" ]\n"
                      "  target_matchers: [ alertname=\"C\" ]\n  equal: [ instance ]\n");
    buf_cstr(out, "receivers:\n");
    for (int i = 0; i < RECEIVER_COUNT; i++)
        buf_printf(out, "- name: r%d\n  webhook_configs:\n  - url: http://127.0.0.1:1/\n", i);
}

static bool is_responsible(const struct simulation *s, size_t receiver, size_t alert)
{
    bool first = is_severe(alert);
    bool second = (!first || s->continues) && name_of(alert) <= 'B';
    return receiver == 1 ? first : receiver == 2 ? second : !first && !second;
}

static void send_alert(struct simulation *s, size_t index)
{
    struct simulated *a = &s->alerts[index];
    int64_t now_ms = s->f.clock.now_ms;
    char name[] = {name_of(index), 0};
    char instance[] = {(char)('0' + index % INSTANCE_COUNT), 0};
    const struct label labels[] = {{STR("alertname"), str_from(name)},
                                   {STR("instance"), str_from(instance)},
                                   {STR("severity"), is_severe(index) ? STR("a") : STR("b")}};
    const struct alert alert = {.labels = {labels, 3},
                                .starts_ms = a->starts_ms,
                                .ends_ms = a->firing ? now_ms + 4 * RESEND_MS : now_ms};
    alertmanager_put(s->f.engine, &alert, 1, now_ms);
    a->next_send_ms = a->firing ? now_ms + RESEND_MS : INT64_MAX;
}

static bool is_silenced(const struct simulation *s, size_t index)
{
    for (size_t i = 0; i < SILENCE_COUNT; i++) {
        const struct silence *silence =
            silences_find(&s->f.engine->silences, str_from(s->silences[i]));
        char name = silence ? silence->spec.matchers[0].value.ptr[0] : 0;
        if (name == name_of(index) && silence_state(silence, s->f.clock.now_ms) == SILENCE_ACTIVE)
            return true;
    }
    return false;
}

static void believe(struct simulation *s, const struct json *alert, size_t receiver,
                    struct buf *content)
{
    const struct json *labels = json_get(alert, "labels");
    char name = json_text(json_get(labels, "alertname")).ptr[0];
    char instance = json_text(json_get(labels, "instance")).ptr[0];
    bool firing = str_is(json_text(json_get(alert, "status")), "firing");
    size_t index = (size_t)(name - 'A') * INSTANCE_COUNT + (size_t)(instance - '0');
    if (!is_responsible(s, receiver, index))
        fail_msg("seed %llu: r%zu was told of %c/%c", (unsigned long long)s->seed, receiver, name,
                 instance);
    // Nothing is late any more, nor was refused before: it was made just now.
    bool is_fresh = s->f.clock.now_ms - s->status_ms > OUTBOX_RETRY_MAX_MS + 2 * s->interval_ms;
    if (firing && is_fresh && is_silenced(s, index))
        fail_msg("seed %llu: %c/%c is silenced, and told", (unsigned long long)s->seed, name,
                 instance);
    if (!firing && !s->alerts[index].believed[receiver])
        fail_msg("seed %llu: the end of %c/%c, without a beginning", (unsigned long long)s->seed,
                 name, instance);
    s->alerts[index].believed[receiver] = firing;
    buf_printf(content, "%c%c%c ", name, instance, firing ? '+' : '-');
}

static struct told_group *group_of(struct simulation *s, const struct json *document)
{
    struct buf key = BUF_INIT;
    buf_sized(&key, json_text(json_get(document, "receiver")));
    buf_str(&key, json_text(json_get(document, "groupKey")));
    struct told_group *group = strmap_get(&s->groups, buf_view(&key));
    if (!group) {
        group = mem_calloc(1, sizeof(*group));
        strmap_put(&s->groups, buf_view(&key), group);
    }
    buf_release(&key);
    return group;
}

static void on_delivered(struct fixture *f, struct str body)
{
    struct simulation *s = f->context;
    struct buf content = BUF_INIT;
    struct json *document;
    assert_int_equal(json_parse(&document, body, NULL), 0);
    struct told_group *group = group_of(s, document);
    size_t receiver = (size_t)(json_text(json_get(document, "receiver")).ptr[1] - '0');
    for (const struct json *a = json_child(json_get(document, "alerts")); a; a = json_next(a))
        believe(s, a, receiver, &content);
    bool firing = str_is(json_text(json_get(document, "status")), "firing");
    if (!firing && !group->firing)
        fail_msg("seed %llu: an end without a beginning", (unsigned long long)s->seed);
    if (group->content.len && str_eq(buf_view(&content), buf_view(&group->content)) &&
        f->clock.now_ms - group->told_ms < s->repeat_ms)
        fail_msg("seed %llu: told twice: %s", (unsigned long long)s->seed, buf_text(&content));
    buf_release(&group->content);
    *group = (struct told_group){content, f->clock.now_ms, firing};
    s->told_count++;
    json_free(document);
}

static void run_for(struct simulation *s, int64_t ms)
{
    int64_t to_ms = s->f.clock.now_ms + ms;
    for (;;) {
        size_t next = 0;
        for (size_t i = 1; i < ALERT_COUNT; i++)
            if (s->alerts[i].next_send_ms < s->alerts[next].next_send_ms)
                next = i;
        if (s->alerts[next].next_send_ms > to_ms)
            break;
        fixture_run_until(&s->f, s->alerts[next].next_send_ms);
        send_alert(s, next);
    }
    fixture_run_until(&s->f, to_ms);
}

static void toggle(struct simulation *s)
{
    size_t index = rng_below(&s->rng, ALERT_COUNT);
    struct simulated *a = &s->alerts[index];
    a->firing = !a->firing;
    if (a->firing)
        a->starts_ms = s->f.clock.now_ms;
    send_alert(s, index);
}

static void toggle_silence(struct simulation *s)
{
    size_t index = rng_below(&s->rng, SILENCE_COUNT);
    int64_t now_ms = s->f.clock.now_ms;
    struct error err = {0};
    if (alertmanager_expire_silence(s->f.engine, str_from(s->silences[index]), now_ms) == 0 &&
        rng_below(&s->rng, 2))
        return;
    char name[] = {(char)('A' + rng_below(&s->rng, NAME_COUNT)), 0};
    const struct silence_matcher m = {MATCH_EQUAL, STR("alertname"), str_from(name)};
    const struct silence_spec spec = {.matchers = &m,
                                      .matcher_count = 1,
                                      .starts_ms = now_ms,
                                      .ends_ms = now_ms + 1 + (int64_t)rng_below(&s->rng, 600000),
                                      .expire_on_resolve = rng_below(&s->rng, 2),
                                      .created_by = STR("me"),
                                      .comment = STR("c")};
    if (alertmanager_set_silence(s->f.engine, &spec, now_ms, s->silences[index], &err))
        fail_msg("%s", err.text);
}

static void random_step(struct simulation *s)
{
    static const int answers[] = {200, 200, 200, 500, 0, 429, 400};
    uint64_t dice = rng_below(&s->rng, 100);
    if (dice < 35) {
        toggle(s);
    } else if (dice < 45) {
        s->f.status = answers[rng_below(&s->rng, COUNT_OF(answers))];
        s->status_ms = s->f.clock.now_ms;
    } else if (dice < 49) {
        fixture_restart(&s->f);
    } else if (dice < 53) {
        fixture_kill(&s->f);
    } else if (dice < 62 && s->mutes) {
        toggle_silence(s);
    } else {
        run_for(s, (int64_t)rng_below(&s->rng, 90000));
    }
}

static bool is_inhibited(const struct simulation *s, size_t index)
{
    return s->mutes && name_of(index) == 'C' && s->alerts[index % INSTANCE_COUNT].firing;
}

static void check_beliefs(const struct simulation *s)
{
    for (size_t i = 0; i < ALERT_COUNT; i++) {
        const struct simulated *a = &s->alerts[i];
        for (size_t r = 0; r < RECEIVER_COUNT; r++) {
            if (!is_responsible(s, r, i))
                continue;
            bool must = a->firing && !is_inhibited(s, i);
            bool may = a->firing || s->mutes;
            if ((must && !a->believed[r]) || (!may && a->believed[r]))
                fail_msg("seed %llu: r%zu believes %d of %c/%zu, which is %d",
                         (unsigned long long)s->seed, r, a->believed[r], name_of(i),
                         i % INSTANCE_COUNT, a->firing);
        }
    }
}

static void simulation_release(struct simulation *s)
{
    for (size_t i = 0; i < s->groups.count; i++) {
        struct told_group *group = s->groups.entries[i].value;
        buf_release(&group->content);
        mem_free(group);
    }
    strmap_release(&s->groups);
    fixture_release(&s->f);
}

static void play(uint64_t seed)
{
    struct simulation s = {.seed = seed};
    struct buf yaml = BUF_INIT;
    rng_seed(&s.rng, seed);
    make_config(&s, &yaml);
    fixture_init(&s.f, buf_view(&yaml));
    buf_release(&yaml);
    strmap_init(&s.groups);
    s.f.on_delivered = on_delivered;
    s.f.context = &s;
    for (size_t i = 0; i < ALERT_COUNT; i++)
        s.alerts[i].next_send_ms = INT64_MAX;
    for (size_t i = 0; i < STEP_COUNT; i++)
        random_step(&s);
    s.f.status = 200;
    s.status_ms = s.f.clock.now_ms;
    // Silences last ten minutes at most; then two intervals, and the longest pause of the outbox.
    run_for(&s, 600000 + 2 * s.interval_ms + OUTBOX_RETRY_MAX_MS + 60000);
    check_beliefs(&s);
    assert_int_equal(outbox_count(&s.f.engine->outbox), 0);
    assert_true(s.told_count > 0);
    simulation_release(&s);
}

static void test_simulation(void **state)
{
    (void)state;
    const char *wanted = getenv("LAPWING_SEEDS"); // more of them than a usual run has time for
    uint64_t count = SEED_COUNT;
    if (wanted)
        (void)str_to_u64(str_from(wanted), &count);
    for (uint64_t seed = 1; seed <= count; seed++)
        play(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_simulation)};
    return UNIT_RUN(tests);
}
