// A process that dies between a receiver's answer and the commit that says so.
#include "notify_fixture.h"

#include <unistd.h>

#include "base/file.h"

static const char yaml[] = "route:\n"
                           "  receiver: hook\n"
                           "  group_by: [alertname]\n"
                           "  group_wait: 0s\n"
                           "  group_interval: 1m\n"
                           "  repeat_interval: 1h\n"
                           "receivers:\n"
                           "- name: hook\n"
                           "  webhook_configs:\n"
                           "  - url: http://127.0.0.1:1/\n";

struct timeline {
    struct fixture f;
    char folder[32];
    struct buf path;
};

static void restart(struct timeline *t)
{
    struct fixture *f = &t->f;
    unsaved_release(&f->engine->changes);
    unsaved_init(&f->engine->changes, f->storage);
    alertmanager_free(f->engine);
    metrics_free(f->metrics);
    f->metrics = metrics_new();
    f->arrivals_path = buf_text(&t->path);
    fixture_start_engine(f);
}

static void timeline_init(struct timeline *t)
{
    *t = (struct timeline){.folder = "/tmp/arrivals-XXXXXX"};
    assert_non_null(mkdtemp(t->folder));
    buf_printf(&t->path, "%s/arrivals", t->folder);
    fixture_init(&t->f, str_from(yaml));
    restart(t);
}

static void timeline_release(struct timeline *t)
{
    fixture_release(&t->f);
    buf_release(&t->path);
    assert_int_equal(dir_remove_all(t->folder, NULL), 0);
}

static void put(struct timeline *t, bool firing)
{
    int64_t now_ms = t->f.clock.now_ms;
    const struct label labels[] = {{STR("alertname"), STR("Down")}};
    const struct alert alert = {
        .labels = {labels, 1}, .starts_ms = now_ms, .ends_ms = now_ms + (firing ? 7200000 : 0)};
    alertmanager_put(t->f.engine, &alert, 1, now_ms);
}

static struct outbox_entry *only_entry(struct timeline *t)
{
    assert_int_equal(outbox_count(&t->f.engine->outbox), 1);
    return t->f.engine->outbox.entries.entries[0].value;
}

// The receiver has it, and the file says so.
static void note_as_arrived(struct timeline *t)
{
    struct outbox_entry *entry = only_entry(t);
    const struct arrival arrival = {.key = entry->key,
                                    .id = entry->id,
                                    .at_ms = t->f.clock.now_ms,
                                    .repeat_interval_ms = entry->repeat_interval_ms,
                                    .told = entry->told,
                                    .memo = STR("memo")};
    assert_true(arrivals_note(&t->f.engine->arrivals, &arrival));
}

static void test_not_told_again(void **state)
{
    (void)state;
    struct timeline t;
    timeline_init(&t);
    put(&t, true);
    (void)alertmanager_tick(t.f.engine, t.f.clock.now_ms);
    struct unsaved_key key = only_entry(&t)->key;
    note_as_arrived(&t);
    restart(&t);
    assert_int_equal(outbox_count(&t.f.engine->outbox), 0);
    assert_true(str_is(nflog_memo(&t.f.engine->nflog, &key), "memo"));
    fixture_run_for(&t.f, 1800000);
    assert_int_equal(t.f.attempts, 0);
    // It was told: so is its end, and what is repeated is repeated.
    fixture_run_for(&t.f, 1900000);
    assert_int_equal(t.f.delivered, 1);
    put(&t, false);
    fixture_run_for(&t.f, 120000);
    assert_int_equal(t.f.delivered, 2);
    assert_non_null(strstr(buf_text(&t.f.last_body), "\"status\":\"resolved\""));
    timeline_release(&t);
}

