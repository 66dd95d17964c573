// A peer: its devices, what it offers on them, how much it has in hand.
#ifndef COORDINATOR_CORE_PEER_H
#define COORDINATOR_CORE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/slab.h"
#include "coordinator/core/note.h"
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
    uint32_t slots;            // of its device, as counted in type_state.slots
    uint64_t units_per_second; // 0: unknown
    struct p2_list in_peer, in_type;
    uint32_t counted_slots, counted_free, counted_lower; // its part of its type's supply
    struct p2_heap_node free; // in type_state.free_offers while its device takes another job; least loaded first
};

struct peer_device {
    uint32_t slots, jobs_max, jobs;
    uint32_t jobs_lower; // of the two lower classes
    uint32_t offers;
    p2_ns load_ns;         // estimated time of the jobs in hand
    uint64_t memory_bytes; // UINT64_MAX: not said
};

#define PEER_ENDED_JOBS 32u

struct ended_job {
    uint32_t stream, attempt;
    struct p2_id id;
    bool by_us; // it may still be talking of it
};

struct peer_share {
    uint32_t ready, slots, slots_busy;
};

struct peer {
    p2_handle self, session;
    struct p2_id id;
    bool draining;
    uint32_t slots, jobs_max, jobs;
    p2_ns idle_since_ns;
    struct peer_device devices[P2_DEVICES_MAX];
    struct p2_list offers, replicas;
    uint32_t offer_count;
    uint32_t stream_next; // streams below were given out
    bool stream_wrapped;
    struct ended_job ended[PEER_ENDED_JOBS];
    uint32_t ended_next;
    double load; // as of its last heartbeat
    uint32_t running, waiting;
    uint64_t jobs_done, jobs_failed; // counted here
    struct peer_share counted;       // its part of the sums in stats
};

void peer_on_register(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_on_heartbeat(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_on_drain(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_on_disconnect(struct coord *c, struct session *s, const struct p2_msg *m);
void peer_gone(struct coord *c, struct peer *p, enum coord_why why, enum p2_err code);

// A job came to or left a device: load, free offers and the idle clock follow.
void peer_take_job(struct coord *c, struct peer *p, uint32_t device, p2_ns estimate_ns);
void peer_drop_job(struct coord *c, struct peer *p, uint32_t device, p2_ns estimate_ns);

struct peer_share peer_share(const struct peer *p); // what it adds to the sums in stats
struct peer *peer_of(const struct coord *c, const struct session *s);
struct session *peer_session(const struct coord *c, const struct peer *p);
bool peer_device_free(const struct peer *p, uint32_t device);

#endif
