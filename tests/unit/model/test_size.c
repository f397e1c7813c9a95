#include "unit.h"

#include "model/size.h"

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; // -1: refused
    } cases[] = {
        {"0", 0},
        {"0B", 0},
        {"17B", 17},
        {"1KB", 1024},
        {"1KiB", 1024},
        {"512MB", INT64_C(512) << 20},
        {"1.5GB", INT64_C(3) << 29},
        {"1GB512MB", INT64_C(3) << 29},
        {"2TiB", INT64_C(2) << 40},
        {"1PB", INT64_C(1) << 50},
        {"7EB", INT64_C(7) << 60},
        {"8EB", -1},
        {"99999999999999999999GB", -1},
        {"", -1},
        {"1", -1},
        {"00", -1},
        {"B", -1},
        {"MB", -1},
        {".B", -1},
        {"1.2.3MB", -1},
        {"1M", -1},
        {"1mb", -1},
        {"1 MB", -1},
        {"-1MB", -1},
        {"1MBx", -1},
        {"1iB", -1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t bytes = 0;
        bool valid = size_parse(str_from(cases[i].text), &bytes);
        if (valid != (cases[i].bytes >= 0) || (valid && bytes != (uint64_t)cases[i].bytes))
            fail_msg("\"%s\": %s, %llu", cases[i].text, valid ? "valid" : "refused",
                     (unsigned long long)bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
    };
    return UNIT_RUN(tests);
}
