#include "render.h"

#include "base/json.h"
#include "base/utf8.h"

void render_init(struct render *r, const struct notice *notice, struct buf *out)
{
    *r = (struct render){.notice = notice};
    arena_init(&r->arena, 0);
    json_writer_init(&r->json, out);
}

void render_release(struct render *r)
{
    arena_release(&r->arena);
}

struct str render_text(struct render *r, struct str template_text)
{
    return notice_expand_in(r->notice, template_text, &r->arena);
}

struct str render_cut(struct render *r, struct str template_text, size_t runes_max)
{
    struct str text = render_text(r, template_text);
    size_t at = 0, runes = 0, cut = 0;
    while (at < text.len) {
        uint32_t code_point;
        size_t len = utf8_decode(str_skip(text, at), &code_point);
        if (++runes == runes_max)
            cut = at;
        at += len ? len : 1;
    }
    if (runes <= runes_max)
        return text;
    return arena_printf(&r->arena, "%.*s\xe2\x80\xa6", (int)cut, text.ptr);
}

void render_str(struct render *r, const char *key, struct str value)
{
    json_key(&r->json, key);
    json_str(&r->json, value);
}

void render_always(struct render *r, const char *key, struct str template_text)
{
    render_str(r, key, render_text(r, template_text));
}

void render_if_any(struct render *r, const char *key, struct str template_text)
{
    struct str text = render_text(r, template_text);
    if (text.len)
        render_str(r, key, text);
}

bool text_is_template(struct str text)
{
    return str_search(text, STR("{{")) < text.len;
}

static bool is_json_value(struct str text)
{
    struct json *document;
    if (text.len == 0 || json_parse(&document, text, NULL))
        return false;
    bool structured = json_kind(document) != JSON_STRING;
    json_free(document);
    return structured;
}

void render_made(struct render *r, struct str made)
{
    if (is_json_value(made))
        json_raw(&r->json, str_trim(made));
    else
        json_str(&r->json, made);
}

static void render_scalar(struct render *r, const struct yaml_node *node)
{
    struct str text = node->text;
    if (text_is_template(text))
        render_made(r, render_text(r, text));
    else if (node->quoted)
        json_str(&r->json, text);
    else
        render_made(r, text);
}

void render_tree(struct render *r, const struct yaml_node *node)
{
    const struct yaml_node *child = node->child;
    switch (node->kind) {
    case YAML_NULL:
        json_null(&r->json);
        break;
    case YAML_SCALAR:
        render_scalar(r, node);
        break;
    case YAML_SEQUENCE:
        json_array_begin(&r->json);
        for (; child; child = child->next)
            render_tree(r, child);
        json_array_end(&r->json);
        break;
    case YAML_MAPPING:
        json_object_begin(&r->json);
        for (; child; child = child->next) {
            json_key_str(&r->json, render_text(r, child->key->text));
            render_tree(r, child);
        }
        json_object_end(&r->json);
        break;
    }
}

bool secret_is_given(const struct config_secret *secret)
{
    return secret->value.len || secret->file.len;
}
