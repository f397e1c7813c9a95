// Numbers for people, appended as Prometheus' template functions print them.
#ifndef ALERTING_TEMPLATE_HUMANIZE_H
#define ALERTING_TEMPLATE_HUMANIZE_H

#include "base/buf.h"

void humanize(struct buf *out, double v);            // 1.234k
void humanize1024(struct buf *out, double v);        // 1.205ki
void humanize_duration(struct buf *out, double v);   // seconds -> 1h 2m 3s
void humanize_percentage(struct buf *out, double v); // 0.1234 -> 12.34%

#endif
