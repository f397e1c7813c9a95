// The sample times of one series, or of many: the series of a target share theirs, so a window
// stores each column of times once, whoever uses it.
//
// The first time and the count stand in the window's index; the bytes here are the rest (FORMAT.md,
// "Times"). A column of regular times takes a few bytes, jitter of some milliseconds one byte a
// sample.
#ifndef STORAGE_COLD_TIMES_H
#define STORAGE_COLD_TIMES_H

#include "base/buf.h"
#include "base/error.h"

// Times strictly increasing.
void cold_times_encode(const int64_t *times_ms, size_t count, struct buf *out);
// ERR_CORRUPT, also when a time does not increase.
int cold_times_decode(struct str bytes, int64_t first_ms, size_t count, int64_t *out);

#endif
