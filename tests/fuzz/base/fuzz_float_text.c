// Whatever float_parse() accepts is what strtod() makes of it, and prints and reads back to the same
// bits.
#include <assert.h>
#include <math.h>

#include "base/float_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_strtod(struct str text, double value)
{
    char copy[512];
    if (text.len >= sizeof(copy))
        return;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double expected = strtod(copy, NULL);
    // What is too small is 0, also where strtod() finds a denormal number.
    assert(isnan(value) ? isnan(expected) : value == expected || fabs(expected) < 0x1p-1021);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double value, again;
    char text[FLOAT_TEXT_SIZE];
    if (!float_parse(str_make((const char *)data, size), &value))
        return 0;
    check_strtod(str_make((const char *)data, size), value);
    for (int layout = FLOAT_F; layout <= FLOAT_JSON; layout++) {
        size_t len = float_format(value, (enum float_layout)layout, text);
        assert(len <= sizeof(text) && float_parse(str_make(text, len), &again));
        assert(isnan(value) ? isnan(again) : memcmp(&value, &again, sizeof(value)) == 0);
    }
    return 0;
}
