// What /api/v1/parse_query and format_query say of an expression.
#include "unit.h"
#include "web/fixture.h"

struct parsed {
    const char *query; // escaped for an address
    const char *data;
};

#define MATCHER(name, type, value)                                                                 \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"value\":\"" value "\"}"
#define SELECTOR(name)                                                                             \
    "{\"anchored\":false,\"matchers\":[" MATCHER(                                                  \
        "__name__", "=", name) "],\"name\":\"" name                                                \
                               "\",\"offset\":0,\"offsetExpr\":null,\"smoothed\":false,"           \
                               "\"startOrEnd\":null,\"timestamp\":null,"                           \
                               "\"type\":\"vectorSelector\"}"
#define NUMBER(text) "{\"type\":\"numberLiteral\",\"val\":\"" text "\"}"
#define MATCHING(card, include, labels, on)                                                        \
    "{\"card\":\"" card "\",\"fillValues\":{\"lhs\":null,\"rhs\":null},\"include\":[" include      \
    "],\"labels\":[" labels "],\"on\":" on "}"

static const struct parsed cases[] = {
    {"1e3", NUMBER("1000")},
    {"-Inf", NUMBER("-Inf")},
    {"5m", NUMBER("300")},
    {"%22a%5C%22b%22", "{\"type\":\"stringLiteral\",\"val\":\"a\\\"b\"}"},
    {"up", SELECTOR("up")},
    {"up%7Bjob!~%22a.*%22%7D%20offset%20-5m%20@%2012.5",
     "{\"anchored\":false,\"matchers\":[" MATCHER("job", "!~", "a.*") "," MATCHER(
         "__name__", "=",
         "up") "],\"name\":\"up\",\"offset\":-300000,\"offsetExpr\":null,\"smoothed\":false,"
               "\"startOrEnd\":null,\"timestamp\":12500,"
               "\"type\":\"vectorSelector\"}"},
    {"up[90s]%20@%20end()",
     "{\"anchored\":false,\"matchers\":[" MATCHER(
         "__name__", "=",
         "up") "],\"name\":\"up\",\"offset\":0,\"offsetExpr\":null,\"range\":90000,\"rangeExpr\":"
               "null,\"smoothed\":false,"
               "\"startOrEnd\":\"end\",\"timestamp\":null,\"type\":\"matrixSelector\"}"},
    {"up[1h:1m]%20offset%201d%20@%20start()",
     "{\"expr\":" SELECTOR(
         "up") ",\"offset\":86400000,\"offsetExpr\":null,\"range\":3600000,\"rangeExpr\":null,"
               "\"startOrEnd\":\"start\","
               "\"step\":60000,\"stepExpr\":null,\"timestamp\":null,\"type\":\"subquery\"}"},
    {"up[1h:]", "{\"expr\":" SELECTOR(
                    "up") ",\"offset\":0,\"offsetExpr\":null,\"range\":3600000,\"rangeExpr\":null,"
                          "\"startOrEnd\":null,"
                          "\"step\":0,\"stepExpr\":null,\"timestamp\":null,\"type\":\"subquery\"}"},
    {"-(up)", "{\"expr\":{\"expr\":" SELECTOR(
                  "up") ",\"type\":\"parenExpr\"},\"op\":\"-\",\"type\":\"unaryExpr\"}"},
    {"round(up,2)", "{\"args\":[" SELECTOR("up") "," NUMBER(
                        "2") "],\"func\":{\"argTypes\":[\"vector\",\"scalar\"],\"name\":\"round\","
                             "\"returnType\":\"vector\",\"variadic\":1},\"type\":\"call\"}"},
    {"time()", "{\"args\":[],\"func\":{\"argTypes\":[],\"name\":\"time\",\"returnType\":\"scalar\","
               "\"variadic\":0},\"type\":\"call\"}"},
    {"sum(up)", "{\"expr\":" SELECTOR("up") ",\"grouping\":[],\"op\":\"sum\",\"param\":null,"
                                            "\"type\":\"aggregation\",\"without\":false}"},
    {"topk%20without(a,b)(3,up)",
     "{\"expr\":" SELECTOR("up") ",\"grouping\":[\"a\",\"b\"],\"op\":\"topk\",\"param\":" NUMBER(
         "3") ",\"type\":\"aggregation\",\"without\":true}"},
    {"a%3Ebool%201",
     "{\"bool\":true,\"lhs\":" SELECTOR("a") ",\"matching\":null,\"op\":\">\","
                                             "\"rhs\":" NUMBER("1") ",\"type\":\"binaryExpr\"}"},
    {"a%2Bb", "{\"bool\":false,\"lhs\":" SELECTOR("a") ",\"matching\":" MATCHING(
                  "one-to-one", "", "", "false") ",\"op\":\"+\",\"rhs\":" SELECTOR("b") ",\"type\":"
                                                                                        "\"binary"
                                                                                        "Expr\"}"},
    {"a/on(x,y)group_left(z)b",
     "{\"bool\":false,\"lhs\":" SELECTOR("a") ",\"matching\":" MATCHING(
         "many-to-one", "\"z\"", "\"x\",\"y\"",
         "true") ",\"op\":\"/\",\"rhs\":" SELECTOR("b") ",\"type\":\"binaryExpr\"}"},
    {"a%20unless%20ignoring(x)b",
     "{\"bool\":false,\"lhs\":" SELECTOR("a") ",\"matching\":" MATCHING(
         "many-to-many", "", "\"x\"",
         "false") ",\"op\":\"unless\",\"rhs\":" SELECTOR("b") ",\"type\":\"binaryExpr\"}"},
};

