// Every text of a message stands once, among its symbols; series refer to them by number. Symbols
// may come behind the series that use them, so that they are gathered in a pass of their own.
#include "remote_write2.h"

#include "base/coding.h"
#include "base/mem.h"
#include "remote_write.h"

static int corrupt(struct error *err, const char *what)
{
    return error_set(err, ERR_INVALID, "error decoding remote write request: %s", what);
}

int remote_write2_init(struct remote_write2 *w, struct str message, struct error *err)
{
    struct proto_field f;
    *w = (struct remote_write2){.reader = proto_reader_of(message)};
    struct proto_reader r = w->reader;
    while (proto_more(&r)) {
        if (!proto_take(&r, &f))
            return corrupt(err, "malformed protobuf message");
        if (f.id != 4)
            continue;
        if (f.type != WIRE_BYTES || w->symbol_count == REMOTE_WRITE2_SYMBOLS_MAX)
            return corrupt(err, "malformed or too many symbols");
        MEM_GROW(w->symbols, w->symbol_count, w->symbol_capacity);
        w->symbols[w->symbol_count++] = f.bytes;
    }
    if (w->symbol_count && w->symbols[0].len)
        return corrupt(err, "the first symbol must be the empty string");
    return OK;
}

void remote_write2_release(struct remote_write2 *w)
{
    mem_free(w->symbols);
    mem_free(w->labels);
    mem_free(w->samples);
}

// Keeps labels sorted as they come, which they do in order.
static bool add_label(struct remote_write2 *w, uint64_t name, uint64_t value)
{
    if (name >= w->symbol_count || value >= w->symbol_count ||
        w->label_count == REMOTE_WRITE_LABELS_MAX)
        return false;
    struct label label = {w->symbols[name], w->symbols[value]};
    if (label.value.len == 0)
        return true; // a label without a value is no label
    MEM_GROW(w->labels, w->label_count, w->label_capacity);
    size_t at = w->label_count++;
    for (; at > 0 && str_cmp(w->labels[at - 1].name, label.name) > 0; at--)
        w->labels[at] = w->labels[at - 1];
    w->labels[at] = label;
    return true;
}

// Numbers packed into one field; an odd one may be left over for the next field's first.
static bool add_references(struct remote_write2 *w, const struct proto_field *f, bool *has_name,
                           uint64_t *name)
{
    const unsigned char *pos = (const unsigned char *)f->bytes.ptr;
    const unsigned char *end = pos + f->bytes.len;
    uint64_t number = f->number;
    bool packed = f->type == WIRE_BYTES;
    while (!packed || pos < end) {
        if (packed && !varint_get(&pos, end, &number))
            return false;
        if (*has_name && !add_label(w, *name, number))
            return false;
        *name = number;
        *has_name = !*has_name;
        if (!packed)
            break;
    }
    return true;
}

static bool add_sample(struct remote_write2 *w, struct str bytes)
{
    struct proto_reader r = proto_reader_of(bytes);
    struct proto_field f;
    struct sample s = {0};
    while (proto_more(&r)) {
        if (!proto_take(&r, &f))
            return false;
        if (f.id == 1 && f.type == WIRE_FIXED64)
            s.value = double_from_bits(f.number);
        else if (f.id == 2 && f.type == WIRE_VARINT)
            s.t_ms = (int64_t)f.number;
        else if (f.id <= 2)
            return false;
    }
    MEM_GROW(w->samples, w->sample_count, w->sample_capacity);
    w->samples[w->sample_count++] = s;
    return true;
}

static bool decode_series(struct remote_write2 *w, struct str bytes)
{
    struct proto_reader r = proto_reader_of(bytes);
    struct proto_field f;
    bool has_name = false;
    uint64_t name = 0;
    while (proto_more(&r)) {
        if (!proto_take(&r, &f))
            return false;
        if (f.id == 1 && f.type != WIRE_BYTES && f.type != WIRE_VARINT)
            return false;
        if (f.id == 1 && !add_references(w, &f, &has_name, &name))
            return false;
        if (f.id == 2 && (f.type != WIRE_BYTES || !add_sample(w, f.bytes)))
            return false;
        w->histogram_count += f.id == 3;
        w->exemplar_count += f.id == 4;
    }
    return !has_name;
}

int remote_write2_next(struct remote_write2 *w, struct error *err)
{
    struct proto_field f;
    w->label_count = w->sample_count = w->histogram_count = w->exemplar_count = 0;
    while (proto_more(&w->reader)) {
        if (!proto_take(&w->reader, &f))
            return corrupt(err, "malformed protobuf message");
        if (f.id != 5)
            continue;
        if (f.type == WIRE_BYTES && decode_series(w, f.bytes))
            return OK;
        w->reader.pos = w->reader.end;
        return corrupt(err, "malformed time series");
    }
    return ERR_END;
}
