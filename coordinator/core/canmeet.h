// CAN_MEET: would a task be done by its deadline? Answered in the same step by the checks that TASK_SUBMIT goes
// through, so that the two cannot disagree, and by the forecast that TASK_ACCEPTED gives. Nothing is kept.
#ifndef COORDINATOR_CORE_CANMEET_H
#define COORDINATOR_CORE_CANMEET_H

#include "msg/msg.h"

struct coord;
struct session;

void canmeet_on_question(struct coord *c, struct session *s, const struct p2_msg *m);

#endif
