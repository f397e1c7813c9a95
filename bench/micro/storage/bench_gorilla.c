// What a sample costs in the codec, by shape of series: nanoseconds to append and to decode, bytes.
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "storage/plain_chunk.h"

#define ROUNDS 2000

struct shape {
    const char *name;
    double (*value)(struct rng *rng, int i, double last);
};

static double constant(struct rng *rng, int i, double last)
{
    (void)rng, (void)i, (void)last;
    return 4096;
}

static double counter(struct rng *rng, int i, double last)
{
    return i == 0 ? 123456 : last + (double)rng_below(rng, 50);
}

static double two_decimals(struct rng *rng, int i, double last)
{
    (void)i, (void)last;
    return (double)rng_below(rng, 10000) / 100;
}

static double noise(struct rng *rng, int i, double last)
{
    (void)i, (void)last;
    return rng_double(rng);
}

static const struct shape SHAPES[] = {
    {"constant", constant}, {"counter", counter}, {"two decimals", two_decimals}, {"noise", noise}};

static void run(const struct shape *shape)
{
    struct rng rng;
    struct plain_chunk g;
    double in[GORILLA_SAMPLES_MAX];
    double values[GORILLA_SAMPLES_MAX];
    int64_t times[GORILLA_SAMPLES_MAX];
    int64_t append_ns = 0, decode_ns = 0;
    int64_t samples = 0, bytes = 0;
    rng_seed(&rng, 7);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < GORILLA_SAMPLES_MAX; i++)
            in[i] = shape->value(&rng, i, i ? in[i - 1] : 0);
        plain_chunk_init(&g);
        int64_t start = clock_mono_ns(&clock_system);
        for (int i = 0; i < GORILLA_SAMPLES_MAX; i++)
            plain_chunk_append(&g, INT64_C(1700000000000) + 15000 * i, in[i]);
        int64_t appended = clock_mono_ns(&clock_system);
        samples += gorilla_decode(plain_chunk_bytes(&g), times, values);
        decode_ns += clock_mono_ns(&clock_system) - appended;
        append_ns += appended - start;
        bytes += (int64_t)plain_chunk_bytes(&g).len;
    }
    printf("%-14s %10.1f %10.1f %10.2f\n", shape->name, (double)append_ns / (double)samples,
           (double)decode_ns / (double)samples, (double)bytes / (double)samples);
}

int main(void)
{
    printf("%-14s %10s %10s %10s\n", "series", "append ns", "decode ns", "bytes");
    for (size_t i = 0; i < sizeof(SHAPES) / sizeof(SHAPES[0]); i++)
        run(&SHAPES[i]);
    return 0;
}
