// Locks: `hashing` lets one bcrypt run at a time and guards the scratch space; `mutex` guards what
// is remembered and is held for moments. Order: hashing -> mutex.
#include "auth.h"

#include <crypt.h>
#include <pthread.h>

#include "base/mem.h"
#include "digest.h"

// Credentials whose outcome is remembered, good ones and bad ones apart: guessing pushes out
// guesses only.
#define KEPT_COUNT 128
// Text of "user:password" that is looked at.
#define CREDENTIALS_MAX 1024

struct kept {
    unsigned char digests[KEPT_COUNT][DIGEST_SIZE];
    size_t count;
    size_t next; // the oldest, once all are taken
};

struct auth {
    unsigned char key[DIGEST_SIZE];
    pthread_mutex_t mutex;
    struct kept accepted, refused;
    pthread_mutex_t hashing;
    struct crypt_data scratch;
};

struct credentials {
    char text[CREDENTIALS_MAX + 1];
    struct str user;
    const char *password;         // NUL-terminated
    const struct web_user *known; // NULL: no such user
    unsigned char digest[DIGEST_SIZE];
};

struct auth *auth_new(void)
{
    struct auth *a = mem_calloc(1, sizeof(*a));
    digest_random(a->key, sizeof(a->key));
    pthread_mutex_init(&a->mutex, NULL);
    pthread_mutex_init(&a->hashing, NULL);
    return a;
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    pthread_mutex_destroy(&a->hashing);
    pthread_mutex_destroy(&a->mutex);
    mem_free(a);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Into `out` of CREDENTIALS_MAX bytes. False when it is no base64 or too long.
static bool base64_decode(struct str in, char *out, size_t *len)
{
    uint32_t bits = 0;
    unsigned count = 0;
    *len = 0;
    if (in.len % 4 || in.len / 4 * 3 > CREDENTIALS_MAX)
        return false;
    while (in.len && in.ptr[in.len - 1] == '=' && count < 2) {
        in.len--;
        count++;
    }
    count = 0;
    for (size_t i = 0; i < in.len; i++) {
        int value = base64_value(in.ptr[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[(*len)++] = (char)(bits >> count);
        }
    }
    return true;
}

static const struct web_user *find_user(const struct web_user *users, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(users[i].name, name))
            return &users[i];
    }
    return NULL;
}

static void digest_credentials(const struct auth *a, struct credentials *c)
{
    struct buf text = BUF_INIT;
    buf_u64(&text, c->user.len);
    buf_char(&text, ':');
    buf_str(&text, c->user);
    if (c->known)
        buf_str(&text, c->known->hash);
    buf_char(&text, ':');
    buf_cstr(&text, c->password);
    digest_keyed(a->key, buf_view(&text), c->digest);
    explicit_bzero(text.ptr, text.len);
    buf_release(&text);
}

static bool read_credentials(const struct auth *a, const struct web_user *users, size_t count,
                             struct str authorization, struct credentials *c)
{
    struct str scheme, encoded, password;
    size_t len;
    str_cut(authorization, ' ', &scheme, &encoded);
    if (!str_eq_nocase(scheme, STR("Basic")) || !base64_decode(str_trim(encoded), c->text, &len))
        return false;
    c->text[len] = 0;
    // A NUL would end the password early.
    if (memchr(c->text, 0, len) || !str_cut(str_make(c->text, len), ':', &c->user, &password))
        return false;
    c->password = c->text + c->user.len + 1;
    c->known = find_user(users, count, c->user);
    digest_credentials(a, c);
    return true;
}

static bool kept_has(const struct kept *k, const unsigned char *digest)
{
    bool found = false;
    for (size_t i = 0; i < k->count; i++)
        found |= digest_equal(k->digests[i], digest, DIGEST_SIZE);
    return found;
}

static void kept_add(struct kept *k, const unsigned char *digest)
{
    if (kept_has(k, digest))
        return;
    memcpy(k->digests[k->next], digest, DIGEST_SIZE);
    k->next = (k->next + 1) % KEPT_COUNT;
    k->count += k->count < KEPT_COUNT;
}

static enum auth_verdict recall(struct auth *a, const struct credentials *c)
{
    pthread_mutex_lock(&a->mutex);
    enum auth_verdict verdict = kept_has(&a->accepted, c->digest)  ? AUTH_ACCEPTED
                                : kept_has(&a->refused, c->digest) ? AUTH_REFUSED
                                                                   : AUTH_UNKNOWN;
    pthread_mutex_unlock(&a->mutex);
    return verdict;
}

// `hash` is that of some other user when there is no such user: the time is the same.
static bool password_fits(struct auth *a, const struct credentials *c, const char *hash)
{
    const char *computed = crypt_r(c->password, hash, &a->scratch);
    bool fits =
        computed && strlen(computed) == strlen(hash) && digest_equal(computed, hash, strlen(hash));
    explicit_bzero(&a->scratch, sizeof(a->scratch));
    return fits && c->known;
}

static enum auth_verdict compute(struct auth *a, const struct credentials *c,
                                 const struct web_user *users)
{
    pthread_mutex_lock(&a->hashing);
    // Another request with the same credentials may have been first.
    enum auth_verdict verdict = recall(a, c);
    if (verdict == AUTH_UNKNOWN) {
        char *hash = mem_copy_str(c->known ? c->known->hash : users[0].hash);
        verdict = password_fits(a, c, hash) ? AUTH_ACCEPTED : AUTH_REFUSED;
        mem_free(hash);
        pthread_mutex_lock(&a->mutex);
        kept_add(verdict == AUTH_ACCEPTED ? &a->accepted : &a->refused, c->digest);
        pthread_mutex_unlock(&a->mutex);
    }
    pthread_mutex_unlock(&a->hashing);
    return verdict;
}

static enum auth_verdict judge(struct auth *a, const struct web_user *users, size_t user_count,
                               struct str authorization, bool may_compute)
{
    struct credentials c;
    enum auth_verdict verdict = AUTH_REFUSED;
    if (user_count == 0)
        return AUTH_ACCEPTED;
    if (read_credentials(a, users, user_count, authorization, &c))
        verdict = may_compute ? compute(a, &c, users) : recall(a, &c);
    explicit_bzero(c.text, sizeof(c.text));
    return verdict;
}

enum auth_verdict auth_recall(struct auth *a, const struct web_user *users, size_t user_count,
                              struct str authorization)
{
    return judge(a, users, user_count, authorization, false);
}

enum auth_verdict auth_check(struct auth *a, const struct web_user *users, size_t user_count,
                             struct str authorization)
{
    return judge(a, users, user_count, authorization, true);
}
