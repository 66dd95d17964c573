// A task, from accepted to its one end. States and legal moves: the picture in note.h.
#ifndef COORDINATOR_CORE_TASK_H
#define COORDINATOR_CORE_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/meld.h"
#include "base/slab.h"
#include "coordinator/core/blob.h"
#include "coordinator/core/limits.h"
#include "coordinator/core/memo.h"
#include "coordinator/core/note.h"
#include "coordinator/core/relay.h"
#include "coordinator/core/spool.h"
#include "kernels/task_type.h"
#include "msg/flow.h"
#include "msg/msg.h"

struct coord;
struct client;
struct flow;

struct task {
    p2_handle self, client;
    p2_handle replica, hedge; // the run in progress, or none; a second one beside it, hedge.h
    enum task_state state;
    struct p2_id id;
    uint32_t stream; // the client's; 0: the connection it had is gone, and it was not resumed on another
    uint32_t type;   // index into coord.types
    enum p2_class class_;
    uint32_t series; // 0: none
    struct p2_list in_client;
    struct p2_blob *params_blob;
    struct p2_params params; // lent by params_blob
    struct blob_refs blobs;  // pinned until its end
    struct p2_task_cost cost;
    uint64_t reserved_bytes; // of the payload budget

    p2_ns accepted_ns, placed_ns, deadline_ns;
    p2_ns work_ns; // device time, as estimated when it came
    struct p2_heap_node deadline;

    // QUEUED: in its type's queue by its flow, or set aside because nobody present can do it.
    struct flow *flow; // lent by its client's row
    struct p2_meld_node queued;
    struct p2_list in_class; // coord.queued: newest last
    struct p2_list stranded;
    p2_ns stranded_ns;
    bool unready; // QUEUED, but not to be placed: its first bytes are not here, or not all of a kept payload
    // In coord.awaited while the client owes bytes of the payload: when it last brought enough of them, and had brought.
    struct p2_list awaited;
    p2_ns awaited_ns;
    uint64_t awaited_have;
    uint64_t arrival; // kept for life: a task that comes back goes before those that came after it

    uint32_t attempt;                        // runs so far
    uint32_t run_attempt;                    // of the run that `peer` has or had
    p2_handle tried[COORD_ATTEMPTS_CEILING]; // peers not to be asked again
    uint32_t tried_count;
    uint32_t recalls; // times it was asked back from a peer
    bool returned;    // the last of them succeeded, and it was not placed since

    // The payload. Kept whole when it fits P2_STREAM_WINDOW, so that another attempt needs no client; a larger one
    // is dropped as it is forwarded, and `dropped` bytes of it are here no more.
    bool keep;
    uint64_t dropped;
    struct p2_inflow in;
    struct spool payload;

    bool absent; // not to be placed: nobody is there for a result that may be long

    // The result of the latest attempt that has one. With sessions it is kept whole when it fits the window.
    bool result_keep;
    uint32_t result_next; // kept: piece of it to send next
    struct p2_list kept;  // in coord.kept while KEPT and on a stream
    p2_ns kept_until_ns;
    struct p2_inflow result_in;
    struct p2_outflow result_out;
    struct spool result;
    bool delivery_begun; // RESULT_DELIVERY of this attempt was sent
    p2_ns latency_ns, peer_rtt_ns;
    struct p2_id peer;
    p2_handle peer_handle; // the peer of that attempt, which may be gone
    struct p2_job_times times;
    struct outlet outlet;

    struct memo memo;
};

struct task_end {
    enum task_state last; // DONE, FAILED, EXPIRED or CANCELLED
    enum coord_why why;
    enum p2_err code; // told to the client unless DONE or EXPIRED
    bool retryable;
    struct p2_str text;
};

// The one place that changes a task's state: checks the table, moves lists and counters, notes it.
void task_move(struct coord *c, struct task *t, enum task_state to, enum coord_why why, enum p2_err code);
// The same for a move that has to do with an identical task.
void task_move_of(struct coord *c, struct task *t, enum task_state to, enum coord_why why, const struct p2_id *of);

// Moves to a last state, tells the client, returns all it held. `t` is gone afterwards.
void task_end(struct coord *c, struct task *t, const struct task_end *e);
void task_fail(struct coord *c, struct task *t, enum coord_why why, enum p2_err code, const char *sentence);

// `peer` is that of r.
void task_run_is(struct coord *c, struct task *t, const struct replica *r);
// r is none of its runs any more; a second one, if there is one, takes its place. A why is noted when there is.
void task_drop_run(struct coord *c, struct task *t, const struct replica *r, enum coord_why why, enum p2_err code);
void task_call_off(struct coord *c, struct task *t); // all its runs

// A run of it was dropped without a result. Nothing more when there is another; else it is queued again, or failed when no attempt is left, or, where its peer is still
// there and failed it, no token of the retry budget. `tried` is not asked again.
void task_retry(struct coord *c, struct task *t, enum coord_why why, enum p2_err code, p2_handle tried);

// After its flow changed: does the client owe bytes of the payload? Bytes that bring nothing for long end the task.
void task_await(struct coord *c, struct task *t);
void task_ready(struct coord *c, struct task *t); // may it be placed now?
bool task_payload_ready(const struct task *t);    // may it be placed?
void task_stalled_due(struct coord *c);           // payloads that stopped arriving
p2_ns task_stalled_next_ns(const struct coord *c);
void task_expire_due(struct coord *c); // deadlines that passed

struct task *task_by_stream(const struct coord *c, const struct client *cl, uint32_t stream);
struct task *task_by_id(const struct coord *c, const struct client *cl, const struct p2_id *id);
struct recent_task;
// One that ended not long ago. Lends for the step; NULL: none of that id.
const struct recent_task *task_recent(const struct coord *c, const struct client *cl, const struct p2_id *id);
struct session *task_session(const struct coord *c, const struct task *t); // where its client hears of it; or NULL
void task_bind(struct coord *c, struct task *t, uint32_t stream);          // which is free
void task_unbind(struct coord *c, struct task *t);
void task_tell_accepted(struct coord *c, const struct task *t, uint32_t queue_position, p2_ns estimate_ns);
bool task_link(struct coord *c, struct client *cl, struct task *t); // into the tables; false: stream or id taken

#endif
