#include "unsaved.h"

#include <stdlib.h>

#include "base/coding.h"
#include "base/hash.h"
#include "base/mem.h"

struct change {
    bool is_delete;
    struct str value; // owned
};

void unsaved_init(struct unsaved *c, struct storage *storage)
{
    *c = (struct unsaved){.storage = storage};
    strmap_init(&c->pending);
}

static void change_free(struct change *change)
{
    if (!change)
        return;
    mem_free((char *)change->value.ptr);
    mem_free(change);
}

static void drop_pending(struct unsaved *c)
{
    for (size_t i = 0; i < c->pending.count; i++)
        change_free(c->pending.entries[i].value);
    strmap_release(&c->pending);
    c->size = 0;
}

void unsaved_release(struct unsaved *c)
{
    drop_pending(c);
}

static void pending_key(struct buf *out, enum meta_table table, struct str key)
{
    buf_char(out, (char)table);
    buf_str(out, key);
}

static struct change *change_for(struct unsaved *c, enum meta_table table, struct str key)
{
    struct buf name = BUF_INIT;
    pending_key(&name, table, key);
    struct change *change = strmap_get(&c->pending, buf_view(&name));
    if (!change) {
        change = mem_calloc(1, sizeof(*change));
        strmap_put(&c->pending, buf_view(&name), change);
    }
    buf_release(&name);
    c->size -= change->value.len;
    mem_free((char *)change->value.ptr);
    change->value = str_make(NULL, 0);
    return change;
}

void unsaved_put(struct unsaved *c, enum meta_table table, struct str key, struct str value)
{
    struct change *change = change_for(c, table, key);
    change->is_delete = false;
    change->value = str_make(mem_copy_str(value), value.len);
    c->size += value.len;
}

void unsaved_delete(struct unsaved *c, enum meta_table table, struct str key)
{
    change_for(c, table, key)->is_delete = true;
}

bool unsaved_pending(const struct unsaved *c)
{
    return c->pending.count > 0;
}

int unsaved_get(struct unsaved *c, enum meta_table table, struct str key, struct buf *out)
{
    struct buf name = BUF_INIT;
    pending_key(&name, table, key);
    const struct change *change = strmap_get(&c->pending, buf_view(&name));
    buf_release(&name);
    if (!change)
        return meta_get(c->storage, table, key, out);
    if (change->is_delete)
        return ERR_NOT_FOUND;
    buf_reset(out);
    buf_str(out, change->value);
    return 0;
}

static int by_key(const void *left, const void *right)
{
    const struct strmap_entry *const *a = left, *const *b = right;
    return str_cmp(str_make((*a)->key, (*a)->key_len), str_make((*b)->key, (*b)->key_len));
}

// Neighbours on disk one after the other.
static const struct strmap_entry **in_order(const struct unsaved *c)
{
    const struct strmap_entry **out = mem_calloc(c->pending.count, sizeof(*out));
    for (size_t i = 0; i < c->pending.count; i++)
        out[i] = &c->pending.entries[i];
    qsort(out, c->pending.count, sizeof(*out), by_key);
    return out;
}

int unsaved_commit(struct unsaved *c, struct error *err)
{
    if (!unsaved_pending(c))
        return 0;
    struct meta_batch *batch = meta_batch_new(c->storage);
    const struct strmap_entry **entries = in_order(c);
    for (size_t i = 0; i < c->pending.count; i++) {
        const struct strmap_entry *entry = entries[i];
        const struct change *change = entry->value;
        enum meta_table table = (enum meta_table)entry->key[0];
        struct str key = str_make(entry->key + 1, entry->key_len - 1);
        if (change->is_delete)
            meta_delete(batch, table, key);
        else
            meta_put(batch, table, key, change->value);
    }
    mem_free(entries);
    int rc = meta_commit(batch, err);
    meta_batch_free(batch);
    if (rc == 0) {
        drop_pending(c);
        strmap_init(&c->pending);
    }
    return rc;
}

struct unsaved_key unsaved_key(char prefix, struct str name)
{
    struct unsaved_key key;
    key.bytes[0] = prefix;
    be64_put(key.bytes + 1, hash64(name.ptr, name.len, 0));
    be64_put(key.bytes + 9, hash64(name.ptr, name.len, 1));
    return key;
}
