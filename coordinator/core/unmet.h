// What was asked for and nobody here could do: tasks refused with NoCapablePeer, and tasks stranded because the last
// peer that could do them has left (each time counts). One row for a type, version and missing capability, at most
// P2_UNMET_MAX of them; a new one takes the place of the one not asked for longest. Questions (CAN_MEET) do not
// count.
#ifndef COORDINATOR_CORE_UNMET_H
#define COORDINATOR_CORE_UNMET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "msg/msg.h"

struct coord;
struct p2_task_cost;

struct unmet_row {
    uint32_t type, version; // index into coord.types
    enum p2_missing missing;
    uint64_t memory_bytes; // P2_MISSING_MEMORY: what was needed, rounded up to a power of two
    uint32_t kinds;        // P2_MISSING_KIND: any of these would have done
    uint64_t count;
    p2_ns last_ns;
};

struct unmet {
    struct unmet_row rows[P2_UNMET_MAX];
    uint32_t count;
    uint64_t total, forgotten; // counts of all; of rows that are no more
};

// What is missing for such a task; .missing is P2_MISSING_NONE when somebody present could do it.
struct unmet_row unmet_of(const struct coord *c, uint32_t type, const struct p2_task_cost *cost);
const char *unmet_sentence(struct coord *c, const struct unmet_row *what, uint64_t device_bytes);

void unmet_add(struct coord *c, const struct unmet_row *what);
uint32_t unmet_list(const struct coord *c, struct p2_msg_unmet out[P2_UNMET_MAX]); // latest first
void unmet_check(const struct coord *c);

#endif
