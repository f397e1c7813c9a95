#include "mime.h"

#include "base/utf8.h"

#define LINE_SOFT_MAX 76
#define WORD_HARD_MAX 400 // two of them, a name's and its address's, fit a line of 998
#define WORD_TEXT_MAX 45  // bytes encoded per word: "=?utf-8?b?" + 60 + "?=" is under 75

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

static bool name_is_valid(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] >= 0x7f || name.ptr[i] == ':')
            return false;
    return name.len > 0;
}

static void base64(struct buf *out, struct str in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        uint32_t bits = (uint32_t)(unsigned char)in.ptr[i] << 16;
        if (left > 1)
            bits |= (uint32_t)(unsigned char)in.ptr[i + 1] << 8;
        if (left > 2)
            bits |= (unsigned char)in.ptr[i + 2];
        buf_char(out, digits[bits >> 18]);
        buf_char(out, digits[bits >> 12 & 63]);
        buf_char(out, left > 1 ? digits[bits >> 6 & 63] : '=');
        buf_char(out, left > 2 ? digits[bits & 63] : '=');
    }
}

// The longest prefix of at most `max` bytes that does not end inside a character.
static size_t whole_characters(struct str s, size_t max)
{
    size_t at = 0;
    while (at < s.len) {
        uint32_t code_point;
        size_t len = utf8_decode(str_skip(s, at), &code_point);
        len = len ? len : 1;
        if (at + len > max)
            break;
        at += len;
    }
    return at;
}

static void encoded_words(struct buf *out, struct str text)
{
    bool first = true;
    while (text.len) {
        size_t len = whole_characters(text, WORD_TEXT_MAX);
        if (!first)
            buf_cstr(out, "\r\n ");
        buf_cstr(out, "=?utf-8?b?");
        base64(out, str_first(text, len));
        buf_cstr(out, "?=");
        text = str_skip(text, len);
        first = false;
    }
}

// Breaks before a space once a line is long; a word longer than the hard limit has to be encoded.
static void folded(struct buf *out, struct str text, size_t column)
{
    struct str word;
    bool first = true;
    while (str_next(&text, ' ', &word)) {
        if (word.len == 0 && column > LINE_SOFT_MAX)
            continue; // of endless blanks one is enough
        if (!first) {
            bool breaks = word.len && column + 1 + word.len > LINE_SOFT_MAX;
            buf_cstr(out, breaks ? "\r\n " : " ");
            column = breaks ? 1 : column + 1;
        }
        buf_str(out, word);
        column += word.len;
        first = false;
    }
}

static bool has_long_word(struct str text)
{
    struct str word;
    while (str_next(&text, ' ', &word))
        if (word.len > WORD_HARD_MAX)
            return true;
    return false;
}

// What cannot stand as it is, is no address any more, but still one header.
static void put_word(struct buf *out, struct str word)
{
    if (!is_ascii(word) || word.len > WORD_HARD_MAX)
        encoded_words(out, word);
    else
        buf_str(out, word);
}

static void put_text(struct buf *out, struct str text, size_t column)
{
    if (!is_ascii(text) || has_long_word(text))
        encoded_words(out, text);
    else
        folded(out, text, column);
}

// Takes the next address of a list: commas within quotes and brackets do not separate.
static bool next_address(struct str *rest, struct str *address)
{
    if (rest->len == 0)
        return false;
    bool quoted = false, bracket = false;
    size_t i;
    for (i = 0; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (quoted && c == '\\') {
            i++;
            continue;
        }
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '<' || c == '>'))
            bracket = c == '<';
        else if (c == ',' && !quoted && !bracket)
            break;
    }
    if (i > rest->len)
        i = rest->len;
    *address = str_trim(str_first(*rest, i));
    *rest = str_skip(*rest, i < rest->len ? i + 1 : i);
    return true;
}

// "Ann <a@b.org>": the display name, and the address with its brackets.
static void split_address(struct str address, struct str *display, struct str *bare)
{
    size_t open = str_find_last(address, '<');
    if (open == address.len) {
        *display = str_make(NULL, 0);
        *bare = address;
        return;
    }
    *display = str_trim(str_first(address, open));
    *bare = str_skip(address, open);
}

