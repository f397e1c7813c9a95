// Execution walks the tree. Variables live on a stack that each block unwinds; `.` is passed down.
//
// Work is bounded: DEPTH_MAX nested templates, STEPS_MAX nodes, the output's limit, and the
// arena's.
#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "template_tree.h"
#include "zone.h"

#define DEPTH_MAX     64
#define STEPS_MAX     200000
#define VARIABLES_MAX 256
#define ARGS_MAX      32
#define WHAT_MAX      120 // bytes of an expression that an error quotes
#define MEMORY_MAX    ((size_t)64 << 20)

enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAILED };

struct variable {
    struct str name;
    struct value value;
};

struct scope {
    struct variable variables[VARIABLES_MAX];
    size_t count;
};

struct frame {
    struct execution *ex;
    struct scope *scope;
};

// Go's words: template: FILE:LINE:COLUMN: executing "NAME" at <WHAT>: TEXT
static int fail_at(struct execution *ex, uint32_t at, int code, struct str what, const char *format,
                   ...) __attribute__((format(printf, 5, 6)));

static int fail_at(struct execution *ex, uint32_t at, int code, struct str what, const char *format,
                   ...)
{
    char text[ERROR_TEXT_SIZE / 4];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    int shown = what.len < WHAT_MAX ? (int)what.len : WHAT_MAX;
    return template_error(ex->err, code, ex->source, at, "executing \"%s\" at <%.*s>: %s", ex->name,
                          shown, what.ptr ? what.ptr : "", text);
}

int call_error(struct execution *ex, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_vset(ex->err, ERR_EXECUTION, format, args);
    va_end(args);
    return ERR_EXECUTION;
}

static int run_pipe(struct frame *f, const struct pipe *pipe, struct value dot, struct value *out);

static struct variable *variable_find(struct scope *s, struct str name)
{
    for (size_t i = s->count; i-- > 0;) {
        if (str_eq(s->variables[i].name, name))
            return &s->variables[i];
    }
    return NULL;
}

static int variable_push(struct frame *f, struct str name, struct value value, uint32_t at)
{
    if (f->scope->count == VARIABLES_MAX)
        return fail_at(f->ex, at, ERR_LIMIT, name, "too many variables");
    f->scope->variables[f->scope->count++] = (struct variable){name, value};
    return OK;
}

// A variable or the dot with its fields, as written.
static struct str term_text(struct arena *arena, const struct term *t)
{
    struct buf text = BUF_INIT;
    buf_str(&text, t->name);
    for (size_t i = 0; i < t->field_count; i++)
        buf_printf(&text, ".%.*s", STR_ARG(t->fields[i]));
    struct str copy = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return copy;
}

static int no_field(struct execution *ex, const struct term *t, const struct value *v,
                    struct str name, int rc)
{
    struct str what = term_text(ex->arena, t);
    if (v->kind == VALUE_NIL)
        return fail_at(ex, t->at, ERR_EXECUTION, what, "nil data; no entry for key \"%.*s\"",
                       STR_ARG(name));
    if (rc == ERR_INVALID)
        return fail_at(ex, t->at, ERR_EXECUTION, what, "wrong arguments for %.*s of a %s",
                       STR_ARG(name), value_type_name(v));
    return fail_at(ex, t->at, ERR_EXECUTION, what, "can't evaluate field %.*s in type %s",
                   STR_ARG(name), value_type_name(v));
}

// Follows the fields; the last one may be a method that takes the arguments.
static int run_chain(struct frame *f, const struct term *t, struct value v,
                     const struct value *args, size_t arg_count, struct value *out)
{
    for (size_t i = 0; i < t->field_count; i++) {
        bool called = arg_count && i + 1 == t->field_count;
        int rc = called ? value_method(f->ex->arena, &v, t->fields[i], args, arg_count, out)
                        : value_field(f->ex->arena, &v, t->fields[i], out);
        if (rc)
            return no_field(f->ex, t, &v, t->fields[i], rc);
        v = *out;
    }
    *out = v;
    return OK;
}

static int run_term(struct frame *f, const struct term *t, struct value dot,
                    const struct value *args, size_t arg_count, struct value *out);

