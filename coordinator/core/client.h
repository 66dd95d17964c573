// A client: who submits. Its messages, and what is left to do when it is gone.
#ifndef COORDINATOR_CORE_CLIENT_H
#define COORDINATOR_CORE_CLIENT_H

#include <stdint.h>

#include "base/list.h"
#include "base/slab.h"
#include "base/slot_list.h"
#include "msg/msg.h"

struct coord;
struct session;

struct client {
    p2_handle self, session;   // no session: it is away (resume.h)
    struct p2_slot_list tasks; // open ones
    uint32_t task_count;
    uint32_t stream_max; // highest it has used: what is below and not open has ended
    struct p2_id salt;   // makes its task ids its own in the tables
    uint64_t bytes;      // of payloads of open tasks
    // Its rates, as when each bucket will be full again: admit.h
    p2_ns tasks_full_ns, bytes_full_ns, device_full_ns;
    uint32_t jobs;       // peers have in hand for it, cancelled ones included until they end
    struct p2_list full; // in coord.full_clients

    struct p2_list uploads; // of blobs
    uint32_t upload_count;

    struct p2_id token;      // its session's name, a secret; in coord.by_session
    uint64_t features;       // agreed on its latest connection
    uint32_t unbound;        // tasks without a stream: it lost the connection they were submitted on
    struct p2_list waiting;  // in coord.away, or in coord.reclaiming while it is back and some are unbound
    struct p2_list stalling; // in coord.stalling, from then on that it went away
    p2_ns until_ns, stall_until_ns;
};

void client_on_register(struct coord *c, struct session *s, const struct p2_msg *m);
void client_on_submit(struct coord *c, struct session *s, const struct p2_msg *m);
void client_on_submit_batch(struct coord *c, struct session *s, const struct p2_msg *m);
void client_on_cancel(struct coord *c, struct session *s, const struct p2_msg *m);
void client_on_chunk(struct coord *c, struct session *s, const struct p2_msg *m);
void client_on_window(struct coord *c, struct session *s, const struct p2_msg *m);
void client_on_error(struct coord *c, struct session *s, const struct p2_msg *m); // about one stream
void client_gone(struct coord *c, struct client *cl, enum p2_err code);

struct client *client_of(const struct coord *c, const struct session *s);

#endif
