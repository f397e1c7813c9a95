#include "request.h"

enum http_method http_method_parse(struct str name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {
        {"GET", HTTP_GET}, {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
        {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS},
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (str_is(name, methods[i].name))
            return methods[i].method;
    }
    return HTTP_OTHER;
}

void request_init(struct request *r)
{
    *r = (struct request){.method = HTTP_GET};
    arena_init(&r->arena, REQUEST_MEMORY_MAX);
    cancel_init(&r->cancel);
}

void request_release(struct request *r)
{
    arena_release(&r->arena);
}

// What a proxy sends is a whole URL: the host is ours, whatever it says.
static struct str without_host(struct str target)
{
    static const struct str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (!str_has_prefix(target, schemes[i]))
            continue;
        target = str_skip(target, schemes[i].len);
        size_t slash = str_find(target, '/');
        return slash < target.len ? str_skip(target, slash) : STR("/");
    }
    return target;
}

void request_set_target(struct request *r, struct str target)
{
    target = without_host(target);
    str_cut(arena_copy(&r->arena, target), '?', &r->path, &r->query);
}

bool url_decode(struct arena *a, struct str in, bool plus_is_space, struct str *out,
                struct str *bad)
{
    if (str_find(in, '%') == in.len && (!plus_is_space || str_find(in, '+') == in.len)) {
        *out = in;
        return true;
    }
    char *text = arena_alloc(a, in.len);
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] == '%') {
            struct str escape = str_make(in.ptr + i, in.len - i < 3 ? in.len - i : 3);
            int high = escape.len == 3 ? hex_digit(escape.ptr[1]) : -1;
            int low = escape.len == 3 ? hex_digit(escape.ptr[2]) : -1;
            if (high < 0 || low < 0) {
                *bad = escape;
                return false;
            }
            text[len++] = (char)(high << 4 | low);
            i += 2;
        } else {
            text[len++] = plus_is_space && in.ptr[i] == '+' ? ' ' : in.ptr[i];
        }
    }
    *out = str_make(text, len);
    return true;
}

// Makes room for one more; the caller fills it in and counts it.
static int new_param(struct request *r, struct param **out, struct error *err)
{
    if (r->param_count >= PARAM_COUNT_MAX)
        return error_set(err, ERR_LIMIT, "error parsing form values: more than %d parameters",
                         PARAM_COUNT_MAX);
    ARENA_GROW(&r->arena, r->params, r->param_count, r->param_capacity);
    *out = &r->params[r->param_count];
    return OK;
}

static int add_param(struct request *r, struct str pair, struct error *err)
{
    struct str name, value, bad;
    struct param *param;
    str_cut(pair, '=', &name, &value);
    int rc = new_param(r, &param, err);
    if (rc)
        return rc;
    if (!url_decode(&r->arena, name, true, &param->name, &bad) ||
        !url_decode(&r->arena, value, true, &param->value, &bad))
        return error_set(err, ERR_INVALID, "error parsing form values: invalid URL escape \"%.*s\"",
                         STR_ARG(bad));
    r->param_count++;
    return OK;
}

static int add_params(struct request *r, struct str encoded, struct error *err)
{
    struct str pair;
    while (str_next(&encoded, '&', &pair)) {
        int rc = pair.len ? add_param(r, pair, err) : OK;
        if (rc)
            return rc;
    }
    return OK;
}

// A parameter of a header such as `multipart/form-data; boundary=x`, quotes removed; empty: none.
static struct str header_param(struct str header, const char *wanted)
{
    struct str piece, name, value;
    str_next(&header, ';', &piece); // what the parameters belong to
    while (str_next(&header, ';', &piece)) {
        str_cut(str_trim(piece), '=', &name, &value);
        if (!str_eq_nocase(name, str_from(wanted)))
            continue;
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = str_make(value.ptr + 1, value.len - 2);
        return value;
    }
    return str_make(NULL, 0);
}

