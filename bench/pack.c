// Writing prepares everything that costs time before a clock runs: values, protobuf, compression.
// Reading maps the file, so that a sender costs a send.
#include "pack.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compress.h"
#include "base/file.h"
#include "base/mem.h"
#include "generator.h"
#include "interrupt.h"
#include "progress.h"
#include "write_request.h"

#define MAGIC      "LWBENCH1"
#define FRAME_SIZE 20
#define FLUSH_SIZE (4u << 20)

struct writer {
    int fd;
    off_t offset;
    struct buf pending;
    struct buf body;
    struct pack_totals *totals;
};

static int flush(struct writer *w, struct error *err)
{
    if (io_write_at(w->fd, w->pending.ptr, w->pending.len, w->offset))
        return error_set(err, err_from_errno(errno), "writing the prepared data: %s",
                         strerror(errno));
    w->offset += (off_t)w->pending.len;
    buf_reset(&w->pending);
    return OK;
}

static void append_u32(struct buf *b, uint32_t v)
{
    buf_append(b, &v, sizeof(v));
}

static int write_frame(struct writer *w, uint32_t host, struct write_request *request,
                       struct error *err)
{
    if (!request->sample_count)
        return OK;
    buf_reset(&w->body);
    snappy_encode(write_request_bytes(request), &w->body);
    append_u32(&w->pending, host);
    append_u32(&w->pending, (uint32_t)request->sample_count);
    buf_append(&w->pending, &request->newest_ms, sizeof(request->newest_ms));
    append_u32(&w->pending, (uint32_t)w->body.len);
    buf_str(&w->pending, buf_view(&w->body));
    w->totals->frames++;
    w->totals->samples += request->sample_count;
    w->totals->bytes += w->body.len;
    write_request_reset(request);
    return w->pending.len > FLUSH_SIZE ? flush(w, err) : OK;
}

static void write_header(struct writer *w, const struct workload *workload)
{
    struct buf text = BUF_INIT;
    struct json_writer json;
    json_writer_init(&json, &text);
    json_object_begin(&json);
    workload_json(&json, workload);
    json_object_end(&json);
    buf_append(&w->pending, MAGIC, strlen(MAGIC));
    append_u32(&w->pending, (uint32_t)text.len);
    buf_str(&w->pending, buf_view(&text));
    buf_release(&text);
}

// `rounds` scrapes of each host, then the next: nearly the order of time.
static int write_rounds(struct writer *w, struct generator *g, struct write_request *request,
                        unsigned hosts, unsigned rounds, struct error *err)
{
    for (unsigned host = 0; host < hosts; host++) {
        for (unsigned i = 0; i < rounds; i++) {
            struct scrape scrape;
            generator_scrape(g, host, &scrape);
            if (scrape.relabelled) {
                int result = write_frame(w, host, request, err);
                if (result)
                    return result;
            }
            write_request_add(request, g, host, &scrape);
        }
        int result = write_frame(w, host, request, err);
        if (result)
            return result;
    }
    return OK;
}

static int write_all(struct writer *w, const struct workload *workload, struct generator *g,
                     const struct pack_options *options, struct error *err)
{
    int64_t left = workload_rounds(workload), all = left;
    int result = OK;
    struct progress progress;
    struct write_request request;
    write_request_init(&request, generator_series_count(g));
    progress_init(&progress, "preparing", options->quiet);
    while (left > 0 && !result) {
        unsigned rounds = left < options->rounds ? (unsigned)left : options->rounds;
        result = write_rounds(w, g, &request, workload->hosts, rounds, err);
        left -= rounds;
        progress_show(&progress, (double)(all - left) / (double)all);
        if (!result && interrupted())
            result = error_set(err, ERR_CANCELED, "interrupted while preparing the data");
    }
    progress_done(&progress);
    write_request_release(&request);
    return result ? result : flush(w, err);
}

int pack_write(int fd, const struct workload *workload, const struct pack_options *options,
               struct pack_totals *totals, struct error *err)
{
    struct generator *g;
    int result = generator_new(&g, workload, err);
    if (result)
        return result;
    struct writer w = {.fd = fd, .totals = totals};
    *totals = (struct pack_totals){.series = generator_series_count(g) * workload->hosts};
    write_header(&w, workload);
    result = write_all(&w, workload, g, options, err);
    buf_release(&w.pending);
    buf_release(&w.body);
    generator_free(g);
    return result;
}

struct pack {
    const char *bytes;
    size_t size;
    struct str header;
    size_t first; // offset of the first frame
    struct pack_totals totals;
};

static uint32_t read_u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

bool pack_next(const struct pack *p, size_t *position, struct pack_frame *frame)
{
    size_t at = *position ? *position : p->first;
    if (p->size - at < FRAME_SIZE)
        return false;
    frame->host = read_u32(p->bytes + at);
    frame->sample_count = read_u32(p->bytes + at + 4);
    memcpy(&frame->newest_ms, p->bytes + at + 8, sizeof(frame->newest_ms));
    uint32_t size = read_u32(p->bytes + at + 16);
    if (p->size - at - FRAME_SIZE < size)
        return false;
    frame->body = str_make(p->bytes + at + FRAME_SIZE, size);
    *position = at + FRAME_SIZE + size;
    return true;
}

static int check_file(struct pack *p, struct error *err)
{
    size_t fixed = strlen(MAGIC) + 4, position = 0;
    if (p->size < fixed || memcmp(p->bytes, MAGIC, strlen(MAGIC)) != 0)
        return error_set(err, ERR_INVALID, "no file that `lapwing-bench generate` wrote");
    size_t header = read_u32(p->bytes + strlen(MAGIC));
    if (p->size - fixed < header)
        return error_set(err, ERR_CORRUPT, "the prepared data is cut off");
    p->header = str_make(p->bytes + fixed, header);
    p->first = fixed + header;
    struct pack_frame frame;
    while (pack_next(p, &position, &frame)) {
        p->totals.frames++;
        p->totals.samples += frame.sample_count;
        p->totals.bytes += frame.body.len;
    }
    if (position != p->size)
        return error_set(err, ERR_CORRUPT, "the prepared data is cut off");
    return OK;
}

int pack_open(struct pack **out, int fd, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) || status.st_size == 0)
        return error_set(err, ERR_INVALID, "the file of prepared data is empty");
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return error_set(err, err_from_errno(errno), "mapping the prepared data: %s",
                         strerror(errno));
    struct pack *p = mem_calloc(1, sizeof(*p));
    p->bytes = bytes;
    p->size = (size_t)status.st_size;
    int result = check_file(p, err);
    if (result) {
        pack_close(p);
        return result;
    }
    *out = p;
    return OK;
}

void pack_close(struct pack *p)
{
    if (!p)
        return;
    munmap((void *)p->bytes, p->size);
    mem_free(p);
}

struct str pack_header(const struct pack *p)
{
    return p->header;
}

const struct pack_totals *pack_totals(const struct pack *p)
{
    return &p->totals;
}
