// When a task would have its result: what TASK_ACCEPTED and CAN_MEET_ANSWER say. Computed in O(classes), so some of
// it is approximate:
//
//   ahead    Tasks of its type that go before it. Its client's own by their deadlines, between the first and the last
//   in
//            proportion; of each other client that waits in the class as many again (they take turns), and none when it
//            would be next; all of better classes, but no more than the floor of its class lets pass; of worse classes
//            the part that their floors give them. Tasks that wait for their payload count too.
//   wait     Half of what is estimated of the jobs in hand (they are half done) and the device time of those ahead,
//   over
//            the slots its class may use; 0 while more of these are free than tasks go before it. Tasks of other types
//            that wait for the same devices are not counted.
//   until    wait + service time of its type and size class (estimate.h) + a round trip to its client.
//   the result
#ifndef COORDINATOR_CORE_FORECAST_H
#define COORDINATOR_CORE_FORECAST_H

#include <stdint.h>

#include "base/ns.h"
#include "msg/msg.h"

struct coord;
struct client;
struct p2_task_cost;

struct forecast_of { // a task that does not wait yet
    uint32_t type;   // index into coord.types
    enum p2_class class_;
    p2_ns deadline_ns; // a time
    const struct p2_task_cost *cost;
};

struct forecast {
    uint32_t ahead;
    p2_ns wait_ns;
    p2_ns p50_ns, p95_ns; // until the result; saturating
};

struct forecast forecast(const struct coord *c, const struct client *cl, const struct forecast_of *of);

#endif
