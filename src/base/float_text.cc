// Go's float text out of C++17's <charconv>: to_chars gives the shortest digits, the rest is layout.
#include <algorithm>
#include <charconv>
#include <cmath>

extern "C" {
#include "base/float_text.h"
}

namespace
{

size_t copy_text(char *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return len;
}

size_t format_special(double value, char *out)
{
    return copy_text(out, std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
}

size_t format_as(double value, std::chars_format layout, char *out)
{
    return (size_t)(std::to_chars(out, out + FLOAT_TEXT_SIZE, value, layout).ptr - out);
}

// The shortest digits with zeros up to the point: to_chars' fixed form has all digits of what no
// double's 53 bits hold exactly.
size_t format_large(double value, char *out)
{
    char text[FLOAT_TEXT_SIZE];
    const char *first = text;
    const char *end = text + format_as(value, std::chars_format::scientific, text);
    const char *e = std::find(first, end, 'e');
    int digits = 1;
    std::from_chars(e + 2, end, digits);
    char *at = std::remove_copy(first, e, out, '.');
    digits += 1 - (int)(at - out - (value < 0));
    return (size_t)(std::fill_n(at, digits > 0 ? digits : 0, '0') - out);
}

// 1e-07 -> 1e-7, as the API writes exponents.
size_t shorten_exponent(char *out, size_t len)
{
    if (len >= 4 && out[len - 4] == 'e' && out[len - 2] == '0') {
        out[len - 2] = out[len - 1];
        len--;
    }
    return len;
}

constexpr uint64_t whole_powers[] = {0,
                                     10,
                                     100,
                                     1000,
                                     10000,
                                     100000,
                                     1000000,
                                     10000000,
                                     100000000,
                                     1000000000,
                                     10000000000,
                                     100000000000,
                                     1000000000000,
                                     10000000000000,
                                     100000000000000,
                                     1000000000000000};

// How many digits a number below 10^15 has, one for 0: its bits tell it but for one.
size_t digit_count(uint64_t number)
{
    auto bits = (size_t)(64 - __builtin_clzll(number | 1));
    size_t least = bits * 1233 >> 12; // 1233 / 4096 is a little over log10(2)
    return least + (number >= whole_powers[least]);
}

// The text of the eight digits of a number below 10^8, the first one lowest: halves, quarters and
// digits are split off side by side, in lanes of 32, 16 and 8 bits.
uint64_t eight_digits(uint64_t number)
{
    uint64_t fours = number / 10000 | number % 10000 << 32;
    uint64_t hundreds = (fours * 5243 >> 19) & 0x0000007f0000007f;
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = (twos * 103 >> 10) & 0x000f000f000f000f;
    return (tens | (twos - tens * 10) << 8) | 0x3030303030303030;
}

// The last `count` <= 8 digits of them. Writes eight bytes.
size_t put_eight(uint64_t number, size_t count, char *out)
{
    uint64_t text = eight_digits(number) >> (8 - count) * 8;
    memcpy(out, &text, sizeof(text));
    return count;
}

// The digits of a number below 10^15. Writes up to seven bytes behind them.
size_t put_whole(uint64_t number, char *out)
{
    size_t count = digit_count(number), len = 0;
    if (count > 8) {
        len = put_eight(number / 100000000, count - 8, out);
        number %= 100000000;
        count = 8;
    }
    return len + put_eight(number, count, out + len);
}

// Whole numbers whose digits stand for no other double.
bool is_whole(double magnitude)
{
    return magnitude < 1e15 && (double)(int64_t)magnitude == magnitude;
}

// Up to three places behind the point and few enough digits that no shorter ones, and no others as
// short, give the same double: the value in thousandths. 0 of other values.
int64_t short_thousandths(double magnitude)
{
    if (!(magnitude < 1e12))
        return 0;
    auto thousandths = (int64_t)(magnitude * 1000 + 0.5);
    // Most others are recognized without a division.
    bool is_short = std::fabs(magnitude * 1000 - (double)thousandths) <= magnitude * 0x1p-40 &&
                    (double)thousandths / 1000 == magnitude;
    return is_short ? thousandths : 0;
}

// 0 < thousandths < 1000. Writes nine bytes.
size_t put_fraction(uint64_t thousandths, char *out)
{
    size_t places = thousandths % 10 ? 3 : thousandths % 100 ? 2 : 1;
    *out = '.';
    put_eight(thousandths, 3, out + 1);
    return 1 + places;
}

// Most samples: there the digits are, without a search for the shortest ones. 0 of other values.
size_t format_simple(double value, double magnitude, char *out)
{
    bool whole = is_whole(magnitude);
    int64_t thousandths = whole ? 0 : short_thousandths(magnitude);
    if (!whole && !thousandths)
        return 0;
    size_t len = 0;
    if (std::signbit(value))
        out[len++] = '-';
    if (whole)
        return len + put_whole((uint64_t)magnitude, out + len);
    len += put_whole((uint64_t)thousandths / 1000, out + len);
    return len + put_fraction((uint64_t)thousandths % 1000, out + len);
}

bool is_out_of(double magnitude, double low, double high)
{
    return magnitude != 0 && (magnitude < low || magnitude >= high);
}

bool parse_special(struct str s, double *out)
{
    double sign = 1;
    if (s.len && (s.ptr[0] == '+' || s.ptr[0] == '-')) {
        sign = s.ptr[0] == '-' ? -1 : 1;
        s = str_skip(s, 1);
    }
    if (str_eq_nocase(s, STR("inf")) || str_eq_nocase(s, STR("infinity")))
        *out = sign * HUGE_VAL;
    else if (str_eq_nocase(s, STR("nan")))
        *out = NAN;
    else
        return false;
    return true;
}

// What fits a double's 53 bits, scaled by a power of ten that is exact too, is rounded once: the
// nearest double, without from_chars' trouble (W. Clinger, "How to Read Floating Point Numbers
// Accurately", 1990). That is nearly everything that targets expose.
constexpr int exact_power_max = 22;
constexpr double exact_powers[exact_power_max + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

struct decimal {
    uint64_t digits;
    int count;    // of digits, leading zeros among them
    int exponent; // of ten
};

const char *scan_digits(const char *p, const char *end, decimal *out)
{
    for (; p < end && *p >= '0' && *p <= '9'; p++, out->count++)
        out->digits = out->digits * 10 + (uint64_t)(*p - '0');
    return p;
}

// The two digits of e+09; nullptr for longer exponents.
const char *scan_exponent(const char *p, const char *end, decimal *out)
{
    bool negative = ++p < end && *p == '-';
    decimal e = {0, 0, 0};
    if (p < end && (*p == '+' || *p == '-'))
        p++;
    p = scan_digits(p, end, &e);
    if (e.count < 1 || e.count > 3)
        return nullptr;
    out->exponent += negative ? -(int)e.digits : (int)e.digits;
    return p;
}

bool parse_exact(const char *p, const char *end, double *out)
{
    decimal d = {0, 0, 0};
    // 19 digits cannot overflow 64 bits.
    if (end - p > 24)
        return false;
    p = scan_digits(p, end, &d);
    if (p < end && *p == '.') {
        const char *fraction = p + 1;
        p = scan_digits(fraction, end, &d);
        d.exponent = -(int)(p - fraction);
    }
    if (d.count == 0 || d.count > 19)
        return false;
    if (p < end && (*p | 0x20) == 'e')
        p = scan_exponent(p, end, &d);
    if (p != end || d.digits > (UINT64_C(1) << 53) || d.exponent < -exact_power_max ||
        d.exponent > exact_power_max)
        return false;
    double value = (double)d.digits;
    *out = d.exponent < 0 ? value / exact_powers[-d.exponent] : value * exact_powers[d.exponent];
    return true;
}

// from_chars leaves the value alone when it is out of range: which way is in the exponent's sign.
double out_of_range(const char *first, const char *end, bool hex)
{
    for (const char *p = first; p + 1 < end; p++) {
        bool exponent = hex ? (*p == 'p' || *p == 'P') : (*p == 'e' || *p == 'E');
        if (exponent)
            return p[1] == '-' ? 0 : HUGE_VAL;
    }
    return first < end && *first == '0' ? 0 : HUGE_VAL;
}

} // namespace

extern "C" size_t float_format(double value, enum float_layout layout, char out[FLOAT_TEXT_SIZE])
{
    if (!std::isfinite(value))
        return format_special(value, out);
    double magnitude = std::fabs(value);
    if (layout != FLOAT_E && (layout != FLOAT_G || magnitude < 1e6)) {
        size_t len = format_simple(value, magnitude, out);
        if (len)
            return len;
    }
    switch (layout) {
    case FLOAT_E:
        return format_as(value, std::chars_format::scientific, out);
    case FLOAT_G:
        if (is_out_of(magnitude, 1e-4, 1e6))
            return format_as(value, std::chars_format::scientific, out);
        break;
    case FLOAT_SAMPLE:
        if (is_out_of(magnitude, 1e-6, 1e21))
            return format_as(value, std::chars_format::scientific, out);
        break;
    case FLOAT_JSON:
        if (is_out_of(magnitude, 1e-6, 1e21))
            return shorten_exponent(out, format_as(value, std::chars_format::scientific, out));
        break;
    case FLOAT_F:
        break;
    }
    return magnitude < 0x1p53 ? format_as(value, std::chars_format::fixed, out)
                              : format_large(value, out);
}

extern "C" void buf_float(struct buf *b, double value, enum float_layout layout)
{
    char text[FLOAT_TEXT_SIZE];
    buf_append(b, text, float_format(value, layout, text));
}

extern "C" bool float_parse(struct str s, double *out)
{
    const char *p = s.ptr;
    const char *end = s.ptr + s.len;
    bool negative = s.len && *p == '-';
    if (s.len && (*p == '+' || *p == '-'))
        p++;
    double value;
    if (parse_exact(p, end, &value)) {
        *out = negative ? -value : value;
        return true;
    }
    bool hex = end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x';
    p += hex ? 2 : 0;
    // from_chars takes a sign and special names of its own: only digits and a point may begin here.
    bool begins = p < end && ((*p >= '0' && *p <= '9') || *p == '.' ||
                              (hex && ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f')));
    if (!begins)
        return parse_special(s, out);
    // A hex float needs its exponent, as in Go.
    if (hex && !memchr(p, 'p', end - p) && !memchr(p, 'P', end - p))
        return false;
    auto format = hex ? std::chars_format::hex : std::chars_format::general;
    auto result = std::from_chars(p, end, value, format);
    if (result.ptr != end || result.ec == std::errc::invalid_argument)
        return false;
    if (result.ec == std::errc::result_out_of_range)
        value = out_of_range(p, end, hex);
    *out = negative ? -value : value;
    return true;
}
