// web.config.file while it runs: passwords, the rate limit and changes, over a virtual clock.
#include "guard.h"

#include <crypt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "base/file.h"
#include "base/log.h"
#include "unit.h"

// bcrypt's least cost: 16 rounds.
#define SECRET "$2b$04$abcdefghijklmnopqrstuu"

struct fixture {
    char path[64];
    struct clock_virtual clock;
    struct metrics *metrics;
    struct guard *guard;
    char hash[64]; // of "secret"
};

static void write_config(struct fixture *f, const char *text)
{
    struct error err;
    assert_int_equal(file_write_atomic(f->path, str_from(text), &err), OK);
}

static void fixture_init(struct fixture *f, const char *text)
{
    struct error err = {0};
    *f = (struct fixture){.metrics = metrics_new()};
    log_fd_set(-1);
    snprintf(f->path, sizeof(f->path), "/tmp/lapwing-guard-XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    const char *hash = crypt("secret", SECRET);
    assert_non_null(hash);
    snprintf(f->hash, sizeof(f->hash), "%s", hash);
    clock_virtual_init(&f->clock, 1700000000000);
    write_config(f, text);
    if (guard_new(&f->guard, f->path, &f->clock.clock, f->metrics, &err))
        fail_msg("%s", err.text);
}

static void fixture_release(struct fixture *f)
{
    guard_free(f->guard);
    metrics_free(f->metrics);
    unlink(f->path);
}

static enum guard_verdict admit(struct fixture *f, const char *authorization)
{
    struct request r = {.authorization = str_from(authorization)};
    guard_refresh(f->guard);
    return guard_admit(f->guard, &r);
}

static enum guard_verdict check(struct fixture *f, const char *authorization)
{
    struct request r = {.authorization = str_from(authorization)};
    return guard_check(f->guard, &r);
}

#define ALICE_SECRET "Basic YWxpY2U6c2VjcmV0"
#define ALICE_WRONG  "Basic YWxpY2U6d3Jvbmc="
#define BOB_SECRET   "basic Ym9iOnNlY3JldA=="

static void passwords(void **state)
{
    (void)state;
    struct fixture f;
    char text[256];
    fixture_init(&f, "");
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    snprintf(text, sizeof(text), "basic_auth_users: {alice: %s}\n", f.hash);
    write_config(&f, text);
    assert_int_equal(admit(&f, ""), GUARD_REFUSED);
    // Each password is computed once, good or bad.
    static const struct {
        const char *header;
        enum guard_verdict verdict;
    } cases[] = {
        {ALICE_SECRET, GUARD_ADMITTED}, {ALICE_WRONG, GUARD_REFUSED}, {BOB_SECRET, GUARD_REFUSED}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(admit(&f, cases[i].header), GUARD_UNKNOWN);
        assert_int_equal(check(&f, cases[i].header), cases[i].verdict);
        assert_int_equal(admit(&f, cases[i].header), cases[i].verdict);
    }
    static const char *const malformed[] = {"Basic",
                                            "Basic YQ",
                                            "Basic !!!!",
                                            "Basic YQ==",
                                            "Bearer YWxpY2U6c2VjcmV0",
                                            "Basic YWxpY2UAOnNlY3JldA=="};
    for (size_t i = 0; i < COUNT_OF(malformed); i++)
        assert_int_equal(admit(&f, malformed[i]), GUARD_REFUSED);
    // Another hash for the same password is another question.
    snprintf(text, sizeof(text), "basic_auth_users: {alice: %s}\n",
             crypt("secret", "$2b$04$zyxwvutsrqponmlkjihgfe"));
    write_config(&f, text);
    assert_int_equal(admit(&f, ALICE_SECRET), GUARD_UNKNOWN);
    assert_int_equal(check(&f, ALICE_SECRET), GUARD_ADMITTED);
    fixture_release(&f);
}

// Guesses do not push out what is known to be good.
static void many_guesses(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "");
    struct auth *a = auth_new();
    struct web_user user = {STR("alice"), str_from(f.hash)};
    assert_int_equal(auth_check(a, &user, 1, STR(ALICE_SECRET)), AUTH_ACCEPTED);
    for (int i = 0; i < 300; i++) {
        char header[64];
        snprintf(header, sizeof(header), "Basic YWxpY2U6%04d", i + 1000); // some password
        assert_int_equal(auth_check(a, &user, 1, str_from(header)), AUTH_REFUSED);
    }
    assert_int_equal(auth_recall(a, &user, 1, STR(ALICE_SECRET)), AUTH_ACCEPTED);
    assert_int_equal(auth_recall(a, &user, 1, STR("Basic YWxpY2U61000")), AUTH_UNKNOWN);
    auth_free(a);
    fixture_release(&f);
}

static void rate_limit(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "rate_limit: {interval: 2s, burst: 2}\n");
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    assert_int_equal(admit(&f, ""), GUARD_LIMITED);
    clock_virtual_advance(&f.clock, 1000);
    assert_int_equal(admit(&f, ""), GUARD_LIMITED);
    clock_virtual_advance(&f.clock, 1000);
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    assert_int_equal(admit(&f, ""), GUARD_LIMITED);
    clock_virtual_advance(&f.clock, 3600000); // no more than the burst comes back
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    assert_int_equal(admit(&f, ""), GUARD_LIMITED);
    fixture_release(&f);
}

static void wrong_changes(void **state)
{
    (void)state;
    struct fixture f;
    char text[256];
    fixture_init(&f, "");
    struct metric *good =
        metrics_gauge(f.metrics, "lapwing_web_config_last_reload_successful",
                      "Whether the last loading of the web configuration went well.", "");
    snprintf(text, sizeof(text), "basic_auth_users: {alice: %s}\n", f.hash);
    write_config(&f, text);
    assert_int_equal(admit(&f, ""), GUARD_REFUSED);
    write_config(&f, "nonsense: {");
    assert_int_equal(admit(&f, ""), GUARD_REFUSED); // what was in force stays so
    assert_true(metric_value(good) == 0);
    unlink(f.path);
    assert_int_equal(admit(&f, ""), GUARD_REFUSED);
    write_config(&f, "");
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    assert_true(metric_value(good) == 1);
    write_config(&f, "tls_server_config: {cert_file: /nowhere, key_file: /nowhere}\n");
    assert_int_equal(admit(&f, ""), GUARD_ADMITTED);
    assert_true(metric_value(good) == 0);
    assert_null(guard_identity(f.guard));
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passwords),
        cmocka_unit_test(many_guesses),
        cmocka_unit_test(rate_limit),
        cmocka_unit_test(wrong_changes),
    };
    return UNIT_RUN(tests);
}
