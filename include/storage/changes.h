// What has changed in the store since some moment, for whoever keeps results computed from it.
//
// A result computed from the samples before T after storage_version() was asked is still right as
// long as storage_changed_since() says a time >= T. Retention is not a change: ask
// storage_floor_ms().
#ifndef STORAGE_CHANGES_H
#define STORAGE_CHANGES_H

#include <stdint.h>

#include "storage/storage.h"

// Grows with every batch that becomes visible. Ask before reading.
uint64_t storage_version(struct storage *s);
// The oldest time of a sample that was added or deleted after `version`; INT64_MAX: none was. May
// say an older time than the true one, never a newer one.
int64_t storage_changed_since(struct storage *s, uint64_t version);
// Samples before this are past retention and not seen by queries; INT64_MIN without a limit.
int64_t storage_floor_ms(struct storage *s);

#endif
