// How many series the store takes: a number, and a budget of memory.
//
// Past either, new series are refused and existing ones go on. What the head takes is counted as it
// grows; the scraper's slot for a series and the journal's knowledge of it come on top, and what the
// index of a window takes while one is written: a budget that holds only between seals is none. Samples
// do not grow without bounds: when they take more than their part they are sealed.
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "index_builder.h"
#include "store.h"

// What a series takes outside the head.
#define SERIES_EXTRA 24
// In the index of a window: a series' hash and record, a label in the record and in its pair's list;
// and beside the entry of a symbol or a pair, its slot in a table, its place in the order and what is
// written of it.
#define SEAL_SERIES_SIZE 16
#define SEAL_LABEL_SIZE  4
#define SEAL_ENTRY_EXTRA 40
// Samples in memory: each window has an index of its own, so that the more series there are the more
// samples must share it.
#define HEAD_BYTES_MIN        ((size_t)2 << 20)
#define HEAD_BYTES_PER_SERIES 72
#define HEAD_PART             4
// Between two lines of the log.
#define REPORT_NS INT64_C(60000000000)

static uint64_t read_number(const char *path)
{
    struct buf text = BUF_INIT;
    uint64_t number = 0;
    if (file_read(path, 64, &text, NULL) || !str_to_u64(str_trim(buf_view(&text)), &number))
        number = 0;
    buf_release(&text);
    return number;
}

uint64_t storage_memory_limit_default(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
    uint64_t memory = pages > 0 && page_size > 0 ? (uint64_t)pages * (uint64_t)page_size : 0;
    uint64_t group = read_number("/sys/fs/cgroup/memory.max");
    if (group && group < memory)
        memory = group;
    return memory / 2;
}

// The builder and the index that it writes: each has the hashes, the records and the texts.
static uint64_t seal_memory_bytes(const struct head *h, uint64_t series_count)
{
    const struct symbols *symbols = &h->symbols;
    return series_count * 2 * SEAL_SERIES_SIZE + h->label_count * 2 * SEAL_LABEL_SIZE +
           symbols->count * (sizeof(struct builder_symbol) + SEAL_ENTRY_EXTRA) +
           symbols->text_size * 2 +
           h->postings.pair_count * (sizeof(struct builder_pair) + SEAL_ENTRY_EXTRA);
}

uint64_t storage_memory_bytes(struct storage *s)
{
    uint64_t count = atomic_load(&s->head.series_count);
    return head_memory_size(&s->head) + count * SERIES_EXTRA + seal_memory_bytes(&s->head, count);
}

// Once a minute at most, however many are refused.
static void report(struct storage *s, const char *limit)
{
    int64_t now_ns = clock_mono_ns(s->options.clock), last_ns = atomic_load(&s->refusal_logged_ns);
    if (last_ns && now_ns - last_ns < REPORT_NS)
        return;
    atomic_store(&s->refusal_logged_ns, now_ns);
    log_error("new series are refused; those that are known go on", LOG_CSTR("limit", limit),
              LOG_INT("series", (int64_t)atomic_load(&s->head.series_count)),
              LOG_INT("memory_bytes", (int64_t)storage_memory_bytes(s)));
}

bool storage_takes_series(struct storage *s)
{
    size_t count = atomic_load(&s->head.series_count);
    if (s->options.series_max && count >= s->options.series_max) {
        report(s, "--storage.max-series");
        return false;
    }
    if (s->options.memory_limit && storage_memory_bytes(s) >= s->options.memory_limit) {
        report(s, "--storage.memory-limit");
        return false;
    }
    return true;
}

size_t head_bytes_max(struct storage *s)
{
    size_t bytes = atomic_load(&s->head.series_count) * HEAD_BYTES_PER_SERIES;
    size_t part = s->options.memory_limit ? s->options.memory_limit / HEAD_PART : SIZE_MAX;
    if (bytes < HEAD_BYTES_MIN)
        bytes = HEAD_BYTES_MIN;
    return bytes < part ? bytes : part;
}
