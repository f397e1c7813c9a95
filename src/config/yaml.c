// YAML text to a tree, from libyaml's events.
//
// libyaml's own document API is not used: it knows no merge keys, does not refuse a key given
// twice, and copies what aliases repeat. Here the tree is built bottom up on an explicit stack, one
// frame an open collection:
//
//     frames[depth] = { node, last child, pending key, size and height of what was added }
//
// An alias shares its anchor's children (the tree is immutable once built) but is charged for all
// of them, so that nine levels of "nine times the last" reach YAML_NODES_MAX before they cost
// anything. A height is kept beside each anchor for the same reason: depth counts through aliases.
//
// libyaml counts positions in code points; the tree's offsets and columns are bytes. Events come in
// the order of the text, so one cursor walks along (cursor_move) and never back.
#include "config/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "base/utf8.h"

struct position {
    size_t index;      // code points so far
    size_t offset;     // bytes so far
    size_t line_start; // offset of the current line
    int line;          // 1-based
};

struct anchor {
    struct str name;
    struct yaml_node *node;
    size_t size;  // nodes in it
    int height;   // levels of collections in it
    bool is_open; // its end has not been seen: an alias to it would be a cycle
};

struct frame {
    struct yaml_node *node;
    struct yaml_node *last;
    struct yaml_node *key; // of a mapping: read, value awaited
    size_t size;
    int height;
    size_t anchor; // index + 1 of its anchor, 0 without
};

struct loader {
    struct str text;
    struct arena *arena;
    struct error *err;
    yaml_parser_t parser;
    struct position position;
    struct frame frames[YAML_DEPTH_MAX + 1];
    int depth; // open frames
    struct anchor *anchors;
    size_t anchor_count;
    size_t anchor_capacity;
    struct strmap anchors_by_name; // to index + 1; the latest of a name counts
    size_t node_count;
    struct yaml_node *root;
};

static int fail_at(struct loader *l, int code, const struct yaml_node *node, const char *what)
{
    return error_set_at(l->err, code, node->line, node->column, "%s", what);
}

// Line breaks as libyaml sees them; "\r\n" is one.
static bool is_break(const struct loader *l, size_t offset, size_t len)
{
    const char *p = l->text.ptr + offset;
    if (*p == '\n')
        return true;
    if (*p == '\r')
        return offset + 1 == l->text.len || p[1] != '\n';
    return (len == 2 && memcmp(p, "\xc2\x85", 2) == 0) ||
           (len == 3 && (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0));
}

