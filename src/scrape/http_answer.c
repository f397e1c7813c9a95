// The body ends up in one piece behind the head: chunks are moved together as they come.
//
//     bytes: [ head | body decoded so far | gap | not yet looked at ]
//             0      head_size             out   next
//
// The gap is closed at the end of each feed, so that the buffer holds little more than the body.
#include "http_answer.h"

#define HEAD_MAX      ((size_t)16 << 10)
#define LINE_MAX_SIZE ((size_t)1 << 10)

// What the fields say of the body.
struct framing {
    bool sized;
    bool chunked;
    bool odd;
};

static struct http_field field_of(const struct http_answer *a, struct str part)
{
    return (struct http_field){part.ptr ? (size_t)(part.ptr - a->bytes.ptr) : 0, part.len};
}

static bool take_status(struct http_answer *a, struct str line)
{
    struct str good = STR("HTTP/1.1 200");
    if (!str_has_prefix(line, good))
        return false;
    struct str rest = str_skip(line, good.len);
    a->reason = field_of(a, str_trim(rest));
    return rest.len == 0 || rest.ptr[0] == ' ';
}

static void take_encoding(struct http_answer *a, struct str value, struct framing *f)
{
    a->gzip = str_eq_nocase(value, STR("gzip"));
    f->odd |= !a->gzip && !str_eq_nocase(value, STR("identity"));
}

static void take_field(struct http_answer *a, struct str name, struct str value, struct framing *f)
{
    if (str_eq_nocase(name, STR("content-length"))) {
        f->odd |= f->sized || !str_to_u64(value, &a->left);
        f->sized = true;
    } else if (str_eq_nocase(name, STR("transfer-encoding"))) {
        f->odd |= f->chunked || !str_eq_nocase(value, STR("chunked"));
        f->chunked = true;
    } else if (str_eq_nocase(name, STR("content-encoding"))) {
        take_encoding(a, value, f);
    } else if (str_eq_nocase(name, STR("content-type"))) {
        a->content_type = field_of(a, value);
    } else if (str_eq_nocase(name, STR("connection"))) {
        a->closes |= !str_eq_nocase(value, STR("keep-alive"));
    }
}

// Takes the next line; false at the end of the text, which is that of whole lines.
static bool next_line(struct str *rest, struct str *line)
{
    size_t len = str_search(*rest, STR("\r\n"));
    if (rest->len == 0)
        return false;
    *line = str_first(*rest, len);
    *rest = str_skip(*rest, len + 2);
    return true;
}

static enum http_progress take_head(struct http_answer *a)
{
    struct str all = buf_view(&a->bytes), line, name, value;
    struct framing framing = {0};
    size_t len = str_search(all, STR("\r\n\r\n"));
    if (len == all.len)
        return all.len > HEAD_MAX ? HTTP_ODD : HTTP_MORE;
    struct str rest = str_first(all, len + 2);
    if (!next_line(&rest, &line) || !take_status(a, line))
        return HTTP_ODD;
    while (next_line(&rest, &line)) {
        if (!str_cut(line, ':', &name, &value) || name.len == 0 || name.ptr[0] == ' ')
            return HTTP_ODD;
        take_field(a, name, str_trim(value), &framing);
    }
    if (framing.odd || framing.sized == framing.chunked)
        return HTTP_ODD;
    a->head_size = a->next = len + 4;
    a->part = framing.chunked ? HTTP_CHUNK_SIZE : HTTP_SIZED_BODY;
    return HTTP_DONE;
}

static enum http_progress take_sized(struct http_answer *a)
{
    size_t here = a->bytes.len - a->next;
    size_t taken = here < a->left ? here : (size_t)a->left;
    a->next += taken;
    a->body_size += taken;
    a->left -= taken;
    if (a->left)
        return HTTP_MORE;
    a->part = HTTP_END;
    return HTTP_DONE;
}

// The line that begins at `next`, without its end.
static enum http_progress take_line(struct http_answer *a, struct str *line)
{
    struct str rest = str_skip(buf_view(&a->bytes), a->next);
    size_t len = str_find(rest, '\n');
    if (len > LINE_MAX_SIZE)
        return HTTP_ODD;
    if (len == rest.len)
        return HTTP_MORE;
    if (len == 0 || rest.ptr[len - 1] != '\r')
        return HTTP_ODD;
    *line = str_first(rest, len - 1);
    a->next += len + 1;
    return HTTP_DONE;
}

static bool parse_size(struct str text, uint64_t *out)
{
    *out = 0;
    if (text.len == 0 || text.len > 15)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = hex_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        *out = *out << 4 | (unsigned)digit;
    }
    return true;
}

static enum http_progress take_chunk_size(struct http_answer *a)
{
    struct str line, size, extension;
    enum http_progress progress = take_line(a, &line);
    if (progress != HTTP_DONE)
        return progress;
    str_cut(line, ';', &size, &extension);
    if (!parse_size(str_trim(size), &a->left))
        return HTTP_ODD;
    a->part = a->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
    return HTTP_DONE;
}

static enum http_progress take_chunk_data(struct http_answer *a)
{
    size_t here = a->bytes.len - a->next;
    size_t taken = here < a->left ? here : (size_t)a->left;
    char *out = a->bytes.ptr + a->head_size + a->body_size;
    if (taken)
        memmove(out, a->bytes.ptr + a->next, taken);
    a->next += taken;
    a->body_size += taken;
    a->left -= taken;
    if (a->left)
        return HTTP_MORE;
    a->part = HTTP_CHUNK_END;
    return HTTP_DONE;
}

static enum http_progress take_chunk_end(struct http_answer *a)
{
    struct str line;
    enum http_progress progress = take_line(a, &line);
    if (progress != HTTP_DONE)
        return progress;
    a->part = HTTP_CHUNK_SIZE;
    return line.len ? HTTP_ODD : HTTP_DONE;
}

static enum http_progress take_trailer(struct http_answer *a)
{
    struct str line;
    enum http_progress progress = take_line(a, &line);
    if (progress == HTTP_DONE && line.len == 0)
        a->part = HTTP_END;
    return progress;
}

static void close_gap(struct http_answer *a)
{
    size_t out = a->head_size + a->body_size, left = a->bytes.len - a->next;
    if (out == a->next)
        return;
    if (left)
        memmove(a->bytes.ptr + out, a->bytes.ptr + a->next, left);
    buf_truncate(&a->bytes, out + left);
    a->next = out;
}

enum http_progress http_answer_feed(struct http_answer *a)
{
    static enum http_progress (*const parts[])(struct http_answer *) = {
        [HTTP_HEAD] = take_head,
        [HTTP_SIZED_BODY] = take_sized,
        [HTTP_CHUNK_SIZE] = take_chunk_size,
        [HTTP_CHUNK_DATA] = take_chunk_data,
        [HTTP_CHUNK_END] = take_chunk_end,
        [HTTP_TRAILER] = take_trailer,
    };
    enum http_progress progress = HTTP_DONE;
    while (progress == HTTP_DONE && a->part != HTTP_END)
        progress = parts[a->part](a);
    if (a->part != HTTP_HEAD)
        close_gap(a);
    return progress;
}

bool http_answer_has_surplus(const struct http_answer *a)
{
    return a->next < a->bytes.len;
}

struct str http_answer_body(const struct http_answer *a)
{
    return str_make(a->bytes.ptr + a->head_size, a->body_size);
}

struct str http_answer_field(const struct http_answer *a, struct http_field field)
{
    return str_make(a->bytes.ptr + field.at, field.len);
}
