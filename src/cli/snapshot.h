// A snapshot of a running server's store, asked for over HTTP.
#ifndef CLI_SNAPSHOT_H
#define CLI_SNAPSHOT_H

#include "base/buf.h"
#include "base/error.h"

// Posts to URL/api/v1/admin/tsdb/snapshot and appends the snapshot's folder, which lies in the server's
// storage folder. The caller removes it.
int snapshot_take(struct str url, const char *storage_path, struct buf *folder, struct error *err);

#endif