static int check_count(struct execution *ex, const struct term *t, struct str what,
                       const struct template_function *function, size_t count)
{
    if (count >= (size_t)function->arg_min &&
        (function->arg_max < 0 || count <= (size_t)function->arg_max))
        return OK;
    bool exact = function->arg_min == function->arg_max;
    return fail_at(ex, t->at, ERR_EXECUTION, what,
                   "wrong number of args for %.*s: want %s%d got %zu", STR_ARG(t->name),
                   exact ? "" : "at least ", function->arg_min, count);
}

static int run_function(struct frame *f, const struct term *t, struct str what,
                        const struct value *args, size_t count, struct value *out)
{
    struct execution *ex = f->ex;
    const struct template_function *function =
        template_function_find(template_set_functions(ex->set), t->name);
    struct error inner = {.text = ""};
    struct error *outer = ex->err;
    int rc = check_count(ex, t, what, function, count);
    if (rc)
        return rc;
    ex->err = &inner;
    rc = function->call(ex, args, count, out);
    ex->err = outer;
    if (rc)
        rc = fail_at(ex, t->at, rc, what, "error calling %.*s: %.300s", STR_ARG(t->name),
                     inner.text);
    return rc;
}

// and, or: the first argument that decides, the rest unevaluated.
static int run_logic(struct frame *f, const struct command *c, struct value dot,
                     const struct value *final, struct value *out)
{
    bool is_and = str_is(c->terms[0].name, "and");
    if (c->count == 1 && !final)
        return fail_at(f->ex, c->terms[0].at, ERR_EXECUTION, c->text,
                       "wrong number of args for %.*s: want at least 1 got 0",
                       STR_ARG(c->terms[0].name));
    for (size_t i = 1; i < c->count; i++) {
        int rc = run_term(f, &c->terms[i], dot, NULL, 0, out);
        if (rc || value_is_true(out) != is_and)
            return rc;
    }
    if (final)
        *out = *final;
    return OK;
}

static int run_term(struct frame *f, const struct term *t, struct value dot,
                    const struct value *args, size_t arg_count, struct value *out)
{
    struct value v = dot;
    int rc;
    switch (t->kind) {
    case TERM_DOT:
        break;
    case TERM_LITERAL:
        *out = t->literal;
        return OK;
    case TERM_FUNCTION:
        if (str_is(t->name, "and") || str_is(t->name, "or"))
            return fail_at(f->ex, t->at, ERR_EXECUTION, t->name,
                           "wrong number of args for %.*s: want at least 1 got 0",
                           STR_ARG(t->name));
        rc = run_function(f, t, t->name, NULL, 0, &v);
        if (rc)
            return rc;
        break;
    case TERM_PIPE:
        if ((rc = run_pipe(f, t->pipe, dot, &v)))
            return rc;
        break;
    case TERM_VARIABLE: {
        const struct variable *found = variable_find(f->scope, t->name);
        if (!found)
            return fail_at(f->ex, t->at, ERR_EXECUTION, t->name, "undefined variable \"%.*s\"",
                           STR_ARG(t->name));
        v = found->value;
        break;
    }
    }
    return run_chain(f, t, v, args, arg_count, out);
}

static int run_command(struct frame *f, const struct command *c, struct value dot,
                       const struct value *final, struct value *out)
{
    struct value args[ARGS_MAX];
    size_t count = 0;
    const struct term *first = &c->terms[0];
    if (++f->ex->steps > STEPS_MAX)
        return fail_at(f->ex, first->at, ERR_LIMIT, c->text, "the template does too much work");
    if (first->kind == TERM_FUNCTION && !first->field_count &&
        (str_is(first->name, "and") || str_is(first->name, "or")))
        return run_logic(f, c, dot, final, out);
    if (c->count >= ARGS_MAX)
        return fail_at(f->ex, first->at, ERR_LIMIT, c->text, "too many arguments");
    for (size_t i = 1; i < c->count; i++) {
        int rc = run_term(f, &c->terms[i], dot, NULL, 0, &args[count++]);
        if (rc)
            return rc;
    }
    if (final)
        args[count++] = *final;
    if (count && first->kind != TERM_FUNCTION && !first->field_count)
        return fail_at(f->ex, first->at, ERR_EXECUTION, c->text,
                       "can't give argument to non-function %.*s", STR_ARG(c->text));
    if (first->kind == TERM_FUNCTION && !first->field_count)
        return run_function(f, first, c->text, args, count, out);
    return run_term(f, first, dot, args, count, out);
}

