// Names for those who do not know UTF-8: each scheme, and the way back.
#include "escape.h"

#include "unit.h"

static void schemes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *underscores, *dots, *values;
    } cases[] = {
        {"up", "up", "up", "up"},
        {"a_b:c1", "a_b:c1", "a__b:c1", "a_b:c1"},
        {"a.b", "a_b", "a_dot_b", "U__a_2e_b"},
        {"a.b_c", "a_b_c", "a_dot_b__c", "U__a_2e_b__c"},
        {"1st", "_st", "__st", "U___31_st"},
        {"x y", "x_y", "x__y", "U__x_20_y"},
        {"\xc3\xa9t\xc3\xa9", "_t_", "__t__", "U___e9_t_e9_"},
        {"\xf0\x9f\x98\x80", "_", "__", "U___1f600_"},
    };
    struct arena arena;
    struct buf b = BUF_INIT;
    arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str name = str_from(cases[i].name);
        name_escape(&b, name, ESCAPE_UNDERSCORES);
        assert_string_equal(buf_text(&b), cases[i].underscores);
        buf_reset(&b);
        name_escape(&b, name, ESCAPE_DOTS);
        assert_string_equal(buf_text(&b), cases[i].dots);
        buf_reset(&b);
        name_escape(&b, name, ESCAPE_VALUES);
        assert_string_equal(buf_text(&b), cases[i].values);
        assert_true(str_eq(name_unescape(&arena, buf_view(&b)), name));
        buf_reset(&b);
        name_escape(&b, name, ESCAPE_NONE);
        assert_string_equal(buf_text(&b), cases[i].name);
        buf_reset(&b);
    }
    buf_release(&b);
    arena_release(&arena);
}

static void malformed(void **state)
{
    (void)state;
    static const char *const names[] = {"U__a_",   "U__a_xyz_", "U__a_110000_", "U__a_d800_",
                                        "U__a_2e", "U_a_2e_b",  "a_2e_b"};
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_true(str_is(name_unescape(&arena, str_from(names[i])), names[i]));
    arena_release(&arena);
}

static void negotiated(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum name_escaping scheme;
    } cases[] = {
        {"", ESCAPE_UNDERSCORES},
        {"*/*", ESCAPE_UNDERSCORES},
        {"text/plain;version=0.0.4;escaping=allow-utf-8", ESCAPE_NONE},
        {"application/openmetrics-text; version=1.0.0; escaping=values;q=0.5,text/plain;q=0.2",
         ESCAPE_VALUES},
        {"text/plain;escaping=dots,*/*;escaping=values", ESCAPE_DOTS},
        {"text/plain;escaping=unheard-of", ESCAPE_UNDERSCORES},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(name_escaping_accepted(str_from(cases[i].accept)), cases[i].scheme);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemes),
        cmocka_unit_test(malformed),
        cmocka_unit_test(negotiated),
    };
    return UNIT_RUN(tests);
}
