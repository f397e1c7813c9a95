// Samples as lines of OpenMetrics, such that what is read is what was written, to the bit.
#ifndef CLI_OPENMETRICS_H
#define CLI_OPENMETRICS_H

#include "base/buf.h"
#include "model/labels.h"

// NAME{LABELS}
void openmetrics_series(struct buf *out, struct labels labels);
// The line of a sample of the series written so.
//
// Readers turn seconds back into milliseconds in one of two ways, by rounding and by cutting off:
// the text is one that both read right. Before a NaN other than the usual one, such as a staleness
// marker, stands a line `# HELP lapwing_nan_bits 7ff0000000000002`, which other readers pass over.
void openmetrics_sample(struct buf *out, struct str series, double value, int64_t t_ms);

#define OPENMETRICS_NAN "lapwing_nan_bits"

// The text of such a line; false when it is none.
bool openmetrics_nan(struct str digits, double *out);

#endif
