#include "window_index.h"

#include <assert.h>

#include "base/error.h"

// Takes the next `count` entries of `size` bytes off the front; false when they aren't there.
static bool take(struct str *rest, uint64_t count, size_t size, const unsigned char **out)
{
    if (count > rest->len / size)
        return false;
    *out = (const unsigned char *)rest->ptr;
    *rest = str_skip(*rest, (size_t)count * size);
    return true;
}

int window_index_parse(struct window_index *out, struct str bytes)
{
    const unsigned char *sizes;
    struct str rest = bytes;
    uint64_t *n = out->sizes;
    if (!take(&rest, INDEX_SIZE_COUNT, 8, &sizes))
        return ERR_CORRUPT;
    for (size_t i = 0; i < INDEX_SIZE_COUNT; i++) {
        n[i] = be64_get(sizes + i * 8);
        if (n[i] >= UINT32_MAX)
            return ERR_CORRUPT;
    }
    bool whole = take(&rest, n[INDEX_SYMBOLS] + 1, 4, &out->symbol_offsets) &&
                 take(&rest, n[INDEX_SYMBOL_BYTES], 1, &out->symbols) &&
                 take(&rest, n[INDEX_NAMES], NAME_SIZE, &out->names) &&
                 take(&rest, n[INDEX_PAIRS], PAIR_SIZE, &out->pairs) &&
                 take(&rest, n[INDEX_LIST_BYTES], 1, &out->lists) &&
                 take(&rest, n[INDEX_SERIES], 8, &out->hashes) &&
                 take(&rest, n[INDEX_SERIES], 4, &out->record_offsets) &&
                 take(&rest, n[INDEX_RECORD_BYTES], 1, &out->records) &&
                 take(&rest, n[INDEX_COLUMNS], COLUMN_SIZE, &out->columns) &&
                 take(&rest, n[INDEX_COLUMN_BYTES], 1, &out->column_bytes) &&
                 take(&rest, n[INDEX_BLOCKS], BLOCK_ENTRY, &out->blocks);
    return whole && rest.len == 0 ? OK : ERR_CORRUPT;
}

// An empty text when the number or its place is out of range: no writer stores one.
static struct str symbol(const struct window_index *x, uint32_t number)
{
    if (number >= x->sizes[INDEX_SYMBOLS])
        return str_make(NULL, 0);
    uint32_t from = be32_get(x->symbol_offsets + (size_t)number * 4);
    uint32_t end = be32_get(x->symbol_offsets + (size_t)number * 4 + 4);
    if (from > end || end > x->sizes[INDEX_SYMBOL_BYTES])
        return str_make(NULL, 0);
    return str_make((const char *)x->symbols + from, end - from);
}

