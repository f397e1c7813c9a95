// Random timelines, seeded: alerts come and go, the receiver fails in every way, the engine is
// restarted and killed. Whatever happened:
//   - nothing is told twice within the repeat interval;
//   - an alert's end, and a group's, is only told to who was told that it fires;
//   - what fires is told within the group's interval while the receiver works;
//   - what goes on firing is told again after the repeat interval;
//   - once the receiver answers and nothing changes, it knows exactly what fires.
#include "notify_fixture.h"

#include "base/json.h"
#include "model/duration.h"

#define NAME_COUNT     4
#define INSTANCE_COUNT 3
#define ALERT_COUNT    (NAME_COUNT * INSTANCE_COUNT)
#define STEP_COUNT     300
#define SEED_COUNT     60
#define RESEND_MS      60000
#define REPEAT_MS      INT64_C(1200000)
#define INTERVAL_MS    60000
#define WAIT_MS        10000

static const char *const yaml = "route:\n"
                                "  receiver: hook\n"
                                "  group_by: [alertname]\n"
                                "  group_wait: 10s\n"
                                "  group_interval: 1m\n"
                                "  repeat_interval: 20m\n"
                                "receivers:\n"
                                "- name: hook\n"
                                "  webhook_configs:\n"
                                "  - url: http://127.0.0.1:1/\n";

struct simulated {
    bool firing;
    int64_t starts_ms;
    int64_t next_send_ms;
    int64_t until_ms; // resolved ones are repeated until then
    bool believed;    // what the receiver thinks
};

struct simulation {
    struct fixture f;
    uint64_t seed;
    struct rng rng;
    struct simulated alerts[ALERT_COUNT];
    struct buf last[NAME_COUNT]; // what was told last of each group
    int64_t last_ms[NAME_COUNT];
    bool group_believed[NAME_COUNT];
    int64_t works_ms; // since when the receiver does, with what a pause of the outbox may take
    size_t told_count;
};

static void send_alert(struct simulation *s, size_t index)
{
    struct simulated *a = &s->alerts[index];
    int64_t now_ms = s->f.clock.now_ms;
    char name[] = "A", instance[] = "0";
    name[0] = (char)('A' + index / INSTANCE_COUNT);
    instance[0] = (char)('0' + index % INSTANCE_COUNT);
    const struct label labels[] = {{STR("alertname"), str_from(name)},
                                   {STR("instance"), str_from(instance)}};
    const struct alert alert = {
        .labels = {labels, 2},
        .starts_ms = a->starts_ms,
        .ends_ms = a->firing ? now_ms + 4 * RESEND_MS : a->until_ms - 15 * RESEND_MS,
    };
    alertmanager_put(s->f.engine, &alert, 1, now_ms);
    a->next_send_ms = a->firing || now_ms < a->until_ms ? now_ms + RESEND_MS : INT64_MAX;
}

static void believe(struct simulation *s, const struct json *alert, struct buf *content)
{
    const struct json *labels = json_get(alert, "labels");
    char name = json_text(json_get(labels, "alertname")).ptr[0];
    char instance = json_text(json_get(labels, "instance")).ptr[0];
    struct str status = json_text(json_get(alert, "status"));
    size_t index = (size_t)(name - 'A') * INSTANCE_COUNT + (size_t)(instance - '0');
    bool firing = str_is(status, "firing");
    if (!firing && !s->alerts[index].believed)
        fail_msg("seed %llu: an end without a beginning: %c/%c", (unsigned long long)s->seed, name,
                 instance);
    s->alerts[index].believed = firing;
    buf_printf(content, "%c%.*s ", instance, STR_ARG(status));
}

