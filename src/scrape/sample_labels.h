// From a series as its target writes it to the labels that are stored.
#ifndef SCRAPE_SAMPLE_LABELS_H
#define SCRAPE_SAMPLE_LABELS_H

#include "config/prometheus.h"
#include "scrape/exposition.h"

// `type` is the one that the last TYPE line named. *dropped (nothing else is set then): by
// metric_relabel_configs. ERR_INVALID: what the scrape fails for, bad syntax, names that the job's
// validation scheme refuses; ERR_LIMIT: one of the label limits.
int sample_labels(const struct scrape_config *config, struct labels target, enum metric_type type,
                  struct str series, struct arena *arena, struct labels *out, bool *dropped,
                  struct error *err);
// Changes when the same text may become other labels.
uint64_t sample_labels_fingerprint(const struct scrape_config *config);

#endif
