// Radix exchange: items are parted by their highest bit that differs, and each part by the next. It
// takes no memory, and no order of the items makes it slow (D. Knuth, "The Art of Computer
// Programming", 5.2.2, algorithm R).
#include "base/sort.h"

#define INSERTED_MAX 12

static void insert_each(uint64_t *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1] > item; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

// Those without the bit come first; returns how many they are.
static size_t part(uint64_t *items, size_t count, uint64_t bit)
{
    size_t low = 0, high = count;
    for (;;) {
        while (low < high && !(items[low] & bit))
            low++;
        while (low < high && items[high - 1] & bit)
            high--;
        if (low == high)
            return low;
        uint64_t item = items[low];
        items[low++] = items[--high];
        items[high] = item;
    }
}

// By this bit and lower ones; not deeper than there are bits.
static void sort_bits(uint64_t *items, size_t count, uint64_t bit)
{
    for (; bit && count > INSERTED_MAX; bit >>= 1) {
        size_t without = part(items, count, bit);
        sort_bits(items, without, bit >> 1);
        items += without;
        count -= without;
    }
    if (bit)
        insert_each(items, count);
}

void u64_sort(uint64_t *items, size_t count)
{
    uint64_t differing = 0;
    for (size_t i = 1; i < count; i++)
        differing |= items[i] ^ items[0];
    if (differing)
        sort_bits(items, count, UINT64_C(1) << (63 - __builtin_clzll(differing)));
}
