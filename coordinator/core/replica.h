// One run of a task on one peer. The peer calls it a job and knows it by a stream the coordinator chose.
//
//   WAITING --ASSIGN sent--> SENT --result header--> RETURNING --whole result, failure--> ENDED
//      |                      ^ |                      ^ |
//      v             it runs  | v recall               | |
//    ENDED                  RECALLING --result header--+ |          RECALLING --returned--> ENDED (steal.h)
//                              | |                       |
//                              v v                       v
//                          CANCELLING --answer, or cancel_linger_ns--> ENDED
//
// Also WAITING --> RECALLING, taken back at once; SENT and RECALLING --failure--> ENDED; and any of them ENDED with
// its peer.
#ifndef COORDINATOR_CORE_REPLICA_H
#define COORDINATOR_CORE_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slab.h"
#include "base/slot_order.h"
#include "coordinator/core/note.h"
#include "coordinator/core/relay.h"
#include "msg/flow.h"
#include "msg/msg.h"

struct coord;
struct session;
struct task;
struct peer;
struct offer;

enum replica_state {
    REPLICA_WAITING,
    REPLICA_SENT,
    REPLICA_RECALLING,
    REPLICA_RETURNING,
    REPLICA_CANCELLING,
    REPLICA_ENDED
};
#define REPLICA_STATES 6

struct replica {
    p2_handle self, task, peer, client;
    enum replica_state state;
    struct p2_list in_peer;
    struct p2_list lingering; // in coord.lingering while CANCELLING
    p2_ns linger_until_ns;
    uint32_t stream, device, attempt;
    uint32_t type;                      // index into coord.types
    struct p2_slot_meld_node straggler; // in coord.stragglers while a second run may begin beside it: by when, and turn
    p2_ns straggler_due_ns;
    uint64_t turn;
    p2_ns straggle_ns; // so long is long
    bool probe;        // of a breaker that is half open
    struct p2_id id;
    enum p2_class class_;
    p2_ns estimate_ns, placed_ns;
    struct p2_outflow out; // the payload, to the peer
    uint32_t next_piece;   // of the payload in the task's cargo
    struct outlet outlet;
    // Stealing: while it may be asked for, in the jobs of that offer; while RECALLING, for whose slot.
    struct p2_list in_offer;
    p2_handle offer, thief;
    uint32_t thief_device;
    bool asked; // TASK_RECALL was sent and has no answer yet
    bool kept;  // it was answered: it has started
};

bool replica_room(const struct coord *c);
void replica_place(struct coord *c, struct task *t, struct offer *o); // needs replica_room
void replica_hedge(struct coord *c, struct task *t, struct offer *o); // the same, beside the run it has
void replica_move(struct coord *c, struct replica *r, enum replica_state to);
void replica_cancel(struct coord *c, struct replica *r); // told to its peer when it knows of it; lets go of the task
void replica_end(struct coord *c, struct replica *r, bool by_us);
// Its result is not wanted, though nobody broke the protocol: its peer is told to stop if it has not ended yet, the
// task goes elsewhere. WHY_PEER_FAILED, WHY_MEMORY (ours was short) or WHY_CLIENT_ASKED (it says it cannot read it,
// which is held against the peer, but not as much as what is seen here).
void replica_reject_result(struct coord *c, struct task *t, enum coord_why why, enum p2_err code);
void replica_tick(struct coord *c); // cancelled ones whose peers did not answer

void replica_on_result(struct coord *c, struct session *s, const struct p2_msg *m);
void replica_on_failure(struct coord *c, struct session *s, const struct p2_msg *m);
void replica_on_chunk(struct coord *c, struct session *s, const struct p2_msg *m);
void replica_on_recalled(struct coord *c, struct session *s, const struct p2_msg *m);
void replica_on_window(struct coord *c, struct session *s, const struct p2_msg *m);
void replica_on_error(struct coord *c, struct session *s, const struct p2_msg *m); // about one stream

#endif