static int run_pipe(struct frame *f, const struct pipe *pipe, struct value dot, struct value *out)
{
    struct value v = {.kind = VALUE_NIL};
    for (const struct command *c = pipe->commands; c; c = c->next) {
        struct value result;
        int rc = run_command(f, c, dot, c == pipe->commands ? NULL : &v, &result);
        if (rc)
            return rc;
        v = result;
    }
    *out = v;
    return OK;
}

// What `:=` and `=` do with the pipeline's value.
static int bind(struct frame *f, const struct pipe *pipe, struct value v)
{
    if (!pipe->variable_count)
        return OK;
    if (pipe->declares)
        return variable_push(f, pipe->variables[0], v, pipe->at);
    struct variable *found = variable_find(f->scope, pipe->variables[0]);
    if (!found)
        return fail_at(f->ex, pipe->at, ERR_EXECUTION, pipe->variables[0], "undefined variable");
    found->value = v;
    return OK;
}

static enum flow run_list(struct frame *f, const struct node *n, struct value dot);

static enum flow run_scoped(struct frame *f, const struct node *list, struct value dot)
{
    size_t kept = f->scope->count;
    enum flow flow = run_list(f, list, dot);
    f->scope->count = kept;
    return flow;
}

static enum flow run_branch(struct frame *f, const struct node *n, struct value dot)
{
    struct value v;
    size_t kept = f->scope->count;
    if (run_pipe(f, n->pipe, dot, &v) || bind(f, n->pipe, v))
        return FLOW_FAILED;
    struct value inner = n->kind == NODE_WITH ? v : dot;
    enum flow flow =
        value_is_true(&v) ? run_scoped(f, n->body, inner) : run_scoped(f, n->other, dot);
    f->scope->count = kept;
    return flow;
}

static int bind_element(struct frame *f, const struct pipe *pipe, struct value key,
                        struct value element)
{
    if (pipe->variable_count == 0)
        return OK;
    if (pipe->variable_count == 1)
        return variable_push(f, pipe->variables[0], element, pipe->at);
    int rc = variable_push(f, pipe->variables[0], key, pipe->at);
    return rc ? rc : variable_push(f, pipe->variables[1], element, pipe->at);
}

// What `range 3` goes through.
static struct value numbers_below(struct arena *arena, int64_t end)
{
    size_t count = end < 0 ? 0 : end < STEPS_MAX ? (size_t)end : STEPS_MAX;
    struct value *items = arena_array(arena, count, sizeof(*items));
    for (size_t i = 0; i < count; i++)
        items[i] = value_integer((int64_t)i);
    return value_list(items, count, LIST_ANY);
}

static enum flow run_range(struct frame *f, const struct node *n, struct value dot)
{
    struct value over, key;
    size_t kept = f->scope->count;
    if (run_pipe(f, n->pipe, dot, &over))
        return FLOW_FAILED;
    if (over.kind == VALUE_INT)
        over = numbers_below(f->ex->arena, over.integer);
    if (over.kind != VALUE_NIL && !value_is_iterable(&over)) {
        fail_at(f->ex, n->pipe->at, ERR_EXECUTION, n->pipe->commands->text,
                "range can't iterate over %.*s", STR_ARG(value_string(f->ex->arena, &over)));
        return FLOW_FAILED;
    }
    size_t count = value_length(&over);
    if (count == 0)
        return run_scoped(f, n->other, dot);
    enum flow flow = FLOW_NEXT;
    for (size_t i = 0; i < count && (flow == FLOW_NEXT || flow == FLOW_CONTINUE); i++) {
        struct value element = value_at(&over, i, &key);
        if (bind_element(f, n->pipe, key, element))
            return FLOW_FAILED;
        flow = run_list(f, n->body, element);
        f->scope->count = kept;
    }
    return flow == FLOW_FAILED ? FLOW_FAILED : FLOW_NEXT;
}

static void print_action(struct execution *ex, const struct value *v)
{
    if (ex->mode == TEMPLATE_HTML)
        html_value(&ex->html, ex->out, v);
    else if (v->kind == VALUE_NIL)
        buf_cstr(ex->out, "<no value>");
    else
        value_print(ex->out, v);
}

