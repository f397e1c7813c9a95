// report and compare: results kept in files, shown again and held against each other.
#include <stdio.h>

#include "commands.h"
#include "compare.h"
#include "results.h"

int command_report(struct args *a)
{
    struct results r;
    struct error err;
    const char *csv = args_text(a, "csv", NULL), *html = args_text(a, "html", NULL);
    const char *path = args_next(a);
    if (!path && !a->err.code)
        error_set(&a->err, ERR_INVALID, "report: expected RESULTS.json");
    if (args_finish(a, &err))
        return command_usage(&err);
    if (results_read_file(&r, path, &err))
        return command_failed(&err);
    struct buf text = BUF_INIT;
    results_write_text(&r, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    buf_release(&text);
    int status = command_write_results(&r, NULL, csv, html);
    if (!r.complete || results_count_differing(&r))
        status = 1;
    results_release(&r);
    return status;
}

int command_compare(struct args *a)
{
    struct results old_results, new_results;
    struct error err;
    struct compare_options options = {.change_min = args_number(a, "change", 0.05),
                                      .p_max = args_number(a, "p", 0.01)};
    const char *old_path = args_next(a), *new_path = args_next(a);
    if (!new_path && !a->err.code)
        error_set(&a->err, ERR_INVALID, "compare: expected OLD.json NEW.json");
    if (args_finish(a, &err))
        return command_usage(&err);
    if (results_read_file(&old_results, old_path, &err))
        return command_failed(&err);
    if (results_read_file(&new_results, new_path, &err)) {
        results_release(&old_results);
        return command_failed(&err);
    }
    struct buf text = BUF_INIT;
    size_t worse = compare_results(&old_results, &new_results, &options, &text);
    fwrite(text.ptr, 1, text.len, stdout);
    buf_release(&text);
    results_release(&old_results);
    results_release(&new_results);
    return worse ? 1 : 0;
}
