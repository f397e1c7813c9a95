// Bodies of API v2: whatever they hold, checking them ends in an error with a text or in alerts and
// silences whose strings and lists are whole.
//
// Input: 'a' or 's' for alerts or a silence, then the JSON.
#include <assert.h>

#include "api_v2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(struct str s)
{
    size_t sum = s.len;
    for (size_t i = 0; i < s.len; i++)
        sum += (unsigned char)s.ptr[i];
    return sum;
}

static size_t touch_labels(struct labels set)
{
    size_t sum = 0;
    for (size_t i = 0; i < set.count; i++) {
        assert(i == 0 || str_cmp(set.items[i - 1].name, set.items[i].name) < 0);
        assert(set.items[i].value.len > 0);
        sum += touch(set.items[i].name) + touch(set.items[i].value);
    }
    return sum;
}

static size_t try_alerts(const struct json *document, struct arena *arena, struct v2_error *err)
{
    struct alert *alerts;
    struct buf why = BUF_INIT;
    size_t count, sum = 0;
    int rc = v2_parse_alerts(document, arena, &alerts, &count, err);
    assert(rc == 0 || (rc == err->code && err->text[0]));
    for (size_t i = 0; i < count; i++) {
        (void)v2_alert_is_bad(&alerts[i], 1000, &why);
        sum += touch_labels(alerts[i].labels) + touch_labels(alerts[i].annotations) +
               touch(alerts[i].generator_url);
    }
    buf_release(&why);
    return sum;
}

static size_t try_silence(const struct json *document, struct arena *arena, struct v2_error *err)
{
    struct silence_spec spec = {.remind_before_ms = 0};
    int rc = v2_parse_silence(document, arena, &spec, err);
    assert(rc == 0 || (rc == err->code && err->text[0]));
    if (rc)
        return 0;
    assert(spec.matcher_count > 0);
    size_t sum = touch(spec.comment) + touch(spec.recurrence) + touch_labels(spec.annotations);
    for (size_t i = 0; i < spec.matcher_count; i++)
        sum += touch(spec.matchers[i].name) + touch(spec.matchers[i].value);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *document;
    struct v2_error err = {.code = 0};
    struct arena arena;
    if (size == 0 || json_parse(&document, str_make((const char *)data + 1, size - 1), NULL))
        return 0;
    arena_init(&arena, 0);
    size_t sum =
        data[0] == 'a' ? try_alerts(document, &arena, &err) : try_silence(document, &arena, &err);
    assert(sum < SIZE_MAX); // everything was read
    arena_release(&arena);
    json_free(document);
    return 0;
}
