// A blob on its way from the disk to a peer: one piece is read while none waits to be sent, so that what is in memory
// of it is 64 KiB however large it is.
#ifndef COORDINATOR_CORE_FETCH_H
#define COORDINATOR_CORE_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blobwork.h"
#include "base/list.h"
#include "base/ns.h"
#include "base/slab.h"
#include "coordinator/core/relay.h"
#include "coordinator/core/spool.h"
#include "msg/flow.h"
#include "msg/msg.h"

#define FETCHES_PER_PEER 2u
#define FETCH_CLASS P2_CLASS_BATCH // its lane: bulk goes after frames

struct coord;
struct peer;
struct session;

struct fetch {
    p2_handle self, peer, blob;
    uint32_t stream;
    bool open;    // the file is, and the peer has been told
    bool reading; // one READ, or the OPEN, is not answered
    struct p2_list in_peer;
    struct p2_outflow out;
    struct piece piece; // read and not sent; its blob NULL: none
    struct outlet outlet;
    p2_ns begun_ns;
};

void fetch_on_want(struct coord *c, struct session *s, const struct p2_msg *m);
struct fetch *fetch_of(const struct coord *c, const struct peer *p, uint32_t stream); // NULL: none
void fetch_on_window(struct coord *c, struct fetch *f, const struct p2_msg_window *m);
void fetch_end(struct coord *c, struct fetch *f); // done, or the peer wants it no more
void fetch_on_done(struct coord *c, const struct p2_blob_work *answer);
void fetch_peer_gone(struct coord *c, struct peer *p);
// Of the outlet, for the relay.
bool fetch_ready(const struct fetch *f, const struct piece **piece);
void fetch_send(struct coord *c, struct session *s, struct fetch *f);
void fetch_check(const struct coord *c);

#endif
