// What each class may take of the slots: strict priority, with a floor for the lower classes and a reserve for the
// upper.
//
// Floor. A class that waits is owed `floor` percent of the placements on slots it could have used. Each placement of
// another class there adds `floor` to its debt, each of its own takes `100 - floor` off; once the debt reaches
// `100 - floor` it is due, and what is due goes before what is merely better. So with 5 percent a saturating realtime
// class places 19 tasks, then background 1, then again; with all three lower classes waiting each gets one in twenty
// and realtime keeps seventeen. (Placements, not device time: a floor is for progress, and cheap to reason about.) A
// debt is kept for each type and class and stops at two turns, so that a class which could not be served for other
// reasons does not flood the slots later. Realtime has no floor: it is first anyway.
//
// Reserve. Of the slots that offer a type, `reserve` percent (rounded up, never all; none when there is only one) are
// for realtime and interactive: a lower class takes a slot only while more than these are free. A lower class that is
// due may use a reserved one, but only while the lower classes together hold less than what is not reserved: so the
// floor holds under full load, and a batch that fills its part gets no more by waiting.
#ifndef COORDINATOR_CORE_SHARE_H
#define COORDINATOR_CORE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/core/queue.h"

struct coord_limits;

static inline bool share_lower(enum p2_class class_) { return class_ >= P2_CLASS_BATCH; } // batch and background

bool share_due(const struct queue *q, const struct coord_limits *l, enum p2_class class_);
uint32_t share_reserve(const struct queue *q, const struct coord_limits *l);                    // slots
bool share_may_take(const struct queue *q, const struct coord_limits *l, enum p2_class class_); // a slot, now

// A task of that class was placed on a slot that this queue's type could have used.
void share_placed(struct queue *q, const struct coord_limits *l, enum p2_class class_);

// Jobs a client may hold of so many slots before others go first; UINT32_MAX: any number.
uint32_t share_of_client(uint32_t slots, const struct coord_limits *l);

#endif
