// Blobs: bytes named by their SHA-256, brought once by a client, referred to by tasks, fetched once by each peer. Here:
// which there are, who refers to them, what makes room for what. upload.h: how they come; fetch.h: how they go. The
// bytes are the shell's: COORD_BLOB_WORK says what is to be done with them, COORD_BLOB_DONE how it went
// (base/blobwork.h).
#ifndef COORDINATOR_CORE_BLOB_H
#define COORDINATOR_CORE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blobwork.h"
#include "base/ewma.h"
#include "base/shelf.h"
#include "coordinator/core/note.h"
#include "msg/msg.h"

struct cargo;
struct coord;
struct peer;
struct session;

struct blob {
    struct p2_shelf_entry entry;
    struct p2_list uploads; // of it; the first is under way, the others wait for how that ends
    struct p2_list holders; // peers that have it
};

// That a peer has a blob. As many as there is room for are known: who is not known to have it is only asked later.
struct holding {
    p2_handle self, blob, peer;
    struct p2_list in_blob, in_peer;
};

struct blobs {
    struct p2_shelf shelf;
    struct p2_slab uploads, fetches, holdings;
    struct p2_map by_upload;  // (client, stream) -> upload
    struct p2_map by_fetch;   // (peer, stream) -> fetch
    struct p2_map by_holding; // (peer, blob's slot) -> holding
    struct p2_ewma mib_ns;    // to bring a peer a MiB
    struct p2_list awaited;   // uploads whose client owes bytes, longest since it brought some first
};

bool blob_init(struct coord *c); // false when memory is short
void blob_deinit(struct coord *c);
size_t blob_bytes(const struct coord *c);

void blob_on_found(struct coord *c, const struct p2_blob_work *found); // at the start: it lies there, oldest first
void blob_on_done(struct coord *c, const struct p2_blob_work *answer);

// Adds an entry, whose victims go. NULL: there is no room, and why.
struct blob *blob_add(struct coord *c, const struct p2_digest *digest, uint64_t size, enum p2_err *why);
void blob_drop(struct coord *c, struct blob *b);                               // and its file; without a pin
struct blob *blob_here(const struct coord *c, const struct p2_digest *digest); // NULL: not, or not whole
void blob_pin(struct coord *c, struct blob *b);
void blob_unpin(struct coord *c, struct blob *b);
void blob_lost(struct coord *c, struct blob *b, enum p2_err code); // its file is no more

// Of what a submission refers to; NULL: nothing is missing.
const struct p2_digest *blob_missing(const struct coord *c, const struct p2_msg_task_submit *m);

// Time to bring a peer what it lacks of what a task refers to, at the rate of all fetches so far.
p2_ns blob_transfer_ns(const struct coord *c, const struct peer *p, const struct cargo *g);
bool blob_held(const struct coord *c, const struct peer *p, const struct blob *b);

void blob_on_have(struct coord *c, struct session *s, const struct p2_msg *m); // of a peer
void blob_peer_gone(struct coord *c, struct peer *p);

struct p2_blob_work *blob_work(struct coord *c, enum p2_blob_what what, p2_handle token, const struct blob *b);
struct coord_note *blob_note(struct coord *c, enum coord_note_kind kind, const struct p2_digest *digest);

void blob_check(const struct coord *c);

#endif
