// Listen addresses, good and bad.
#include <unistd.h>

#include "listen.h"
#include "unit.h"

static void splitting(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *host; // NULL: refused
        const char *port;
    } cases[] = {
        {":9090", "", "9090"},
        {"localhost:80", "localhost", "80"},
        {"127.0.0.1:0", "127.0.0.1", "0"},
        {"[::1]:9090", "::1", "9090"},
        {"[::]:9090", "::", "9090"},
        {"", NULL, NULL},
        {"9090", NULL, NULL},
        {"host:", NULL, NULL},
        {"host:http", NULL, NULL},
        {"host:65536", NULL, NULL},
        {"::1:9090", NULL, NULL},
        {"[]:9090", NULL, NULL},
        {"[::1:9090", NULL, NULL},
        {"host:-1", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str host, port;
        bool ok = listen_address_split(str_from(cases[i].address), &host, &port);
        assert_int_equal(ok, cases[i].host != NULL);
        if (ok) {
            assert_true(str_is(host, cases[i].host));
            assert_true(str_is(port, cases[i].port));
        }
    }
}

static void opening(void **state)
{
    (void)state;
    int fd, other;
    struct error err;
    char address[32];
    assert_int_equal(listen_open("127.0.0.1:0", &fd, &err), OK);
    assert_true(listen_port(fd) > 0);
    snprintf(address, sizeof(address), "127.0.0.1:%d", listen_port(fd));
    assert_int_not_equal(listen_open(address, &other, &err), OK);
    assert_non_null(strstr(err.text, "in use"));
    close(fd);
    assert_int_equal(listen_open("nonsense", &fd, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "expected HOST:PORT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitting),
        cmocka_unit_test(opening),
    };
    return UNIT_RUN(tests);
}
