// Request targets, parameters, header lists.
#include "unit.h"

#include "request.h"

static void url_decoding(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool plus;
        const char *out; // NULL: refused
        const char *bad;
    } cases[] = {
        {"", true, "", NULL},
        {"up", true, "up", NULL},
        {"a+b", true, "a b", NULL},
        {"a+b", false, "a+b", NULL},
        {"%7Bjob%3d%22x%22%7d", true, "{job=\"x\"}", NULL},
        {"100%25", true, "100%", NULL},
        {"%", true, NULL, "%"},
        {"a%2", true, NULL, "%2"},
        {"%zz1", true, NULL, "%zz"},
        {"%%41", true, NULL, "%%4"},
        {"%c3%a9", false, "\xc3\xa9", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a;
        struct str out, bad;
        arena_init(&a, 0);
        bool ok = url_decode(&a, str_from(cases[i].in), cases[i].plus, &out, &bad);
        assert_int_equal(ok, cases[i].out != NULL);
        assert_true(ok ? str_is(out, cases[i].out) : str_is(bad, cases[i].bad));
        arena_release(&a);
    }
}

static void make(struct request *r, enum http_method method, const char *target, const char *type,
                 const char *body)
{
    request_init(r);
    r->method = method;
    r->content_type = str_from(type);
    r->body = str_from(body);
    request_set_target(r, str_from(target));
}

static void form_comes_before_query(void **state)
{
    (void)state;
    struct request r;
    struct error err;
    size_t count;
    make(&r, HTTP_POST, "/x?a=url&b=2&match[]=u",
         "application/x-www-form-urlencoded; charset=UTF-8", "a=form&match%5B%5D=f&&=empty&c");
    assert_int_equal(request_parse_params(&r, &err), OK);
    assert_true(str_is(r.path, "/x"));
    assert_true(str_is(request_param(&r, "a"), "form"));
    assert_true(str_is(request_param(&r, "b"), "2"));
    assert_true(str_is(request_param(&r, ""), "empty"));
    assert_int_equal(request_param(&r, "c").len, 0);
    assert_int_equal(request_param(&r, "absent").len, 0);
    struct str *all = request_param_all(&r, "match[]", &count);
    assert_int_equal(count, 2);
    assert_true(str_is(all[0], "f"));
    assert_true(str_is(all[1], "u"));
    request_release(&r);
}

static void multipart_form(void **state)
{
    (void)state;
    static const char body[] =
        "--b1\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n"
        "up{a=\"b\"}\r\n& 1%\r\n"
        "--b1\r\nContent-Type: text/plain\r\n"
        "content-disposition: form-data; name=time\r\n\r\n12\r\n"
        "--b1\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\nno\r\n"
        "--b1--\r\n";
    struct request r;
    struct error err;
    make(&r, HTTP_POST, "/x?time=9&end=3", "multipart/form-data; boundary=\"b1\"", body);
    assert_int_equal(request_parse_params(&r, &err), OK);
    assert_true(str_is(request_param(&r, "query"), "up{a=\"b\"}\r\n& 1%"));
    assert_true(str_is(request_param(&r, "time"), "12"));
    assert_true(str_is(request_param(&r, "end"), "3"));
    assert_int_equal(request_param(&r, "f").len, 0);
    request_release(&r);
    make(&r, HTTP_POST, "/x", "multipart/form-data; boundary=b1", "--b1\r\n--b1\r\n\r\n--b1--");
    assert_int_equal(request_parse_params(&r, &err), OK);
    assert_int_equal(r.param_count, 0);
    request_release(&r);
    static const char *const wrong[] = {"", "--b2\r\n", "--b1\r\nContent-Disposition: x"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        make(&r, HTTP_POST, "/x", "multipart/form-data; boundary=b1", wrong[i]);
        assert_int_equal(request_parse_params(&r, &err), ERR_INVALID);
        request_release(&r);
    }
}

static void target_of_a_proxy(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"http://other:9/a/b?c=d", "/a/b", "c=d"},
        {"https://other/a", "/a", ""},
        {"http://other", "/", ""},
        {"/http://x?y", "/http://x", "y"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct request r;
        make(&r, HTTP_GET, cases[i].target, "", "");
        assert_true(str_is(r.path, cases[i].path));
        assert_true(str_is(r.query, cases[i].query));
        request_release(&r);
    }
}

static void body_of_another_type_is_no_form(void **state)
{
    (void)state;
    struct request r;
    struct error err;
    make(&r, HTTP_POST, "/x", "application/json", "a=1");
    assert_int_equal(request_parse_params(&r, &err), OK);
    assert_int_equal(r.param_count, 0);
    request_release(&r);
    make(&r, HTTP_GET, "/x", "application/x-www-form-urlencoded", "a=1");
    assert_int_equal(request_parse_params(&r, &err), OK);
    assert_int_equal(r.param_count, 0);
    request_release(&r);
}

static void bad_escape_is_named(void **state)
{
    (void)state;
    struct request r;
    struct error err;
    make(&r, HTTP_GET, "/x?query=%zz", NULL, NULL);
    assert_int_equal(request_parse_params(&r, &err), ERR_INVALID);
    assert_string_equal(err.text, "error parsing form values: invalid URL escape \"%zz\"");
    request_release(&r);
}

static void parameter_count_is_limited(void **state)
{
    (void)state;
    struct request r;
    struct error err;
    struct buf target = BUF_INIT;
    buf_cstr(&target, "/x?");
    for (int i = 0; i <= PARAM_COUNT_MAX; i++)
        buf_cstr(&target, "a&");
    make(&r, HTTP_GET, buf_text(&target), NULL, NULL);
    assert_int_equal(request_parse_params(&r, &err), ERR_LIMIT);
    request_release(&r);
    buf_release(&target);
}

static void accepted_codings(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool gzip;
    } cases[] = {
        {"", false},           {"gzip", true},
        {"GZIP", true},        {"deflate, gzip;q=0.5", true},
        {"gzip;q=0", false},   {"gzip; q=0.000, *", false},
        {"gzip;q=0.01", true}, {"*", true},
        {"*;q=0", false},      {"zstd, br", false},
        {"xgzip", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(header_accepts(str_from(cases[i].header), "gzip"), cases[i].gzip);
}

static void media_types(void **state)
{
    (void)state;
    assert_true(str_is(media_type(STR("text/plain; charset=utf-8")), "text/plain"));
    assert_true(str_is(media_type(STR(" a/b ")), "a/b"));
    assert_int_equal(media_type(str_from(NULL)).len, 0);
    assert_int_equal(http_method_parse(STR("OPTIONS")), HTTP_OPTIONS);
    assert_int_equal(http_method_parse(STR("get")), HTTP_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_decoding),
        cmocka_unit_test(form_comes_before_query),
        cmocka_unit_test(multipart_form),
        cmocka_unit_test(target_of_a_proxy),
        cmocka_unit_test(body_of_another_type_is_no_form),
        cmocka_unit_test(bad_escape_is_named),
        cmocka_unit_test(parameter_count_is_limited),
        cmocka_unit_test(accepted_codings),
        cmocka_unit_test(media_types),
    };
    return UNIT_RUN(tests);
}
