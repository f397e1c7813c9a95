// `lapwing storage export` writes OpenMetrics, `lapwing storage dump` the lines of `promtool tsdb dump`:
//
//     http_requests_total{code="200"} 17 1700000000.5
//     {__name__="http_requests_total", code="200"} 17 1700000000500
#include <inttypes.h>
#include <stdio.h>

#include "base/float_text.h"
#include "cli/openmetrics.h"
#include "cli/storage.h"
#include "storage/archive.h"

#define WRITE_SIZE ((size_t)1 << 20)

struct output {
    const struct storage_arguments *arguments;
    void (*series)(struct buf *out, struct labels labels);
    void (*sample)(struct buf *out, struct str series, double value, int64_t t_ms);
    struct buf text;
    struct buf name; // of the series at hand
};

static bool is_wanted(void *context, struct labels labels)
{
    const struct storage_arguments *a = ((struct output *)context)->arguments;
    for (size_t i = 0; i < a->selector_count; i++) {
        if (matchers_match(a->selectors[i].matchers, a->selectors[i].count, labels))
            return true;
    }
    return a->selector_count == 0;
}

static int write_out(struct output *o)
{
    size_t written = fwrite(o->text.ptr, 1, o->text.len, stdout);
    bool whole = written == o->text.len;
    buf_reset(&o->text);
    return whole ? OK : ERR_IO;
}

static int put_series(void *context, struct labels labels, const struct columns *c)
{
    struct output *o = context;
    int rc = OK;
    buf_reset(&o->name);
    o->series(&o->name, labels);
    for (size_t i = 0; i < c->count && rc == OK; i++) {
        o->sample(&o->text, buf_view(&o->name), c->values[i], c->times_ms[i]);
        if (o->text.len > WRITE_SIZE)
            rc = write_out(o);
    }
    return rc;
}

static int put_all(struct output *o, const char *ending)
{
    const struct storage_arguments *a = o->arguments;
    struct archive *archive;
    struct error err;
    error_set(&err, ERR_IO, "standard output cannot be written");
    bool damaged = false;
    int rc = archive_open(&archive, a->path, &err);
    if (rc == OK) {
        rc = archive_each(archive, is_wanted, put_series, o, a->start_ms, a->end_ms, &err);
        damaged = cli_storage_tell_damage(archive);
        archive_free(archive);
    }
    if (rc == OK) {
        buf_cstr(&o->text, ending);
        rc = write_out(o);
    }
    if (rc == OK && fflush(stdout))
        rc = ERR_IO;
    buf_release(&o->text);
    buf_release(&o->name);
    if (rc)
        fprintf(stderr, "lapwing: %s\n", err.text);
    return rc || damaged ? 1 : 0;
}

static void dump_sample(struct buf *out, struct str series, double value, int64_t t_ms)
{
    buf_str(out, series);
    buf_char(out, ' ');
    buf_float(out, value, FLOAT_G);
    buf_char(out, ' ');
    buf_i64(out, t_ms);
    buf_char(out, '\n');
}

int cli_storage_export(const struct storage_arguments *a)
{
    struct output o = {.arguments = a, .series = openmetrics_series, .sample = openmetrics_sample};
    return put_all(&o, "# EOF\n");
}

int cli_storage_dump(const struct storage_arguments *a)
{
    struct output o = {.arguments = a, .series = labels_format_all, .sample = dump_sample};
    return put_all(&o, "");
}
