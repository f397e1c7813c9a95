// Texts are stored once, sorted, so that comparing numbers compares texts; a label pair is a pair of
// such numbers, and sorted likewise, so that a series' pairs ascend and are written as small steps.
#include "index_builder.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "window_format.h"

void index_builder_init(struct index_builder *b)
{
    *b = (struct index_builder){0};
    hmap_init(&b->symbol_index);
    hmap_init(&b->pair_index);
}

void index_builder_release(struct index_builder *b)
{
    buf_release(&b->text);
    mem_free(b->symbols);
    hmap_release(&b->symbol_index);
    mem_free(b->pairs);
    hmap_release(&b->pair_index);
    buf_release(&b->hashes);
    mem_free(b->series_pairs);
    mem_free(b->series);
}

static struct str symbol_text(const struct index_builder *b, uint32_t number)
{
    return str_make(b->text.ptr + b->symbols[number].offset, b->symbols[number].len);
}

static bool symbol_equal(const void *context, uint32_t value, const void *key)
{
    return str_eq(symbol_text(context, value), *(const struct str *)key);
}

static uint32_t add_symbol(struct index_builder *b, struct str text)
{
    uint64_t hash = hash_str(text);
    uint32_t number = hmap_find(&b->symbol_index, hash, symbol_equal, b, &text);
    if (number != HMAP_NONE)
        return number;
    MEM_GROW(b->symbols, b->symbol_count, b->symbol_capacity);
    b->symbols[b->symbol_count] =
        (struct builder_symbol){(uint32_t)b->text.len, (uint32_t)text.len, 0};
    buf_str(&b->text, text);
    hmap_insert(&b->symbol_index, hash, (uint32_t)b->symbol_count);
    return (uint32_t)b->symbol_count++;
}

static bool pair_equal(const void *context, uint32_t value, const void *key)
{
    const struct builder_pair *have = &((const struct index_builder *)context)->pairs[value];
    const struct builder_pair *wanted = key;
    return have->name == wanted->name && have->value == wanted->value;
}

static uint32_t add_pair(struct index_builder *b, struct label label)
{
    struct builder_pair pair = {add_symbol(b, label.name), add_symbol(b, label.value), 0, 0};
    uint64_t hash = ((uint64_t)pair.name << 32 | pair.value) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    uint32_t number = hmap_find(&b->pair_index, hash, pair_equal, b, &pair);
    if (number == HMAP_NONE) {
        MEM_GROW(b->pairs, b->pair_count, b->pair_capacity);
        number = (uint32_t)b->pair_count;
        b->pairs[b->pair_count++] = pair;
        hmap_insert(&b->pair_index, hash, number);
    }
    b->pairs[number].count++;
    return number;
}

void index_builder_add(struct index_builder *b, struct labels labels, uint32_t column)
{
    MEM_GROW(b->series, b->series_count, b->series_capacity);
    b->series[b->series_count++] = (struct builder_series){(uint32_t)labels.count, column};
    buf_be64(&b->hashes, labels_hash(labels));
    for (size_t i = 0; i < labels.count; i++) {
        uint32_t pair = add_pair(b, labels.items[i]);
        MEM_GROW(b->series_pairs, b->series_pair_count, b->series_pair_capacity);
        b->series_pairs[b->series_pair_count++] = pair;
    }
}

static int by_text(const void *x, const void *y, void *context)
{
    const struct index_builder *b = context;
    return str_cmp(symbol_text(b, *(const uint32_t *)x), symbol_text(b, *(const uint32_t *)y));
}

static int by_ranks(const void *x, const void *y, void *context)
{
    const struct index_builder *b = context;
    const struct builder_pair *p = &b->pairs[*(const uint32_t *)x];
    const struct builder_pair *q = &b->pairs[*(const uint32_t *)y];
    uint64_t left = (uint64_t)b->symbols[p->name].rank << 32 | b->symbols[p->value].rank;
    uint64_t right = (uint64_t)b->symbols[q->name].rank << 32 | b->symbols[q->value].rank;
    return (left > right) - (left < right);
}

// The numbers 0 .. count - 1 in order.
static uint32_t *sorted_numbers(struct index_builder *b, size_t count,
                                int (*order)(const void *, const void *, void *))
{
    uint32_t *numbers = mem_calloc(count, sizeof(*numbers));
    for (size_t i = 0; i < count; i++)
        numbers[i] = (uint32_t)i;
    if (count)
        qsort_r(numbers, count, sizeof(*numbers), order, b);
    return numbers;
}

static void put_symbols(struct index_builder *b, struct buf *out)
{
    uint32_t *order = sorted_numbers(b, b->symbol_count, by_text);
    uint32_t offset = 0;
    for (size_t i = 0; i < b->symbol_count; i++) {
        b->symbols[order[i]].rank = (uint32_t)i;
        buf_be32(out, offset);
        offset += b->symbols[order[i]].len;
    }
    buf_be32(out, offset);
    for (size_t i = 0; i < b->symbol_count; i++)
        buf_str(out, symbol_text(b, order[i]));
    mem_free(order);
}

