#include "model/matcher.h"

#include "base/mem.h"

static struct str copy_str(struct str s)
{
    return str_make(mem_copy_str(s), s.len);
}

int matcher_init(struct matcher *m, enum matcher_type type, struct str name, struct str value,
                 struct error *err)
{
    struct regex *regex = NULL;
    if (type == MATCH_REGEX || type == MATCH_NOT_REGEX) {
        int rc = regex_new(&regex, value, err);
        if (rc)
            return rc;
    }
    *m = (struct matcher){type, copy_str(name), copy_str(value), regex};
    return OK;
}

void matcher_release(struct matcher *m)
{
    mem_free((char *)(uintptr_t)m->name.ptr);
    mem_free((char *)(uintptr_t)m->value.ptr);
    regex_free(m->regex);
    *m = (struct matcher){0};
}

bool matcher_match(const struct matcher *m, struct str value)
{
    switch (m->type) {
    case MATCH_EQUAL:
        return str_eq(m->value, value);
    case MATCH_NOT_EQUAL:
        return !str_eq(m->value, value);
    case MATCH_REGEX:
        return regex_match(m->regex, value);
    case MATCH_NOT_REGEX:
        return !regex_match(m->regex, value);
    }
    return false;
}

bool matcher_match_empty(const struct matcher *m)
{
    return matcher_match(m, str_make(NULL, 0));
}

bool matchers_match(const struct matcher *matchers, size_t count, struct labels set)
{
    for (size_t i = 0; i < count; i++) {
        if (!matcher_match(&matchers[i], labels_get(set, matchers[i].name)))
            return false;
    }
    return true;
}

const char *matcher_operator(enum matcher_type type)
{
    static const char *const operators[] = {"=", "!=", "=~", "!~"};
    return operators[type];
}

void matcher_format(struct buf *out, const struct matcher *m)
{
    if (label_name_is_legacy(m->name))
        buf_str(out, m->name);
    else
        str_quote(out, m->name);
    buf_cstr(out, matcher_operator(m->type));
    str_quote(out, m->value);
}
