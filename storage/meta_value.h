// How a value of the meta tables stands in LMDB: behind its checksum (storage/FORMAT.md, "meta").
#ifndef STORAGE_META_VALUE_H
#define STORAGE_META_VALUE_H

#include "base/str.h"
#include "storage/meta.h"

#define META_SUM_SIZE 8

// The table's name in LMDB.
const char *meta_table_name(enum meta_table table);
// The name it had when values had no checksums.
const char *meta_table_old_name(enum meta_table table);
// The table of this name, or META_TABLE_COUNT.
enum meta_table meta_table_of(struct str name);

// Writes META_SUM_SIZE bytes and the value.
void meta_value_put(char *out, enum meta_table table, struct str key, struct str value);
// Takes the checksum off what is stored. False when it doesn't hold.
bool meta_value_get(enum meta_table table, struct str key, struct str *value);

#endif
