// Who gets no work for a while, though he is here and says he could do it: a breaker for each peer and type, for as
// long as the peer is connected, whatever it registers meanwhile; and peers held back because they come and go
// (flap.h).
//
// An offer that is not let work is not free, and its slots are not counted; but it is there: a task that only it
// could do waits for it instead of being refused, as the back-off is short and the peer may well have recovered.
#ifndef COORDINATOR_CORE_HEALTH_H
#define COORDINATOR_CORE_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/id.h"
#include "base/ns.h"
#include "base/slab.h"
#include "coordinator/core/breaker.h"

struct coord;
struct offer;
struct peer;
struct replica;

struct health { // of a peer and a type
    struct breaker breaker;
    struct p2_heap_node timer; // while it is open, in coord.mending
    p2_handle peer;
    uint32_t type;
};

bool health_lets(const struct coord *c, const struct offer *o);

void health_peer_came(struct coord *c, struct peer *p);
void health_peer_joined(struct coord *c, struct peer *p, const struct p2_id *instance); // before it has offers
void health_peer_left(struct coord *c, struct peer *p);                                 // after its replicas have ended
void health_job_given(struct coord *c, struct replica *r); // before the peer's load is told of it
// What is known of a job before it ends. Not saying either is fine: it was cancelled, or not the peer's doing.
void health_job_succeeded(struct coord *c, struct replica *r);
void health_job_failed(struct coord *c, struct replica *r);
void health_job_dropped(struct coord *c, const struct replica *r); // as with given
void health_tick(struct coord *c);
p2_ns health_due_ns(const struct coord *c);

bool health_init(struct coord *c); // false: memory is short
void health_deinit(struct coord *c);
size_t health_bytes(const struct coord *c);
void health_check(const struct coord *c);

#endif
