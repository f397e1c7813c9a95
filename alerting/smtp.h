// Sends one mail over SMTP, blocking, from any thread.
//
// With require_tls the server must offer STARTTLS before anything is said; port 465 speaks TLS from
// the start. AUTH is PLAIN or LOGIN with auth_password, CRAM-MD5 with auth_secret alone.
#ifndef ALERTING_SMTP_H
#define ALERTING_SMTP_H

#include "base/cancel.h"
#include "wire.h"

// As wire.mail; `cancel` ends it early.
int smtp_send(const struct wire_mail *mail, const struct cancel *cancel, struct wire_reply *reply,
              struct error *err);

#endif