static void check(struct fixture *f, const char *target, int status, const char *body)
{
    struct answer a;
    get(f, target, &a);
    if (a.status != status || !str_is(a.body, body))
        fail_msg("%s: got %d %.*s\nexpected %d %s", target, a.status, STR_ARG(a.body), status,
                 body);
    answer_release(&a);
}

static void trees(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf target = BUF_INIT, body = BUF_INIT;
        buf_printf(&target, "/api/v1/parse_query?query=%s", cases[i].query);
        buf_printf(&body, "{\"status\":\"success\",\"data\":%s}", cases[i].data);
        check(&f, buf_text(&target), 200, buf_text(&body));
        buf_release(&target);
        buf_release(&body);
    }
    check(&f, "/api/v1/parse_query?query=1%2B", 400,
          "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid parameter "
          "\\\"query\\\": 1:3: parse error: unexpected end of input\"}");
    check(&f, "/api/v1/format_query?query=sum(a)by(b)", 200,
          "{\"status\":\"success\",\"data\":\"sum by (b) (a)\"}");
    fixture_release(&f);
}

static void post(struct fixture *f, const char *path, const struct buf *form, struct answer *a)
{
    client_call(f->port, "POST", path, "Content-Type: application/x-www-form-urlencoded\r\n",
                buf_view(form), a);
}

// A sum is as deep as it is long: no thread's stack may run out over it.
static void long_sums(void **state)
{
    static const char *const paths[] = {"/api/v1/parse_query", "/api/v1/format_query",
                                        "/api/v1/query"};
    struct fixture f;
    struct answer a;
    struct buf form = BUF_INIT;
    (void)state;
    fixture_init(&f, NULL);
    buf_cstr(&form, "query=a");
    for (int i = 0; i < 2000; i++)
        buf_cstr(&form, "%2Ba");
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        post(&f, paths[i], &form, &a);
        assert_int_equal(a.status, 200);
        answer_release(&a);
    }
    buf_cstr(&form, "%2Ba");
    post(&f, "/api/v1/query", &form, &a);
    assert_int_equal(a.status, 400);
    assert_true(contains(a.body, "more than 2000 binary operators"));
    answer_release(&a);
    buf_release(&form);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees),
        cmocka_unit_test(long_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