static size_t code_point_size(char first)
{
    unsigned char c = (unsigned char)first;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static void position_step(const struct loader *l, struct position *p)
{
    size_t len = code_point_size(l->text.ptr[p->offset]);
    bool breaks = is_break(l, p->offset, len);
    p->offset += len;
    p->index++;
    if (breaks) {
        p->line++;
        p->line_start = p->offset;
    }
}

// Moves the cursor to a mark; marks never go back but for the end marks of collections.
static struct position position_at(struct loader *l, size_t index)
{
    while (l->position.index < index && l->position.offset < l->text.len)
        position_step(l, &l->position);
    return l->position;
}

static int position_column(const struct position *p)
{
    return (int)(p->offset - p->line_start) + 1;
}

// A node's position starts at its anchor or tag; the content stands behind them.
static struct position skip_properties(const struct loader *l, struct position p)
{
    for (;;) {
        while (p.offset < l->text.len && strchr(" \t\r\n", l->text.ptr[p.offset]))
            position_step(l, &p);
        char c = p.offset < l->text.len ? l->text.ptr[p.offset] : '\0';
        if (c == '#') {
            while (p.offset < l->text.len && l->text.ptr[p.offset] != '\n')
                position_step(l, &p);
        } else if (c == '&' || c == '!') {
            while (p.offset < l->text.len && !strchr(" \t\r\n,]}", l->text.ptr[p.offset]))
                position_step(l, &p);
        } else {
            return p;
        }
    }
}

static struct yaml_node *node_new(struct loader *l, enum yaml_kind kind, const struct position *at)
{
    struct yaml_node *node = ARENA_NEW(l->arena, struct yaml_node);
    node->kind = kind;
    node->line = node->content_line = at->line;
    node->column = node->content_column = position_column(at);
    node->offset = at->offset;
    return node;
}

static int charge(struct loader *l, const struct yaml_node *node, size_t size)
{
    l->node_count += size;
    if (l->node_count <= YAML_NODES_MAX)
        return OK;
    return error_set_at(l->err, ERR_LIMIT, node->line, node->column,
                        "too large: more than %d values, counting what aliases repeat",
                        YAML_NODES_MAX);
}

// The first character of a block scalar's content: on the first line behind the indicator that is
// not blank.
static void locate_block(const struct loader *l, struct position p, struct yaml_node *node)
{
    while (p.offset < l->text.len && p.line == node->line)
        position_step(l, &p);
    while (p.offset < l->text.len && strchr(" \t\r\n", l->text.ptr[p.offset]))
        position_step(l, &p);
    node->content_line = p.line;
    node->content_column = position_column(&p);
}

static bool is_null_text(struct str s)
{
    return s.len == 0 || str_is(s, "~") || str_is(s, "null") || str_is(s, "Null") ||
           str_is(s, "NULL");
}

// Core tags are taken (!!str makes text of anything), others have no meaning here.
static int check_tag(struct loader *l, const struct yaml_node *node, const yaml_char_t *tag)
{
    static const char *const known[] = {YAML_STR_TAG,  YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG,
                                        YAML_NULL_TAG, YAML_SEQ_TAG, YAML_MAP_TAG,   "!"};
    for (size_t i = 0; tag && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp((const char *)tag, known[i]) == 0)
            return OK;
    }
    if (!tag)
        return OK;
    return error_set_at(l->err, ERR_INVALID, node->line, node->column,
                        "the tag %s is not known here", (const char *)tag);
}

static bool is_text_tag(const yaml_char_t *tag)
{
    return tag &&
           (strcmp((const char *)tag, YAML_STR_TAG) == 0 || strcmp((const char *)tag, "!") == 0);
}

static int make_scalar(struct loader *l, const yaml_event_t *event, struct yaml_node **out)
{
    struct position start = position_at(l, event->start_mark.index);
    if (event->data.scalar.anchor || event->data.scalar.tag)
        start = skip_properties(l, start);
    struct yaml_node *node = node_new(l, YAML_SCALAR, &start);
    yaml_scalar_style_t style = event->data.scalar.style;
    node->quoted = style != YAML_PLAIN_SCALAR_STYLE || is_text_tag(event->data.scalar.tag);
    node->text = arena_copy(
        l->arena, str_make((const char *)event->data.scalar.value, event->data.scalar.length));
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
        locate_block(l, start, node);
    else if (style != YAML_PLAIN_SCALAR_STYLE)
        node->content_column++;
    struct position end = position_at(l, event->end_mark.index);
    node->size = end.offset > node->offset ? end.offset - node->offset : 0;
    if (!node->quoted && is_null_text(node->text))
        node->kind = YAML_NULL;
    *out = node;
    return check_tag(l, node, event->data.scalar.tag);
}

static const struct anchor *find_anchor(const struct loader *l, struct str name)
{
    uintptr_t number = (uintptr_t)strmap_get(&l->anchors_by_name, name);
    return number ? &l->anchors[number - 1] : NULL;
}

// Returns index + 1, or 0 without an anchor.
static size_t add_anchor(struct loader *l, const yaml_char_t *name, struct yaml_node *node,
                         bool is_open)
{
    if (!name)
        return 0;
    ARENA_GROW(l->arena, l->anchors, l->anchor_count, l->anchor_capacity);
    struct str copy = arena_copy(l->arena, str_from((const char *)name));
    l->anchors[l->anchor_count++] = (struct anchor){copy, node, 1, 0, is_open};
    strmap_put(&l->anchors_by_name, copy, (void *)(uintptr_t)l->anchor_count);
    return l->anchor_count;
}

