// HTML that a template makes: the template's own text is trusted, what its actions print is not.
//
// A small machine follows the text: between tags, inside one, in an attribute's value, in a script,
// a style or a comment. A value is escaped for the place where it lands, so that a label can end
// neither an element nor an attribute, and becomes no link that runs code:
//
//     <p>HERE</p>            entities
//     <p title="HERE">       entities
//     <a href="HERE/x?y=HERE">  a harmless scheme or none; percent-encoded in the query
//     <p onclick="f(HERE)">, <script>HERE</script>   a JavaScript literal
//     <p style="HERE">, <style>HERE</style>          plain words and numbers only
//     <!-- HERE -->          nothing; comments are left out of the output
//
// Values never move the machine: they cannot hold what would.
#include "base/utf8.h"
#include "template_tree.h"

enum html_place {
    PLACE_TEXT,
    PLACE_TAG_NAME,
    PLACE_TAG,       // between attributes
    PLACE_ATTRIBUTE, // in a name
    PLACE_AFTER_ATTRIBUTE,
    PLACE_BEFORE_VALUE,
    PLACE_DOUBLE_QUOTED,
    PLACE_SINGLE_QUOTED,
    PLACE_UNQUOTED,
    PLACE_COMMENT,
    PLACE_RAW, // script, style, title, textarea: until </name
};

