// Durations and times as Prometheus writes them.
#ifndef MODEL_DURATION_H
#define MODEL_DURATION_H

#include "base/buf.h"

// Prometheus: ((y)(w)(d)(h)(m)(s)(ms)) in this order, each at most once, "0" allowed; a year is
// 365 days. False on anything else or past 292 years.
bool duration_parse(struct str s, int64_t *ms);
// 1d2h, 15s, 0s: the shortest form in Prometheus' units.
void duration_format(struct buf *out, int64_t ms);
// As Go prints time.Duration: 1m0s, 1.5s, 336h0m0s.
void duration_format_go(struct buf *out, int64_t ms);
// Go's time.ParseDuration: 1h30m, 1.5s, 300ms, -2m.
bool duration_parse_go(struct str s, int64_t *ms);

// The last multiple of `span_ms` at or before t_ms.
static inline int64_t time_floor(int64_t t_ms, int64_t span_ms)
{
    int64_t rest = t_ms % span_ms;
    return t_ms - (rest < 0 ? rest + span_ms : rest);
}

// RFC 3339 with any fraction and offset, or Unix seconds as a float.
bool timestamp_parse(struct str s, int64_t *ms);
bool timestamp_parse_rfc3339(struct str s, int64_t *ms);
// 2026-01-02T03:04:05.678Z: always three decimals, UTC.
void timestamp_format(struct buf *out, int64_t ms);
// As Go's RFC3339Nano: the fraction without trailing zeros, or none.
void timestamp_format_nano(struct buf *out, int64_t ms);

#endif
