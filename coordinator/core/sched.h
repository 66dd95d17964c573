// What is known of each task type, and who offers it. Which task goes next: next.h; to which peer: pick.h
#ifndef COORDINATOR_CORE_SCHED_H
#define COORDINATOR_CORE_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "coordinator/core/memo.h"
#include "coordinator/core/pick.h"
#include "coordinator/core/queue.h"
#include "coordinator/core/steal.h"
#include "kernels/task_type.h"

struct coord;
struct task;
struct offer;

// What the coordinator knows of one task type.
struct type_state {
    const struct p2_task_type *type;
    struct queue queue;
    struct p2_list offers;    // of peers that take new work
    struct p2_list changed;   // those of them that changed since the last refresh
    struct pick_index pick;   // the same, for finding the best
    struct steal_index steal; // and for finding the slowest
    double pace;              // ns per unit of work, of all peers; 0: unknown
    uint32_t slots;           // of the devices behind offers
    bool blocked;             // the last pass could place none of its tasks, and nothing has changed since
    struct memo_counts memo;
};

void sched_offer_added(struct coord *c, struct offer *o);
void sched_offer_removed(struct coord *c, struct offer *o);
// Its device's load, jobs or limits changed. What follows from it is looked at when it is needed, once for all changes.
void sched_offer_changed(struct coord *c, struct offer *o);
void sched_refresh(struct coord *c, struct type_state *ts); // before anything asks for supply, the best, the slowest
void sched_refresh_all(struct coord *c);
void sched_task_waits(struct coord *c, struct task *t); // pushed to its queue

#endif
