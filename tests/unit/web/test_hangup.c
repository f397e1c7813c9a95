// Clients that hang up raise the cancel flag of their request, and of no other.
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hangup.h"
#include "unit.h"

static void wait_raised(const struct cancel *c)
{
    for (int i = 0; i < 10000000 && !cancel_raised(c); i++)
        sched_yield();
    assert_true(cancel_raised(c));
}

static void closing_raises(void **state)
{
    (void)state;
    struct hangup_watch *w;
    struct error err;
    struct cancel first, second;
    int a[2], b[2];
    cancel_init(&first);
    cancel_init(&second);
    assert_int_equal(hangup_watch_new(&w, 2, &err), OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    uint32_t first_number = hangup_watch_add(w, a[0], &first);
    uint32_t second_number = hangup_watch_add(w, b[0], &second);
    assert_int_equal(hangup_watch_add(w, b[0], &second), HANGUP_NONE); // full
    assert_int_equal(write(b[1], "x", 1), 1);                          // data is no hang-up
    close(a[1]);
    wait_raised(&first);
    assert_false(cancel_raised(&second));
    hangup_watch_remove(w, first_number);
    hangup_watch_raise_all(w);
    assert_true(cancel_raised(&second));
    hangup_watch_remove(w, second_number);
    hangup_watch_remove(w, HANGUP_NONE);
    hangup_watch_free(w);
    hangup_watch_free(NULL);
    close(a[0]);
    close(b[0]);
    close(b[1]);
}

static void a_removed_request_is_left_alone(void **state)
{
    (void)state;
    struct hangup_watch *w;
    struct error err;
    struct cancel gone, next;
    int a[2], b[2];
    cancel_init(&gone);
    cancel_init(&next);
    assert_int_equal(hangup_watch_new(&w, 1, &err), OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
    hangup_watch_remove(w, hangup_watch_add(w, a[0], &gone));
    close(a[1]);
    uint32_t number = hangup_watch_add(w, b[0], &next); // the same slot
    close(b[1]);
    wait_raised(&next);
    assert_false(cancel_raised(&gone));
    hangup_watch_remove(w, number);
    hangup_watch_free(w);
    close(a[0]);
    close(b[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closing_raises),
        cmocka_unit_test(a_removed_request_is_left_alone),
    };
    return UNIT_RUN(tests);
}
