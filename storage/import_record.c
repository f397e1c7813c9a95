//     series      (be64 ref, uvarint label count, (sized name, sized value)*)*
//     samples     be64 ref, be64 time of the first, then (varint ref less the first's, varint time
//                 less the first's, be64 value)*
//     tombstones  (be64 ref, varint min, varint max)*
//     metadata    (uvarint ref, 1 byte type, uvarint field count, (sized name, sized text)*)*
#include "import_record.h"

#include "base/coding.h"
#include "model/sample.h"

#define LABEL_MAX 10000

static bool decode_labels(struct decoder *d, struct arena *scratch, struct labels *out)
{
    uint64_t count = decode_varint(d);
    if (d->failed || count > LABEL_MAX || count * 2 > decoder_left(d))
        return false;
    struct labels_builder b;
    labels_builder_init(&b, scratch, (struct labels){NULL, 0});
    for (uint64_t i = 0; i < count; i++) {
        struct str name = decode_sized(d), value = decode_sized(d);
        if (d->failed || !label_name_is_valid(name))
            return false;
        labels_builder_set(&b, name, value);
    }
    *out = labels_builder_finish(&b);
    return out->count > 0;
}

static bool decode_series(struct decoder *d, struct arena *scratch,
                          const struct prom_record_sink *sink)
{
    struct labels labels;
    while (decoder_left(d)) {
        uint64_t ref = decode_be64(d);
        arena_reset(scratch);
        if (!decode_labels(d, scratch, &labels))
            return false;
        sink->series(sink->context, ref, labels);
    }
    return true;
}

static bool decode_samples(struct decoder *d, const struct prom_record_sink *sink)
{
    if (decoder_left(d) == 0)
        return true;
    uint64_t ref = decode_be64(d), time = decode_be64(d);
    while (decoder_left(d) && !d->failed) {
        uint64_t ref_step = (uint64_t)decode_svarint(d), time_step = (uint64_t)decode_svarint(d);
        uint64_t bits = decode_be64(d);
        if (d->failed)
            break;
        sink->sample(sink->context, ref + ref_step, (int64_t)(time + time_step),
                     double_from_bits(bits));
    }
    return !d->failed;
}

static bool decode_tombstones(struct decoder *d, const struct prom_record_sink *sink)
{
    while (decoder_left(d)) {
        uint64_t ref = decode_be64(d);
        int64_t min_ms = decode_svarint(d), max_ms = decode_svarint(d);
        if (d->failed)
            return false;
        sink->deleted(sink->context, ref, min_ms, max_ms);
    }
    return true;
}

static bool decode_metadata(struct decoder *d, const struct prom_record_sink *sink)
{
    while (decoder_left(d)) {
        uint64_t ref = decode_varint(d);
        decode_u8(d);
        uint64_t fields = decode_varint(d);
        for (uint64_t i = 0; i < fields && !d->failed; i++) {
            decode_sized(d);
            decode_sized(d);
        }
        if (d->failed)
            return false;
        sink->metadata(sink->context, ref);
    }
    return true;
}

int prom_record_decode(struct str record, struct arena *scratch,
                       const struct prom_record_sink *sink)
{
    struct decoder d;
    decoder_init(&d, record);
    unsigned type = decode_u8(&d);
    bool sound = !d.failed;
    switch (type) {
    case PROM_SERIES:
        sound = sound && decode_series(&d, scratch, sink);
        break;
    case PROM_SAMPLES:
        sound = sound && decode_samples(&d, sink);
        break;
    case PROM_TOMBSTONES:
        sound = sound && decode_tombstones(&d, sink);
        break;
    case PROM_METADATA:
        sound = sound && decode_metadata(&d, sink);
        break;
    case PROM_MMAP_MARKERS: // where chunks of samples lie that are in the log as well
        break;
    default:
        sink->other(sink->context, type, decoder_left(&d) >= 8 ? decode_be64(&d) : 0);
    }
    return sound ? OK : ERR_CORRUPT;
}
