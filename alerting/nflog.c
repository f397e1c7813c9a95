#include "nflog.h"

#include "base/mem.h"

struct unsaved_key nflog_key(struct str group_key, struct str receiver, const char *integration,
                             size_t index)
{
    struct buf text = BUF_INIT;
    buf_sized(&text, group_key);
    buf_sized(&text, receiver);
    buf_sized(&text, str_from(integration));
    buf_varint(&text, index);
    struct unsaved_key key = unsaved_key('n', buf_view(&text));
    buf_release(&text);
    return key;
}

void nflog_init(struct nflog *log, struct unsaved *changes)
{
    *log = (struct nflog){.changes = changes};
    strmap_init(&log->entries);
}

static void entry_free(struct nflog_entry *entry)
{
    told_release(&entry->told);
    buf_release(&entry->memo);
    mem_free(entry);
}

void nflog_release(struct nflog *log)
{
    for (size_t i = 0; i < log->entries.count; i++)
        entry_free(log->entries.entries[i].value);
    strmap_release(&log->entries);
}

static struct nflog_entry *entry_replace(struct nflog *log, struct str key)
{
    struct nflog_entry *entry = mem_calloc(1, sizeof(*entry));
    struct nflog_entry *old = strmap_put(&log->entries, key, entry);
    if (old)
        entry_free(old);
    return entry;
}

static int load_one(void *context, struct str key, struct str value)
{
    struct decoder d;
    decoder_init(&d, value);
    uint8_t version = decode_u8(&d);
    int64_t timestamp_ms = decode_svarint(&d);
    int64_t expires_ms = decode_svarint(&d);
    struct told told;
    if (version < 1 || version > 2 || !told_decode(&d, &told))
        return 0;
    struct nflog_entry *entry = entry_replace(context, key);
    *entry =
        (struct nflog_entry){.told = told, .timestamp_ms = timestamp_ms, .expires_ms = expires_ms};
    struct str memo = version == 2 ? decode_sized(&d) : STR("");
    if (!d.failed)
        buf_str(&entry->memo, memo);
    return 0;
}

int nflog_load(struct nflog *log)
{
    return meta_each(log->changes->storage, META_NOTIFICATIONS, STR(""), load_one, log);
}

const struct nflog_entry *nflog_find(const struct nflog *log, const struct unsaved_key *key)
{
    return strmap_get(&log->entries, unsaved_key_str(key));
}

struct str nflog_memo(const struct nflog *log, const struct unsaved_key *key)
{
    const struct nflog_entry *entry = nflog_find(log, key);
    return entry && entry->told.firing.count ? buf_view(&entry->memo) : STR("");
}

// version u8 | timestamp | expiry | told | memo, with version 2 only
void nflog_put(struct nflog *log, const struct unsaved_key *key, const struct told *told,
               struct str memo, int64_t now_ms, int64_t repeat_interval_ms)
{
    int64_t kept_ms =
        repeat_interval_ms < NFLOG_RETENTION_MS / 2 ? 2 * repeat_interval_ms : NFLOG_RETENTION_MS;
    // What is given may be of the entry that goes.
    struct nflog_entry next = {
        .told = told_copy(told), .timestamp_ms = now_ms, .expires_ms = now_ms + kept_ms};
    buf_str(&next.memo, memo);
    struct nflog_entry *entry = entry_replace(log, unsaved_key_str(key));
    *entry = next;

    struct buf value = BUF_INIT;
    buf_char(&value, entry->memo.len ? 2 : 1);
    buf_svarint(&value, entry->timestamp_ms);
    buf_svarint(&value, entry->expires_ms);
    told_encode(&value, &entry->told);
    if (entry->memo.len)
        buf_sized(&value, buf_view(&entry->memo));
    unsaved_put(log->changes, META_NOTIFICATIONS, unsaved_key_str(key), buf_view(&value));
    buf_release(&value);
}

void nflog_expire(struct nflog *log, int64_t now_ms, bool (*keep)(void *context, struct str key),
                  void *context)
{
    for (size_t i = log->entries.count; i-- > 0;) {
        struct nflog_entry *entry = log->entries.entries[i].value;
        struct str key = str_make(log->entries.entries[i].key, log->entries.entries[i].key_len);
        if (entry->expires_ms > now_ms || keep(context, key))
            continue;
        unsaved_delete(log->changes, META_NOTIFICATIONS, key);
        strmap_remove(&log->entries, key);
        entry_free(entry);
    }
}

bool nflog_needs_update(const struct nflog_entry *entry, const struct told *now_told,
                        bool send_resolved, int64_t repeat_interval_ms, int64_t now_ms)
{
    if (!entry)
        return now_told->firing.count > 0;
    if (!fingerprints_contain(&entry->told.firing, &now_told->firing))
        return true;
    // Irrespective of send_resolved: the log must learn that nothing fires any more.
    if (now_told->firing.count == 0)
        return entry->told.firing.count > 0;
    if (send_resolved && !fingerprints_contain(&entry->told.resolved, &now_told->resolved))
        return true;
    return entry->timestamp_ms < now_ms - repeat_interval_ms;
}