static int make_alias(struct loader *l, const yaml_event_t *event, struct yaml_node **out,
                      size_t *size, int *height)
{
    struct position at = position_at(l, event->start_mark.index);
    struct yaml_node *node = node_new(l, YAML_NULL, &at);
    const char *name = (const char *)event->data.alias.anchor;
    const struct anchor *anchor = find_anchor(l, str_from(name));
    if (!anchor)
        return error_set_at(l->err, ERR_INVALID, node->line, node->column,
                            "the alias *%s has no anchor &%s before it", name, name);
    if (anchor->is_open)
        return error_set_at(l->err, ERR_INVALID, node->line, node->column,
                            "the alias *%s stands inside of its own anchor", name);
    *node = *anchor->node;
    node->key = NULL;
    node->next = NULL;
    *size = anchor->size;
    *height = anchor->height;
    *out = node;
    return OK;
}

static int attach_key(struct loader *l, struct frame *frame, struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR && node->kind != YAML_NULL)
        return fail_at(l, ERR_INVALID, node, "a mapping's key must be plain text");
    frame->key = node;
    return OK;
}

// Puts a finished node where it belongs: the root, a key, a member's value, an element.
static int attach(struct loader *l, struct yaml_node *node, size_t size, int height)
{
    int rc = charge(l, node, size);
    if (rc)
        return rc;
    if (l->depth + height > YAML_DEPTH_MAX)
        return error_set_at(l->err, ERR_LIMIT, node->line, node->column,
                            "nested deeper than %d levels", YAML_DEPTH_MAX);
    if (l->depth == 0) {
        l->root = node;
        return OK;
    }
    struct frame *frame = &l->frames[l->depth - 1];
    frame->size += size;
    if (height + 1 > frame->height)
        frame->height = height + 1;
    if (frame->node->kind == YAML_MAPPING && !frame->key)
        return attach_key(l, frame, node);
    node->key = frame->key;
    frame->key = NULL;
    if (frame->last)
        frame->last->next = node;
    else
        frame->node->child = node;
    frame->last = node;
    frame->node->child_count++;
    return OK;
}

// A member of a mapping on its way through the search for duplicates: `order` is the place in which
// it counts, explicit members first.
struct member {
    struct yaml_node *node;
    size_t order;
};

