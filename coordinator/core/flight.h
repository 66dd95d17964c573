// Single flight: of identical tasks one is run, the others wait for its result.
//
// The task that is first to be placed leads; the others are JOINED. When its result is whole they are answered from the
// cache. When it ends otherwise while its peer still computes, the best of the others takes the run over, as its own
// client's, unless its client may have seen part of a result of that number. Without a run, when its deadline passed
// or the result has already begun to flow, they go back to the queue, where one of them leads the next flight.
#ifndef COORDINATOR_CORE_FLIGHT_H
#define COORDINATOR_CORE_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/list.h"
#include "base/slab.h"
#include "base/slot_list.h"

struct coord;
struct task;
struct task_end;

struct flight {
    p2_handle self, leader;
    struct p2_digest key;
    struct p2_slot_list members; // JOINED tasks
    struct p2_list settling;     // in coord.settling when its members are being let go
    uint32_t count;
    bool alone;       // they shall not join again: the result is too large to be kept for them
    enum p2_err code; // not P2_OK: they fail with it, as the leader did
};

void flight_enter(struct coord *c, struct task *t);                           // keyed, QUEUED or PLACED, not known
void flight_over(struct coord *c, struct task *leader, bool alone);           // its members go on by themselves
void flight_leave(struct coord *c, struct task *t, const struct task_end *e); // t is about to end
void flight_tick(struct coord *c);                                            // lets members go, a bounded number
struct flight *flight_of(const struct coord *c, const struct task *t);        // NULL: none
void flight_check(const struct coord *c);

#endif
