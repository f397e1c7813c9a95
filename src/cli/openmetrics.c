#include "cli/openmetrics.h"

#include <inttypes.h>
#include <math.h>

#include "base/float_text.h"
#include "model/sample.h"

#define NAN_DIGITS 16

static void put_quoted(struct buf *out, struct str text)
{
    buf_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"' || c == '\\')
            buf_char(out, '\\');
        if (c == '\n')
            buf_cstr(out, "\\n");
        else
            buf_char(out, c);
    }
    buf_char(out, '"');
}

void openmetrics_series(struct buf *out, struct labels labels)
{
    struct str name = labels_get(labels, STR(LABEL_METRIC_NAME));
    bool outside = metric_name_is_legacy(name);
    const char *separator = "{";
    if (outside)
        buf_str(out, name);
    else if (name.len) {
        buf_char(out, '{');
        put_quoted(out, name);
        separator = ",";
    }
    for (size_t i = 0; i < labels.count; i++) {
        const struct label *l = &labels.items[i];
        if (str_is(l->name, LABEL_METRIC_NAME))
            continue;
        buf_cstr(out, separator);
        separator = ",";
        if (label_name_is_legacy(l->name))
            buf_str(out, l->name);
        else
            put_quoted(out, l->name);
        buf_char(out, '=');
        put_quoted(out, l->value);
    }
    if (*separator == ',')
        buf_char(out, '}');
}

static bool reads_back(double seconds, int64_t t_ms)
{
    return (int64_t)(seconds * 1000) == t_ms && (int64_t)round(seconds * 1000) == t_ms;
}

// Whole seconds, or the shortest text of a double that reads back; next to it where the nearest one
// is cut off to the millisecond before.
static void put_time(struct buf *out, int64_t t_ms)
{
    double seconds = (double)t_ms / 1000;
    if (t_ms % 1000 == 0) {
        buf_i64(out, t_ms / 1000);
        return;
    }
    if (!reads_back(seconds, t_ms))
        seconds = nextafter(seconds, t_ms < 0 ? -INFINITY : INFINITY);
    buf_float(out, seconds, FLOAT_F);
}

void openmetrics_sample(struct buf *out, struct str series, double value, int64_t t_ms)
{
    if (isnan(value) && double_bits(value) != SAMPLE_NAN_BITS)
        buf_printf(out, "# HELP " OPENMETRICS_NAN " %016" PRIx64 "\n", double_bits(value));
    buf_str(out, series);
    buf_char(out, ' ');
    buf_float(out, value, FLOAT_G);
    buf_char(out, ' ');
    put_time(out, t_ms);
    buf_char(out, '\n');
}

bool openmetrics_nan(struct str digits, double *out)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        bool decimal = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if (!decimal && !letter)
            return false;
        bits = bits << 4 | (uint64_t)(decimal ? c - '0' : c - 'a' + 10);
    }
    *out = double_from_bits(bits);
    return digits.len == NAN_DIGITS && isnan(*out);
}
