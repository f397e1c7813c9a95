// The wire over the network: HTTP by the scrape module's transfers, mail by SMTP.
#ifndef ALERTING_WIRE_TRANSFER_H
#define ALERTING_WIRE_TRANSFER_H

#include "wire.h"

struct wire_transfer;

struct wire_transfer *wire_transfer_new(const char *user_agent); // borrowed
// Ends what is being sent, and all that is tried from now on, soon.
void wire_transfer_cancel(struct wire_transfer *t);
void wire_transfer_free(struct wire_transfer *t); // NULL is allowed
struct wire wire_transfer_wire(struct wire_transfer *t);

#endif
