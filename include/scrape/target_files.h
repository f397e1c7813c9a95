// The files of file_sd_configs: found by their patterns, read when they change.
//
// A file that cannot be read or parsed is logged and keeps what it said last; one that is gone
// takes its targets with it, as in Prometheus.
#ifndef SCRAPE_TARGET_FILES_H
#define SCRAPE_TARGET_FILES_H

#include "config/prometheus.h"

struct target_files;

struct target_files *target_files_new(void);
void target_files_free(struct target_files *f); // NULL is allowed

// A number that changes when a file that the patterns match appears, changes or goes.
uint64_t target_files_fingerprint(const struct config_file_sd *sd);
// Calls each() for every group of every file matched, with __meta_filepath among its labels;
// borrowed during the call.
void target_files_each(struct target_files *f, const struct config_file_sd *sd,
                       void (*each)(void *context, const struct config_target_group *group),
                       void *context);
// Forgets files that no target_files_each() named since the last sweep.
void target_files_sweep(struct target_files *f);

#endif
