// Whether a task may come in. Everything that can be said against it is said here, before it counts as accepted.
#ifndef COORDINATOR_CORE_SUBMIT_H
#define COORDINATOR_CORE_SUBMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "coordinator/core/admit.h"
#include "coordinator/core/unmet.h"
#include "kernels/task_type.h"
#include "msg/msg.h"

struct coord;
struct session;

// What a task is checked into before a place is taken for it.
struct admission {
    uint32_t type; // index into coord.types
    struct p2_task_cost cost;
    p2_ns work_ns; // device time, estimated
    struct demand demand;
    struct refusal refusal;
    struct unmet_row unmet; // what is missing
};

// One task of a TASK_SUBMIT (whole false) or of a batch (whole true: its payload must be complete).
// False: the session broke a rule and is gone.
bool submit_one(struct coord *c, struct session *s, uint32_t stream, const struct p2_msg_task_submit *m, bool whole);

// Could such a task be done here at all? Draining, type, parameters, a capable peer; changes nothing. False: a->refusal
// says why. What is left is whether there is room (admit.h).
bool submit_possible(struct coord *c, const struct p2_msg_task_submit *m, struct admission *a);
p2_ns submit_deadline(const struct coord *c, const struct p2_msg_task_submit *m, const struct admission *a); // a time

#endif
