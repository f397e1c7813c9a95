// YAML as a tree whose every node knows its line and column.
//
// Mappings keep their order; a key that occurs twice is an error, as are anchors' cycles, more than
// one document, and trees deeper than 64 or larger than YAML_NODES_MAX. Merge keys (<<) are applied.
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"
#include "base/error.h"

#define YAML_NODES_MAX 1000000

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;     // a scalar in quotes or a block: never null, number or boolean
    int line;        // 1-based
    int column;      // 1-based
    struct str text; // of a scalar
    struct yaml_node *key;   // of a member of a mapping
    struct yaml_node *child; // first element or member
    struct yaml_node *next;  // sibling
    size_t child_count;
};

// Parses `text` into the arena. An empty document is a YAML_NULL node. Errors carry line and column.
int yaml_parse(struct yaml_node **out, struct str text, struct arena *arena, struct error *err);
// A mapping's value, or NULL.
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);

#endif
