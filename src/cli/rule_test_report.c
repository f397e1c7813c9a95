// How results are told: texts as promtool lays them out, and JUnit's XML.
#include "base/file.h"
#include "base/mem.h"
#include "cli/rule_test.h"
#include "model/duration.h"

void failures_add(struct failures *f, const struct buf *text)
{
    MEM_GROW(f->items, f->count, f->capacity);
    f->items[f->count++] = mem_copy_str(buf_view(text));
}

void failures_release(struct failures *f)
{
    for (size_t i = 0; i < f->count; i++)
        mem_free(f->items[i]);
    mem_free(f->items);
    *f = (struct failures){0};
}

// ---- alerts

int fired_cmp(const void *a, const void *b)
{
    const struct fired *x = a, *y = b;
    int order = labels_cmp(x->labels, y->labels);
    return order ? order : labels_cmp(x->annotations, y->annotations);
}

static void print_labels(struct buf *out, struct labels set)
{
    buf_char(out, '{');
    for (size_t i = 0; i < set.count; i++) {
        buf_printf(out, "%s%.*s=", i ? ", " : "", STR_ARG(set.items[i].name));
        str_quote(out, set.items[i].value);
    }
    buf_char(out, '}');
}

static void print_line(struct buf *out, const char *margin, const char *what, struct labels set)
{
    buf_printf(out, "\n%s%s:", margin, what);
    print_labels(out, set);
}

void fired_print(struct buf *out, const struct fired *items, size_t count)
{
    buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s\n            %zu:", i ? "," : "", i);
        print_line(out, "              ", "Labels", items[i].labels);
        print_line(out, "              ", "Annotations", items[i].annotations);
    }
    buf_cstr(out, count ? "\n            ]" : "]");
}

static void print_signed(struct buf *out, char sign, const struct fired *a)
{
    char margin[] = "        ?   ";
    margin[8] = sign;
    print_line(out, margin, "Labels", a->labels);
    print_line(out, margin, "Annotations", a->annotations);
}

void fired_print_diff(struct buf *out, const struct fired *want, size_t want_count,
                      const struct fired *got, size_t got_count)
{
    for (size_t w = 0, g = 0; w < want_count || g < got_count;) {
        int order = w == want_count ? 1 : g == got_count ? -1 : fired_cmp(&want[w], &got[g]);
        if (order > 0)
            print_signed(out, '+', &got[g++]);
        else if (order < 0)
            print_signed(out, '-', &want[w++]);
        else
            print_signed(out, ' ', &want[w++]), g++;
    }
}

// ---- JUnit

struct junit_suite {
    char *name;
    struct buf cases;
    size_t test_count, failure_count, error_count;
    int64_t time_ms;
};

struct junit {
    struct junit_suite *suites;
    size_t count;
    size_t capacity;
};

struct junit *junit_new(void)
{
    return mem_calloc(1, sizeof(struct junit));
}

void junit_free(struct junit *j)
{
    if (!j)
        return;
    for (size_t i = 0; i < j->count; i++) {
        mem_free(j->suites[i].name);
        buf_release(&j->suites[i].cases);
    }
    mem_free(j->suites);
    mem_free(j);
}

// XML 1.0 has no place for most control characters.
static void put_xml(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '<')
            buf_cstr(out, "&lt;");
        else if (c == '>')
            buf_cstr(out, "&gt;");
        else if (c == '&')
            buf_cstr(out, "&amp;");
        else if (c == '"')
            buf_cstr(out, "&quot;");
        else if ((unsigned char)c >= ' ' || c == '\n' || c == '\t')
            buf_char(out, c);
    }
}

static void put_case(struct buf *out, struct str name, const char *element, char *const *texts,
                     size_t count)
{
    buf_cstr(out, "    <testcase name=\"");
    put_xml(out, name);
    buf_cstr(out, count ? "\">\n" : "\"></testcase>\n");
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "      <%s>", element);
        put_xml(out, str_from(texts[i]));
        buf_printf(out, "</%s>\n", element);
    }
    if (count)
        buf_cstr(out, "    </testcase>\n");
}

void junit_suite(struct junit *j, const char *name, const char *error)
{
    MEM_GROW(j->suites, j->count, j->capacity);
    struct junit_suite *s = &j->suites[j->count++];
    *s = (struct junit_suite){.name = mem_copy_str(str_from(name)),
                              .time_ms = clock_wall_ms(&clock_system)};
    if (!error)
        return;
    char *texts[] = {(char *)error};
    put_case(&s->cases, STR("the file"), "error", texts, 1);
    s->test_count = s->error_count = 1;
}

void junit_case(struct junit *j, struct str name, const struct failures *failures, size_t first)
{
    struct junit_suite *s = &j->suites[j->count - 1];
    put_case(&s->cases, name, "failure", failures->items + first, failures->count - first);
    s->test_count++;
    s->failure_count += failures->count > first;
}

int junit_write(struct junit *j, const char *path, struct error *err)
{
    struct buf out = BUF_INIT;
    buf_cstr(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < j->count; i++) {
        const struct junit_suite *s = &j->suites[i];
        buf_cstr(&out, "  <testsuite name=\"");
        put_xml(&out, str_from(s->name));
        buf_printf(&out,
                   "\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" timestamp=\"",
                   s->test_count, s->failure_count, s->error_count);
        timestamp_format(&out, s->time_ms);
        buf_cstr(&out, "\">\n");
        buf_str(&out, buf_view(&s->cases));
        buf_cstr(&out, "  </testsuite>\n");
    }
    buf_cstr(&out, "</testsuites>\n");
    int rc = file_write_atomic(path, buf_view(&out), err);
    buf_release(&out);
    return rc;
}