// The headers of one part, an empty line, its content. Files are left out.
static int add_part(struct request *r, struct str part, struct error *err)
{
    size_t end = str_search(part, STR("\r\n\r\n"));
    if (end == part.len)
        return OK;
    struct str lines = str_first(part, end), line, header, value;
    while (str_next(&lines, '\n', &line)) {
        str_cut(line, ':', &header, &value);
        struct str name = header_param(str_trim(value), "name");
        if (!str_eq_nocase(str_trim(header), STR("Content-Disposition")) || name.len == 0 ||
            header_param(str_trim(value), "filename").len)
            continue;
        struct param *param;
        int rc = new_param(r, &param, err);
        if (rc)
            return rc;
        *param = (struct param){name, str_skip(part, end + 4)};
        r->param_count++;
    }
    return OK;
}

// --boundary, CR LF, a part, CR LF, --boundary, ..., --boundary--
static int add_parts(struct request *r, struct error *err)
{
    struct str boundary = header_param(r->content_type, "boundary");
    struct str mark = arena_printf(&r->arena, "\r\n--%.*s", STR_ARG(boundary));
    struct str rest = r->body;
    if (boundary.len == 0 || !str_has_prefix(rest, str_skip(mark, 2)))
        return error_set(err, ERR_INVALID, "error parsing form values: malformed multipart body");
    rest = str_skip(rest, mark.len - 2);
    while (str_has_prefix(rest, STR("\r\n"))) {
        size_t end = str_search(rest, mark);
        if (end == rest.len)
            return error_set(err, ERR_INVALID,
                             "error parsing form values: the multipart body is "
                             "cut off");
        // The line break behind one boundary may be that before the next.
        int rc = end < 2 ? OK : add_part(r, str_skip(str_first(rest, end), 2), err);
        if (rc)
            return rc;
        rest = str_skip(rest, end + mark.len);
    }
    return OK;
}

static int add_body(struct request *r, struct error *err)
{
    struct str type = media_type(r->content_type);
    if (str_eq_nocase(type, STR("application/x-www-form-urlencoded")))
        return add_params(r, r->body, err);
    return str_eq_nocase(type, STR("multipart/form-data")) ? add_parts(r, err) : OK;
}

int request_parse_params(struct request *r, struct error *err)
{
    bool has_form = r->method == HTTP_POST || r->method == HTTP_PUT;
    r->param_count = 0; // a deferred request is handled twice
    int rc = has_form ? add_body(r, err) : OK;
    return rc ? rc : add_params(r, r->query, err);
}

struct str request_param(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->param_count; i++) {
        if (str_is(r->params[i].name, name))
            return r->params[i].value;
    }
    return str_make(NULL, 0);
}

struct str *request_param_all(struct request *r, const char *name, size_t *count)
{
    struct str *values = arena_array(&r->arena, r->param_count, sizeof(*values));
    *count = 0;
    for (size_t i = 0; i < r->param_count; i++) {
        if (str_is(r->params[i].name, name))
            values[(*count)++] = r->params[i].value;
    }
    return values;
}

struct str media_type(struct str header)
{
    struct str type, parameters;
    str_cut(header, ';', &type, &parameters);
    return str_trim(type);
}

// "q=0", "q=0.0": the coding is refused.
static bool quality_is_zero(struct str parameters)
{
    struct str piece;
    while (str_next(&parameters, ';', &piece)) {
        piece = str_trim(piece);
        if (!str_has_prefix(piece, STR("q=0")))
            continue;
        for (size_t i = 3; i < piece.len; i++) {
            if (piece.ptr[i] >= '1' && piece.ptr[i] <= '9')
                return false;
        }
        return true;
    }
    return false;
}

bool header_accepts(struct str header, const char *coding)
{
    struct str piece, name, parameters;
    bool any = false;
    while (str_next(&header, ',', &piece)) {
        str_cut(piece, ';', &name, &parameters);
        name = str_trim(name);
        bool refused = quality_is_zero(parameters);
        if (str_eq_nocase(name, str_from(coding)))
            return !refused;
        any = any || (str_is(name, "*") && !refused);
    }
    return any;
}