// For each pair, by rank, the series that carry it: where its list begins in *lists. The array has
// one more entry, the end.
static uint32_t *group_by_pair(const struct index_builder *b, const uint32_t *order,
                               uint32_t **lists)
{
    uint32_t *starts = mem_calloc(b->pair_count + 1, sizeof(*starts));
    uint32_t *next = mem_calloc(b->pair_count + 1, sizeof(*next));
    for (size_t i = 0; i < b->pair_count; i++)
        starts[i + 1] = starts[i] + b->pairs[order[i]].count;
    memcpy(next, starts, (b->pair_count + 1) * sizeof(*next));
    *lists = mem_calloc(b->series_pair_count, sizeof(**lists));
    const uint32_t *pair = b->series_pairs;
    for (size_t i = 0; i < b->series_count; i++) {
        for (uint32_t l = 0; l < b->series[i].label_count; l++)
            (*lists)[next[b->pairs[*pair++].rank]++] = (uint32_t)i;
    }
    mem_free(next);
    return starts;
}

static void put_names(const struct index_builder *b, const uint32_t *order, struct buf *out,
                      size_t *name_count)
{
    *name_count = 0;
    for (size_t i = 0; i < b->pair_count; i++) {
        uint32_t name = b->pairs[order[i]].name;
        if (i && b->pairs[order[i - 1]].name == name)
            continue;
        buf_be32(out, b->symbols[name].rank);
        buf_be32(out, (uint32_t)i);
        (*name_count)++;
    }
}

static void put_list(struct buf *out, const uint32_t *ids, size_t count)
{
    uint32_t last = 0;
    buf_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        buf_varint(out, ids[i] - last);
        last = ids[i];
    }
}

// Names, pairs, and behind them the pairs' lists.
static void put_pairs(struct index_builder *b, struct buf *out, size_t *name_count,
                      size_t *list_bytes)
{
    struct buf lists = BUF_INIT;
    uint32_t *order = sorted_numbers(b, b->pair_count, by_ranks), *ids;
    for (size_t i = 0; i < b->pair_count; i++)
        b->pairs[order[i]].rank = (uint32_t)i;
    uint32_t *starts = group_by_pair(b, order, &ids);
    put_names(b, order, out, name_count);
    for (size_t i = 0; i < b->pair_count; i++) {
        const struct builder_pair *pair = &b->pairs[order[i]];
        buf_be32(out, b->symbols[pair->name].rank);
        buf_be32(out, b->symbols[pair->value].rank);
        buf_be32(out, (uint32_t)lists.len);
        put_list(&lists, ids + starts[i], pair->count);
    }
    buf_str(out, buf_view(&lists));
    *list_bytes = lists.len;
    mem_free(order);
    mem_free(ids);
    mem_free(starts);
    buf_release(&lists);
}

static void put_series(const struct index_builder *b, struct buf *out, size_t *record_bytes)
{
    struct buf records = BUF_INIT;
    const uint32_t *pair = b->series_pairs;
    buf_str(out, buf_view(&b->hashes));
    for (size_t i = 0; i < b->series_count; i++) {
        uint32_t last = 0;
        buf_be32(out, (uint32_t)records.len);
        buf_varint(&records, b->series[i].column);
        buf_varint(&records, b->series[i].label_count);
        for (uint32_t l = 0; l < b->series[i].label_count; l++) {
            uint32_t rank = b->pairs[*pair++].rank;
            buf_varint(&records, rank - last);
            last = rank;
        }
    }
    buf_str(out, buf_view(&records));
    *record_bytes = records.len;
    buf_release(&records);
}

static void put_columns(const struct column_store *columns, struct buf *out)
{
    for (size_t i = 0; i < columns->count; i++) {
        const struct column_entry *e = &columns->entries[i];
        buf_be64(out, (uint64_t)e->first_ms);
        buf_be64(out, (uint64_t)e->last_ms);
        buf_be32(out, e->count);
        buf_be32(out, e->offset);
    }
    buf_str(out, buf_view(&columns->bytes));
}

void index_builder_finish(struct index_builder *b, const struct column_store *columns,
                          struct str blocks, size_t block_count, struct buf *out)
{
    uint64_t sizes[INDEX_SIZE_COUNT] = {
        [INDEX_SYMBOLS] = b->symbol_count,
        [INDEX_PAIRS] = b->pair_count,
        [INDEX_SERIES] = b->series_count,
        [INDEX_COLUMNS] = columns->count,
        [INDEX_BLOCKS] = block_count,
        [INDEX_SYMBOL_BYTES] = b->text.len,
        [INDEX_COLUMN_BYTES] = columns->bytes.len,
    };
    size_t start = out->len, name_count, list_bytes, record_bytes;
    for (size_t i = 0; i < INDEX_SIZE_COUNT; i++)
        buf_be64(out, 0);
    put_symbols(b, out);
    put_pairs(b, out, &name_count, &list_bytes);
    put_series(b, out, &record_bytes);
    put_columns(columns, out);
    buf_str(out, blocks);
    sizes[INDEX_NAMES] = name_count;
    sizes[INDEX_LIST_BYTES] = list_bytes;
    sizes[INDEX_RECORD_BYTES] = record_bytes;
    for (size_t i = 0; i < INDEX_SIZE_COUNT; i++)
        be64_put(out->ptr + start + i * 8, sizes[i]);
}
