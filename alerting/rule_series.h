// The series that a rule writes, by reference: what it wrote last time and not this time ends.
#ifndef ALERTING_RULE_SERIES_H
#define ALERTING_RULE_SERIES_H

#include "storage/appender.h"

struct rule;

struct rule_series {
    series_ref *items; // owned, ascending once noted as written
    size_t count;
    size_t capacity;
};

void rule_series_release(struct rule_series *s);

// One evaluation's samples.
struct series_writer {
    struct appender *appender; // borrowed
    struct rule_series written;
    int64_t t_ms;
};

int series_writer_add(struct series_writer *w, struct labels labels, double value,
                      struct error *err);
// ALERTS and ALERTS_FOR_STATE of the rule's alerts.
int series_writer_alerts(struct series_writer *w, struct rule *rule, struct error *err);
// Markers for what was written last time and not now; what is written now is remembered.
void series_writer_end_vanished(struct series_writer *w, struct rule_series *last);
// After a restart: the series of the alerts that an earlier run left count as written last time.
void rule_series_recall(struct rule *rule, struct appender *appender);
// Markers for all that the rule wrote last time.
void rule_series_end(struct rule *rule, struct appender *appender, int64_t t_ms);

#endif
