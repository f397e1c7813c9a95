// Start timestamps of a script's samples: `metric@st -1m 30s+10sx3 _`, offsets from the times of the
// samples on the next line.
#ifndef CLI_SCRIPT_STARTS_H
#define CLI_SCRIPT_STARTS_H

#include "cli/series_text.h"
#include "promql/promql.h"

// Offsets in milliseconds, one a sample; unknown where `known` is false.
struct start_offset {
    int64_t ms;
    bool known;
};

struct start_offsets {
    struct start_offset *items; // in the arena
    size_t count;
    size_t capacity;
};

// Whether a line of a `load` gives start timestamps: its series ends in @st.
bool start_offsets_are(struct str line);
// The series' labels and the offsets. ERR_INVALID says what was expected.
int start_offsets_parse(struct arena *arena, struct str line, struct labels *labels,
                        struct start_offsets *out, struct error *err);

// What the scripts' store doesn't keep: start timestamps by series and time.
struct script_starts;
struct script_starts *script_starts_new(void);
void script_starts_free(struct script_starts *s);
// Sample i of the series is at i * step_ms; copied.
void script_starts_add(struct script_starts *s, struct labels labels, int64_t step_ms,
                       const struct series_text *series, const struct start_offsets *offsets);
// For an engine's options; lives as long as `s`.
const struct promql_start_times *script_starts_view(const struct script_starts *s);

#endif
