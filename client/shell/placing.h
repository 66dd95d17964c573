// Tickets that this library submits for itself, where their results go, and the streams they belong to. Not installed.
#ifndef CLIENT_SHELL_PLACING_H
#define CLIENT_SHELL_PLACING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "p2c2r/p2c2r.h"

struct record;

// Of tickets that this library submitted for itself. `ended` is called in place of keeping the record for p2c2r_poll,
// while a step is under way: nothing may be fed. From then on the record is the owner's, to be freed.
struct record_owner {
    void (*ended)(struct record_owner *owner, struct p2c2r_client *c, struct record *r);
};

// The part of a result that is wanted: bytes first to first + size - 1 of `total`, at `to`.
struct window {
    uint8_t *to; // NULL: none, all is
    uint64_t first, size, total;
};

// ---- submit.c
struct placing { // of a ticket of our own
    struct record_owner *owner;
    uint64_t tag;
    uint32_t weight_percent; // of its units; 0: not known
    struct window window;
};
// As p2c2r_submit, nobody is woken. `placing` NULL: it is the caller's.
p2c2r_status p2_task_submit(struct p2c2r_client *c, const p2c2r_task *task, const struct placing *placing,
                            p2c2r_ticket *ticket);

// ---- result.c
// Its owner wants it no more: it is cancelled, what comes of it goes nowhere, and it is freed when it has ended.
void p2_record_forget(struct p2c2r_client *c, struct record *r);

// ---- frames.c
void p2_streams_turn(struct p2c2r_client *c); // what has ended, what is due
p2_ns p2_streams_next_ns(const struct p2c2r_client *c);
bool p2_streams_ended(const struct p2c2r_client *c); // frames wait for p2c2r_stream_poll
void p2_streams_end(struct p2c2r_client *c);

#endif
