// What targets say about their metrics: type, help, unit.
//
// A thousand targets of one kind say the same: each statement is held once, in a pool, and a target
// holds pointers. Guarded by the manager's lock.
#ifndef SCRAPE_METADATA_H
#define SCRAPE_METADATA_H

#include "scrape/exposition.h"

// Families kept of one target, and bytes kept of one help text.
#define METADATA_FAMILIES_MAX 20000
#define METADATA_HELP_MAX     4096

struct metadata_pool;

struct metadata {
    struct str name, help, unit;
    enum metric_type type;
    uint32_t references;
    uint32_t index; // in the pool
    uint64_t hash;
};

struct metadata_pool *metadata_pool_new(void);
// No table may be left.
void metadata_pool_free(struct metadata_pool *p);

// A HELP, TYPE or UNIT line of the last scrape.
struct metadata_line {
    uint32_t hash;
    uint8_t kind; // enum exposition_kind
    uint8_t type; // enum metric_type, of a TYPE line
    uint16_t len; // 0: too long to be expected
};

_Static_assert(sizeof(struct metadata_line) == 8, "two lines for each family");

struct metadata_table {
    struct metadata_line *lines; // owned, in their order
    struct metadata **families;  // the array is owned
    uint32_t line_count;
    uint32_t family_count;
};

void metadata_table_init(struct metadata_table *t);
void metadata_table_release(struct metadata_table *t, struct metadata_pool *p);
// Replaces everything by what a body, known to be sound, says.
void metadata_table_rebuild(struct metadata_table *t, struct metadata_pool *p, struct str body,
                            enum exposition_format format);

#endif
