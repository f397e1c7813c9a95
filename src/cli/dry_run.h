// `lapwing rules dry-run`: rules over stored history, through routing and silences.
#ifndef CLI_DRY_RUN_H
#define CLI_DRY_RUN_H

#include "alerting/dry_run.h"

// How events and the end are told: lines for people, or a JSON object a line.
struct dry_run_report;
struct dry_run_report *dry_run_report_new(bool json);
void dry_run_report_free(struct dry_run_report *r);
void dry_run_report_event(struct dry_run_report *r, const struct history_event *event);
void dry_run_report_end(struct dry_run_report *r, const struct dry_run_options *options,
                        const struct dry_run_result *result);

// Without the word `rules`. 0: it ran, whatever fired; 1: it could not, or a rule failed; 2: usage.
int cli_rules(int argc, char **argv);

#endif