static int by_key(const void *a, const void *b)
{
    const struct member *x = a;
    const struct member *y = b;
    int order = str_cmp(x->node->key->text, y->node->key->text);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_order(const void *a, const void *b)
{
    const struct member *x = a;
    const struct member *y = b;
    return (x->order > y->order) - (x->order < y->order);
}

static bool is_merge_key(const struct yaml_node *node)
{
    return !node->key->quoted && str_is(node->key->text, "<<");
}

struct members {
    struct member *items;
    size_t count;
    size_t capacity;
};

static void members_add(struct loader *l, struct members *m, struct yaml_node *node)
{
    ARENA_GROW(l->arena, m->items, m->count, m->capacity);
    m->items[m->count] = (struct member){node, m->count};
    m->count++;
}

static int merge_one(struct loader *l, struct members *m, const struct yaml_node *source)
{
    if (source->kind != YAML_MAPPING)
        return fail_at(l, ERR_INVALID, source, "<< takes a mapping or a list of mappings");
    int rc = charge(l, source, source->child_count);
    for (struct yaml_node *child = source->child; rc == OK && child; child = child->next) {
        struct yaml_node *copy = ARENA_NEW(l->arena, struct yaml_node);
        *copy = *child;
        members_add(l, m, copy);
    }
    return rc;
}

static int merge(struct loader *l, struct members *m, const struct yaml_node *value)
{
    if (value->kind != YAML_SEQUENCE)
        return merge_one(l, m, value);
    int rc = OK;
    for (const struct yaml_node *each = value->child; rc == OK && each; each = each->next)
        rc = merge_one(l, m, each);
    return rc;
}

// Drops merged members that an earlier one of the same name overrides; among explicit ones that is
// an error.
static int unique_members(struct loader *l, struct members *m, size_t explicit_count)
{
    size_t kept = 0;
    if (m->count)
        qsort(m->items, m->count, sizeof(*m->items), by_key);
    for (size_t i = 0; i < m->count; i++) {
        const struct yaml_node *key = m->items[i].node->key;
        if (kept == 0 || !str_eq(m->items[kept - 1].node->key->text, key->text)) {
            m->items[kept++] = m->items[i];
        } else if (m->items[i].order < explicit_count) {
            const struct yaml_node *first = m->items[kept - 1].node->key;
            return error_set_at(l->err, ERR_INVALID, key->line, key->column,
                                "the key \"%.*s\" is already given on line %d", STR_ARG(key->text),
                                first->line);
        }
    }
    m->count = kept;
    if (m->count)
        qsort(m->items, m->count, sizeof(*m->items), by_order);
    return OK;
}

static int finish_mapping(struct loader *l, struct yaml_node *mapping)
{
    struct members m = {0};
    for (struct yaml_node *child = mapping->child; child; child = child->next) {
        if (!is_merge_key(child))
            members_add(l, &m, child);
    }
    size_t explicit_count = m.count;
    int rc = OK;
    for (struct yaml_node *child = mapping->child; rc == OK && child; child = child->next) {
        if (is_merge_key(child))
            rc = merge(l, &m, child);
    }
    if (rc == OK)
        rc = unique_members(l, &m, explicit_count);
    if (rc)
        return rc;
    mapping->child = m.count ? m.items[0].node : NULL;
    mapping->child_count = m.count;
    for (size_t i = 0; i < m.count; i++)
        m.items[i].node->next = i + 1 < m.count ? m.items[i + 1].node : NULL;
    return OK;
}

static int open_collection(struct loader *l, const yaml_event_t *event, enum yaml_kind kind,
                           const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct position at = position_at(l, event->start_mark.index);
    if (anchor || tag)
        at = skip_properties(l, at);
    struct yaml_node *node = node_new(l, kind, &at);
    int rc = check_tag(l, node, tag);
    if (rc == OK && l->depth == YAML_DEPTH_MAX)
        rc = error_set_at(l->err, ERR_LIMIT, node->line, node->column,
                          "nested deeper than %d levels", YAML_DEPTH_MAX);
    if (rc)
        return rc;
    l->frames[l->depth++] =
        (struct frame){.node = node, .size = 1, .anchor = add_anchor(l, anchor, node, true)};
    return OK;
}

static int close_collection(struct loader *l)
{
    struct frame frame = l->frames[--l->depth];
    int rc = frame.node->kind == YAML_MAPPING ? finish_mapping(l, frame.node) : OK;
    if (rc)
        return rc;
    if (frame.height == 0)
        frame.height = 1;
    if (frame.anchor) {
        struct anchor *anchor = &l->anchors[frame.anchor - 1];
        anchor->is_open = false;
        anchor->size = frame.size;
        anchor->height = frame.height;
    }
    // Its children were charged as they came.
    l->node_count -= frame.size - 1;
    return attach(l, frame.node, frame.size, frame.height);
}

static int add_scalar(struct loader *l, const yaml_event_t *event)
{
    struct yaml_node *node;
    int rc = make_scalar(l, event, &node);
    if (rc)
        return rc;
    add_anchor(l, event->data.scalar.anchor, node, false);
    return attach(l, node, 1, 0);
}

static int add_alias(struct loader *l, const yaml_event_t *event)
{
    struct yaml_node *node = NULL;
    size_t size = 0;
    int height = 0;
    int rc = make_alias(l, event, &node, &size, &height);
    return rc ? rc : attach(l, node, size, height);
}

static int start_document(struct loader *l, const yaml_event_t *event)
{
    if (!l->root)
        return OK;
    struct position at = position_at(l, event->start_mark.index);
    return error_set_at(l->err, ERR_INVALID, at.line, position_column(&at),
                        "a second document begins here: expected one document a file");
}

static int take_event(struct loader *l, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return start_document(l, event);
    case YAML_SCALAR_EVENT:
        return add_scalar(l, event);
    case YAML_ALIAS_EVENT:
        return add_alias(l, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(l, event, YAML_SEQUENCE, event->data.sequence_start.anchor,
                               event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_collection(l, event, YAML_MAPPING, event->data.mapping_start.anchor,
                               event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_collection(l);
    default:
        return OK;
    }
}

static struct position position_of_offset(const struct loader *l, size_t offset)
{
    struct position p = {.line = 1};
    while (p.offset < offset && p.offset < l->text.len)
        position_step(l, &p);
    return p;
}

static int parser_error(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    const char *problem = p->problem ? p->problem : "cannot be parsed";
    if (p->error == YAML_READER_ERROR) {
        struct position at = position_of_offset(l, p->problem_offset);
        return error_set_at(l->err, ERR_INVALID, at.line, position_column(&at), "%s", problem);
    }
    return error_set_at(l->err, ERR_INVALID, (int)p->problem_mark.line + 1,
                        (int)p->problem_mark.column + 1, "%s%s%s", problem, p->context ? " " : "",
                        p->context ? p->context : "");
}

static int load(struct loader *l)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&l->parser, &event))
            return parser_error(l);
        bool is_end = event.type == YAML_STREAM_END_EVENT;
        int rc = take_event(l, &event);
        yaml_event_delete(&event);
        if (rc || is_end)
            return rc;
    }
}