enum html_content { CONTENT_PLAIN, CONTENT_URL, CONTENT_SCRIPT, CONTENT_STYLE };
enum url_part { URL_START, URL_PATH, URL_QUERY };

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool is_letter(char c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

static struct str element_of(const struct html_state *s)
{
    return str_make(s->name, s->name_len);
}

static bool is_one_of(struct str name, const char *const *names)
{
    for (; *names; names++) {
        if (str_is(name, *names))
            return true;
    }
    return false;
}

static enum html_content content_of(struct str attribute)
{
    static const char *const urls[] = {"href",   "src",      "action", "formaction", "cite",
                                       "poster", "longdesc", "data",   "background", "icon",
                                       "usemap", "manifest", "srcset", "codebase",   NULL};
    if (is_one_of(attribute, urls))
        return CONTENT_URL;
    if (str_is(attribute, "style"))
        return CONTENT_STYLE;
    return str_has_prefix(attribute, STR("on")) ? CONTENT_SCRIPT : CONTENT_PLAIN;
}

static void tag_ends(struct html_state *s)
{
    static const char *const raw[] = {"script", "style", "title", "textarea", NULL};
    s->place = !s->closing && is_one_of(element_of(s), raw) ? PLACE_RAW : PLACE_TEXT;
    s->match = 0;
    s->script_quote = '\0';
}

static void in_tag(struct html_state *s, char c)
{
    if (c == '>') {
        tag_ends(s);
    } else if (c == '=' && s->place == PLACE_AFTER_ATTRIBUTE) {
        s->place = PLACE_BEFORE_VALUE;
    } else if (!is_space(c) && c != '/') {
        s->place = PLACE_ATTRIBUTE;
        s->attribute_len = 1;
        s->attribute[0] = lower(c);
    }
}

static void in_attribute_name(struct html_state *s, char c)
{
    if (c == '=')
        s->place = PLACE_BEFORE_VALUE;
    else if (c == '>')
        tag_ends(s);
    else if (is_space(c))
        s->place = PLACE_AFTER_ATTRIBUTE;
    else if (s->attribute_len < sizeof(s->attribute))
        s->attribute[s->attribute_len++] = lower(c);
}

static void value_char(struct html_state *s, char c)
{
    if (s->url == URL_START && !is_space(c))
        s->url = URL_PATH;
    if (c == '?' || c == '#')
        s->url = URL_QUERY;
}

static void value_begins(struct html_state *s, char c)
{
    if (is_space(c))
        return;
    s->content = (uint8_t)content_of(str_make(s->attribute, s->attribute_len));
    s->url = URL_START;
    s->script_quote = '\0';
    s->place = c == '"' ? PLACE_DOUBLE_QUOTED : c == '\'' ? PLACE_SINGLE_QUOTED : PLACE_UNQUOTED;
    if (c == '>')
        tag_ends(s);
    else if (s->place == PLACE_UNQUOTED)
        value_char(s, c);
}

// In a script: whether a string literal is open.
static void script_char(struct html_state *s, char c)
{
    bool escaped = s->script_escape;
    s->script_escape = s->script_quote && c == '\\' && !escaped;
    if (s->script_quote && c == s->script_quote && !escaped)
        s->script_quote = '\0';
    else if (!s->script_quote && (c == '"' || c == '\'' || c == '`'))
        s->script_quote = c;
}

static void in_raw(struct html_state *s, char c)
{
    script_char(s, c);
    size_t length = (size_t)s->name_len + 2;
    char wanted = s->match == 0 ? '<' : s->match == 1 ? '/' : s->name[s->match - 2];
    if (lower(c) == wanted)
        s->match++;
    else
        s->match = c == '<';
    if (s->match == length) {
        s->place = PLACE_TAG;
        s->closing = true;
    }
}

static void in_value(struct html_state *s, char c)
{
    bool ends = (s->place == PLACE_DOUBLE_QUOTED && c == '"') ||
                (s->place == PLACE_SINGLE_QUOTED && c == '\'') ||
                (s->place == PLACE_UNQUOTED && (is_space(c) || c == '>'));
    if (!ends) {
        value_char(s, c);
        if (s->content == CONTENT_SCRIPT)
            script_char(s, c);
        return;
    }
    s->place = PLACE_TAG;
    if (c == '>')
        tag_ends(s);
}

static void in_tag_name(struct html_state *s, char c)
{
    if (c == '>' || is_space(c)) {
        s->place = PLACE_TAG;
        if (c == '>')
            tag_ends(s);
    } else if (s->name_len < sizeof(s->name)) {
        s->name[s->name_len++] = lower(c);
    }
}

static void step(struct html_state *s, char c)
{
    switch ((enum html_place)s->place) {
    case PLACE_TAG_NAME:
        in_tag_name(s, c);
        break;
    case PLACE_TAG:
    case PLACE_AFTER_ATTRIBUTE:
        in_tag(s, c);
        break;
    case PLACE_ATTRIBUTE:
        in_attribute_name(s, c);
        break;
    case PLACE_BEFORE_VALUE:
        value_begins(s, c);
        break;
    case PLACE_DOUBLE_QUOTED:
    case PLACE_SINGLE_QUOTED:
    case PLACE_UNQUOTED:
        in_value(s, c);
        break;
    case PLACE_RAW:
        in_raw(s, c);
        break;
    case PLACE_TEXT:
    case PLACE_COMMENT:
        break;
    }
}

// Begins a tag at `<a` or `</a`.
static void maybe_tag(struct html_state *s, struct str rest)
{
    bool closing = rest.len > 1 && rest.ptr[1] == '/';
    size_t at = closing ? 2 : 1;
    if (at >= rest.len || (!is_letter(rest.ptr[at]) && rest.ptr[at] != '!'))
        return;
    s->closing = closing;
    s->place = PLACE_TAG_NAME;
    s->name_len = 0;
}

void html_text(struct html_state *s, struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        struct str rest = str_skip(text, i);
        if (s->place == PLACE_COMMENT) {
            if (str_has_prefix(rest, STR("-->"))) {
                s->place = PLACE_TEXT;
                i += 2;
            }
            continue;
        }
        if (s->place == PLACE_TEXT && str_has_prefix(rest, STR("<!--"))) {
            s->place = PLACE_COMMENT;
            i += 3;
            continue;
        }
        if (s->place == PLACE_TEXT && text.ptr[i] == '<') {
            maybe_tag(s, rest);
            buf_cstr(out, s->place == PLACE_TAG_NAME ? "<" : "&lt;");
            if (s->place == PLACE_TAG_NAME && s->closing)
                buf_char(out, text.ptr[++i]);
            continue;
        }
        buf_char(out, text.ptr[i]);
        step(s, text.ptr[i]);
    }
}

static void put_entities(struct buf *out, struct str s, bool unquoted)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        const char *escape = c == '<'    ? "&lt;"
                             : c == '>'  ? "&gt;"
                             : c == '&'  ? "&amp;"
                             : c == '"'  ? "&#34;"
                             : c == '\'' ? "&#39;"
                             : c == '+'  ? "&#43;"
                             : c == '\0' ? "\xef\xbf\xbd"
                                         : NULL;
        if (escape)
            buf_cstr(out, escape);
        else if (unquoted && (is_space(c) || c == '=' || c == '`'))
            buf_printf(out, "&#%d;", c);
        else
            buf_char(out, c);
    }
}

void html_escape(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '+')
            buf_char(out, c);
        else
            put_entities(out, str_make(&c, 1), false);
    }
}

static bool is_unreserved(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || (c && strchr("-_.~", c));
}

void url_escape(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (is_unreserved(s.ptr[i]))
            buf_char(out, s.ptr[i]);
        else if (s.ptr[i] == ' ')
            buf_char(out, '+');
        else
            buf_printf(out, "%%%02X", (unsigned char)s.ptr[i]);
    }
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