// The symbol with this text; false when there is none.
static bool find_symbol(const struct window_index *x, struct str text, uint32_t *out)
{
    uint32_t low = 0, high = (uint32_t)x->sizes[INDEX_SYMBOLS];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = str_cmp(symbol(x, middle), text);
        if (order == 0) {
            *out = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static const unsigned char *pair_at(const struct window_index *x, uint32_t number)
{
    return x->pairs + (size_t)number * PAIR_SIZE;
}

// The pairs [*first, *end) that have this name.
static bool find_name(const struct window_index *x, uint32_t name, uint32_t *first, uint32_t *end)
{
    uint32_t low = 0, high = (uint32_t)x->sizes[INDEX_NAMES];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const unsigned char *entry = x->names + (size_t)middle * NAME_SIZE;
        uint32_t have = be32_get(entry);
        if (have == name) {
            *first = be32_get(entry + 4);
            *end = middle + 1 < x->sizes[INDEX_NAMES] ? be32_get(entry + NAME_SIZE + 4)
                                                      : (uint32_t)x->sizes[INDEX_PAIRS];
            return *first <= *end && *end <= x->sizes[INDEX_PAIRS];
        }
        if (have < name)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool find_pair(const struct window_index *x, uint32_t low, uint32_t high, uint32_t value,
                      uint32_t *out)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint32_t have = be32_get(pair_at(x, middle) + 4);
        if (have == value) {
            *out = middle;
            return true;
        }
        if (have < value)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static int get_record(const struct window_index *x, uint32_t id, struct decoder *d)
{
    if (id >= x->sizes[INDEX_SERIES])
        return ERR_CORRUPT;
    uint32_t offset = be32_get(x->record_offsets + (size_t)id * 4);
    if (offset >= x->sizes[INDEX_RECORD_BYTES])
        return ERR_CORRUPT;
    decoder_init(
        d, str_make((const char *)x->records + offset, x->sizes[INDEX_RECORD_BYTES] - offset));
    return OK;
}

// The part of a record before its labels.
static struct index_series decode_series(struct decoder *d)
{
    struct index_series s = {.constant = STR("")};
    uint64_t column = decode_varint(d);
    if (column & 1)
        s.constant = decode_sized(d);
    if (column >> 1 >= UINT32_MAX)
        d->failed = true;
    s.column = (uint32_t)(column >> 1);
    return s;
}

// The labels of a record, one by one.
struct record_labels {
    const struct window_index *index;
    struct decoder d;
    uint64_t left;
    uint64_t pair;
};

static int begin_labels(const struct window_index *x, uint32_t id, struct record_labels *r)
{
    *r = (struct record_labels){.index = x};
    int rc = get_record(x, id, &r->d);
    if (rc)
        return rc;
    decode_series(&r->d);
    r->left = decode_varint(&r->d);
    return r->left > decoder_left(&r->d) ? ERR_CORRUPT : OK;
}

static inline int next_pair(struct record_labels *r)
{
    r->left--;
    r->pair += decode_varint(&r->d);
    return r->d.failed || r->pair >= r->index->sizes[INDEX_PAIRS] ? ERR_CORRUPT : OK;
}

static int this_label(const struct record_labels *r, struct label *out)
{
    const struct window_index *x = r->index;
    out->name = symbol(x, be32_get(pair_at(x, (uint32_t)r->pair)));
    out->value = symbol(x, be32_get(pair_at(x, (uint32_t)r->pair) + 4));
    return out->name.len && out->value.len ? OK : ERR_CORRUPT;
}

static int next_label(struct record_labels *r, struct label *out)
{
    int rc = next_pair(r);
    return rc ? rc : this_label(r, out);
}

int window_index_labels(const struct window_index *x, uint32_t id, struct arena *arena,
                        struct labels *out)
{
    struct record_labels r;
    int rc = begin_labels(x, id, &r);
    if (rc)
        return rc;
    size_t count = (size_t)r.left;
    struct label *items = arena_array(arena, count, sizeof(*items));
    for (size_t i = 0; i < count && rc == OK; i++)
        rc = next_label(&r, &items[i]);
    *out = (struct labels){items, count};
    return rc;
}

struct index_names window_index_find_names(const struct window_index *x, const struct str *names,
                                           size_t count)
{
    struct index_names found = {.count = 0};
    assert(count <= INDEX_NAMES_MAX);
    for (size_t i = 0; i < count; i++)
        found.count += find_symbol(x, names[i], &found.symbols[found.count]);
    return found;
}

static bool is_named(const struct index_names *names, uint32_t symbol)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->symbols[i] == symbol)
            return true;
    }
    return false;
}

int window_index_some_labels(const struct window_index *x, uint32_t id,
                             const struct index_names *names, struct label *items, size_t *count)
{
    struct record_labels r;
    *count = 0;
    int rc = begin_labels(x, id, &r);
    while (rc == OK && r.left && *count < names->count) {
        rc = next_pair(&r);
        if (rc == OK && is_named(names, be32_get(pair_at(x, (uint32_t)r.pair))))
            rc = this_label(&r, &items[(*count)++]);
    }
    return rc;
}

static bool same_label(const struct label *a, const struct label *b)
{
    return str_eq(a->value, b->value) && str_eq(a->name, b->name);
}

static bool same_pair(struct label_map *map, const struct record_labels *from,
                      const struct record_labels *to)
{
    struct label of_from, of_to;
    if (map->pairs && map->pairs[from->pair] == to->pair + 1)
        return true;
    if (this_label(from, &of_from) || this_label(to, &of_to) || !same_label(&of_from, &of_to))
        return false;
    if (map->pairs)
        map->pairs[from->pair] = (uint32_t)to->pair + 1;
    return true;
}

bool window_index_same_labels(struct label_map *map, uint32_t from_id, uint32_t to_id)
{
    struct record_labels from, to;
    if (begin_labels(map->from, from_id, &from) || begin_labels(map->to, to_id, &to) ||
        from.left != to.left)
        return false;
    while (from.left) {
        if (next_pair(&from) || next_pair(&to) || !same_pair(map, &from, &to))
            return false;
    }
    return true;
}

bool window_index_has_labels(const struct window_index *x, uint32_t id, struct labels labels)
{
    struct record_labels r;
    struct label label;
    if (begin_labels(x, id, &r) || r.left != labels.count)
        return false;
    for (size_t i = 0; i < labels.count; i++) {
        if (next_label(&r, &label) || !same_label(&label, &labels.items[i]))
            return false;
    }
    return true;
}

