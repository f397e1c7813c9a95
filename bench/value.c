// Values that look like those of real exporters to an encoder.
//
// What matters to a store is how many digits change and how often: most counters move by whole
// numbers whose size varies, CPU and I/O times have two decimals, memory moves in pages, durations
// are whole nanoseconds (and sums of them nearly: floats add up with an error), sizes whole bytes,
// and much of what is scraped does not move for hours. Each kind below is one of these; the sizes
// stand in the tables of shapes.
#include "value.h"

#include <math.h>

uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double random_share(uint64_t *state)
{
    return (double)(random_next(state) >> 11) * 0x1p-53;
}

static double whole_nanoseconds(double seconds)
{
    return floor(seconds * 1e9) / 1e9;
}

// A whole number of events where `mean` are expected.
static double events(uint64_t *state, double mean)
{
    return floor(mean * (0.6 + 0.8 * random_share(state)) + random_share(state));
}

// Half of the series are as busy as their family says, the others less.
static double activity(uint64_t *state)
{
    double share = random_share(state);
    return share < 0.5 ? 0.5 + share * 2 : share < 0.8 ? 0.3 : 0.03;
}

static bool is_counter(enum value_kind kind)
{
    return kind == VALUE_COUNTER || kind == VALUE_SECONDS || kind == VALUE_NANOSECONDS ||
           kind == VALUE_FLOAT_SUM;
}

void value_init(struct value *v, enum value_kind kind, double scale, uint64_t seed, double uptime)
{
    *v = (struct value){.kind = kind, .random = seed, .scale = scale};
    if (is_counter(kind))
        v->scale *= activity(&v->random);
    if (kind == VALUE_SECONDS)
        v->scale *= 100;
    if (is_counter(kind))
        v->level = v->scale * uptime * (0.8 + 0.4 * random_share(&v->random));
    else
        v->level = scale * (0.7 + 0.6 * random_share(&v->random));
    if (kind == VALUE_COUNTER || kind == VALUE_SECONDS)
        v->level = floor(v->level);
    if (kind == VALUE_CONSTANT)
        v->level = scale == 0 ? random_next(&v->random) % 5 == 0 : scale;
}

void value_restart(struct value *v)
{
    if (is_counter(v->kind))
        v->level = 0;
}

// A random walk that is drawn back to `scale`.
static void walk(struct value *v, double load, double width)
{
    double noise = random_share(&v->random) + random_share(&v->random) - 1;
    v->level += (v->scale * load - v->level) * 0.02 + v->scale * width * noise;
    if (v->level < 0)
        v->level = -v->level;
}

static double next_number(struct value *v, double load)
{
    if (v->scale >= 100) {
        walk(v, load, 0.01);
        return floor(v->level);
    }
    if (random_share(&v->random) < 0.3)
        v->level = floor(v->scale * load * 2 * random_share(&v->random) + 0.5);
    return floor(v->level);
}

static double next_bytes(struct value *v, double load)
{
    if (random_share(&v->random) < 0.7)
        walk(v, load, 0.003);
    return floor(v->level / 4096) * 4096;
}

static double present(const struct value *v)
{
    switch (v->kind) {
    case VALUE_SECONDS:
    case VALUE_DECIMAL:
        return floor(v->level * (v->kind == VALUE_DECIMAL ? 100 : 1)) / 100;
    case VALUE_BYTES:
        return floor(v->level / 4096) * 4096;
    case VALUE_NUMBER:
        return floor(v->level);
    case VALUE_NANOSECONDS:
    case VALUE_DURATION:
    case VALUE_QUANTILE:
        return whole_nanoseconds(v->level);
    default:
        return v->level;
    }
}

double value_next(struct value *v, const struct moment *m)
{
    if (v->kind == VALUE_START)
        return m->start_s;
    if (v->kind == VALUE_CLOCK)
        return (double)m->time_ms / 1000 + random_share(&v->random) * 0.002;
    if (v->constant || v->kind == VALUE_CONSTANT)
        return present(v);
    switch (v->kind) {
    case VALUE_COUNTER:
    case VALUE_SECONDS:
        v->level += events(&v->random, v->scale * m->elapsed * m->load);
        break;
    case VALUE_NANOSECONDS:
    case VALUE_FLOAT_SUM:
        v->level +=
            whole_nanoseconds(v->scale * m->elapsed * m->load * (0.5 + random_share(&v->random)));
        break;
    case VALUE_BYTES:
        return next_bytes(v, m->load);
    case VALUE_NUMBER:
        return next_number(v, m->load);
    case VALUE_QUANTILE:
        if (random_share(&v->random) < 0.033)
            walk(v, m->load, 0.1);
        break;
    default:
        walk(v, m->load, 0.03);
        break;
    }
    return present(v);
}

// Observations gather around one bucket, with a tail to the right.
static void spread(struct histogram *h, double center)
{
    double sum = 0;
    for (size_t i = 0; i < shape_bound_count; i++) {
        double distance = (double)i - center;
        h->shares[i] = exp(-distance * distance / (distance < 0 ? 2 : 6));
        sum += h->shares[i];
    }
    for (size_t i = 0; i < shape_bound_count; i++)
        h->shares[i] /= sum;
}

static void observe(struct histogram *h, double count)
{
    double left = count;
    for (size_t i = 0; i + 1 < shape_bound_count; i++) {
        double taken = floor(count * h->shares[i] + random_share(&h->random));
        taken = taken < left ? taken : left;
        h->counts[i] += taken;
        left -= taken;
    }
    h->counts[shape_bound_count - 1] += left;
    double sum = count * h->mean * (0.7 + 0.6 * random_share(&h->random));
    h->sum += h->sizes ? floor(sum) : whole_nanoseconds(sum);
}

void histogram_init(struct histogram *h, bool sizes, double rate, uint64_t seed, double uptime)
{
    *h = (struct histogram){.random = seed, .sizes = sizes};
    h->rate = rate * activity(&h->random);
    double center = 1 + 7 * random_share(&h->random);
    h->mean = (sizes ? 4000 : 0.004) * exp2(center);
    spread(h, center);
    observe(h, floor(h->rate * uptime));
}

void histogram_advance(struct histogram *h, const struct moment *m)
{
    double count = h->constant ? 0 : events(&h->random, h->rate * m->elapsed * m->load);
    if (count > 0)
        observe(h, count);
}

void histogram_restart(struct histogram *h)
{
    memset(h->counts, 0, sizeof(h->counts));
    h->sum = 0;
}

double histogram_bucket(const struct histogram *h, size_t index)
{
    double sum = 0;
    for (size_t i = 0; i <= index; i++)
        sum += h->counts[i];
    return sum;
}
