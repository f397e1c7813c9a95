// The YAML tree: structure and positions, against the text it came from.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/yaml.h"

struct tree {
    struct arena arena;
    struct yaml_node *root;
    struct error err;
};

static int parse(struct tree *t, struct str text)
{
    *t = (struct tree){0};
    arena_init(&t->arena, 0);
    return yaml_parse(&t->root, text, &t->arena, &t->err);
}

// {a: [b, ~], c: "d"} of a tree, in one line; quoted scalars in single quotes.
static void dump(struct buf *out, const struct yaml_node *node)
{
    static const char open[] = "??[{";
    static const char close[] = "??]}";
    if (node->kind == YAML_NULL) {
        buf_cstr(out, "~");
    } else if (node->kind == YAML_SCALAR) {
        buf_printf(out, node->quoted ? "'%.*s'" : "%.*s", STR_ARG(node->text));
    } else {
        size_t count = 0;
        buf_char(out, open[node->kind]);
        for (const struct yaml_node *c = node->child; c; c = c->next) {
            buf_cstr(out, count++ ? ", " : "");
            if (c->key)
                buf_printf(out, "%.*s: ", STR_ARG(c->key->text));
            dump(out, c);
        }
        buf_char(out, close[node->kind]);
        assert_int_equal(count, node->child_count);
    }
}

static void test_structure(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "~"},
        {"# nothing\n", "~"},
        {"---\n", "~"},
        {"a", "a"},
        {"a: 1\nb: [x, 'y', \"z\"]\n", "{a: 1, b: [x, 'y', 'z']}"},
        {"a:\n- b: c\n  d: e\n- f\n", "{a: [{b: c, d: e}, f]}"},
        {"a:\nb: ~\nc: null\nd: 'null'\ne: ''\n", "{a: ~, b: ~, c: ~, d: 'null', e: ''}"},
        {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a: 'x\ny\n', b: 'x y'}"},
        {"{a: {b: []}, c: {}}", "{a: {b: []}, c: {}}"},
        {"a: !!str 1\nb: !!int 2", "{a: '1', b: 2}"},
        {"a: &x [1, 2]\nb: *x", "{a: [1, 2], b: [1, 2]}"},
        {"a: &x 1\nb: &x 2\nc: *x", "{a: 1, b: 2, c: 2}"},
        {"&k a: 1\nb: *k", "{a: 1, b: a}"},
        {"base: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3\n", "{base: {x: 1, y: 2}, c: {y: 3, x: 1}}"},
        {"b: &b {x: 1}\nd: &d {x: 2, z: 3}\nc:\n  <<: [*b, *d]\n",
         "{b: {x: 1}, d: {x: 2, z: 3}, c: {x: 1, z: 3}}"},
        {"c: {<<: {x: 1}, x: 2}", "{c: {x: 2}}"},
        {"'<<': 1", "{<<: 1}"},
        {"\xef\xbb\xbf"
         "a: 1",
         "{a: 1}"},
        {"a: \xc3\xa9\nb: \xf0\x9f\x99\x82", "{a: \xc3\xa9, b: \xf0\x9f\x99\x82}"},
        {"a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"},
        {"a: yes\nb: 1e3\nc: 0x10\nd: 09:00\n", "{a: yes, b: 1e3, c: 0x10, d: 09:00}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tree t;
        struct buf out = BUF_INIT;
        if (parse(&t, str_from(cases[i].text)))
            fail_msg("%s: %s", cases[i].text, t.err.text);
        dump(&out, t.root);
        assert_string_equal(buf_text(&out), cases[i].expected);
        buf_release(&out);
        arena_release(&t.arena);
    }
}

