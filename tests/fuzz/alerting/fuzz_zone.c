// Any bytes as a time zone file: refused, or answering any time with a sane reading.
#include <stdlib.h>

#include "zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times[] = {-4000000000, -1, 0, 1700000000, 4102444799, 253402300799};
    struct zone *z;
    if (zone_parse(&z, str_make((const char *)data, size), NULL))
        return 0;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct zone_time at;
        zone_time(z, times[i], &at);
        if (at.month < 1 || at.month > 12 || at.day < 1 || at.day > at.days_in_month ||
            at.weekday < 0 || at.weekday > 6 || at.minute < 0 || at.minute >= 1440)
            abort();
    }
    zone_free(z);
    return 0;
}
