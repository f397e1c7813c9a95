// What became of a remote write's samples, and the answer that says so: shared by both messages.
#ifndef WEB_WRITE_OUTCOME_H
#define WEB_WRITE_OUTCOME_H

#include "base/error.h"
#include "model/labels.h"
#include "response.h"
#include "storage/appender.h"

struct write_outcome {
    size_t refused; // samples
    size_t histograms;
    struct error first; // reason of the first refusal
};

// A line of text with a status; logged at debug.
void write_refuse(struct response *res, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void write_outcome_note(struct write_outcome *o, size_t samples, int rc, const char *reason,
                        struct labels labels);
// Notes what the store refused at the commit; returns how many samples that were.
size_t write_outcome_note_refusals(struct write_outcome *o, struct appender *a);
// 204, or 400 with the first reason.
void write_outcome_answer(const struct write_outcome *o, struct response *res);

#endif
