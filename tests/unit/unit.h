// What every unit test includes: cmocka, with the headers it wants before it.
#ifndef UNIT_H
#define UNIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

#define UNIT_RUN(tests) cmocka_run_group_tests((tests), NULL, NULL)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// The buffer holds exactly this text; it is emptied for the next check.
#define assert_buf(b, expected)                                                                    \
    do {                                                                                           \
        assert_string_equal(buf_text(b), (expected));                                              \
        buf_reset(b);                                                                              \
    } while (0)

#define assert_str(s, expected)                                                                    \
    do {                                                                                           \
        struct str actual_ = (s);                                                                  \
        struct str expected_ = str_from(expected);                                                 \
        if (!str_eq(actual_, expected_))                                                           \
            fail_msg("got \"%.*s\", expected \"%.*s\"", STR_ARG(actual_), STR_ARG(expected_));     \
    } while (0)

#endif