// What it said before the latest change was told, the change was not.
static void test_replaced(void **state)
{
    (void)state;
    struct timeline t;
    timeline_init(&t);
    put(&t, true);
    (void)alertmanager_tick(t.f.engine, t.f.clock.now_ms);
    note_as_arrived(&t);
    only_entry(&t)->id++; // as if another had taken its place
    struct outbox_entry *entry = only_entry(&t);
    const struct unsaved_key key = entry->key;
    outbox_remove(&t.f.engine->outbox, entry);
    engine_commit(t.f.engine, t.f.clock.now_ms);
    restart(&t);
    assert_non_null(nflog_find(&t.f.engine->nflog, &key));
    put(&t, false);
    fixture_run_for(&t.f, 120000);
    assert_int_equal(t.f.delivered, 1);
    assert_non_null(strstr(buf_text(&t.f.last_body), "\"status\":\"resolved\""));
    timeline_release(&t);
}

// Notes of what was committed long ago, that a power cut brought back, change nothing.
static void test_old_note(void **state)
{
    (void)state;
    struct timeline t;
    struct buf bytes = BUF_INIT;
    timeline_init(&t);
    put(&t, true);
    (void)alertmanager_tick(t.f.engine, t.f.clock.now_ms);
    note_as_arrived(&t);
    assert_int_equal(file_read(buf_text(&t.path), 4096, &bytes, NULL), 0);
    fixture_run_for(&t.f, 60000);
    put(&t, false);
    fixture_run_for(&t.f, 120000);
    assert_int_equal(t.f.delivered, 2);
    assert_int_equal(file_write_atomic(buf_text(&t.path), buf_view(&bytes), NULL), 0);
    restart(&t);
    fixture_run_for(&t.f, 7200000);
    assert_int_equal(t.f.delivered, 2);
    buf_release(&bytes);
    timeline_release(&t);
}

static void test_emptied_by_commit(void **state)
{
    (void)state;
    struct timeline t;
    struct buf bytes = BUF_INIT;
    timeline_init(&t);
    put(&t, true);
    fixture_run_for(&t.f, 10);
    assert_int_equal(t.f.delivered, 1);
    assert_int_equal(t.f.engine->arrivals.noted_count, 1);
    assert_int_equal(file_read(buf_text(&t.path), 4096, &bytes, NULL), 0);
    assert_int_equal(bytes.len, 0);
    buf_release(&bytes);
    timeline_release(&t);
}

static void count(void *context, const struct arrival *arrival)
{
    size_t *found = context;
    assert_int_equal(arrival->id, 7 + *found);
    assert_int_equal(arrival->told.firing.count, 1);
    assert_true(str_is(arrival->memo, "m"));
    (*found)++;
}

// A note that was cut short, or changed, ends the reading; the next one takes its place.
static void test_damage(void **state)
{
    (void)state;
    char folder[] = "/tmp/arrivals-XXXXXX";
    struct arrivals a;
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    struct arrival arrival = {.id = 7, .at_ms = 5, .memo = STR("m")};
    told_add(&arrival.told, 42, false);
    assert_non_null(mkdtemp(folder));
    buf_printf(&path, "%s/arrivals", folder);
    arrivals_init(&a, buf_text(&path));
    assert_true(arrivals_note(&a, &arrival));
    arrival.id = 8;
    assert_true(arrivals_note(&a, &arrival));
    arrivals_release(&a);
    assert_int_equal(file_read(buf_text(&path), 4096, &bytes, NULL), 0);
    for (size_t len = 0; len <= bytes.len; len++) {
        size_t found = 0, expected = len == bytes.len ? 2 : len >= bytes.len / 2 ? 1 : 0;
        struct str part = str_make(bytes.ptr, len);
        assert_int_equal(file_write_atomic(buf_text(&path), part, NULL), 0);
        arrivals_init(&a, buf_text(&path));
        arrivals_each(&a, count, &found);
        assert_int_equal(found, expected);
        arrival.id = 7 + found;
        assert_true(arrivals_note(&a, &arrival));
        found = 0;
        arrivals_each(&a, count, &found);
        assert_int_equal(found, expected + 1);
        arrivals_release(&a);
    }
    told_release(&arrival.told);
    buf_release(&bytes);
    buf_release(&path);
    assert_int_equal(dir_remove_all(folder, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_told_again), cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_old_note),       cmocka_unit_test(test_emptied_by_commit),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