static void print_text(struct execution *ex, struct str text)
{
    if (ex->mode == TEMPLATE_HTML)
        html_text(&ex->html, ex->out, text);
    else
        buf_str(ex->out, text);
}

static enum flow run_action(struct frame *f, const struct node *n, struct value dot)
{
    struct value v;
    if (run_pipe(f, n->pipe, dot, &v) || bind(f, n->pipe, v))
        return FLOW_FAILED;
    if (!n->pipe->variable_count)
        print_action(f->ex, &v);
    return FLOW_NEXT;
}

static enum flow run_include(struct frame *f, const struct node *n, struct value dot)
{
    struct value data = {.kind = VALUE_NIL};
    if (n->pipe && run_pipe(f, n->pipe, dot, &data))
        return FLOW_FAILED;
    return execute_named(f->ex, n->text, data, n->pipe ? n->pipe->at : 0) ? FLOW_FAILED : FLOW_NEXT;
}

static enum flow run_node(struct frame *f, const struct node *n, struct value dot)
{
    switch (n->kind) {
    case NODE_TEXT:
        print_text(f->ex, n->text);
        return FLOW_NEXT;
    case NODE_ACTION:
        return run_action(f, n, dot);
    case NODE_IF:
    case NODE_WITH:
        return run_branch(f, n, dot);
    case NODE_RANGE:
        return run_range(f, n, dot);
    case NODE_TEMPLATE:
        return run_include(f, n, dot);
    case NODE_BREAK:
        return FLOW_BREAK;
    case NODE_CONTINUE:
        return FLOW_CONTINUE;
    }
    return FLOW_NEXT;
}

static enum flow run_list(struct frame *f, const struct node *n, struct value dot)
{
    enum flow flow = FLOW_NEXT;
    for (; n && flow == FLOW_NEXT; n = n->next) {
        if (++f->ex->steps > STEPS_MAX || f->ex->arena->exceeded || f->ex->out->failed) {
            fail_at(f->ex, n->pipe ? n->pipe->at : 0, ERR_LIMIT, STR(""), "%s",
                    f->ex->out->failed ? "the output is too long"
                                       : "the template does too much work");
            return FLOW_FAILED;
        }
        flow = run_node(f, n, dot);
    }
    return flow;
}

static int execute_body(struct execution *ex, const struct source *source, const char *name,
                        const struct node *body, struct value dot)
{
    const struct source *outer = ex->source;
    const char *outer_name = ex->name;
    struct scope *scope = arena_alloc(ex->arena, sizeof(*scope));
    struct frame frame = {ex, scope};
    scope->count = 0;
    ex->source = source;
    ex->name = name;
    variable_push(&frame, STR("$"), dot, 0);
    if (template_set_functions(ex->set) == TEMPLATE_RULE && ex->input->rule) {
        static const char *const names[] = {"$labels", "$externalLabels", "$externalURL", "$value"};
        static const char *const fields[] = {"Labels", "ExternalLabels", "ExternalURL", "Value"};
        struct value data = {.kind = VALUE_RULE, .rule = ex->input->rule}, v;
        for (size_t i = 0; i < 4; i++) {
            value_field(ex->arena, &data, str_from(fields[i]), &v);
            variable_push(&frame, str_from(names[i]), v, 0);
        }
    }
    enum flow flow = run_list(&frame, body, dot);
    ex->source = outer;
    ex->name = outer_name;
    return flow == FLOW_FAILED ? ERR_EXECUTION : OK;
}

struct template_set {
    enum template_functions functions;
    struct arena arena;
    struct definition *definitions; // newest first
};

enum template_functions template_set_functions(const struct template_set *s)
{
    return s->functions;
}

static const struct definition *definition_find(const struct definition *d, struct str name)
{
    while (d && !str_eq(d->name, name))
        d = d->next;
    return d;
}

int execute_named(struct execution *ex, struct str name, struct value dot, uint32_t at)
{
    const struct definition *d = definition_find(ex->local, name);
    if (!d)
        d = definition_find(ex->set->definitions, name);
    if (!d)
        return fail_at(ex, at, ERR_EXECUTION, name, "template \"%.*s\" not defined", STR_ARG(name));
    if (ex->depth == DEPTH_MAX)
        return fail_at(ex, at, ERR_LIMIT, name, "exceeded maximum template depth (%d)", DEPTH_MAX);
    ex->depth++;
    int rc = execute_body(ex, d->source, arena_copy(ex->arena, name).ptr, d->body, dot);
    ex->depth--;
    return rc;
}

