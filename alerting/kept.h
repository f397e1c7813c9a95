// Texts and label sets of alerts, each kept once however many rules, alerts and groups hold it.
//
// Ten thousand alerts share their names, their rule's address and most of their values, and an
// alert's labels are held by its rule and by the store. Everything kept is counted by use and never
// changes. Safe for concurrent use.
#ifndef ALERTING_KEPT_H
#define ALERTING_KEPT_H

#include "model/labels.h"

// The same text or set in the keeping, one use more: give it back by the function below it.
struct str kept_text(struct str text);
void kept_text_drop(struct str text);
// An empty set needs no keeping, and may be dropped, too.
struct labels kept_labels(struct labels set);
void kept_labels_drop(struct labels set);

// Kept sets are equal when they are the same one.
static inline bool kept_labels_eq(struct labels a, struct labels b)
{
    return a.items == b.items;
}

// Of tests: what is in the keeping now.
size_t kept_text_count(void);
size_t kept_labels_count(void);

#endif
