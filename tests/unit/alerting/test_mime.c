#include "unit.h"

#include "mime.h"

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *expected;
    } cases[] = {
        {"Subject", "plain", "Subject: plain\r\n"},
        {"Subject", " a\r\nBcc: evil@example.org\r\n\r\nbody",
         "Subject: a  Bcc: evil@example.org    body\r\n"},
        {"Subject", "gr\xc3\xbc\xc3\x9f", "Subject: =?utf-8?b?Z3LDvMOf?=\r\n"},
        {"To", "a@b.org", "To: a@b.org\r\n"},
        {"To", "Ann <a@b.org>, c@d.org", "To: Ann <a@b.org>,\r\n c@d.org\r\n"},
        {"From", "J\xc3\xb6rg <j@b.org>", "From: =?utf-8?b?SsO2cmc=?= <j@b.org>\r\n"},
        {"From", "\"J\xc3\xb6rg, the first\" <j@b.org>",
         "From: =?utf-8?b?SsO2cmcsIHRoZSBmaXJzdA==?= <j@b.org>\r\n"},
        {"X-Long",
         "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
         "X-Long: one two three four five six seven eight nine ten eleven twelve\r\n"
         " thirteen fourteen\r\n"},
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(mime_header(&out, str_from(cases[i].name), str_from(cases[i].value)));
        assert_buf(&out, cases[i].expected);
    }
    static const char *const bad[] = {"", "A b", "A:", "A\r\nB", "\xc3\xbc"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_false(mime_header(&out, str_from(bad[i]), STR("x")));
    assert_int_equal(out.len, 0);
    buf_release(&out);
}

// No line of a header is longer than RFC 5322 allows, whatever the value.
static void test_long_headers(void **state)
{
    (void)state;
    struct buf value = BUF_INIT, out = BUF_INIT;
    for (int i = 0; i < 3000; i++)
        buf_cstr(&value, i % 2 ? "x" : "\xe2\x82\xac");
    assert_true(mime_header(&out, STR("Subject"), buf_view(&value)));
    struct str rest = buf_view(&out), line;
    while (str_next(&rest, '\n', &line))
        assert_true(line.len <= 90);
    buf_reset(&value);
    buf_reset(&out);
    for (int i = 0; i < 3000; i++)
        buf_char(&value, 'x');
    assert_true(mime_header(&out, STR("Subject"), buf_view(&value)));
    rest = buf_view(&out);
    while (str_next(&rest, '\n', &line))
        assert_true(line.len <= 90);
    buf_release(&value);
    buf_release(&out);
}

static void test_quoted_printable(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"a=b", "a=3Db"},
        {"end \nnext\t", "end=20\r\nnext=09"},
        {"two\r\nlines\n", "two\r\nlines\r\n"},
        {"\xc3\xbc.", "=C3=BC."},
        {".", "."},
    };
    struct buf out = BUF_INIT, text = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        mime_quoted_printable(&out, str_from(cases[i].text));
        assert_buf(&out, cases[i].expected);
    }
    for (int i = 0; i < 500; i++)
        buf_cstr(&text, i % 7 ? "x" : "=");
    mime_quoted_printable(&out, buf_view(&text));
    struct str rest = buf_view(&out), line;
    while (str_next(&rest, '\n', &line))
        assert_true(line.len <= 77); // with its CR
    buf_release(&out);
    buf_release(&text);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *expected; // NULL: refused
    } cases[] = {
        {"a@b.org", "a@b.org "},
        {" a@b.org , c@d.org,", "a@b.org c@d.org "},
        {"Ann <a@b.org>", "a@b.org "},
        {"\"Ann, B. <x>\" <a@b.org>, c@d.org", "a@b.org c@d.org "},
        {"", ""},
        {"nobody", NULL},
        {"a@b.org c@d.org", NULL},
        {"a@b.org>\r\nRCPT TO:<x@y", NULL},
        {"<a@b.org", NULL},
        {"@b.org", NULL},
        {"a@", NULL},
    };
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str *found;
        size_t count;
        struct error err = {0};
        int rc = mime_addresses(str_from(cases[i].list), &arena, &found, &count, &err);
        if (!cases[i].expected) {
            assert_int_equal(rc, ERR_INVALID);
            continue;
        }
        struct buf out = BUF_INIT;
        assert_int_equal(rc, 0);
        for (size_t j = 0; j < count; j++)
            buf_printf(&out, "%.*s ", STR_ARG(found[j]));
        assert_string_equal(buf_text(&out), cases[i].expected);
        buf_release(&out);
    }
    arena_release(&arena);
}

static void test_date(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    mime_date(&out, 1700000000123);
    assert_buf(&out, "Tue, 14 Nov 2023 22:13:20 +0000");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_long_headers),
        cmocka_unit_test(test_quoted_printable),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_date),
    };
    return UNIT_RUN(tests);
}
