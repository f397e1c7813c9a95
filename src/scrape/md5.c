#include "md5.h"

#include <math.h>

static void block(uint32_t state[4], const unsigned char *bytes)
{
    static const unsigned char shifts[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t words[16];
    memcpy(words, bytes, sizeof(words));
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f;
        unsigned word;
        if (i < 16) {
            f = (b & c) | (~b & d);
            word = i;
        } else if (i < 32) {
            f = (d & b) | (~d & c);
            word = (5 * i + 1) % 16;
        } else if (i < 48) {
            f = b ^ c ^ d;
            word = (3 * i + 5) % 16;
        } else {
            f = c ^ (b | ~d);
            word = 7 * i % 16;
        }
        // The RFC's table: the integer part of 2^32 times |sin(i + 1)|.
        uint32_t constant = (uint32_t)(int64_t)floor(fabs(sin(i + 1.0)) * 4294967296.0);
        uint32_t sum = a + f + constant + words[word];
        unsigned shift = shifts[i / 16][i % 4];
        a = d;
        d = c;
        c = b;
        b += (sum << shift) | (sum >> (32 - shift));
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5(struct str bytes, unsigned char out[16])
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char tail[128] = {0};
    size_t whole = bytes.len / 64 * 64, left = bytes.len - whole;
    for (size_t at = 0; at < whole; at += 64)
        block(state, (const unsigned char *)bytes.ptr + at);
    if (left)
        memcpy(tail, bytes.ptr + whole, left);
    tail[left] = 0x80;
    size_t size = left < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)bytes.len * 8;
    memcpy(tail + size - 8, &bits, sizeof(bits));
    for (size_t at = 0; at < size; at += 64)
        block(state, tail + at);
    memcpy(out, state, 16);
}
