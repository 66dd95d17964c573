// Stealing: a job that waits at one peer is recalled for a slot that is idle at another.
//
// A device is given more jobs than it has slots, so that bytes travel while it computes (peer_device.jobs_max). When
// nothing waits here any more, those given ahead to slow devices are the tail everybody waits for. So when a slot is
// idle, the job that would end last is asked back, if the idle slot would end it clearly sooner:
//
//   recall round trip + round trip, transfer and run there, and a quarter and 5 ms more  <  end where it is
//
//   replica SENT --TASK_RECALL--> RECALLING --TASK_RECALLED, returned--> the task is QUEUED in its old place, and takes
//                                     |                                  the idle slot at once if that is still idle
//                                     +-- not returned --> SENT: it has started, and is not asked for again
//                                     +-- a result, a failure, the peer's end, a cancel: as of any job
//
// Until the peer has given it back the job is its peer's, so a task never has two owners. An ASSIGN that has not left
// yet is taken back without asking. Being recalled is no attempt, and nothing the peer failed at. A task is recalled
// at most STEAL_RECALLS_MAX times, and only while its whole payload is kept here; a peer is asked only when it said
// in HELLO that it answers (P2_FEATURE_RECALL).
//
// The slowest queue is found in O(log n): each offer with jobs beyond its device's slots lies in its type's heap by
// when its device will be free, the latest first; of the offer, the job given last is asked for. Looked at after
// every step in which a slot fell idle or a queue changed, and each STEAL_LOOK_NS while there are both, since a queue
// that is late says nothing.
#ifndef COORDINATOR_CORE_STEAL_H
#define COORDINATOR_CORE_STEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/meld.h"
#include "base/ns.h"
#include "base/slab.h"

#define STEAL_RECALLS_MAX 2u       // of one task
#define STEAL_LOOK_NS (20 * P2_MS) // between looks when nothing happens
#define STEAL_MARGIN_NS (5 * P2_MS)

struct coord;
struct offer;
struct replica;
struct task;
struct type_state;

struct steal_end {       // of an offer
    struct p2_list jobs; // that may not have started and can be asked for, in the order given
    struct p2_meld_node node;
    p2_ns free_at_ns; // of its device, as of the last update
};

struct steal_index {       // of a type
    struct p2_meld queues; // offers with jobs beyond the slots
    bool look;             // something changed since the last look
};

void steal_run(struct coord *c); // asks for what should move, a bounded number
p2_ns steal_next_ns(const struct coord *c);

void steal_offer_added(struct coord *c, struct offer *o);
void steal_offer_update(struct coord *c, struct offer *o); // its device's load or jobs changed
void steal_offer_removed(struct coord *c, struct offer *o);
void steal_job_given(struct coord *c, struct replica *r, struct offer *o);
void steal_job_left(struct coord *c, struct replica *r);    // it cannot be asked for, or not any more
void steal_job_settled(struct coord *c, struct replica *r); // before it leaves RECALLING

// Its peer has given it back, or never heard of it: `r` is gone, its task waits or has taken the slot it was recalled
// for.
void steal_take_back(struct coord *c, struct replica *r, bool by_us);

void steal_check(const struct coord *c);

#endif
