// Time inside the program: monotonic nanoseconds since an arbitrary start, as int64_t.
// Milliseconds appear in configuration, microseconds on the wire, seconds in metrics; the door converts.
#ifndef P2_BASE_NS_H
#define P2_BASE_NS_H

#include <stdint.h>

typedef int64_t p2_ns;

#define P2_NEVER INT64_MAX
#define P2_US ((p2_ns)1000)
#define P2_MS ((p2_ns)1000000)
#define P2_SEC ((p2_ns)1000000000)

// Microseconds for the wire: negative spans count as zero, fractions round down.
static inline uint64_t p2_ns_to_us(p2_ns span) { return span > 0 ? (uint64_t)(span / P2_US) : 0; }

// Saturating: a span from a remote may be any number.
static inline p2_ns p2_ns_from_us(uint64_t us) {
    return us > (uint64_t)(INT64_MAX / P2_US) ? P2_NEVER : (p2_ns)us * P2_US;
}

// now + span without overflow; P2_NEVER stays P2_NEVER.
static inline p2_ns p2_ns_add(p2_ns now, p2_ns span) { return span > P2_NEVER - now ? P2_NEVER : now + span; }

static inline p2_ns p2_ns_min(p2_ns a, p2_ns b) { return a < b ? a : b; }
static inline p2_ns p2_ns_max(p2_ns a, p2_ns b) { return a > b ? a : b; }

#endif
