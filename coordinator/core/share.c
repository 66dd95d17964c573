#include "share.h"

#include "coordinator/core/limits.h"

static uint32_t turn(const struct coord_limits *l) { return 100 - l->class_floor_percent; }

bool share_due(const struct queue *q, const struct coord_limits *l, enum p2_class class_) {
    return l->class_floor_percent && q->debt[class_] >= turn(l);
}

uint32_t share_reserve(const struct queue *q, const struct coord_limits *l) {
    uint64_t reserve = ((uint64_t)q->supply.slots * l->reserve_percent + 99) / 100;
    if (q->supply.slots <= 1) return 0;
    return reserve < q->supply.slots ? (uint32_t)reserve : q->supply.slots - 1;
}

bool share_may_take(const struct queue *q, const struct coord_limits *l, enum p2_class class_) {
    uint32_t reserve = share_reserve(q, l);
    if (!share_lower(class_) || reserve == 0 || q->supply.free > reserve) return true;
    return share_due(q, l, class_) && q->supply.lower < q->supply.slots - reserve;
}

void share_placed(struct queue *q, const struct coord_limits *l, enum p2_class class_) {
    for (unsigned i = P2_CLASS_INTERACTIVE; i < P2_CLASSES; i++) {
        uint32_t *debt = &q->debt[i];
        if (i == (unsigned)class_) {
            *debt = *debt > turn(l) ? *debt - turn(l) : 0;
        } else if (q->count[i]) {
            *debt += l->class_floor_percent;
            if (*debt > 2 * turn(l)) *debt = 2 * turn(l);
        }
    }
}

uint32_t share_of_client(uint32_t slots, const struct coord_limits *l) {
    if (l->client_share_percent >= 100) return UINT32_MAX;
    uint64_t share = (uint64_t)slots * l->client_share_percent / 100;
    return share ? (uint32_t)share : 1;
}
