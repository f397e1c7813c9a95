// Numbers for people: Prometheus' humanize family.
#include "template_humanize.h"

#include <math.h>

#include "base/float_text.h"

static void print_g(struct buf *out, double value, const char *suffix)
{
    buf_printf(out, "%.4g%s", value, suffix);
}

static bool print_special(struct buf *out, double value)
{
    if (isfinite(value))
        return false;
    buf_printf(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    return true;
}

void humanize(struct buf *out, double v)
{
    static const char *const large[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    static const char *const small[] = {"", "m", "u", "n", "p", "f", "a", "z", "y"};
    size_t i = 0;
    if (print_special(out, v))
        return;
    if (v == 0 || fabs(v) >= 1) {
        for (; fabs(v) >= 1000 && i < 8; i++)
            v /= 1000;
        print_g(out, v, large[i]);
    } else {
        for (; fabs(v) < 1 && i < 8; i++)
            v *= 1000;
        print_g(out, v, small[i]);
    }
}

void humanize1024(struct buf *out, double v)
{
    static const char *const units[] = {"", "ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
    size_t i = 0;
    if (print_special(out, v))
        return;
    for (; fabs(v) >= 1024 && i < 8; i++)
        v /= 1024;
    print_g(out, v, units[i]);
}

static void long_duration(struct buf *out, double v)
{
    const char *sign = v < 0 ? "-" : "";
    v = fabs(v);
    int64_t whole = (int64_t)v;
    int64_t seconds = whole % 60, minutes = whole / 60 % 60, hours = whole / 3600 % 24;
    int64_t days = whole / 86400;
    buf_cstr(out, sign);
    if (days)
        buf_printf(out, "%lldd %lldh %lldm %llds", (long long)days, (long long)hours,
                   (long long)minutes, (long long)seconds);
    else if (hours)
        buf_printf(out, "%lldh %lldm %llds", (long long)hours, (long long)minutes,
                   (long long)seconds);
    else if (minutes)
        buf_printf(out, "%lldm %llds", (long long)minutes, (long long)seconds);
    else
        print_g(out, v, "s");
}

void humanize_duration(struct buf *out, double v)
{
    static const char *const units[] = {"", "m", "u", "n", "p", "f", "a", "z", "y"};
    size_t i = 0;
    if (print_special(out, v))
        return;
    if (v == 0) {
        buf_cstr(out, "0s");
    } else if (fabs(v) >= 1) {
        long_duration(out, v);
    } else {
        for (; fabs(v) < 1 && i < 8; i++)
            v *= 1000;
        print_g(out, v, units[i]);
        buf_char(out, 's');
    }
}

void humanize_percentage(struct buf *out, double v)
{
    if (!print_special(out, v))
        buf_printf(out, "%.4g", v * 100);
    buf_char(out, '%');
}
