// Decoding one message type as it is read.
//
// Nothing is copied: a label is a view into the message, and the arrays are reused, so that
// decoding costs no allocation once they have grown.
#include "remote_write.h"

#include <endian.h>

#include "base/coding.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "protobuf.h"

static bool decode_label(struct str bytes, struct label *out)
{
    struct proto_reader r = proto_reader_of(bytes);
    struct proto_field f;
    *out = (struct label){0};
    while (r.pos < r.end) {
        if (!proto_take(&r, &f))
            return false;
        if (f.id > 2)
            continue;
        if (f.type != WIRE_BYTES)
            return false;
        *(f.id == 1 ? &out->name : &out->value) = f.bytes;
    }
    return true;
}

static bool decode_sample(struct str bytes, struct sample *out)
{
    struct proto_reader r = proto_reader_of(bytes);
    struct proto_field f;
    *out = (struct sample){0};
    while (r.pos < r.end) {
        if (!proto_take(&r, &f))
            return false;
        if (f.id == 1 && f.type == WIRE_FIXED64)
            out->value = double_from_bits(f.number);
        else if (f.id == 2 && f.type == WIRE_VARINT)
            out->t_ms = (int64_t)f.number;
        else if (f.id <= 2)
            return false;
    }
    return true;
}

// As senders write it: the value, then the time.
static bool decode_usual_sample(struct str bytes, struct sample *out)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr, *end = p + bytes.len;
    uint64_t value, t_ms;
    if (bytes.len < 11 || p[0] != 0x09 || p[9] != 0x10)
        return false;
    memcpy(&value, p + 1, sizeof(value));
    p += 10;
    if (!varint_get(&p, end, &t_ms) || p != end)
        return false;
    *out = (struct sample){(int64_t)t_ms, double_from_bits(le64toh(value))};
    return true;
}

static bool add_label(struct remote_write *w, struct str bytes)
{
    struct label label;
    if (w->label_count >= REMOTE_WRITE_LABELS_MAX || !decode_label(bytes, &label))
        return false;
    if (label.value.len == 0)
        return true; // a label without a value is no label
    MEM_GROW(w->labels, w->label_count, w->label_capacity);
    w->labels[w->label_count++] = label;
    return true;
}

static bool add_sample(struct remote_write *w, struct str bytes)
{
    MEM_GROW(w->samples, w->sample_count, w->sample_capacity);
    struct sample *out = &w->samples[w->sample_count++];
    return decode_usual_sample(bytes, out) || decode_sample(bytes, out);
}

// The label fields that a series begins with.
static struct str leading_labels(struct str bytes)
{
    struct proto_reader r = proto_reader_of(bytes);
    const unsigned char *end = r.pos;
    struct proto_field f;
    while (proto_more(&r) && *r.pos == (1 << 3 | WIRE_BYTES) && proto_take(&r, &f))
        end = r.pos;
    return str_first(bytes, (size_t)(end - (const unsigned char *)bytes.ptr));
}

static bool decode_fields(struct remote_write *w, struct str bytes)
{
    struct proto_reader r = proto_reader_of(bytes);
    struct proto_field f;
    while (r.pos < r.end) {
        if (!proto_take(&r, &f))
            return false;
        if (f.id > 4)
            continue;
        if (f.type != WIRE_BYTES)
            return false;
        if (f.id == 1 && !add_label(w, f.bytes))
            return false;
        if (f.id == 2 && !add_sample(w, f.bytes))
            return false;
        w->exemplar_count += f.id == 3;
        w->histogram_count += f.id == 4;
    }
    return true;
}

static void begin_series(struct remote_write *w)
{
    w->label_count = w->sample_count = w->exemplar_count = w->histogram_count = 0;
    w->skipped = false;
}

static bool decode_series(struct remote_write *w, struct str bytes)
{
    struct str labels = leading_labels(bytes);
    bool skip = w->skip_labels && w->skip_labels(w->context, labels);
    if (!decode_fields(w, str_skip(bytes, labels.len)))
        return false;
    bool scattered = w->label_count > 0;
    w->label_bytes = scattered ? str_make(NULL, 0) : labels;
    w->skipped = skip && !scattered;
    if (w->skipped)
        return true;
    return decode_fields(w, labels);
}

// Clients send labels sorted: insertion sort is one comparison a label then.
static void sort_labels(struct label *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct label moving = items[i];
        size_t k = i;
        for (; k > 0 && str_cmp(items[k - 1].name, moving.name) > 0; k--)
            items[k] = items[k - 1];
        items[k] = moving;
    }
}

void remote_write_init(struct remote_write *w, struct str message)
{
    struct proto_reader r = proto_reader_of(message);
    *w = (struct remote_write){.pos = r.pos, .end = r.end};
}

void remote_write_release(struct remote_write *w)
{
    mem_free(w->labels);
    mem_free(w->samples);
}

static int give_up(struct remote_write *w, const char *what, struct error *err)
{
    w->pos = w->end;
    return error_set(err, ERR_INVALID, "error decoding remote write request: %s", what);
}

int remote_write_next(struct remote_write *w, struct error *err)
{
    struct proto_reader r = {w->pos, w->end};
    struct proto_field f;
    begin_series(w);
    while (r.pos < r.end) {
        if (!proto_take(&r, &f))
            return give_up(w, "malformed protobuf message", err);
        w->pos = r.pos;
        if (f.id != 1)
            continue;
        if (f.type != WIRE_BYTES || !decode_series(w, f.bytes))
            return give_up(w, "malformed time series", err);
        sort_labels(w->labels, w->label_count);
        return OK;
    }
    return ERR_END;
}

static const char *labels_fault(struct labels set)
{
    bool named = false;
    for (size_t i = 0; i < set.count; i++) {
        struct label l = set.items[i];
        if (i && str_eq(l.name, set.items[i - 1].name))
            return "a label name twice";
        if (!label_name_is_valid(l.name) || !utf8_valid(l.value))
            return "text that is no UTF-8 or an empty label name";
        named = named || str_is(l.name, LABEL_METRIC_NAME);
    }
    return named ? NULL : "no metric name";
}

int remote_write_check(struct labels set, struct error *err)
{
    const char *fault = labels_fault(set);
    if (!fault)
        return OK;
    return error_set(err, ERR_INVALID, "invalid metric name or labels, got %s", fault);
}

int remote_write_labels(struct remote_write *w, struct labels *out, struct error *err)
{
    if (w->skipped) {
        w->skipped = false;
        if (!decode_fields(w, w->label_bytes))
            return error_set(err, ERR_INVALID, "malformed labels");
        sort_labels(w->labels, w->label_count);
    }
    *out = (struct labels){w->labels, w->label_count};
    return remote_write_check(*out, err);
}
