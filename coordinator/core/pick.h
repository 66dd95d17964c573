// Which peer gets a task. Each strategy gives an offer a cost for a task; the free offer of least cost takes it,
// unless one that has the task's blobs is better (prefer.h).
//
//   finish-time   predicted time to the whole result, ns: round trip + bytes at the peer's measured rate + time until a
//                 slot of the device is free + units of work at the offer's measured pace
//   score         minus the weighted sum of four terms, each 0..1 (x 10^9):
//                 history   share of its jobs that succeeded, smoothed, x p / (p + its pace), p the pace of all peers
//                 free      share of the device's job places that are free
//                 latency   1 / (1 + round trip / 50 ms)
//                 affinity  1 when the device's last job was of this type and size class, else 0
//   least-loaded  estimated time of the jobs in hand, per slot of the device
//   round-robin   when it was last picked
//   random        nothing: all that suit are equally likely
//
// The best is found without looking at all. The part of a cost that depends on the task is the same for all offers with
// equal pace and rate (finish-time; both rounded, pace to a quarter and rate to half of an octave) or equal last job
// (score). Such offers share a shelf: a heap by the other part. The best of a shelf that suits is near its root, and a
// shelf whose root plus its own part is not better than the best so far is passed over. A decision looks at each shelf
// once and walks into a few. The result is exactly that of looking at every offer. When a type needs more than
// PICK_SHELVES shelves, the rest lies on one mixed shelf: still exact, but slower.
#ifndef COORDINATOR_CORE_PICK_H
#define COORDINATOR_CORE_PICK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/meld.h"
#include "base/ns.h"
#include "base/slab.h"

struct cargo;
struct coord;
struct p2_task_cost;
struct task;
struct offer;
struct type_state;

enum pick_strategy {
    PICK_FINISH_TIME, // the default
    PICK_SCORE,
    PICK_LEAST_LOADED,
    PICK_ROUND_ROBIN,
    PICK_RANDOM,
    PICK_STRATEGIES
};

const char *pick_strategy_name(enum pick_strategy s); // "finish-time"

struct pick_config { // zero: the default strategy and weights, nothing explained
    enum pick_strategy strategy;
    double history, free, latency, affinity; // weights; all 0: 0.4, 0.3, 0.2, 0.1
    bool explain;                            // a NOTE_PICKED for each placement
};

#define PICK_SHELVES 512u
#define PICK_KINDS 8u // more than there are kinds of device

struct pick_node { // of an offer, in a heap by key, then tie
    struct p2_meld_node node;
    int64_t key;
    uint64_t tie;
};

struct shelf {
    struct p2_meld offers;
    uint32_t count;
    double own;   // what distinguishes it, in the strategy's unit: ns per unit; 1 when warm
    double rate;  // ns per byte
    uint8_t warm; // size class + 1 of the last job
    uint8_t memory, kind;
    bool busy, mixed;
};

// Of one task type.
struct pick_index {
    uint64_t names[PICK_SHELVES]; // what the offers of a shelf share, packed
    struct shelf shelves[PICK_SHELVES];
    uint32_t used, free;                  // shelves; offers on them
    struct p2_meld by_memory[PICK_KINDS]; // all offers, most memory first
    uint32_t offers;
};

// What is picked for.
struct pick_for {
    uint32_t type;                   // index into coord.types
    const struct p2_task_cost *cost; // lent by the task
    uint64_t payload_bytes;
    const p2_handle *tried; // peers, lent by its course
    uint32_t tried_count;
    p2_handle runs_on;         // peer of its latest run, perhaps gone; only a second run looks at it
    const struct cargo *cargo; // lent by the task; NULL: nothing
    struct p2_id id;           // for notes, as the next
    uint32_t attempt;          // runs so far
};

struct pick_terms { // why: in ns for finish-time, else only cost
    int64_t cost;
    p2_ns rtt_ns, wait_ns, transfer_ns, run_ns;
};

void pick_config_settle(struct pick_config *p); // fills in what zero stands for

// The offer came (an update follows), went, or what its cost is made of changed.
void pick_added(struct coord *c, struct offer *o);
void pick_removed(struct coord *c, struct offer *o);
void pick_update(struct coord *c, struct offer *o);

bool pick_capable(const struct pick_index *x, uint32_t kinds, uint64_t device_bytes); // does anybody present suit?
uint64_t pick_memory_max(const struct pick_index *x, uint32_t kinds);                 // 0: nobody of those kinds

struct pick_for pick_for(const struct coord *c, const struct task *t);

// NULL: nobody suitable is free. A peer that has failed the task gets it again only when there is nobody else.
struct offer *pick_best(struct coord *c, struct type_state *ts, const struct pick_for *f);
// Of peers with an idle slot that have not tried it and do not run it. NULL: there is none.
struct offer *pick_spare(struct coord *c, struct type_state *ts, const struct pick_for *f);
void pick_chosen(struct coord *c, const struct pick_for *f, struct offer *o); // before it is placed: turns, notes

// The best by the strategy whose device has a slot that is idle and nothing is recalled for, and that the task has not
// tried. Strategies that do not tell idle ones apart may miss one behind many busy ones. NULL: nobody.
struct offer *pick_idle(struct coord *c, struct type_state *ts, const struct pick_for *f);
bool pick_is_idle(const struct offer *o);

// What finish-time predicts, whatever the strategy.
struct pick_terms pick_finish(const struct coord *c, const struct pick_for *f, const struct offer *o);

// The cost of one offer for one task, by the definition above; what pick_best minimises.
struct pick_terms pick_cost(const struct coord *c, const struct pick_for *f, const struct offer *o);
bool pick_suits(const struct pick_for *f, const struct offer *o, bool untried_only);

void pick_check(const struct coord *c, const struct pick_index *x);

#endif
