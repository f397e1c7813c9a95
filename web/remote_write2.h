// Decoding a remote write 2.0 message: io.prometheus.write.v2.Request, series by series.
//
//     Request    { 4: repeated string symbols; 5: repeated TimeSeries }
//     TimeSeries { 1: repeated uint32 label references, name and value in turn; 2: repeated Sample;
//                  3: histograms, 4: exemplars (counted); 5: metadata, 6: created (skipped) }
//     Sample     { 1: double value; 2: int64 timestamp in ms; 3: int64 start (skipped) }
#ifndef WEB_REMOTE_WRITE2_H
#define WEB_REMOTE_WRITE2_H

#include "base/error.h"
#include "model/labels.h"
#include "model/sample.h"
#include "protobuf.h"

#define REMOTE_WRITE2_SYMBOLS_MAX ((size_t)4 << 20)

struct remote_write2 {
    struct proto_reader reader;
    struct str *symbols; // owned; views into the message
    size_t symbol_count, symbol_capacity;
    struct label *labels; // owned, reused from series to series
    size_t label_count, label_capacity;
    struct sample *samples; // owned, reused
    size_t sample_count, sample_capacity;
    size_t histogram_count; // of this series
    size_t exemplar_count;
};

// Reads the symbols. `message` must stay. ERR_INVALID; release in both cases.
int remote_write2_init(struct remote_write2 *w, struct str message, struct error *err);
void remote_write2_release(struct remote_write2 *w);
// The next series: labels sorted by name, without empty values, checked as remote_write_check()
// does (a fault is for the caller to find out there); samples as sent. ERR_END, or ERR_INVALID
// where decoding ends.
int remote_write2_next(struct remote_write2 *w, struct error *err);

#endif
