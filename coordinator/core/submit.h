// Whether a task may come in. Everything that can be said against it is said here, before it counts as accepted.
#ifndef COORDINATOR_CORE_SUBMIT_H
#define COORDINATOR_CORE_SUBMIT_H

#include "msg/msg.h"

struct coord;
struct session;

// One task of a TASK_SUBMIT (whole false) or of a batch (whole true: its payload must be complete).
// False: the session broke a rule and is gone.
bool submit_one(struct coord *c, struct session *s, uint32_t stream, const struct p2_msg_task_submit *m, bool whole);

#endif
