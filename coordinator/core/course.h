// The course of a task: what it needs while its bytes move. Its payload comes in, a peer or two run it, its result goes
// out. A task that merely waits has none, and is small; course_needed() says which those are.
//
// It begins when it is needed and ends with the step in which it was used, looked at or its task moved, if it is not
// needed any more. There is room for one for each task there may be; room that was never used costs no memory,
// because nobody has touched it.
#ifndef COORDINATOR_CORE_COURSE_H
#define COORDINATOR_CORE_COURSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/slab.h"
#include "coordinator/core/limits.h"
#include "coordinator/core/memo.h"
#include "coordinator/core/relay.h"
#include "coordinator/core/spool.h"
#include "msg/flow.h"
#include "msg/msg.h"

struct coord;
struct task;

struct course {
    p2_handle self, task;
    struct p2_list looked_at; // in coord.looked_at until the end of the step

    // The payload. `dropped` bytes of it were forwarded and are here no more.
    struct p2_inflow in;
    uint64_t dropped;
    // In coord.awaited while the client owes bytes of it: when it last brought enough of them, and had brought.
    struct p2_list awaited;
    p2_ns awaited_ns;
    uint64_t awaited_have;

    // Runs.
    p2_handle replica, hedge; // in progress, or none; a second one beside it, hedge.h
    p2_ns placed_ns;
    uint32_t run_attempt;                    // of the run that `peer` has or had
    struct p2_id peer;                       // of the latest attempt
    p2_handle peer_handle;                   // which may be gone
    p2_handle tried[COORD_ATTEMPTS_CEILING]; // peers not to be asked again
    uint32_t tried_count;
    uint32_t recalls; // times it was asked back from a peer
    bool returned;    // the last of them succeeded, and it was not placed since

    // The result of the latest attempt that has one. With sessions it is kept whole when it fits the window.
    bool result_keep;
    bool delivery_begun;  // RESULT_DELIVERY of this attempt was sent
    uint32_t result_next; // kept: piece of it to send next
    struct p2_list kept;  // in coord.kept while KEPT and on a stream
    p2_ns kept_until_ns;
    struct p2_inflow result_in;
    struct p2_outflow result_out;
    struct spool result;
    p2_ns latency_ns, peer_rtt_ns;
    struct p2_job_times times;
    struct outlet outlet;

    struct memo memo;
};

// These lend until the end of the step.
struct course *course_of(const struct coord *c, const struct task *t); // NULL: it has none
struct course *course_have(struct coord *c, struct task *t);           // the one it has, or a new one
void course_look(struct coord *c, const struct task *t);               // is it still needed? At the end of the step
bool course_needed(const struct coord *c, const struct task *t);       // t has one; would it be missed?
void course_end(struct coord *c, struct task *t);                      // nothing is left of it; harmless without
void course_rest(struct coord *c);                                     // at the end of a step

// Of a task, with or without one.
bool task_payload_whole(const struct coord *c, const struct task *t);
struct replica *task_replica(const struct coord *c, const struct task *t); // NULL: no run is in progress

#endif