void template_set_free(struct template_set *s)
{
    if (!s)
        return;
    arena_release(&s->arena);
    mem_free(s);
}

int template_set_add(struct template_set *s, struct str text, const char *name, struct error *err)
{
    struct source *source = ARENA_NEW(&s->arena, struct source);
    struct parsed parsed;
    source->name = arena_copy(&s->arena, str_from(name)).ptr;
    source->text = arena_copy(&s->arena, text);
    int rc = tree_parse(&parsed, source, s->functions, &s->arena, err);
    if (rc)
        return rc;
    struct definition *whole = ARENA_NEW(&s->arena, struct definition);
    *whole = (struct definition){str_from(source->name), parsed.body, source, s->definitions};
    s->definitions = whole;
    if (parsed.definitions) {
        struct definition *oldest = parsed.definitions;
        while (oldest->next)
            oldest = oldest->next;
        oldest->next = s->definitions;
        s->definitions = parsed.definitions;
    }
    return OK;
}

struct template_set *template_set_new(enum template_functions functions)
{
    struct template_set *s = mem_calloc(1, sizeof(*s));
    s->functions = functions;
    arena_init(&s->arena, 0);
    if (functions == TEMPLATE_NOTIFICATION) {
        int rc = template_set_add(s, str_from(template_default_text), "default.tmpl", NULL);
        assert(rc == OK);
        (void)rc;
    }
    return s;
}

bool template_set_has(const struct template_set *s, struct str name)
{
    return definition_find(s->definitions, name) != NULL;
}

struct template
{
    const struct template_set *set;
    struct source source;
    struct parsed parsed;
};

int template_parse(struct template **out, const struct template_set *s, struct str text,
                   const char *name, struct arena *arena, struct error *err)
{
    struct template *t = ARENA_NEW(arena, struct template);
    t->set = s;
    t->source.name = arena_copy(arena, str_from(name ? name : "")).ptr;
    t->source.text = arena_copy(arena, text);
    int rc = tree_parse(&t->parsed, &t->source, s->functions, arena, err);
    if (rc == OK)
        *out = t;
    return rc;
}

int template_check(const struct template_set *s, struct str text, const char *name,
                   struct error *err)
{
    struct arena arena;
    struct template *t;
    arena_init(&arena, 0);
    int rc = template_parse(&t, s, text, name, &arena, err);
    arena_release(&arena);
    return rc;
}

int template_run(const struct template *t, enum template_mode mode, const struct template_input *in,
                 struct buf *out, struct error *err)
{
    struct arena arena;
    struct buf text;
    struct error scratch;
    arena_init(&arena, MEMORY_MAX);
    buf_init(&text, in->output_max ? in->output_max : TEMPLATE_OUTPUT_MAX_DEFAULT);
    struct execution ex = {.arena = &arena,
                           .out = &text,
                           .mode = mode,
                           .set = t->set,
                           .input = in,
                           .local = t->parsed.definitions,
                           .err = err ? err : &scratch};
    struct value dot = {.kind = VALUE_NIL};
    if (in->notification)
        dot = notification_value(in->notification);
    else if (in->rule)
        dot = (struct value){.kind = VALUE_RULE, .rule = in->rule};
    ex.err->code = OK;
    int rc = execute_body(&ex, &t->source, t->source.name, t->parsed.body, dot);
    if (rc && ex.err->code)
        rc = ex.err->code;
    if (rc == OK && text.failed)
        rc = template_error(err, ERR_LIMIT, &t->source, 0, "the output is too long");
    if (rc == OK)
        buf_str(out, buf_view(&text));
    for (struct loaded_zone *z = ex.zones; z; z = z->next)
        zone_free(z->zone);
    buf_release(&text);
    arena_release(&arena);
    return rc;
}

int template_execute(const struct template_set *s, enum template_mode mode, struct str text,
                     const struct template_input *in, struct buf *out, struct error *err)
{
    struct arena arena;
    struct template *t;
    arena_init(&arena, 0);
    int rc = template_parse(&t, s, text, in->name, &arena, err);
    if (rc == OK)
        rc = template_run(t, mode, in, out, err);
    arena_release(&arena);
    return rc;
}
