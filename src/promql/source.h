// Where selectors read: a store, or a store over another one (promql_beneath).
//
// As a querier: one thread selects, several may read at once.
#ifndef PROMQL_SOURCE_H
#define PROMQL_SOURCE_H

#include "promql/promql.h"
#include "storage/querier.h"

struct source {
    struct querier *over;
    struct querier *under; // NULL: none
    const struct promql_beneath *beneath;
};

int source_open(struct source *s, struct storage *storage, const struct promql_beneath *beneath,
                int64_t min_ms, int64_t max_ms, struct error *err);
void source_close(struct source *s);
struct selection;
// The series in *out are for source_read() only; of their labels those that matter are there.
int source_select(struct source *s, const struct selection *wanted, struct arena *arena,
                  struct series_set *out, struct error *err);
int source_read(struct source *s, const struct querier_series *series, int64_t min_ms,
                int64_t max_ms, struct columns *out, struct error *err);

#endif
