// An intrusive binary min-heap of 64-bit keys, for timers: embed a node, recover the owner with
// HEAP_OWNER(). Equal keys leave in no stated order.
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_ABSENT SIZE_MAX

struct heap_node {
    int64_t key;
    size_t index; // its place in the heap, HEAP_ABSENT when in none
};

struct heap {
    struct heap_node **nodes; // the array is owned, the nodes are not
    size_t count;
    size_t capacity;
};

#define HEAP_OWNER(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

void heap_init(struct heap *h);
void heap_release(struct heap *h);
void heap_node_init(struct heap_node *node);
// Adds the node, or moves it when it is already in this heap.
void heap_set(struct heap *h, struct heap_node *node, int64_t key);
void heap_remove(struct heap *h, struct heap_node *node);
// NULL when empty; does not remove.
struct heap_node *heap_min(const struct heap *h);

#endif
