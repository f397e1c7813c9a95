#include "scrape/relabel.h"

#include <locale.h>
#include <pthread.h>
#include <wctype.h>

#include "base/coding.h"
#include "base/utf8.h"
#include "md5.h"

// The source labels' values, joined.
static struct str join_sources(const struct relabel_config *c, const struct labels_builder *set)
{
    struct buf joined = BUF_INIT;
    if (c->source_label_count == 1)
        return labels_builder_get(set, c->source_labels[0]);
    for (size_t i = 0; i < c->source_label_count; i++) {
        if (i)
            buf_str(&joined, c->separator);
        buf_str(&joined, labels_builder_get(set, c->source_labels[i]));
    }
    struct str copy = arena_copy(set->arena, buf_view(&joined));
    buf_release(&joined);
    return copy;
}

static struct str expand(const struct relabel_config *c, struct arena *arena, struct str text,
                         struct str template)
{
    struct buf out = BUF_INIT;
    regex_expand(c->regex, text, template, &out);
    struct str copy = arena_copy(arena, buf_view(&out));
    buf_release(&out);
    return copy;
}

static void replace(const struct relabel_config *c, struct labels_builder *set, struct str value)
{
    if (!regex_match(c->regex, value))
        return;
    struct str target = expand(c, set->arena, value, c->target_label);
    struct str result = expand(c, set->arena, value, c->replacement);
    if (label_name_is_valid(target))
        labels_builder_set(set, target, result);
}

static void hashmod(const struct relabel_config *c, struct labels_builder *set, struct str value)
{
    unsigned char digest[16];
    md5(value, digest);
    labels_builder_set(
        set, c->target_label,
        arena_printf(set->arena, "%llu", (unsigned long long)(be64_get(digest + 8) % c->modulus)));
}

static locale_t utf8_locale;
static pthread_once_t utf8_locale_once = PTHREAD_ONCE_INIT;

static void make_utf8_locale(void)
{
    utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
}

// Letters of every script, whatever the process's locale is; ASCII alone where the system lacks
// C.UTF-8.
static uint32_t map_case(uint32_t c, bool upper)
{
    if (c < 0x80 || !utf8_locale) {
        uint32_t first = upper ? 'a' : 'A';
        return c >= first && c < first + 26 ? c ^ 0x20 : c;
    }
    return upper ? towupper_l((wint_t)c, utf8_locale) : towlower_l((wint_t)c, utf8_locale);
}

static void change_case(const struct relabel_config *c, struct labels_builder *set,
                        struct str value)
{
    struct buf out = BUF_INIT;
    pthread_once(&utf8_locale_once, make_utf8_locale);
    while (value.len) {
        uint32_t code_point = 0;
        size_t len = utf8_decode(value, &code_point);
        if (len)
            utf8_encode(&out, map_case(code_point, c->action == RELABEL_UPPERCASE));
        else
            buf_char(&out, value.ptr[0]);
        value = str_skip(value, len ? len : 1);
    }
    labels_builder_set(set, c->target_label, arena_copy(set->arena, buf_view(&out)));
    buf_release(&out);
}

static void map_labels(const struct relabel_config *c, struct labels_builder *set)
{
    size_t count = set->count;
    struct label *before = arena_array(set->arena, count, sizeof(*before));
    if (count)
        memcpy(before, set->items, count * sizeof(*before));
    for (size_t i = 0; i < count; i++) {
        if (regex_match(c->regex, before[i].name))
            labels_builder_set(set, expand(c, set->arena, before[i].name, c->replacement),
                               before[i].value);
    }
}

static void filter_labels(const struct relabel_config *c, struct labels_builder *set)
{
    bool drops = c->action == RELABEL_LABELDROP;
    for (size_t i = set->count; i-- > 0;) {
        if (regex_match(c->regex, set->items[i].name) == drops)
            labels_builder_del(set, set->items[i].name);
    }
}

static bool apply_one(const struct relabel_config *c, struct labels_builder *set)
{
    struct str value = join_sources(c, set);
    switch (c->action) {
    case RELABEL_KEEP:
        return regex_match(c->regex, value);
    case RELABEL_DROP:
        return !regex_match(c->regex, value);
    case RELABEL_KEEPEQUAL:
        return str_eq(value, labels_builder_get(set, c->target_label));
    case RELABEL_DROPEQUAL:
        return !str_eq(value, labels_builder_get(set, c->target_label));
    case RELABEL_REPLACE:
        replace(c, set, value);
        break;
    case RELABEL_HASHMOD:
        hashmod(c, set, value);
        break;
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE:
        change_case(c, set, value);
        break;
    case RELABEL_LABELMAP:
        map_labels(c, set);
        break;
    case RELABEL_LABELDROP:
    case RELABEL_LABELKEEP:
        filter_labels(c, set);
        break;
    }
    return true;
}

bool relabel_apply(const struct relabel_configs *configs, struct labels_builder *set)
{
    for (size_t i = 0; i < configs->count; i++) {
        if (!apply_one(&configs->items[i], set))
            return false;
    }
    return true;
}
