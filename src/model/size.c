#include "model/size.h"

#include "base/float_text.h"

// One amount with its unit off the front of *text.
static bool take_part(struct str *text, double *bytes)
{
    static const char letters[] = {'K', 'M', 'G', 'T', 'P', 'E'};
    static const char number[] = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.'};
    size_t digits = 0;
    while (digits < text->len && memchr(number, text->ptr[digits], sizeof(number)))
        digits++;
    double amount;
    if (digits == 0 || !float_parse(str_first(*text, digits), &amount))
        return false;
    struct str rest = str_skip(*text, digits);
    const char *prefix = rest.len ? memchr(letters, rest.ptr[0], sizeof(letters)) : NULL;
    if (prefix) {
        amount *= (double)(UINT64_C(1) << (10 * (prefix - letters + 1)));
        rest = str_skip(rest, 1);
        if (rest.len && rest.ptr[0] == 'i')
            rest = str_skip(rest, 1);
    }
    if (rest.len == 0 || rest.ptr[0] != 'B')
        return false;
    *text = str_skip(rest, 1);
    *bytes += amount;
    return true;
}

bool size_parse(struct str s, uint64_t *bytes)
{
    double total = 0;
    if (s.len == 0)
        return false;
    if (str_is(s, "0"))
        s.len = 0;
    while (s.len)
        if (!take_part(&s, &total))
            return false;
    if (!(total < 9.2e18))
        return false;
    *bytes = (uint64_t)total;
    return true;
}
