// Whether there is room for one more task, and who makes room when there is not.
//
//   QuotaExceeded  this client asks for more than a client may: rates (tasks, bytes, device time, as token buckets that
//                  hold client_burst_ns and may go into debt for one task), tasks and bytes in flight as announced in
//                  GAMER_REGISTERED
//   Overloaded     all clients together do: tasks waiting in its class, tasks open, memory for payloads. Of that memory
//                  batch and background get budget_high_percent, so the last part is for the upper classes
//
// Before a task is refused, others make room. A realtime frame takes the place of the oldest frame of its series that
// no peer has: who watches wants the newest. Where tasks open or memory are short, tasks that wait in worse classes are
// shed, the worst class first and in it the newest, at most ADMIT_SHED_MAX, and none unless that is enough. They are
// answered in the same step.
#ifndef COORDINATOR_CORE_ADMIT_H
#define COORDINATOR_CORE_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/ns.h"
#include "coordinator/core/note.h"
#include "msg/msg.h"

#define ADMIT_SHED_MAX 4u

struct coord;
struct client;

struct refusal {
    enum coord_why why;
    enum p2_err code;
    const char *text;     // valid as long as the actions; NULL: the code's own sentence
    p2_ns retry_after_ns; // 0: as configured
};

struct demand {
    enum p2_class class_;
    uint32_t series; // 0: of none
    uint64_t payload_bytes, reserved_bytes;
    p2_ns device_ns; // estimated
};

// True: there is room, and the client's rates are charged. Other tasks may have ended to make it.
bool admit(struct coord *c, struct client *cl, const struct demand *d, struct refusal *why);

// Would admit say yes? Nobody makes room, and one task is charged as far as rates go. For a task of no series.
bool admit_would(struct coord *c, struct client *cl, const struct demand *d, struct refusal *why);

#endif
