// The folder of prepared data: $XDG_CACHE_HOME/lapwing-bench, or ~/.cache/lapwing-bench.
#ifndef BENCH_CACHE_H
#define BENCH_CACHE_H

#include "pack.h"

// Path of the workload's file in `folder` (NULL: the cache), which is written when it is not there
// yet. The path is the caller's. Files that were not used for three days go from the cache.
int cache_pack(char **path, const char *folder, const struct workload *w,
               const struct pack_options *options, struct error *err);
// Writes the workload to `path`, all of it or nothing.
int cache_write(const char *path, const struct workload *w, const struct pack_options *options,
                struct error *err);

#endif
