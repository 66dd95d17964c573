// What a client's last second was like, for an overlay in a game: counts of the tickets that began and ended, bytes,
// and where the time of those done went. Pure: times come in, and never go back. A second is ten slots that are used in
// turn, so what is told is of the last 0.9 to 1 s.
#ifndef CLIENT_CORE_STATS_H
#define CLIENT_CORE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "client/core/session.h"

#define STATS_SLOT_NS (100 * P2_MS)
#define STATS_SLOTS 10u
#define STATS_SAMPLES 256u // of tickets done, the newest; more in a second are counted but not timed
#define STATS_OUTCOMES (SESSION_LOST + 1)

struct stats_times { // of one ticket that was DONE
    p2_ns total, queue, transfer, processing;
};

struct stats_slot {
    int64_t number; // of the span: time / STATS_SLOT_NS
    uint32_t submitted, ended[STATS_OUTCOMES], cached;
    uint64_t bytes_in, bytes_out;
};

struct stats {
    p2_ns began_ns;
    uint64_t submitted, window_full, ended[STATS_OUTCOMES], cached; // since then
    uint64_t bytes_in, bytes_out;                                   // last told
    struct stats_slot slots[STATS_SLOTS];
    struct {
        p2_ns at_ns;
        struct stats_times times;
    } samples[STATS_SAMPLES]; // a ring
    uint64_t sampled;
};

struct stats_spread {
    p2_ns mean, p95;
};

struct stats_view { // of the last second
    p2_ns span_ns;  // how long that is; less in the first second
    uint32_t submitted, ended[STATS_OUTCOMES], cached;
    uint64_t bytes_in, bytes_out;
    struct stats_spread total, queue, transfer, processing;
};

void p2_stats_init(struct stats *s, p2_ns now);
void p2_stats_submitted(struct stats *s, p2_ns now);
// `transfer` is worked out here: what is left of the total, none when other machines' clocks say more than passed here.
void p2_stats_ended(struct stats *s, p2_ns now, const struct session_ended *e);
void p2_stats_bytes(struct stats *s, p2_ns now, uint64_t bytes_in, uint64_t bytes_out); // all so far
void p2_stats_view(const struct stats *s, p2_ns now, struct stats_view *out);

// What is left of a ticket's time without queue and processing.
p2_ns p2_stats_transfer(const struct session_ended *e);

#endif
