// YAML as a tree whose every node knows its line and column.
//
// Mappings keep their order; a key that occurs twice is an error, as are anchors' cycles, more than
// one document, and trees deeper than 64 or larger than YAML_NODES_MAX (what aliases repeat counts
// each time). Merge keys (<<) are applied. Scalars keep the text as written: what is a number or a
// boolean is for the reader of a field to say.
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"
#include "base/error.h"

#define YAML_NODES_MAX 1000000
#define YAML_DEPTH_MAX 64

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;             // a scalar in quotes or a block: never null, number or boolean
    int line;                // 1-based
    int column;              // 1-based, in bytes
    struct str text;         // of a scalar
    struct yaml_node *key;   // of a member of a mapping
    struct yaml_node *child; // first element or member
    struct yaml_node *next;  // sibling
    size_t child_count;
    // Where a scalar stands in the parsed text, quotes included, anchor and tag not: what aliases
    // stand for is where it was written.
    size_t offset;
    size_t size;
    // Its first character of content: behind the quote, or on the first line of a block.
    int content_line;
    int content_column;
};

// Parses `text` into the arena. An empty document is a YAML_NULL node. Errors carry line and
// column.
int yaml_parse(struct yaml_node **out, struct str text, struct arena *arena, struct error *err);
// A mapping's value, or NULL.
const struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key);

#endif