static void test_errors(void **state)
{
    static const struct {
        const char *text;
        int line, column;
        const char *expected;
    } cases[] = {
        {"a: 1\na: 2\n", 2, 1, "the key \"a\" is already given on line 1"},
        {"x: {b: 1, c: 2, b: 3}", 1, 17, "the key \"b\" is already given on line 1"},
        {"a: *x", 1, 4, "the alias *x has no anchor &x before it"},
        {"a: &x [*x]", 1, 8, "the alias *x stands inside of its own anchor"},
        {"a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"},
        {"? [a]\n: b\n", 1, 3, "a mapping's key must be plain text"},
        {"a: !!binary aGk=", 1, 13, "the tag tag:yaml.org,2002:binary is not known here"},
        {"a: !x b", 1, 7, "the tag !x is not known here"},
        {"a:\n  <<: 1\n", 2, 7, "<< takes a mapping or a list of mappings"},
        {"a: b: c\n", 1, 5, "mapping values are not allowed in this context"},
        {"a: [1, 2\nb: 3\n", 2, 2, "did not find expected ',' or ']'"},
        {"a: 'x\n", 2, 1, "found unexpected end of stream"},
        {"a:\n\t- b\n", 2, 1, "found character that cannot start any token"},
        {"a: \xff\n", 1, 4, "not UTF-8 text: byte 0xff"},
        {"k: v\n\xc3\xa9: \x01\n", 2, 5, "control characters are not allowed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tree t;
        assert_int_not_equal(parse(&t, str_from(cases[i].text)), 0);
        if (!strstr(t.err.text, cases[i].expected))
            fail_msg("%s: got %s", cases[i].text, t.err.text);
        if (t.err.line != cases[i].line || t.err.column != cases[i].column)
            fail_msg("%s: at %d:%d", cases[i].text, t.err.line, t.err.column);
        arena_release(&t.arena);
    }
}

static void test_positions(void **state)
{
    struct tree t;
    (void)state;
    struct str text = STR("# note\n\xc3\xa9: first\nquoted: 'it''s'\nblock: |2\n\n    text\n"
                          "tagged: !!str &a   x\nlist:\n  - \xc3\xa9 \xc3\xa9\n");
    assert_int_equal(parse(&t, text), 0);
    const struct yaml_node *n = yaml_get(t.root, "\xc3\xa9");
    assert_int_equal(n->line, 2);
    assert_int_equal(n->column, 5); // bytes
    n = yaml_get(t.root, "quoted");
    assert_int_equal(n->column, 9);
    assert_int_equal(n->content_column, 10);
    assert_memory_equal(text.ptr + n->offset, "'it''s'", n->size);
    n = yaml_get(t.root, "block");
    assert_int_equal(n->line, 4);
    assert_int_equal(n->content_line, 6);
    assert_int_equal(n->content_column, 5);
    n = yaml_get(t.root, "tagged");
    assert_memory_equal(text.ptr + n->offset, "x", n->size);
    assert_int_equal(n->column, 20);
    n = yaml_get(t.root, "list")->child;
    assert_int_equal(n->line, 9);
    assert_int_equal(n->size, 5);
    assert_null(yaml_get(t.root, "missing"));
    assert_null(yaml_get(n, "x"));
    assert_null(yaml_get(NULL, "x"));
    arena_release(&t.arena);
}

static void test_billion_laughs(void **state)
{
    struct buf text = BUF_INIT;
    struct tree t;
    (void)state;
    buf_cstr(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            buf_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
        buf_cstr(&text, "]\n");
    }
    assert_int_equal(parse(&t, buf_view(&text)), ERR_LIMIT);
    assert_true(t.arena.used < 1 << 20);
    arena_release(&t.arena);
    buf_release(&text);
}

static void nested(struct buf *text, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_char(text, '[');
    for (int i = 0; i < depth; i++)
        buf_char(text, ']');
}

static void test_depth(void **state)
{
    struct tree t;
    (void)state;
    for (int depth = YAML_DEPTH_MAX - 1; depth <= YAML_DEPTH_MAX + 1; depth++) {
        struct buf text = BUF_INIT;
        nested(&text, depth);
        assert_int_equal(parse(&t, buf_view(&text)), depth > YAML_DEPTH_MAX ? ERR_LIMIT : 0);
        arena_release(&t.arena);
        buf_release(&text);
    }
    // Aliases add their anchors' depth.
    struct buf text = BUF_INIT;
    buf_cstr(&text, "- &a ");
    nested(&text, 40);
    buf_cstr(&text, "\n- ");
    for (int i = 0; i < 30; i++)
        buf_cstr(&text, "[");
    buf_cstr(&text, "*a");
    for (int i = 0; i < 30; i++)
        buf_cstr(&text, "]");
    assert_int_equal(parse(&t, buf_view(&text)), ERR_LIMIT);
    arena_release(&t.arena);
    buf_release(&text);
}

static void test_many_keys(void **state)
{
    struct buf text = BUF_INIT;
    struct tree t;
    (void)state;
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "key_%d: %d\n", i, i);
    assert_int_equal(parse(&t, buf_view(&text)), 0);
    assert_int_equal(t.root->child_count, 20000);
    arena_release(&t.arena);
    buf_cstr(&text, "key_77: again\n");
    assert_int_not_equal(parse(&t, buf_view(&text)), 0);
    assert_int_equal(t.err.line, 20001);
    arena_release(&t.arena);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_positions), cmocka_unit_test(test_billion_laughs),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_many_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
