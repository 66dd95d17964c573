// The whole state, for the core's own files.
#ifndef COORDINATOR_CORE_STATE_H
#define COORDINATOR_CORE_STATE_H

#include "base/canary.h"
#include "base/check.h"
#include "base/heap.h"
#include "base/index.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "base/slab.h"
#include "coordinator/core/blob.h"
#include "coordinator/core/budget.h"
#include "coordinator/core/cache.h"
#include "coordinator/core/cargo.h"
#include "coordinator/core/client.h"
#include "coordinator/core/coord.h"
#include "coordinator/core/course.h"
#include "coordinator/core/estimate.h"
#include "coordinator/core/fetch.h"
#include "coordinator/core/flap.h"
#include "coordinator/core/flight.h"
#include "coordinator/core/health.h"
#include "coordinator/core/hedge.h"
#include "coordinator/core/next.h"
#include "coordinator/core/peer.h"
#include "coordinator/core/prefer.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/relay.h"
#include "coordinator/core/replica.h"
#include "coordinator/core/resume.h"
#include "coordinator/core/sched.h"
#include "coordinator/core/session.h"
#include "coordinator/core/stats.h"
#include "coordinator/core/tables.h"
#include "coordinator/core/task.h"
#include "coordinator/core/unmet.h"
#include "coordinator/core/upload.h"

struct recent_task {
    struct p2_id key;
    bool used;
    uint8_t code, attempts; // how it ended: an enum p2_err, P2_OK: done
};

struct coord {
    struct coord_limits limits;
    struct p2_blob_pool *pool; // borrows
    coord_unpack *unpack;
    bool terse;
    struct coord_note unheard; // what is not noted is written here
    struct p2_rng rng;
    p2_ns start_ns, now;
    p2_ns planned_ns;          // when the last step said it wanted to be stepped again
    p2_ns excused_ns;          // we were away until then: silence before it is not held against peers
    struct coord_actions *out; // during a step
    bool draining, drained;
    p2_ns drain_by_ns;   // then connections are closed whatever is open
    uint32_t drain_told; // sessions in slots below know of it
    bool again;          // bounded work was cut short: step again at once
    bool unsettled;      // the last event said that more follow

    struct type_state *types;
    uint32_t type_count;
    struct estimate *estimates; // P2_SIZE_CLASSES for each type

    struct p2_slab sessions, clients, peers, offers, tasks, courses, replicas;
    uint32_t strangers;         // sessions without a role
    struct p2_map by_conn;      // conn -> session
    p2_handle heard;            // session of the last event
    struct p2_index by_id;      // client's salt ^ task id -> task, or tasks_max + place in recent
    struct table by_stream;     // (client, stream) -> task
    struct table by_job;        // (peer, stream) -> replica
    struct recent_task *recent; // a ring
    uint32_t recent_next;

    struct p2_heap timers;                     // sessions
    struct p2_slot_order deadlines;            // tasks
    struct p2_list looked_at;                  // courses that may not be needed any more
    struct p2_list pumping;                    // sessions whose outlets are to be looked at
    struct p2_list awaited;                    // courses whose client owes bytes, longest since it brought some first
    struct p2_map by_session;                  // token -> client
    struct p2_list away, reclaiming, stalling; // clients, by until_ns or stall_until_ns
    struct p2_list kept;                       // courses of tasks on a connection, by kept_until_ns
    uint32_t clients_away;
    struct p2_list lingering; // cancelled replicas, in order of linger_until_ns
    uint64_t arrivals, timer_ties;
    struct pick_config pick;
    uint64_t turns;      // placements so far
    int64_t random_time; // of the random strategy
    p2_ns steal_look_ns; // next look for something to steal; P2_NEVER: not before something changes
    uint64_t reserved_bytes;
    struct cache cache;
    struct p2_slab flights;
    struct p2_index by_flight; // first half of a key -> flight that is not settling
    struct p2_list settling;   // flights
    uint64_t collected_bytes;  // of results on their way that may be remembered
    uint32_t hashes_awaited;   // to be answered before any other event
    uint64_t hash_round;       // of those: the shell may go on without them
    uint32_t queued_in_class[P2_CLASSES];
    struct p2_slot_list queued[P2_CLASSES]; // tasks, newest last
    // Who has been served how much: for each client slot, class and (flows) type. next.h
    struct account *accounts;
    struct flow *flows;
    p2_ns class_clock[P2_CLASSES];
    struct p2_list full_clients; // those that were found to hold their share of slots
    uint32_t slots;              // of all devices behind offers
    struct budget retries;       // of jobs that failed
    struct budget hedges;
    struct p2_slot_order stragglers; // first runs that may get a second beside them, by when
    struct health *health;           // for each peer slot and type
    struct p2_heap mending;          // open breakers
    struct flap flap;
    struct p2_heap held; // peers held back
    struct blobs blobs;
    struct coord_stats stats;
    struct unmet unmet;
};

struct coord_note *coord_note_add(struct coord *c, enum coord_note_kind kind); // zeroed; fill it
// Somebody's words as printable ASCII of at most P2_TEXT_MAX - 1 bytes, living as long as the actions.
const char *coord_text(struct coord *c, struct p2_str s);
struct coord_action *coord_act(struct coord *c, enum coord_action_kind kind, p2_handle conn); // the rest is zero
bool coord_step_full(struct coord *c); // enough was said in this step: whatever can wait goes on in the next

static inline void *coord_at(const struct p2_slab *s, uint32_t slot) { // for walking all; NULL: the slot is free
    p2_handle h;
    return p2_slab_at(s, slot, &h);
}

#endif
