// Whatever float_parse() accepts prints and reads back to the same bits.
#include <assert.h>
#include <math.h>

#include "base/float_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    double value, again;
    char text[FLOAT_TEXT_SIZE];
    if (!float_parse(str_make((const char *)data, size), &value))
        return 0;
    for (int layout = FLOAT_F; layout <= FLOAT_JSON; layout++) {
        size_t len = float_format(value, (enum float_layout)layout, text);
        assert(len <= sizeof(text) && float_parse(str_make(text, len), &again));
        assert(isnan(value) ? isnan(again) : memcmp(&value, &again, sizeof(value)) == 0);
    }
    return 0;
}