static int check_utf8(struct loader *l)
{
    if (utf8_valid(l->text))
        return OK;
    struct position p = {.line = 1};
    uint32_t code_point;
    while (utf8_decode(str_skip(l->text, p.offset), &code_point))
        position_step(l, &p);
    return error_set_at(l->err, ERR_INVALID, p.line, position_column(&p),
                        "not UTF-8 text: byte 0x%02x", (unsigned char)l->text.ptr[p.offset]);
}

static int parse_marked(struct loader *l, size_t mark_size)
{
    int rc = check_utf8(l);
    if (rc)
        return rc;
    if (!yaml_parser_initialize(&l->parser))
        return error_set(l->err, ERR_LIMIT, "out of memory");
    yaml_parser_set_encoding(&l->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l->parser, (const unsigned char *)l->text.ptr + mark_size,
                                 l->text.len - mark_size);
    l->position = (struct position){.offset = mark_size, .line_start = mark_size, .line = 1};
    rc = load(l);
    yaml_parser_delete(&l->parser);
    return rc;
}

int yaml_parse(struct yaml_node **out, struct str text, struct arena *arena, struct error *err)
{
    struct loader *l = mem_calloc(1, sizeof(*l));
    l->text = str_make(text.ptr ? text.ptr : "", text.len);
    l->arena = arena;
    l->err = err;
    strmap_init(&l->anchors_by_name);
    bool marked = str_has_prefix(text, STR("\xef\xbb\xbf"));
    int rc = parse_marked(l, marked ? 3 : 0);
    if (rc == OK && !l->root) {
        struct position start = {.line = 1};
        l->root = node_new(l, YAML_NULL, &start);
    }
    if (rc == OK)
        *out = l->root;
    strmap_release(&l->anchors_by_name);
    mem_free(l);
    return rc;
}

const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->kind != YAML_MAPPING)
        return NULL;
    for (const struct yaml_node *child = mapping->child; child; child = child->next) {
        if (str_is(child->key->text, key))
            return child;
    }
    return NULL;
}
