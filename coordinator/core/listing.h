// Open tasks as STATUS shows them: as much as who asks may know, in bounded work.
#ifndef COORDINATOR_CORE_LISTING_H
#define COORDINATOR_CORE_LISTING_H

#include "msg/msg.h"

struct coord;
struct session;

// Those of the session that asks first, oldest first; then, where limits.list_tasks says so, others, about in the order
// of their deadlines. Gives how many, at most `max`.
uint32_t listing_fill(const struct coord *c, const struct session *s, struct p2_msg_open_task *out, uint32_t max);

#endif
