// Decoding a remote write 1.0 message: prometheus.WriteRequest, series by series.
//
//     WriteRequest { 1: repeated TimeSeries; 3: repeated metadata (skipped) }
//     TimeSeries   { 1: repeated Label; 2: repeated Sample; 3: exemplars, 4: histograms (counted) }
//     Label        { 1: string name; 2: string value }
//     Sample       { 1: double value; 2: int64 timestamp in ms }
#ifndef WEB_REMOTE_WRITE_H
#define WEB_REMOTE_WRITE_H

#include "base/error.h"
#include "model/labels.h"
#include "model/sample.h"

// Labels of one series.
#define REMOTE_WRITE_LABELS_MAX 1000

struct remote_write {
    const unsigned char *pos;
    const unsigned char *end;
    struct label *labels; // owned, reused from series to series
    size_t label_count;
    size_t label_capacity;
    struct sample *samples; // owned, reused
    size_t sample_count;
    size_t sample_capacity;
    // The label fields of this series in one piece; empty when others stand between them.
    struct str label_bytes;
    bool skipped; // they are not decoded yet
    // Asked before labels are decoded, NULL decodes them all: true leaves them for
    // remote_write_labels().
    bool (*skip_labels)(void *context, struct str label_bytes);
    void *context;
    size_t exemplar_count;  // of this series
    size_t histogram_count; // of this series
};

// Decodes from `message`, which must stay.
void remote_write_init(struct remote_write *w, struct str message);
void remote_write_release(struct remote_write *w);
// The next series: labels, unless skip_labels() left them out, sorted by name, empty values left out, views into the message; samples as
// sent. ERR_END at the end; ERR_INVALID when the message is no such message, where decoding ends.
int remote_write_next(struct remote_write *w, struct error *err);
// The labels of the current series. ERR_INVALID, with the set as far as it can be used in a
// message, when they name no metric, a name twice, or are no UTF-8.
int remote_write_labels(struct remote_write *w, struct labels *out, struct error *err);
// Whether a sorted set may name a series.
int remote_write_check(struct labels set, struct error *err);

#endif
