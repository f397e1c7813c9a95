// docs/http-api.md and the table of paths are the same list.
#include "base/file.h"
#include "base/mem.h"
#include "routes.h"
#include "unit.h"

static struct buf page;

// "GET, POST /path" as the page's headings have it; the methods in any order.
static bool is_heading_of(struct str heading, const struct route *route)
{
    static const struct {
        const char *name;
        unsigned method;
    } names[] = {{"GET", HTTP_GET}, {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
                 {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}};
    size_t space = str_find_last(heading, ' ');
    if (space == heading.len || !str_is(str_skip(heading, space + 1), route->path))
        return false;
    struct str methods = str_first(heading, space), name;
    unsigned bits = 0;
    while (str_next(&methods, ',', &name)) {
        for (size_t i = 0; i < COUNT_OF(names); i++)
            bits |= str_is(str_trim(name), names[i].name) ? names[i].method : 0;
    }
    return bits == route->methods;
}

static bool next_heading(struct str *rest, struct str *out)
{
    struct str line;
    while (str_next(rest, '\n', &line)) {
        if (!str_has_prefix(line, STR("### `")))
            continue;
        *out = str_skip(line, 5);
        out->len = str_find(*out, '`');
        return true;
    }
    return false;
}

static void every_route_is_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < route_count(); i++) {
        struct str rest = buf_view(&page), heading;
        bool found = false;
        while (!found && next_heading(&rest, &heading))
            found = is_heading_of(heading, route_at(i));
        if (!found) {
            struct buf allow = BUF_INIT;
            route_allow(route_at(i), &allow);
            fail_msg("docs/http-api.md has no heading ### `METHODS %s` with %s", route_at(i)->path,
                     buf_text(&allow));
        }
    }
}

static void every_heading_is_a_route(void **state)
{
    (void)state;
    struct str rest = buf_view(&page), heading;
    size_t count = 0;
    while (next_heading(&rest, &heading)) {
        bool found = false;
        for (size_t i = 0; i < route_count() && !found; i++)
            found = is_heading_of(heading, route_at(i));
        if (!found)
            fail_msg("docs/http-api.md: no such path: %.*s", STR_ARG(heading));
        count++;
    }
    assert_int_equal(count, route_count()); // none twice
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_documented),
        cmocka_unit_test(every_heading_is_a_route),
    };
    struct error err;
    if (file_read("docs/http-api.md", 1 << 20, &page, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int failed = UNIT_RUN(tests);
    buf_release(&page);
    return failed;
}
