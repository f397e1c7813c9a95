// The pieces of a mail: headers that cannot be broken out of, quoted-printable bodies, addresses.
#ifndef ALERTING_MIME_H
#define ALERTING_MIME_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

// Appends "Name: value\r\n". Line breaks and control characters in the value become spaces, text
// that isn't ASCII becomes RFC 2047 encoded words, long lines are folded. In address headers (From,
// To, Cc, Bcc, Reply-To, Sender) only display names are encoded. False, with nothing appended, for
// a name that is no header name.
bool mime_header(struct buf *out, struct str name, struct str value);
// Appends the text, quoted-printable with CRLF line ends (RFC 2045, lines of at most 76).
void mime_quoted_printable(struct buf *out, struct str text);
// Appends a time as a Date header spells it, in UTC.
void mime_date(struct buf *out, int64_t now_ms);
// The bare addresses of "Ann <a@b.org>, c@d.org", in the arena. ERR_INVALID names a bad one.
int mime_addresses(struct str list, struct arena *arena, struct str **out, size_t *count,
                   struct error *err);

#endif