// What may stand in a URL stays; the rest is percent-encoded. In a query only what cannot be taken
// for its structure stays, unless the text is a URL already.
static void put_url(struct buf *out, struct str s, bool normalizes)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool encoded = c == '%' && i + 2 < s.len && is_hex(s.ptr[i + 1]) && is_hex(s.ptr[i + 2]);
        bool reserved = c && strchr("!#$&*+,/:;=?@[]", c);
        if (is_unreserved(c) || (normalizes && (reserved || encoded)))
            buf_char(out, c);
        else
            buf_printf(out, "%%%02x", (unsigned char)c);
    }
}

// http, https, mailto and addresses without a scheme; `javascript:` does not pass.
static bool scheme_is_harmless(struct str s)
{
    size_t colon = str_find(s, ':');
    if (colon == s.len || str_find(s, '/') < colon)
        return true;
    struct str scheme = str_first(s, colon);
    return str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https")) ||
           str_eq_nocase(scheme, STR("mailto"));
}

static void put_in_url(struct html_state *s, struct buf *out, struct str text, bool trusted)
{
    struct buf url = BUF_INIT;
    if (s->url == URL_QUERY)
        put_url(&url, text, trusted);
    else if (s->url == URL_START && !trusted && !scheme_is_harmless(text))
        buf_cstr(&url, "#ZgotmplZ");
    else
        put_url(&url, text, true);
    put_entities(out, buf_view(&url), s->place == PLACE_UNQUOTED);
    if (text.len)
        value_char(s, text.ptr[0]);
    buf_release(&url);
}

// A JSON literal is a JavaScript one; what would end the script is written as an escape. Inside a
// string literal the value's text is put without quotes of its own.
static void put_script(const struct html_state *state, struct buf *out, const struct value *v)
{
    struct buf json = BUF_INIT, text = BUF_INIT;
    if (state->script_quote) {
        value_print(&text, v);
        json_escape(&json, buf_view(&text));
    } else {
        value_json(&json, v);
    }
    struct str s = buf_view(&json);
    if (state->script_quote)
        s = str_make(s.ptr + 1, s.len - 2);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] && strchr("<>&'`", s.ptr[i]))
            buf_printf(out, "\\u%04x", (unsigned)s.ptr[i]);
        else
            buf_char(out, s.ptr[i]);
    }
    buf_release(&json);
    buf_release(&text);
}

static void put_style(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_unreserved(s.ptr[i]) && s.ptr[i] != '#' && s.ptr[i] != '%' && s.ptr[i] != ' ' &&
            s.ptr[i] != '!' && s.ptr[i] != ',') {
            buf_cstr(out, "ZgotmplZ");
            return;
        }
    }
    buf_str(out, s);
}

static void put_in_value(struct html_state *s, struct buf *out, const struct value *v,
                         struct str text)
{
    struct buf inner = BUF_INIT;
    bool unquoted = s->place == PLACE_UNQUOTED;
    if (s->content == CONTENT_URL) {
        put_in_url(s, out, text, v->kind == VALUE_SAFE_URL);
        return;
    }
    if (s->content == CONTENT_SCRIPT)
        put_script(s, &inner, v);
    else if (s->content == CONTENT_STYLE)
        put_style(&inner, text);
    else
        buf_str(&inner, text);
    put_entities(out, buf_view(&inner), unquoted);
    buf_release(&inner);
}

static void put_value(struct html_state *s, struct buf *out, const struct value *v, struct str text)
{
    switch ((enum html_place)s->place) {
    case PLACE_TEXT:
        if (v->kind == VALUE_SAFE)
            buf_str(out, text);
        else
            put_entities(out, text, false);
        break;
    case PLACE_COMMENT:
        break;
    case PLACE_RAW:
        if (str_is(element_of(s), "script"))
            put_script(s, out, v);
        else if (str_is(element_of(s), "style"))
            put_style(out, text);
        else
            put_entities(out, text, false);
        break;
    case PLACE_BEFORE_VALUE:
        value_begins(s, 'x'); // unquoted, and its first character is yet to come
        s->url = URL_START;
        put_in_value(s, out, v, text);
        break;
    case PLACE_DOUBLE_QUOTED:
    case PLACE_SINGLE_QUOTED:
    case PLACE_UNQUOTED:
        put_in_value(s, out, v, text);
        break;
    default: // a name of an element or attribute
        put_style(out, text);
    }
}

void html_value(struct html_state *state, struct buf *out, const struct value *v)
{
    struct buf text = BUF_INIT;
    if (v->kind != VALUE_NIL)
        value_print(&text, v);
    put_value(state, out, v, buf_view(&text));
    buf_release(&text);
}
