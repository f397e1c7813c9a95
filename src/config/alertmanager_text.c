// The configuration as other readers of it take it.
//
// Clients of the API (amtool, Grafana) read `config.original` with Alertmanager's own strict rules.
// What only Lapwing knows would make them fail: a text that has such keys is written anew without
// them, all others are left as their users wrote them.
#include "alertmanager_sections.h"
#include "base/json_write.h"

#define INDENT 2

static bool is_dropped(const struct yaml_node *mapping, const struct yaml_node *member)
{
    bool is_receiver = yaml_get(mapping, "name") != NULL;
    return (is_receiver && str_is(member->key->text, "heartbeat_configs")) ||
           (yaml_get(mapping, "to") && str_is(member->key->text, "subject"));
}

// `body` of older mail receivers is what is now called `text`.
static struct str shown_key(const struct yaml_node *mapping, const struct yaml_node *member)
{
    bool is_mail = yaml_get(mapping, "to") != NULL;
    return is_mail && str_is(member->key->text, "body") ? STR("text") : member->key->text;
}

static bool has_own_keys(const struct yaml_node *node)
{
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (node->kind == YAML_MAPPING &&
            (is_dropped(node, child) || !str_eq(shown_key(node, child), child->key->text)))
            return true;
        if (has_own_keys(child))
            return true;
    }
    return false;
}

static void indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth * INDENT; i++)
        buf_char(out, ' ');
}

// Whether it reads the same without quotes: only what certainly does.
static bool is_plain(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c && strchr("_./", c)) || (i > 0 && c == '-');
        if (!safe)
            return false;
    }
    return text.len > 0;
}

static void print_text(struct buf *out, struct str text, bool quoted)
{
    if (!quoted && is_plain(text))
        buf_str(out, text);
    else
        json_escape(out, text);
}

static void print_node(struct buf *out, const struct yaml_node *node, int depth);

static void print_member(struct buf *out, const struct yaml_node *mapping,
                         const struct yaml_node *member, int depth)
{
    indent(out, depth);
    print_text(out, shown_key(mapping, member), member->key->quoted);
    buf_char(out, ':');
    print_node(out, member, depth + 1);
}

static bool is_empty(const struct yaml_node *node)
{
    for (const struct yaml_node *child = node->child; child; child = child->next)
        if (node->kind != YAML_MAPPING || !is_dropped(node, child))
            return false;
    return true;
}

static void print_children(struct buf *out, const struct yaml_node *node, int depth)
{
    buf_char(out, '\n');
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (node->kind == YAML_SEQUENCE) {
            indent(out, depth);
            buf_char(out, '-');
            print_node(out, child, depth + 1);
        } else if (!is_dropped(node, child)) {
            print_member(out, node, child, depth);
        }
    }
}

static void print_node(struct buf *out, const struct yaml_node *node, int depth)
{
    bool is_list = node->kind == YAML_SEQUENCE;
    switch (node->kind) {
    case YAML_NULL:
        break;
    case YAML_SCALAR:
        buf_char(out, ' ');
        print_text(out, node->text, node->quoted);
        break;
    case YAML_SEQUENCE:
    case YAML_MAPPING:
        if (!is_empty(node)) {
            print_children(out, node, depth);
            return;
        }
        buf_cstr(out, is_list ? " []" : " {}");
        break;
    }
    buf_char(out, '\n');
}

struct str alertmanager_api_text(struct str masked, struct arena *arena)
{
    struct yaml_node *root;
    struct buf text = BUF_INIT;
    if (yaml_parse(&root, masked, arena, NULL) || root->kind != YAML_MAPPING || !has_own_keys(root))
        return masked;
    print_children(&text, root, 0);
    struct str out = arena_copy(arena, str_skip(buf_view(&text), 1));
    buf_release(&text);
    return out;
}
