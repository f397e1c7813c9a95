// The YAML tree of any bytes: its counts hold, its scalars stand where it says, and it is bounded.
#include <assert.h>

#include "config/yaml.h"

struct totals {
    size_t nodes;
    struct str text;
};

static void check(const struct yaml_node *node, int depth, struct totals *totals)
{
    size_t count = 0;
    totals->nodes++;
    // Aliases share what they repeat: the walk is as long as the charge, which is limited.
    assert(totals->nodes <= 2 * (size_t)YAML_NODES_MAX);
    assert(depth <= YAML_DEPTH_MAX + 1);
    assert(node->line >= 1 && node->column >= 1 && node->content_line >= node->line);
    assert(node->offset + node->size <= totals->text.len);
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        assert((node->kind == YAML_MAPPING) == (child->key != NULL));
        check(child, depth + 1, totals);
        count++;
    }
    assert(count == node->child_count);
    if (node->kind == YAML_NULL || node->kind == YAML_SCALAR)
        assert(count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct yaml_node *root;
    struct error err = {0};
    struct totals totals = {0, str_make((const char *)data, size)};
    arena_init(&arena, 0);
    int rc = yaml_parse(&root, totals.text, &arena, &err);
    if (rc == OK)
        check(root, 1, &totals);
    else
        assert(err.code == rc && err.text[0] && err.line >= 1 && err.column >= 1);
    arena_release(&arena);
    return 0;
}
