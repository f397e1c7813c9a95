// Floats as text, both ways, as answers and scrapes have them.
#include "../hot.h"
#include "base/float_text.h"
#include "base/rng.h"

#define COUNT 1000

static double values[COUNT];
static char texts[COUNT][32];
static size_t lengths[COUNT];

static void prepare(void)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < COUNT; i++) {
        double whole = (double)rng_below(&rng, 1000000);
        values[i] = i % 3 == 0 ? whole : i % 3 == 1 ? whole / 100 : rng_double(&rng);
        char text[FLOAT_TEXT_SIZE];
        lengths[i] = float_format(values[i], FLOAT_JSON, text);
        memcpy(texts[i], text, lengths[i]);
    }
}

static void format_floats(void)
{
    char out[FLOAT_TEXT_SIZE];
    for (int i = 0; i < COUNT; i++)
        hot_sink = (double)float_format(values[i], FLOAT_JSON, out);
}

static void parse_floats(void)
{
    double value;
    for (int i = 0; i < COUNT; i++)
        if (float_parse(str_make(texts[i], lengths[i]), &value))
            hot_sink = value;
}

int main(int argc, char **argv)
{
    static const struct hot_case CASES[] = {{"float_format", "float", COUNT, format_floats},
                                            {"float_parse", "float", COUNT, parse_floats}};
    return hot_main(argc, argv, CASES, sizeof(CASES) / sizeof(CASES[0]), prepare);
}
