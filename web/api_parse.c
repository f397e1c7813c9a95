// /api/v1/format_query and parse_query: what an expression says, without running it.
#include "api.h"
#include "routes.h"

bool api_expression(struct web_server *web, struct request *req, struct response *res,
                    struct promql_expr **out)
{
    struct str text = request_param(req, "query");
    struct error err;
    if (api_text_check(text, &err) == OK &&
        promql_parse(out, text, web->options.features, &req->arena, &err) == OK)
        return true;
    api_fail_param(res, "query", "%s", err.text);
    return false;
}

void api_format_query(struct web_server *web, struct request *req, struct response *res)
{
    struct promql_expr *expr;
    struct json_writer w;
    if (!api_expression(web, req, res, &expr))
        return;
    struct buf text = BUF_INIT;
    promql_print_pretty(&text, expr);
    promql_expr_free(expr);
    api_begin(res, &w);
    json_str(&w, buf_view(&text));
    api_end(&w);
    buf_release(&text);
}

void api_parse_query(struct web_server *web, struct request *req, struct response *res)
{
    struct promql_expr *expr;
    struct json_writer w;
    if (!api_expression(web, req, res, &expr))
        return;
    api_begin(res, &w);
    json_raw(&w, STR(""));
    promql_print_tree(w.out, expr);
    promql_expr_free(expr);
    api_end(&w);
}
