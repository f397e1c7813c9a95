// Texts are stored once, sorted, so that comparing numbers compares texts; a label pair is a pair of
// such numbers, and sorted likewise, so that a series' pairs ascend and are written as small steps.
#include "index_builder.h"

#include <stdlib.h>

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
    buf_release(&b->records);
    mem_free(b->pair_order);
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

uint32_t index_builder_pair(struct index_builder *b, struct label label)
{
    struct builder_pair pair = {.name = add_symbol(b, label.name),
                                .value = add_symbol(b, label.value)};
    uint64_t hash = ((uint64_t)pair.name << 32 | pair.value) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    uint32_t number = hmap_find(&b->pair_index, hash, pair_equal, b, &pair);
    if (number == HMAP_NONE) {
        MEM_GROW(b->pairs, b->pair_count, b->pair_capacity);
        number = (uint32_t)b->pair_count;
        b->pairs[b->pair_count++] = pair;
        hmap_insert(&b->pair_index, hash, number);
    }
    return number;
}

static void extend_list(struct builder_pair *pair, uint32_t series)
{
    pair->list_size += (uint32_t)varint_size(series - pair->last);
    pair->last = series;
    pair->count++;
}

void index_builder_add(struct index_builder *b, uint64_t hash, const uint32_t *pairs,
                       size_t pair_count, uint32_t column, struct str constant)
{
    uint32_t series = (uint32_t)b->series_count++;
    buf_be64(&b->hashes, hash);
    buf_varint(&b->records, (uint64_t)column << 1 | (constant.len > 0));
    if (constant.len)
        buf_sized(&b->records, constant);
    buf_varint(&b->records, pair_count);
    for (size_t i = 0; i < pair_count; i++) {
        buf_varint(&b->records, pairs[i]);
        extend_list(&b->pairs[pairs[i]], series);
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

// Gives symbols and pairs their ranks, counts names and places the lists.
static void rank(struct index_builder *b)
{
    uint32_t *order = sorted_numbers(b, b->symbol_count, by_text), before = UINT32_MAX;
    for (size_t i = 0; i < b->symbol_count; i++)
        b->symbols[order[i]].rank = (uint32_t)i;
    mem_free(order);
    b->pair_order = sorted_numbers(b, b->pair_count, by_ranks);
    for (size_t i = 0; i < b->pair_count; i++) {
        struct builder_pair *pair = &b->pairs[b->pair_order[i]];
        pair->rank = (uint32_t)i;
        pair->list_at = (uint32_t)b->list_bytes;
        b->list_bytes += varint_size(pair->count) + pair->list_size;
        b->name_count += pair->name != before;
        before = pair->name;
    }
}

// A series as it was added, label by label.
struct record {
    struct decoder d;
    struct str head; // all before the count of labels
    uint32_t label_count;
};

static void next_record(struct record *r)
{
    const unsigned char *start = r->d.pos;
    if (decode_varint(&r->d) & 1)
        decode_sized(&r->d);
    r->head = str_make((const char *)start, (size_t)(r->d.pos - start));
    r->label_count = (uint32_t)decode_varint(&r->d);
}

static size_t size_of_records(const struct index_builder *b)
{
    struct record r;
    size_t size = 0;
    decoder_init(&r.d, buf_view(&b->records));
    for (size_t i = 0; i < b->series_count; i++) {
        uint32_t last = 0;
        next_record(&r);
        size += r.head.len + varint_size(r.label_count);
        for (uint32_t l = 0; l < r.label_count; l++) {
            uint32_t rank = b->pairs[decode_varint(&r.d)].rank;
            size += varint_size(rank - last);
            last = rank;
        }
    }
    return size;
}

size_t index_builder_size(struct index_builder *b, const struct column_store *columns,
                          struct str blocks)
{
    hmap_release(&b->symbol_index);
    hmap_release(&b->pair_index);
    rank(b);
    b->record_bytes = size_of_records(b);
    return INDEX_SIZE_COUNT * 8 + (b->symbol_count + 1) * 4 + b->text.len +
           b->name_count * NAME_SIZE + b->pair_count * PAIR_SIZE + b->list_bytes +
           b->series_count * (8 + 4) + b->record_bytes + columns->count * COLUMN_SIZE +
           columns->bytes.len + blocks.len;
}

static void put_be32(char **out, uint32_t v)
{
    be32_put(*out, v);
    *out += 4;
}

static void put_be64(char **out, uint64_t v)
{
    be64_put(*out, v);
    *out += 8;
}

static void put_varint(char **out, uint64_t v)
{
    *out += varint_put((unsigned char *)*out, v);
}

static void put_bytes(char **out, struct str bytes)
{
    if (bytes.len)
        memcpy(*out, bytes.ptr, bytes.len);
    *out += bytes.len;
}

static void put_sizes(const struct index_builder *b, const struct column_store *columns,
                      struct str blocks, char **out)
{
    uint64_t sizes[INDEX_SIZE_COUNT] = {
        [INDEX_SYMBOLS] = b->symbol_count,      [INDEX_NAMES] = b->name_count,
        [INDEX_PAIRS] = b->pair_count,          [INDEX_SERIES] = b->series_count,
        [INDEX_COLUMNS] = columns->count,       [INDEX_BLOCKS] = blocks.len / BLOCK_ENTRY,
        [INDEX_SYMBOL_BYTES] = b->text.len,     [INDEX_LIST_BYTES] = b->list_bytes,
        [INDEX_RECORD_BYTES] = b->record_bytes, [INDEX_COLUMN_BYTES] = columns->bytes.len,
    };
    for (size_t i = 0; i < INDEX_SIZE_COUNT; i++)
        put_be64(out, sizes[i]);
}

static void put_symbols(struct index_builder *b, char **out)
{
    uint32_t *order = mem_calloc(b->symbol_count, sizeof(*order));
    uint32_t offset = 0;
    for (size_t i = 0; i < b->symbol_count; i++)
        order[b->symbols[i].rank] = (uint32_t)i;
    for (size_t i = 0; i < b->symbol_count; i++) {
        put_be32(out, offset);
        offset += b->symbols[order[i]].len;
    }
    put_be32(out, offset);
    for (size_t i = 0; i < b->symbol_count; i++)
        put_bytes(out, symbol_text(b, order[i]));
    mem_free(order);
}

static void put_pairs(const struct index_builder *b, char **out)
{
    uint32_t before = UINT32_MAX;
    for (size_t i = 0; i < b->pair_count; i++) {
        uint32_t name = b->pairs[b->pair_order[i]].name;
        if (name != before) {
            put_be32(out, b->symbols[name].rank);
            put_be32(out, (uint32_t)i);
        }
        before = name;
    }
    for (size_t i = 0; i < b->pair_count; i++) {
        const struct builder_pair *pair = &b->pairs[b->pair_order[i]];
        put_be32(out, b->symbols[pair->name].rank);
        put_be32(out, b->symbols[pair->value].rank);
        put_be32(out, pair->list_at);
    }
}

static void begin_lists(struct index_builder *b, char *lists)
{
    for (size_t i = 0; i < b->pair_count; i++) {
        struct builder_pair *pair = &b->pairs[i];
        char *out = lists + pair->list_at;
        put_varint(&out, pair->count);
        pair->list_at = (uint32_t)(out - lists);
        pair->last = 0;
    }
}

static void put_step(struct builder_pair *pair, uint32_t series, char *lists)
{
    char *out = lists + pair->list_at;
    put_varint(&out, series - pair->last);
    pair->list_at = (uint32_t)(out - lists);
    pair->last = series;
}

// The series' records with their offsets, and the lists of their pairs.
static void put_series(struct index_builder *b, char *lists, char **out)
{
    struct record r;
    char *offsets = *out, *records = *out + b->series_count * 4, *start = records;
    decoder_init(&r.d, buf_view(&b->records));
    begin_lists(b, lists);
    for (uint32_t i = 0; i < b->series_count; i++) {
        uint32_t last = 0;
        next_record(&r);
        put_be32(&offsets, (uint32_t)(records - start));
        put_bytes(&records, r.head);
        put_varint(&records, r.label_count);
        for (uint32_t l = 0; l < r.label_count; l++) {
            struct builder_pair *pair = &b->pairs[decode_varint(&r.d)];
            put_varint(&records, pair->rank - last);
            last = pair->rank;
            put_step(pair, i, lists);
        }
    }
    *out = records;
}

static void put_columns(const struct column_store *columns, char **out)
{
    for (size_t i = 0; i < columns->count; i++) {
        const struct column_entry *e = &columns->entries[i];
        put_be64(out, (uint64_t)e->first_ms);
        put_be64(out, (uint64_t)e->last_ms);
        put_be32(out, e->count);
        put_be32(out, e->offset);
    }
    put_bytes(out, buf_view(&columns->bytes));
}

void index_builder_put(struct index_builder *b, const struct column_store *columns,
                       struct str blocks, char *out)
{
    put_sizes(b, columns, blocks, &out);
    put_symbols(b, &out);
    buf_release(&b->text);
    put_pairs(b, &out);
    char *lists = out;
    out += b->list_bytes;
    put_bytes(&out, buf_view(&b->hashes));
    buf_release(&b->hashes);
    put_series(b, lists, &out);
    put_columns(columns, &out);
    put_bytes(&out, blocks);
}
