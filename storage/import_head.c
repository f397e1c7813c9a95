// What no block holds yet is in the write-ahead log:
//
//     wal/checkpoint.00000004/00000000 ...   what was still needed of the segments up to 4
//     wal/00000005 ...                       everything since
//     wbl/00000000 ...                       the same for samples that came late
//
// The log is read twice: deletions apply to samples that stand before them, so the first pass gathers
// series and deletions, the second one the samples. chunks_head is not needed: Prometheus keeps the
// log's samples until a block has them.
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "head.h"
#include "import_prometheus.h"
#include "import_record.h"
#include "import_stones.h"
#include "import_wal.h"

struct log_ref {
    uint64_t ref;    // the log's name for a series
    uint32_t series; // the bulk's number
};

struct head_reading {
    struct prom_import *import;
    struct bulk *bulk;
    struct arena scratch;
    struct log_ref *refs;
    size_t ref_count;
    size_t ref_capacity;
    struct hmap ref_index;
    struct prom_stones stones; // by number of the bulk
    struct columns one;        // a sample, to ask the tombstones about
    bool samples;              // the second pass
    bool late;                 // in wbl
    int rc;                    // first failure to write
    struct error *err;
};

static bool same_ref(const void *context, uint32_t value, const void *key)
{
    return ((const struct head_reading *)context)->refs[value].ref == *(const uint64_t *)key;
}

static const struct log_ref *find_ref(const struct head_reading *r, uint64_t ref)
{
    uint32_t at = hmap_find(&r->ref_index, hash64(&ref, sizeof(ref), 0), same_ref, r, &ref);
    return at == HMAP_NONE ? NULL : &r->refs[at];
}

static void take_series(void *context, uint64_t ref, struct labels labels)
{
    struct head_reading *r = context;
    if (r->samples || find_ref(r, ref))
        return;
    MEM_GROW(r->refs, r->ref_count, r->ref_capacity);
    r->refs[r->ref_count] = (struct log_ref){ref, bulk_series(r->bulk, labels)};
    hmap_insert(&r->ref_index, hash64(&ref, sizeof(ref), 0), (uint32_t)r->ref_count++);
}

static void take_deletion(void *context, uint64_t ref, int64_t min_ms, int64_t max_ms)
{
    struct head_reading *r = context;
    const struct log_ref *found = r->samples ? NULL : find_ref(r, ref);
    if (found)
        prom_stones_add(&r->stones, (struct prom_stone){found->series, min_ms, max_ms});
}

static bool is_deleted(struct head_reading *r, uint32_t series, int64_t t_ms)
{
    if (r->stones.count == 0)
        return false;
    columns_reserve(&r->one, 1);
    r->one.times_ms[0] = t_ms;
    r->one.values[0] = 0;
    r->one.count = 1;
    return prom_stones_apply(&r->stones, series, &r->one, 0) > 0;
}

static void take_sample(void *context, uint64_t ref, int64_t t_ms, double value)
{
    struct head_reading *r = context;
    struct prom_import_counts *counts = r->import->counts;
    const struct log_ref *found = r->samples && r->rc == OK ? find_ref(r, ref) : NULL;
    if (!r->samples || r->rc)
        return;
    if (!found)
        counts->unnamed++;
    else if (!sample_time_is_sane(t_ms))
        counts->out_of_bounds++;
    else if (!r->late && t_ms < r->import->log_min_ms)
        counts->in_blocks++;
    else if (is_deleted(r, found->series, t_ms))
        counts->deleted++;
    else if ((r->rc = bulk_add(r->bulk, found->series, t_ms, value, r->err)) == ERR_TOO_FAR_AHEAD) {
        counts->out_of_bounds++;
        r->rc = OK;
    }
}

static void take_metadata(void *context, uint64_t ref)
{
    struct head_reading *r = context;
    (void)ref;
    r->import->counts->metadata_records += r->samples;
}

static void take_histogram(struct head_reading *r, uint64_t ref)
{
    const struct log_ref *found = find_ref(r, ref);
    r->import->counts->histogram_records++;
    if (found)
        prom_import_note_histogram(r->import, bulk_labels(r->bulk, found->series));
}

static void take_other(void *context, unsigned type, uint64_t ref)
{
    struct head_reading *r = context;
    struct prom_import_counts *counts = r->import->counts;
    if (!r->samples)
        return;
    if (type == PROM_EXEMPLARS)
        counts->exemplar_records++;
    else if (type >= PROM_HISTOGRAMS && type <= PROM_CUSTOM_FLOAT_HISTOGRAMS)
        take_histogram(r, ref);
    else
        counts->unknown_records++;
}