int window_index_series(const struct window_index *x, uint32_t id, struct index_series *out)
{
    struct decoder d;
    int rc = get_record(x, id, &d);
    if (rc)
        return rc;
    *out = decode_series(&d);
    return d.failed || out->column >= x->sizes[INDEX_COLUMNS] ? ERR_CORRUPT : OK;
}

int window_index_column(const struct window_index *x, uint32_t number, struct index_column *out)
{
    if (number >= x->sizes[INDEX_COLUMNS])
        return ERR_CORRUPT;
    const unsigned char *entry = x->columns + (size_t)number * COLUMN_SIZE;
    uint64_t from = be32_get(entry + 20), end = x->sizes[INDEX_COLUMN_BYTES];
    if (number + 1 < x->sizes[INDEX_COLUMNS])
        end = be32_get(entry + COLUMN_SIZE + 20);
    if (from > end || end > x->sizes[INDEX_COLUMN_BYTES])
        return ERR_CORRUPT;
    *out = (struct index_column){(int64_t)be64_get(entry), (int64_t)be64_get(entry + 8),
                                 be32_get(entry + 16),
                                 str_make((const char *)x->column_bytes + from, end - from)};
    return out->count ? OK : ERR_CORRUPT;
}

// What blocks are sorted by.
static uint64_t block_order(uint32_t slice, uint32_t series)
{
    return (uint64_t)slice << 32 | series;
}

static uint64_t block_order_at(const struct window_index *x, uint32_t number)
{
    return be64_get(x->blocks + (size_t)number * BLOCK_ENTRY);
}

int window_index_find_block(const struct window_index *x, uint32_t slice, uint32_t id,
                            uint32_t *out)
{
    uint32_t low = 0, high = (uint32_t)x->sizes[INDEX_BLOCKS];
    uint64_t wanted = block_order(slice, id);
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (block_order_at(x, middle) <= wanted)
            low = middle;
        else
            high = middle;
    }
    *out = low;
    return high > low && block_order_at(x, low) <= wanted &&
                   block_order_at(x, low) >= block_order(slice, 0)
               ? OK
               : ERR_CORRUPT;
}

void window_index_block(const struct window_index *x, uint32_t number, struct index_block *out)
{
    const unsigned char *entry = x->blocks + (size_t)number * BLOCK_ENTRY;
    *out = (struct index_block){be32_get(entry),      be32_get(entry + 4),  be32_get(entry + 8),
                                be32_get(entry + 12), be32_get(entry + 16), be32_get(entry + 20),
                                be32_get(entry + 24), be64_get(entry + 28)};
}

// Passes on the series of a pair; `ids` is scratch.
static int pass_list(const struct window_index *x, uint32_t pair, struct ids *ids,
                     index_value_fn *each, void *context)
{
    struct decoder d;
    uint32_t offset = be32_get(pair_at(x, pair) + 8);
    uint64_t id = 0;
    if (offset >= x->sizes[INDEX_LIST_BYTES])
        return ERR_CORRUPT;
    decoder_init(&d,
                 str_make((const char *)x->lists + offset, x->sizes[INDEX_LIST_BYTES] - offset));
    uint64_t count = decode_varint(&d);
    if (count > decoder_left(&d))
        return ERR_CORRUPT;
    ids->count = 0;
    for (uint64_t i = 0; i < count; i++) {
        id += decode_varint(&d);
        if (d.failed || id >= x->sizes[INDEX_SERIES])
            return ERR_CORRUPT;
        ids_add(ids, (uint32_t)id);
    }
    each(context, symbol(x, be32_get(pair_at(x, pair) + 4)), ids->items, ids->count);
    return OK;
}

int window_index_value(const struct window_index *x, struct str name, struct str value,
                       index_value_fn *each, void *context)
{
    uint32_t name_symbol, value_symbol, first, end, pair;
    if (!find_symbol(x, name, &name_symbol) || !find_symbol(x, value, &value_symbol) ||
        !find_name(x, name_symbol, &first, &end) || !find_pair(x, first, end, value_symbol, &pair))
        return OK;
    struct ids ids = {0};
    int rc = pass_list(x, pair, &ids, each, context);
    ids_release(&ids);
    return rc;
}

int window_index_values(const struct window_index *x, struct str name, index_value_fn *each,
                        void *context)
{
    uint32_t name_symbol, first, end;
    if (!find_symbol(x, name, &name_symbol) || !find_name(x, name_symbol, &first, &end))
        return OK;
    struct ids ids = {0};
    int rc = OK;
    for (uint32_t pair = first; pair < end && rc == OK; pair++)
        rc = pass_list(x, pair, &ids, each, context);
    ids_release(&ids);
    return rc;
}
