// Which task goes next, where tasks that wait meet peers: at the end of a step. (A job recalled for an idle slot goes
// there at once, steal.h; a second run is hedge.h's.) Among the types that may have a
// free peer it takes, in this order:
//
//   clients below their share of slots before those that have it (client_share_percent; a rule of order: a client
//     alone may have everything),
//   a class that is due by its floor before others, the one that is owed most first (share.h),
//   the better class, as far as the reserve of slots lets it (share.h),
//   the client served least, in steps of FLOW_QUANTUM_NS, then the earliest deadline, then arrival (queue.h).
#ifndef COORDINATOR_CORE_NEXT_H
#define COORDINATOR_CORE_NEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ns.h"
#include "msg/msg.h"

struct coord;
struct client;
struct offer;
struct peer;
struct replica;
struct task;
struct flow;

void next_run(struct coord *c);                                    // places what can be placed, a bounded number
void next_place(struct coord *c, struct task *t, struct offer *o); // needs replica_room
void next_tick(struct coord *c);                                   // ends what is stranded longer than its grace
void next_charge(struct coord *c, const struct task *t, const struct replica *r); // a run of t was placed
p2_ns next_due_ns(const struct coord *c);

// What waits of one client in one type and class. Lends for the life of the client.
struct flow *next_flow(const struct coord *c, const struct client *cl, uint32_t type, enum p2_class class_);
void next_client_came(struct coord *c, const struct client *cl);
void next_client_left(struct coord *c, struct client *cl); // nothing of it waits

// Slots and who holds them. An offer's device, slots and jobs are as they are now; while it is added, its device's
// slots do not change.
void next_offer_added(struct coord *c, struct offer *o);
void next_offer_removed(struct coord *c, struct offer *o);
void next_supply_update(struct coord *c, struct offer *o);
// Before the device counts it (peer_take_job, peer_drop_job).
void next_job_taken(struct coord *c, struct peer *p, const struct replica *r);
void next_job_passed(struct coord *c, struct replica *r, struct client *to); // its run is another client's now
void next_job_dropped(struct coord *c, struct peer *p, const struct replica *r);

bool next_init(struct coord *c); // false: memory is short
void next_deinit(struct coord *c);
size_t next_bytes(const struct coord *c);
void next_check(const struct coord *c);

#endif
