// A Gorilla chunk in one piece: the writer's words behind a header.
#ifndef PLAIN_CHUNK_H
#define PLAIN_CHUNK_H

#include "storage/gorilla.h"

struct plain_chunk {
    struct gorilla g;
    int64_t t_first_ms;
    double first;
    uint32_t words[GORILLA_BYTES_MAX / 4 + GORILLA_WORDS_MAX];
    unsigned char bytes[GORILLA_BYTES_MAX + 8];
};

static inline void plain_chunk_init(struct plain_chunk *c)
{
    *c = (struct plain_chunk){.t_first_ms = 0};
}

static inline bool plain_chunk_append(struct plain_chunk *c, int64_t t_ms, double value)
{
    if (c->g.sample_count == 0) {
        c->t_first_ms = t_ms;
        c->first = value;
    }
    return gorilla_append(&c->g, t_ms, value, c->words + c->g.bit_count / 32) >= 0;
}

static inline struct str plain_chunk_bytes(struct plain_chunk *c)
{
    unsigned bit_count = gorilla_finish(&c->g, c->words + c->g.bit_count / 32);
    gorilla_header_put(c->bytes, c->g.sample_count, c->t_first_ms, c->first);
    memcpy(c->bytes + GORILLA_HEADER_SIZE, c->words, (bit_count + 7) / 8);
    return str_make((const char *)c->bytes, GORILLA_HEADER_SIZE + (bit_count + 7) / 8);
}

#endif
