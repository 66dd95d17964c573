// A second run for a task whose first takes longer than 95 of 100 like it (estimate.h), where nothing else wants the
// slot: no task of its type waits, a slot of a peer that has not tried it is idle, and its payload is kept here whole.
// The run whose result begins first is the task's; the other is called off, and what its peer still says is dropped.
// A second run counts as an attempt. There is one beside a run at most, and `hedge_percent` of tasks have one
// (budget.h).
//
// A first run that was beaten counts in the estimates with the time it had taken by then, so that they do not forget
// how long tasks may take.
#ifndef COORDINATOR_CORE_HEDGE_H
#define COORDINATOR_CORE_HEDGE_H

#include <stdbool.h>

#include "base/ns.h"

struct coord;
struct task;
struct replica;

void hedge_watch(struct coord *c, const struct task *t, struct replica *r); // the first run of t begins
void hedge_forget(struct coord *c, struct replica *r);                      // harmless when it is not watched
bool hedge_watches(const struct replica *r);
void hedge_run(struct coord *c); // after tasks that wait had their turn
p2_ns hedge_due_ns(const struct coord *c);
void hedge_check(const struct coord *c);

#endif
