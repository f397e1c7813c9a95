// Whatever is read as an answer agrees with itself, and its series are in order.
#include <assert.h>

#include "answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer a;
    struct answer_difference d;
    struct error err;
    if (answer_parse(&a, str_make((const char *)data, size), &err))
        return 0;
    size_t samples = 0;
    for (size_t i = 0; i < a.count; i++) {
        samples += a.series[i].count;
        assert(!i || str_cmp(a.series[i - 1].labels, a.series[i].labels) <= 0);
    }
    assert(samples == a.sample_count);
    answer_compare(&d, &a, &a, 0);
    assert(!d.series_missing && !d.series_extra && !d.samples_unequal);
    answer_release(&a);
    return 0;
}
