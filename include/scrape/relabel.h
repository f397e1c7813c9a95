// Relabelling: rewrites, keeps or drops a label set by a list of rules, in order.
#ifndef SCRAPE_RELABEL_H
#define SCRAPE_RELABEL_H

#include "config/common.h"
#include "model/labels.h"

// Applies the rules to the set being built. False: the set is dropped (its contents are then
// undefined).
bool relabel_apply(const struct relabel_configs *configs, struct labels_builder *set);

#endif
