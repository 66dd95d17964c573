// Tasks of one type that wait for a peer.
//
//   class -> clients, who has been served least first -> that client's tasks, earliest deadline first, then arrival
//
// A flow is what one client waits for in one type and class; its account is that client's share of the class, in all
// types together. Fairness is weighted virtual time (start-time fair queueing, which serves as deficit round robin
// does but in O(log n) and whatever the costs): every placement adds its estimated device time / weight to the
// account, and the flow whose account has least goes first. Accounts are compared in whole FLOW_QUANTUM_NS: within one
// quantum the earliest deadline goes first, whoever's it is; beyond it, who has had less. A client that comes back
// after waiting for nothing starts where the class is: unused share is not saved up.
//
// Everything here is O(log n) in the tasks of a flow and in the clients of a class.
#ifndef COORDINATOR_CORE_QUEUE_H
#define COORDINATOR_CORE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/meld.h"
#include "base/ns.h"
#include "base/slot_list.h"
#include "base/slot_order.h"
#include "msg/msg.h"

#define FLOW_QUANTUM_NS (100 * P2_MS)

struct account;
struct task;

// Slots of the devices behind a type's offers that are let work.
struct supply {
    uint32_t slots, free;
    uint32_t lower; // jobs in hand there of the two lower classes
    p2_ns load_ns;  // estimated time of all jobs in hand there
};

struct queue {
    struct p2_meld turns[P2_CLASSES]; // flows with a task to place
    struct p2_meld over[P2_CLASSES];  // those whose client holds its share of slots already: after all others
    struct p2_slot_list stranded;     // tasks nobody present can do; longest first
    const struct p2_slab *tasks;      // lent; links are slots of it
    struct account *accounts;         // lent; of client slot x P2_CLASSES + class
    uint32_t count[P2_CLASSES];
    uint32_t debt[P2_CLASSES];  // share.h
    uint32_t flows[P2_CLASSES]; // with a task that waits, placeable or not
    p2_ns work_ns[P2_CLASSES];  // device time of those that wait, as estimated when they came
    struct supply supply;
};

struct account {
    p2_ns served_ns;    // virtual: device time placed / weight
    p2_ns *clock;       // where the class is: the largest served_ns that was ever first
    struct flow *flows; // one for each type
    uint32_t flow_count;
    uint32_t tasks; // of it, in the queues
    uint32_t weight;
};

struct flow {
    struct p2_slot_order waiting; // tasks, but not those stranded or set aside
    struct p2_meld_node turn;
    struct queue *queue;
    struct account *account;
    enum p2_class class_;
    bool over;
    uint32_t count;         // tasks of it that wait, placeable or not
    p2_ns last_deadline_ns; // the latest since it was empty
};

void queue_init(struct queue *q, const struct p2_slab *tasks, struct account *accounts);
struct flow *queue_flow(const struct queue *q, const struct task *t); // by its client, class and type

void queue_push(struct queue *q, struct task *t);              // into its flow
void queue_remove(struct queue *q, struct task *t);            // from wherever it waits
void queue_set_aside(struct queue *q, struct task *t);         // still counted here, but not to be placed for a while
void queue_wait_again(struct queue *q, struct task *t);        // that while is over
void queue_strand(struct queue *q, struct task *t, p2_ns now); // t waits
// A device came: the stranded tasks that it can do wait again.
void queue_rescue(struct queue *q, uint32_t kind, uint64_t device_bytes);
struct task *queue_first_stranded(const struct queue *q);

// Whose turn it is in a class, among those below their share of slots or over it. NULL: nobody's.
struct flow *queue_turn(const struct queue *q, enum p2_class class_, bool over);
struct task *flow_first(const struct flow *f);                // NULL when none waits
bool flow_before(const struct flow *a, const struct flow *b); // of one class, also of different types
void flow_set_over(struct flow *f, bool over);                // its client has its share of slots
void account_charge(struct account *a, p2_ns device_ns);      // a task of it was placed

uint32_t queue_size(const struct queue *q);

void flow_check(const struct flow *f);                              // itself, not its tasks
void queue_check_task(const struct queue *q, const struct task *t); // one that waits here

#endif