static struct str unquoted(struct str display)
{
    if (display.len >= 2 && display.ptr[0] == '"' && display.ptr[display.len - 1] == '"')
        return str_make(display.ptr + 1, display.len - 2);
    return display;
}

static void put_addresses(struct buf *out, struct str list)
{
    struct str address, display, bare;
    bool first = true;
    while (next_address(&list, &address)) {
        split_address(address, &display, &bare);
        if (!first)
            buf_cstr(out, ",\r\n ");
        put_text(out, is_ascii(display) ? display : unquoted(display), 0);
        if (display.len)
            buf_char(out, ' ');
        put_word(out, bare);
        first = false;
    }
}

static bool is_address_header(struct str name)
{
    static const char *const names[] = {"From", "To", "Cc", "Bcc", "Reply-To", "Sender"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_nocase(name, str_from(names[i])))
            return true;
    return false;
}

bool mime_header(struct buf *out, struct str name, struct str value)
{
    if (!name_is_valid(name))
        return false;
    struct buf clean = BUF_INIT;
    for (size_t i = 0; i < value.len; i++)
        buf_char(&clean, is_control(value.ptr[i]) ? ' ' : value.ptr[i]);
    struct str text = str_trim(buf_view(&clean));
    buf_str(out, name);
    buf_cstr(out, ": ");
    if (is_address_header(name))
        put_addresses(out, text);
    else
        put_text(out, text, name.len + 2);
    buf_cstr(out, "\r\n");
    buf_release(&clean);
    return true;
}

static void quoted_byte(struct buf *out, char c)
{
    static const char digits[] = "0123456789ABCDEF";
    buf_char(out, '=');
    buf_char(out, digits[(unsigned char)c >> 4]);
    buf_char(out, digits[(unsigned char)c & 15]);
}

static void quoted_line(struct buf *out, struct str line)
{
    size_t column = 0;
    for (size_t i = 0; i < line.len; i++) {
        char c = line.ptr[i];
        bool last = i + 1 == line.len;
        bool literal = (c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !last);
        size_t width = literal ? 1 : 3;
        if (column + width > LINE_SOFT_MAX - 1 + (last ? 1 : 0)) {
            buf_cstr(out, "=\r\n");
            column = 0;
        }
        if (literal)
            buf_char(out, c);
        else
            quoted_byte(out, c);
        column += width;
    }
}

void mime_quoted_printable(struct buf *out, struct str text)
{
    while (text.len) {
        size_t end = str_find(text, '\n');
        struct str line = str_first(text, end);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        quoted_line(out, line);
        if (end == text.len)
            return;
        buf_cstr(out, "\r\n");
        text = str_skip(text, end + 1);
    }
}

void mime_date(struct buf *out, int64_t now_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now_s = (time_t)(now_ms / 1000);
    struct tm tm;
    (void)gmtime_r(&now_s, &tm);
    buf_printf(out, "%s, %02d %s %d %02d:%02d:%02d +0000", days[tm.tm_wday], tm.tm_mday,
               months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool address_is_valid(struct str bare)
{
    size_t at = str_find_last(bare, '@');
    if (at == 0 || at + 1 >= bare.len)
        return false;
    for (size_t i = 0; i < bare.len; i++)
        if (is_control(bare.ptr[i]) || memchr(" <>,;\"\\()", bare.ptr[i], 10))
            return false;
    return true;
}

int mime_addresses(struct str list, struct arena *arena, struct str **out, size_t *count,
                   struct error *err)
{
    struct str *items = NULL, address, display, bare;
    size_t found = 0, capacity = 0;
    while (next_address(&list, &address)) {
        if (address.len == 0)
            continue;
        split_address(address, &display, &bare);
        if (bare.len >= 2 && bare.ptr[0] == '<' && bare.ptr[bare.len - 1] == '>')
            bare = str_trim(str_make(bare.ptr + 1, bare.len - 2));
        if (!address_is_valid(bare))
            return error_set(err, ERR_INVALID, "\"%.*s\" is no mail address like a@example.org",
                             STR_ARG(address));
        ARENA_GROW(arena, items, found, capacity);
        items[found++] = arena_copy(arena, bare);
    }
    *out = items;
    *count = found;
    return 0;
}
