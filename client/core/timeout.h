// How long a task without a deadline of its own is given, learned per type and size class (p2_size_class) from how long
// such tasks took: submit to whole result, every queue included.
//
// After RFC 6298, "Computing TCP's Retransmission Timer". Until P2_PRIOR_SAMPLES are in, four times the type's prior
// holds (p2_task_patience); from there on
//
//     timeout = SRTT + max(SRTT, 4 RTTVAR), held within TIMEOUT_FLOOR_NS and four times the prior
//
// with SRTT and RTTVAR of all samples so far. Where this differs from the RFC, and why:
//
// - (2.1) starts with 3 s, this with the prior: types know better, and one sample of a GPU's work says little.
// - (2.3) lets RTTVAR fall by 1/4 of what is missing, this by 1/256: a segment sent again too early costs a segment, a
//   task ended too early costs what it was for. To err in less than 1 of 200 takes a memory of more than 200. As
//   RTTVAR still rises by 1/4, and four of it count, the timeout covers at once the longest that was ever seen lately.
// - (2.4) rounds up to 1 s, sixty frames; here twice SRTT takes its place, so that round trips may double between one
//   task and the next, and TIMEOUT_FLOOR_NS, as games look for results once a frame.
// - (5.5) doubles what was too short; so does this, by raising RTTVAR. (5.7) ends that with the next sample, here it
//   wears off with RTTVAR: a result that comes too late is no sample, so samples are biased towards the quick.
// - Many tasks are on their way at once, each with its own timer. One that expired after less than is allowed now says
//   nothing new: however many one disturbance ends, the timeout doubles once.
#ifndef CLIENT_CORE_TIMEOUT_H
#define CLIENT_CORE_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define TIMEOUT_FLOOR_NS (40 * P2_MS)       // unless four times the prior is less
#define TIMEOUT_USUAL_SAMPLES 8u            // from which p2_timeout_usual tells something
#define TIMEOUT_MAX_NS (24 * 3600 * P2_SEC) // of four times a prior

struct timeout_kind { // of task
    uint32_t type;    // its place among the types
    uint32_t size_class;
    p2_ns prior_ns; // of this very task
};

struct timeout {
    p2_ns srtt_ns, rttvar_ns;
    uint32_t samples; // saturating
};

struct timeouts {
    struct timeout *all; // P2_SIZE_CLASSES of each type
    uint32_t types;
};

bool p2_timeouts_init(struct timeouts *t, uint32_t types); // false: memory is short. 0 types: only priors count
void p2_timeouts_deinit(struct timeouts *t);

p2_ns p2_timeout_ns(const struct timeouts *t, const struct timeout_kind *kind); // above 0
// How long such tasks take: smoothed, and at most as far as is known. False: too few are known.
bool p2_timeout_usual(const struct timeouts *t, const struct timeout_kind *kind, p2_ns *usual_ns, p2_ns *worst_ns);
// A sample: it was done after this span. What is above four times its prior counts as that.
void p2_timeout_took(struct timeouts *t, const struct timeout_kind *kind, p2_ns span_ns);
// It was given this span, and that was too short.
void p2_timeout_expired(struct timeouts *t, const struct timeout_kind *kind, p2_ns span_ns);

void p2_timeouts_check(const struct timeouts *t);

#endif
