// LMDB checks nothing of what it stores. A checksum covers table, key and value, so that neither a
// changed byte nor an entry in a wrong place is taken for a silence.
#include "meta_value.h"

#include "base/coding.h"
#include "base/hash.h"

static const struct names {
    const char *name, *old;
} NAMES[META_TABLE_COUNT] = {
    [META_ALERTS] = {"alerts.2", "alerts"},
    [META_GROUPS] = {"groups.2", "groups"},
    [META_NOTIFICATIONS] = {"notifications.2", "notifications"},
    [META_SILENCES] = {"silences.2", "silences"},
    [META_OUTBOX] = {"outbox.2", "outbox"},
    [META_HISTORY] = {"history.2", "history"},
    [META_CURSORS] = {"cursors.2", "cursors"},
};

const char *meta_table_name(enum meta_table table)
{
    return NAMES[table].name;
}

const char *meta_table_old_name(enum meta_table table)
{
    return NAMES[table].old;
}

enum meta_table meta_table_of(struct str name)
{
    for (unsigned i = 0; i < META_TABLE_COUNT; i++)
        if (str_is(name, NAMES[i].name))
            return (enum meta_table)i;
    return META_TABLE_COUNT;
}

static uint64_t sum(enum meta_table table, struct str key, struct str value)
{
    return hash64(value.ptr, value.len, hash64(key.ptr, key.len, table));
}

void meta_value_put(char *out, enum meta_table table, struct str key, struct str value)
{
    be64_put(out, sum(table, key, value));
    if (value.len)
        memcpy(out + META_SUM_SIZE, value.ptr, value.len);
}

bool meta_value_get(enum meta_table table, struct str key, struct str *value)
{
    if (value->len < META_SUM_SIZE)
        return false;
    uint64_t stored = be64_get(value->ptr);
    *value = str_skip(*value, META_SUM_SIZE);
    return stored == sum(table, key, *value);
}
