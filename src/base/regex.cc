// RE2 behind a C header: the only C++ that knows of regular expressions.
#include <re2/re2.h>

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

extern "C" {
#include "base/regex.h"
}

// Either a compiled expression, or, for long lists of literals (what dashboards make of variables
// with many values), the set of them.
struct regex {
    std::unique_ptr<RE2> re;
    std::unordered_set<std::string> literals;
    bool grouped = false; // the list stands in a group: $1 is what matched
};

namespace
{

re2::StringPiece piece(struct str s)
{
    return re2::StringPiece(s.ptr ? s.ptr : "", s.len);
}

// From this length on a list of literals is not compiled: it would take 100 times its size.
const size_t LITERALS_SIZE_MIN = 1024;

int compile(struct regex **out, const std::string &pattern, struct error *err)
{
    RE2::Options options(RE2::Quiet);
    options.set_max_mem((int64_t)REGEX_MEMORY_MAX);
    auto re = std::make_unique<RE2>(pattern, options);
    if (!re->ok()) {
        int code = re->error_code() == RE2::ErrorPatternTooLarge ? ERR_LIMIT : ERR_INVALID;
        return error_set(err, code, "error parsing regexp: %s", re->error().c_str());
    }
    *out = new regex;
    (*out)->re = std::move(re);
    return OK;
}

bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// The list inside a group that is all of the pattern: (a|b) or (?:a|b).
struct str inside_group(struct str pattern)
{
    if (pattern.len < 2 || pattern.ptr[0] != '(' || pattern.ptr[pattern.len - 1] != ')' ||
        pattern.ptr[pattern.len - 2] == '\\')
        return pattern;
    struct str inside = str_make(pattern.ptr + 1, pattern.len - 2);
    return str_has_prefix(inside, STR("?:")) ? str_skip(inside, 2) : inside;
}

// Takes a literal up to the next '|' or the end; *more says which. False: it is no literal. A
// backslash stands for the punctuation behind it.
bool take_literal(struct str *rest, std::string *out, bool *more)
{
    out->clear();
    *more = false;
    for (size_t i = 0; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (c == '|') {
            *rest = str_skip(*rest, i + 1);
            *more = true;
            return true;
        }
        if (c == '\\') {
            if (++i == rest->len || (unsigned char)rest->ptr[i] >= 0x80 || is_word(rest->ptr[i]))
                return false;
            c = rest->ptr[i];
        } else if (memchr(".+*?()[]{}^$", c, 12)) {
            return false;
        }
        out->push_back(c);
    }
    return true;
}

bool all_literals(struct str list)
{
    std::string literal;
    for (bool more = true; more;) {
        if (!take_literal(&list, &literal, &more))
            return false;
    }
    return true;
}

struct regex *literal_set(struct str pattern, struct str list)
{
    auto set = new regex;
    std::string literal;
    set->grouped = list.len + 2 == pattern.len;
    for (bool more = true; more;) {
        take_literal(&list, &literal, &more);
        set->literals.insert(literal);
    }
    return set;
}

// The group a template names: a number, or a name looked up in the pattern; -1 when there is none.
int group_of(const RE2 &re, const std::string &name)
{
    if (!name.empty() && name.find_first_not_of("0123456789") == std::string::npos)
        return name.size() < 9 ? std::stoi(name) : -1;
    auto found = re.NamedCapturingGroups().find(name);
    return found == re.NamedCapturingGroups().end() ? -1 : found->second;
}

// How many bytes at text[at] may stand in a group's name: a letter or digit of any script, or '_'.
size_t name_part(struct str text, size_t at)
{
    static const RE2 letter("[\\p{L}\\p{Nd}]");
    re2::StringPiece found;
    if (at == text.len)
        return 0;
    if ((unsigned char)text.ptr[at] < 0x80)
        return is_word(text.ptr[at]);
    bool is = letter.Match(re2::StringPiece(text.ptr, text.len), at, text.len, RE2::ANCHOR_START,
                           &found, 1);
    return is ? found.size() : 0;
}

// Reads $name or ${name} at text[at] == '$': the index after it, or `at` when it is no reference.
size_t reference(struct str text, size_t at, std::string *name)
{
    size_t i = at + 1;
    bool braced = i < text.len && text.ptr[i] == '{';
    i += braced;
    size_t start = i;
    for (size_t size; (size = name_part(text, i)) > 0;)
        i += size;
    if (i == start || (braced && (i == text.len || text.ptr[i] != '}')))
        return at;
    name->assign(text.ptr + start, i - start);
    return i + braced;
}

void expand(const RE2 &re, const std::vector<re2::StringPiece> &groups, struct str replacement,
            struct buf *out)
{
    for (size_t i = 0; i < replacement.len;) {
        size_t dollar = i + str_find(str_skip(replacement, i), '$');
        buf_append(out, replacement.ptr + i, dollar - i);
        i = dollar;
        if (i == replacement.len)
            break;
        std::string name;
        size_t after = reference(replacement, i, &name);
        if (after == i) { // "$$" or a lone '$'
            buf_char(out, '$');
            i += i + 1 < replacement.len && replacement.ptr[i + 1] == '$' ? 2 : 1;
            continue;
        }
        int group = group_of(re, name);
        if (group >= 0 && (size_t)group < groups.size())
            buf_append(out, groups[group].data(), groups[group].size());
        i = after;
    }
}

size_t code_point_size(struct str text, size_t at)
{
    size_t size = 1;
    while (at + size < text.len && ((unsigned char)text.ptr[at + size] & 0xc0) == 0x80)
        size++;
    return size;
}

} // namespace

