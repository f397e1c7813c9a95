// The page is the results' JSON with the script that draws it: what a person looks at and what a
// program reads are the same data. Everything stands in the one file, which needs no network.
#include "report_assets.h"
#include "results.h"

static void embed(struct buf *out, const char *element, const char *bytes, const char *end)
{
    buf_printf(out, "<%s>", element);
    buf_append(out, bytes, (size_t)(end - bytes));
    buf_printf(out, "</%s>\n", element);
}

// JSON inside a script element: no "</script" may end it.
static void embed_json(struct buf *out, struct str json)
{
    buf_cstr(out, "<script id=\"results\" type=\"application/json\">");
    for (size_t i = 0; i < json.len; i++) {
        if (json.ptr[i] == '<')
            buf_cstr(out, "\\u003c");
        else
            buf_char(out, json.ptr[i]);
    }
    buf_cstr(out, "</script>\n");
}

void results_write_html(const struct results *r, struct buf *out)
{
    struct buf json = BUF_INIT;
    results_write_json(r, &json);
    buf_cstr(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<title>lapwing-bench</title>\n");
    embed(out, "style", bench_uplot_css, bench_uplot_css_end);
    embed(out, "style", bench_report_css, bench_report_css_end);
    buf_cstr(out, "</head>\n<body>\n<main id=\"report\"></main>\n");
    embed_json(out, buf_view(&json));
    embed(out, "script", bench_uplot_js, bench_uplot_js_end);
    embed(out, "script", bench_report_js, bench_report_js_end);
    buf_cstr(out, "</body>\n</html>\n");
    buf_release(&json);
}
