// Peers that come and go: who joins more than FLAP_JOINS times within FLAP_SPAN_NS is held back, registered but without
// work, for FLAP_BACKOFF_NS; twice as long each time it does so again, FLAP_BACKOFF_NS_MAX at most, and from the start
// once it has not been held back for that long. What is held back stays so over further connections.
//
// They are told apart by the instance each chose (PEER_REGISTER); who has none is not held back. The table keeps the
// instances that joined last; whoever wants to be forgotten chooses another, which is why this protects from broken
// machines and not from wicked ones.
#ifndef COORDINATOR_CORE_FLAP_H
#define COORDINATOR_CORE_FLAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "base/ns.h"

#define FLAP_JOINS 3u
#define FLAP_SPAN_NS (60 * P2_SEC)
#define FLAP_BACKOFF_NS (10 * P2_SEC)
#define FLAP_BACKOFF_NS_MAX (300 * P2_SEC)

struct flapper {
    struct p2_id instance;
    p2_ns joined_ns[FLAP_JOINS]; // the last ones, a ring
    uint32_t joins;
    p2_ns backoff_ns, until_ns; // 0: never held back, or long ago
    struct p2_list recent;
};

struct flap {
    struct flapper *all;
    uint32_t capacity, used;
    struct p2_map by_instance;
    struct p2_list recent; // longest ago first
};

bool flap_init(struct flap *f, uint32_t capacity, const uint64_t seed[static 2]); // false: memory is short
void flap_deinit(struct flap *f);
size_t flap_bytes(const struct flap *f);
void flap_check(const struct flap *f);

// It joined. When it may have work: `now`, or later.
p2_ns flap_joined(struct flap *f, const struct p2_id *instance, p2_ns now);

#endif