static void on_delivered(struct fixture *f, struct str body)
{
    struct simulation *s = f->context;
    struct buf content = BUF_INIT;
    struct json *document;
    assert_int_equal(json_parse(&document, body, NULL), 0);
    struct str name = json_text(json_get(json_get(document, "groupLabels"), "alertname"));
    size_t group = (size_t)(name.ptr[0] - 'A');
    for (const struct json *a = json_child(json_get(document, "alerts")); a; a = json_next(a))
        believe(s, a, &content);
    bool firing = str_is(json_text(json_get(document, "status")), "firing");
    if (!firing && !s->group_believed[group])
        fail_msg("seed %llu: an end without a beginning", (unsigned long long)s->seed);
    if (str_eq(buf_view(&content), buf_view(&s->last[group])) &&
        f->clock.now_ms - s->last_ms[group] < REPEAT_MS)
        fail_msg("seed %llu: told twice: %s", (unsigned long long)s->seed, buf_text(&content));
    s->group_believed[group] = firing;
    s->last_ms[group] = f->clock.now_ms;
    buf_release(&s->last[group]);
    s->last[group] = content;
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

// After a kill the alert may have to be heard of again.
static void note_failure(struct simulation *s, int64_t more_ms)
{
    s->works_ms =
        s->f.status == 200 ? s->f.clock.now_ms + OUTBOX_RETRY_MAX_MS + more_ms : INT64_MAX;
}

static void check_in_time(const struct simulation *s)
{
    int64_t now_ms = s->f.clock.now_ms;
    for (size_t i = 0; i < ALERT_COUNT; i++) {
        const struct simulated *a = &s->alerts[i];
        int64_t since_ms = a->starts_ms > s->works_ms ? a->starts_ms : s->works_ms;
        if (a->firing && !a->believed && since_ms < now_ms - INTERVAL_MS - WAIT_MS)
            fail_msg("seed %llu: alert %zu fires for %lld ms, untold", (unsigned long long)s->seed,
                     i, (long long)(now_ms - a->starts_ms));
        if (a->believed && a->firing && s->works_ms < now_ms - REPEAT_MS - 2 * INTERVAL_MS &&
            s->last_ms[i / INSTANCE_COUNT] < now_ms - REPEAT_MS - 2 * INTERVAL_MS)
            fail_msg("seed %llu: alert %zu is not told again", (unsigned long long)s->seed, i);
    }
}

static void toggle(struct simulation *s)
{
    size_t index = rng_below(&s->rng, ALERT_COUNT);
    struct simulated *a = &s->alerts[index];
    a->firing = !a->firing;
    if (a->firing)
        a->starts_ms = s->f.clock.now_ms;
    a->until_ms = s->f.clock.now_ms + 15 * RESEND_MS;
    send_alert(s, index);
}

static void random_step(struct simulation *s)
{
    static const int answers[] = {200, 200, 200, 500, 0, 429};
    uint64_t dice = rng_below(&s->rng, 100);
    if (dice < 40)
        toggle(s);
    else if (dice < 50)
        s->f.status = answers[rng_below(&s->rng, COUNT_OF(answers))];
    else if (dice < 54)
        fixture_restart(&s->f);
    else if (dice < 58)
        fixture_kill(&s->f);
    else if (dice < 59 && s->f.status == 200)
        run_for(s, 2 * REPEAT_MS);
    else
        run_for(s, (int64_t)rng_below(&s->rng, 90000));
    if (dice >= 40 && dice < 58)
        note_failure(s, dice >= 54 ? RESEND_MS : 0);
    check_in_time(s);
}

static void simulate(uint64_t seed)
{
    struct simulation s = {.seed = seed};
    rng_seed(&s.rng, seed);
    fixture_init(&s.f, str_from(yaml));
    s.f.on_delivered = on_delivered;
    s.f.context = &s;
    for (size_t i = 0; i < ALERT_COUNT; i++)
        s.alerts[i].next_send_ms = INT64_MAX;
    for (size_t i = 0; i < STEP_COUNT; i++)
        random_step(&s);
    s.f.status = 200;
    run_for(&s, 600000);
    for (size_t i = 0; i < ALERT_COUNT; i++)
        if (s.alerts[i].firing != s.alerts[i].believed)
            fail_msg("seed %llu: alert %zu is %d, told %d", (unsigned long long)seed, i,
                     s.alerts[i].firing, s.alerts[i].believed);
    assert_true(s.told_count > 0);
    assert_int_equal(outbox_count(&s.f.engine->outbox), 0);
    for (size_t i = 0; i < NAME_COUNT; i++)
        buf_release(&s.last[i]);
    fixture_release(&s.f);
}

static void test_simulation(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++)
        simulate(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_simulation)};
    return UNIT_RUN(tests);
}
