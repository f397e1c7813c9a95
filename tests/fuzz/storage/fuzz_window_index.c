// A window's index of arbitrary bytes: refused, or every question about it is answered or refused.
#include "base/error.h"
#include "window_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_ids(void *context, struct str value, const uint32_t *items, size_t count)
{
    uint64_t *sum = context;
    for (size_t i = 0; i < count; i++)
        *sum += items[i];
    for (size_t i = 0; i < value.len; i++)
        *sum += (unsigned char)value.ptr[i];
}

static void ask_series(const struct window_index *x, uint32_t id, struct arena *arena)
{
    struct labels labels;
    struct index_series series;
    struct index_column column;
    struct index_block block;
    uint32_t number;
    uint64_t sum = 0;
    if (window_index_labels(x, id, arena, &labels) == OK && labels.count) {
        const struct label *l = &labels.items[labels.count - 1];
        (void)window_index_value(x, l->name, l->value, count_ids, &sum);
        (void)window_index_values(x, l->name, count_ids, &sum);
        struct label some[1];
        size_t count;
        struct index_names names = window_index_find_names(x, &l->name, 1);
        (void)window_index_some_labels(x, id, &names, some, &count);
    }
    if (window_index_series(x, id, &series) == OK)
        (void)window_index_column(x, series.column, &column);
    if (window_index_find_block(x, id % 3, id, &number) == OK)
        window_index_block(x, number, &block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct window_index x;
    struct arena arena;
    if (window_index_parse(&x, str_make((const char *)data, size)) != OK)
        return 0;
    arena_init(&arena, 0);
    uint32_t count = window_index_series_count(&x);
    for (uint32_t id = 0; id <= count && id < 64; id++)
        ask_series(&x, id, &arena);
    arena_release(&arena);
    return 0;
}