static void take_record(void *context, struct str record)
{
    struct head_reading *r = context;
    const struct prom_record_sink sink = {context,       take_series,   take_sample,
                                          take_deletion, take_metadata, take_other};
    if (prom_record_decode(record, &r->scratch, &sink) && r->samples)
        r->import->counts->bad_records++;
}

// Damage is told in the second pass only: the first one met the same.
static int read_log(struct head_reading *r, const char *folder, uint64_t first, const char *ending)
{
    struct prom_wal_end end;
    int rc = prom_wal_read(folder, first, take_record, r, &end, r->err);
    if (r->samples)
        r->import->counts->segments += end.segment_count;
    if (r->samples && end.damaged)
        prom_import_say(r->import, true, "%s: what follows in the log is skipped",
                        buf_text(&end.where));
    else if (r->samples && end.torn)
        prom_import_say(r->import, false, "%s: %s", buf_text(&end.where), ending);
    prom_wal_end_release(&end);
    return rc ? rc : r->rc;
}

static int read_logs(struct head_reading *r)
{
    static const char torn[] = "the log ends there, as after a crash";
    struct buf folder = BUF_INIT, checkpoint = BUF_INIT;
    uint64_t first = 0;
    int rc = OK;
    buf_printf(&folder, "%s/wal", r->import->options->source);
    if (file_exists(buf_text(&folder)))
        rc = prom_wal_checkpoint(buf_text(&folder), &checkpoint, &first, r->err);
    if (rc == OK && checkpoint.len)
        rc = read_log(r, buf_text(&checkpoint), 0, torn);
    if (rc == OK)
        rc = read_log(r, buf_text(&folder), first, torn);
    buf_reset(&folder);
    buf_printf(&folder, "%s/wbl", r->import->options->source);
    r->late = true;
    if (rc == OK)
        rc = read_log(r, buf_text(&folder), 0, torn);
    r->late = false;
    buf_release(&folder);
    buf_release(&checkpoint);
    return rc;
}

static void tell_counts(struct prom_import *im)
{
    const struct prom_import_counts *c = im->counts;
    if (c->histogram_records)
        prom_import_say(im, false,
                        "wal: native histograms are not supported yet: %llu records of them are "
                        "skipped: %s",
                        (unsigned long long)c->histogram_records, prom_import_histograms(im));
    if (c->bad_records)
        prom_import_say(im, true, "wal: %llu records end early",
                        (unsigned long long)c->bad_records);
    if (c->unknown_records)
        prom_import_say(im, true, "wal: %llu records are of a type that is not supported yet",
                        (unsigned long long)c->unknown_records);
    if (c->unnamed)
        prom_import_say(im, true, "wal: %llu samples belong to series that it doesn't name",
                        (unsigned long long)c->unnamed);
}

static void add_counts(struct prom_import *im, const struct bulk_counts *bulk)
{
    im->counts->samples += bulk->samples;
    im->counts->repeated += bulk->repeated;
    im->counts->conflicts += bulk->conflicts;
    im->counts->windows = bulk->windows;
    if (bulk->samples)
        prom_import_count_times(im, bulk->min_ms, bulk->max_ms);
}

static void count_stored(void *context, struct labels labels)
{
    prom_import_count_series(context, labels);
}

static int read_head(struct head_reading *r)
{
    struct bulk_counts counts;
    int rc = read_logs(r);
    prom_stones_sort(&r->stones);
    r->samples = true;
    if (rc == OK)
        rc = read_logs(r);
    if (rc == OK)
        rc = bulk_commit(r->bulk, &counts, r->err);
    if (rc)
        return rc;
    bulk_each_stored(r->bulk, count_stored, r->import);
    add_counts(r->import, &counts);
    tell_counts(r->import);
    return OK;
}

int prom_import_head(struct prom_import *im, struct error *err)
{
    struct head_reading r = {.import = im, .err = err};
    r.bulk = bulk_new(im->stage, im->options->memory_max);
    arena_init(&r.scratch, 0);
    hmap_init(&r.ref_index);
    columns_init(&r.one);
    int rc = read_head(&r);
    columns_release(&r.one);
    prom_stones_release(&r.stones);
    hmap_release(&r.ref_index);
    mem_free(r.refs);
    arena_release(&r.scratch);
    bulk_free(r.bulk);
    return rc;
}
