// The text format, read for the first time.
#include "../hot.h"
#include "base/buf.h"
#include "scrape/exposition.h"

#define COUNT 1000

static struct buf body;

static void prepare(void)
{
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 5 == 0)
            buf_printf(&body,
                       "# HELP disk_%u_bytes_total Bytes of a disk.\n"
                       "# TYPE disk_%u_bytes_total counter\n",
                       i / 5, i / 5);
        buf_printf(&body, "disk_%u_bytes_total{device=\"sd%c\",mode=\"read\"} %u.%u\n", i / 5,
                   'a' + (char)(i % 5), i * 7919, i % 10);
    }
}

static void parse_text(void)
{
    struct arena arena;
    struct exposition x;
    struct exposition_entry e;
    struct error err;
    arena_init(&arena, 0);
    exposition_init(&x, buf_view(&body), EXPOSITION_TEXT, &arena);
    while (exposition_next(&x, &e, &err) == OK) {
        struct labels_builder set;
        if (e.kind != EXPOSITION_SAMPLE)
            continue;
        arena_reset(&arena);
        labels_builder_init(&set, &arena, (struct labels){0});
        if (exposition_labels(e.series, &set, &err))
            abort();
        hot_sink = e.value;
    }
    arena_release(&arena);
}

int main(int argc, char **argv)
{
    static const struct hot_case CASES[] = {{"text_parse", "sample", COUNT, parse_text}};
    return hot_main(argc, argv, CASES, 1, prepare);
}
