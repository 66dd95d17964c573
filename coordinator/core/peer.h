// A peer: its devices, what it offers on them, how much it has in hand.
#ifndef COORDINATOR_CORE_PEER_H
#define COORDINATOR_CORE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/slab.h"
#include "coordinator/core/note.h"
#include "coordinator/core/pace.h"
#include "coordinator/core/pick.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/steal.h"
#include "msg/msg.h"

struct coord;
struct session;
struct replica;
struct peer;

// A type a peer has proved on one of its devices. Offers belong to their peer and die with it.
struct offer {
    p2_handle self;
    struct peer *peer;
    uint32_t type; // index into coord.types
    uint32_t device;
    uint32_t slots;   // of its device, as counted in type_state.slots
    uint32_t kind;    // of its device
    struct pace pace; // ns per unit of work: as it said, then as observed
    struct p2_list in_peer, in_type, changed;
    struct supply counted; // its part of its type's supply
    // In its type's pick_index.
    struct pick_node free; // on a shelf while its device takes another job
    struct pick_node by_memory;
    uint32_t shelf;
    p2_ns rtt_ns;  // as of its last update
    uint64_t turn; // when it was last picked
    struct steal_end steal;
};

struct peer_device {
    uint32_t slots, jobs_max, jobs;
    uint32_t jobs_lower; // of the two lower classes
    uint32_t offers;
    uint32_t incoming; // jobs being recalled for its slots
    p2_ns load_ns;     // estimated time of the jobs in hand
    p2_ns free_at_ns;  // when they will be done, as estimated
    enum p2_device_kind kind;
    uint32_t last_type, last_class; // of its last job: type + 1, size class
    uint64_t memory_bytes;          // UINT64_MAX: not said
};

#define PEER_ENDED_JOBS 32u

struct ended_job {
    uint32_t stream, attempt;
    struct p2_id id;
    bool by_us; // it may still be talking of it
    bool asked; // its answer to a recall may be on its way
};

struct peer_share {
    uint32_t ready, slots, slots_busy;
};

struct peer {
    p2_handle self, session;
    struct p2_id id;
    bool draining;
    struct p2_heap_node held; // in coord.held while it is held back: joined too often
    uint32_t slots, jobs_max, jobs;
    p2_ns idle_since_ns;
    struct peer_device devices[P2_DEVICES_MAX];
    struct p2_list offers, replicas;
    uint32_t offer_count;
    uint32_t stream_next; // streams below were given out
    bool stream_wrapped;
    struct ended_job ended[PEER_ENDED_JOBS];
    uint32_t ended_next;
    struct pace byte_pace; // ns per byte on the way to it
    double success;        // share of its jobs that succeeded, smoothed
    double load;           // as of its last heartbeat
    uint32_t running, waiting;
    uint64_t jobs_done, jobs_failed;  // counted here
    struct peer_share counted;        // its part of the sums in stats
    struct p2_list fetches, holdings; // blobs on their way to it; blobs it has
    uint32_t fetch_count;
};

void peer_on_register(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_on_heartbeat(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_on_drain(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_on_disconnect(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_gone(struct coord *c, struct peer *p, enum coord_why why, enum p2_err code);

// A job came to or left a device: load, free offers and the idle clock follow.
void peer_take_job(struct coord *c, struct peer *p, uint32_t device, p2_ns estimate_ns);
void peer_drop_job(struct coord *c, struct peer *p, uint32_t device, p2_ns estimate_ns);

// What became of a job, and how long it took, before the job is dropped.
void peer_learn_result(struct coord *c, struct peer *p, const struct replica *r, const struct p2_job_times *times);
void peer_learn_failure(struct peer *p);
void peer_rtt_changed(struct coord *c, struct peer *p);

struct peer_share peer_share(const struct peer *p); // what it adds to the sums in stats
struct peer *peer_of(const struct coord *c, const struct session *s);
struct session *peer_session(const struct coord *c, const struct peer *p);
uint32_t peer_take_stream(struct peer *p); // for a job or a blob; may be in use after 2^32 of them
bool peer_device_free(const struct peer *p, uint32_t device);

#endif
