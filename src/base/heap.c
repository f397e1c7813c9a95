#include "base/heap.h"

#include <assert.h>

#include "base/mem.h"

void heap_init(struct heap *h)
{
    *h = (struct heap){0};
}

void heap_release(struct heap *h)
{
    mem_free(h->nodes);
    heap_init(h);
}

void heap_node_init(struct heap_node *node)
{
    *node = (struct heap_node){.index = HEAP_ABSENT};
}

static void put(struct heap *h, struct heap_node *node, size_t index)
{
    h->nodes[index] = node;
    node->index = index;
}

static void sift_up(struct heap *h, struct heap_node *node, size_t index)
{
    while (index && h->nodes[(index - 1) / 2]->key > node->key) {
        put(h, h->nodes[(index - 1) / 2], index);
        index = (index - 1) / 2;
    }
    put(h, node, index);
}

static void sift_down(struct heap *h, struct heap_node *node, size_t index)
{
    for (size_t child = index * 2 + 1; child < h->count; child = index * 2 + 1) {
        if (child + 1 < h->count && h->nodes[child + 1]->key < h->nodes[child]->key)
            child++;
        if (h->nodes[child]->key >= node->key)
            break;
        put(h, h->nodes[child], index);
        index = child;
    }
    put(h, node, index);
}

static void settle(struct heap *h, struct heap_node *node, size_t index)
{
    if (index && h->nodes[(index - 1) / 2]->key > node->key)
        sift_up(h, node, index);
    else
        sift_down(h, node, index);
}

void heap_set(struct heap *h, struct heap_node *node, int64_t key)
{
    size_t index = node->index;
    if (index == HEAP_ABSENT) {
        MEM_GROW(h->nodes, h->count, h->capacity);
        index = h->count++;
    }
    assert(index < h->count);
    node->key = key;
    settle(h, node, index);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t index = node->index;
    if (index == HEAP_ABSENT)
        return;
    assert(index < h->count && h->nodes[index] == node);
    node->index = HEAP_ABSENT;
    struct heap_node *last = h->nodes[--h->count];
    if (last != node)
        settle(h, last, index);
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->count ? h->nodes[0] : NULL;
}
