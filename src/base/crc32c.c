// Eight bytes a step over eight tables ("slicing"): table k holds what a byte adds once k more bytes
// have gone by.
#include "base/crc32c.h"

#include <pthread.h>

#define POLYNOMIAL UINT32_C(0x82f63b78) // reflected

static uint32_t tables[8][256];

static void make_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = rest & 1 ? rest >> 1 ^ POLYNOMIAL : rest >> 1;
        tables[0][byte] = rest;
    }
    for (int k = 1; k < 8; k++) {
        for (int byte = 0; byte < 256; byte++)
            tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
    }
}

static uint32_t step8(uint32_t state, const unsigned char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    word ^= state;
    uint32_t next = 0;
    for (int i = 0; i < 8; i++)
        next ^= tables[7 - i][word >> (8 * i) & 0xff];
    return next;
}

uint32_t crc32c(uint32_t state, struct str bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_tables);
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t left = bytes.len;
    state = ~state;
    for (; left >= 8; p += 8, left -= 8)
        state = step8(state, p);
    for (; left; p++, left--)
        state = state >> 8 ^ tables[0][(state ^ *p) & 0xff];
    return ~state;
}