extern "C" int regex_new(struct regex **out, struct str pattern, struct error *err)
{
    struct str list = inside_group(pattern);
    if (pattern.len >= LITERALS_SIZE_MIN && all_literals(list)) {
        *out = literal_set(pattern, list);
        return OK;
    }
    return compile(out, "^(?s:" + std::string(pattern.ptr ? pattern.ptr : "", pattern.len) + ")$",
                   err);
}

extern "C" int regex_new_unanchored(struct regex **out, struct str pattern, struct error *err)
{
    return compile(out, std::string(pattern.ptr ? pattern.ptr : "", pattern.len), err);
}

extern "C" void regex_free(struct regex *re)
{
    delete re;
}

extern "C" bool regex_match(const struct regex *re, struct str text)
{
    if (!re->re)
        return re->literals.count(std::string(text.ptr ? text.ptr : "", text.len)) > 0;
    return RE2::FullMatch(piece(text), *re->re);
}

extern "C" bool regex_expand(const struct regex *re, struct str text, struct str replacement,
                             struct buf *out)
{
    if (!re->re) {
        static const RE2 nameless("");
        if (!regex_match(re, text))
            return false;
        expand(nameless, std::vector<re2::StringPiece>(1 + re->grouped, piece(text)), replacement,
               out);
        return true;
    }
    std::vector<re2::StringPiece> groups(1 + re->re->NumberOfCapturingGroups());
    if (!re->re->Match(piece(text), 0, text.len, RE2::ANCHOR_BOTH, groups.data(), groups.size()))
        return false;
    expand(*re->re, groups, replacement, out);
    return true;
}

extern "C" void regex_replace_all(const struct regex *re, struct str text, struct str replacement,
                                  struct buf *out)
{
    std::vector<re2::StringPiece> groups(1 + re->re->NumberOfCapturingGroups());
    size_t copied = 0;
    size_t at = 0;
    while (at <= text.len && re->re->Match(piece(text), at, text.len, RE2::UNANCHORED,
                                           groups.data(), groups.size())) {
        size_t start = (size_t)(groups[0].data() - (text.ptr ? text.ptr : ""));
        size_t end = start + groups[0].size();
        buf_append(out, text.ptr + copied, start - copied);
        // An empty match right behind another match is none of its own.
        if (end > copied || start == 0)
            expand(*re->re, groups, replacement, out);
        copied = end;
        at = end > at ? end : at + code_point_size(text, at);
    }
    if (copied < text.len)
        buf_append(out, text.ptr + copied, text.len - copied);
}

extern "C" bool regex_literals(struct str pattern, void (*each)(void *context, struct str literal),
                               void *context)
{
    struct str list = inside_group(pattern);
    std::string literal;
    if (!all_literals(list))
        return false;
    for (bool more = true; more;) {
        take_literal(&list, &literal, &more);
        each(context, str_make(literal.data(), literal.size()));
    }
    return true;
}
