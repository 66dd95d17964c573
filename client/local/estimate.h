// How long runs of one kind of task take on this machine, in its executor child: smoothed mean and deviation after
// RFC 6298, "Computing TCP's Retransmission Timer" (alpha 1/8, beta 1/4, K 4), with what the device said of itself in
// place of samples until there are some. Two questions are asked of it: how long it likely takes (is there any point in
// beginning now?), and how long it takes at most (when is the last moment to begin?).
#ifndef CLIENT_LOCAL_ESTIMATE_H
#define CLIENT_LOCAL_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define ESTIMATE_SPAN_MAX (24 * 3600 * P2_SEC)
#define ESTIMATE_PROBE 32u // of so many that looked hopeless, one is tried: what was slow once may not be now

struct estimate {
    p2_ns mean_ns, off_ns;
    uint32_t samples; // saturating
    uint32_t hopeless;
};

// `guess_ns` stands in while there are no samples. Both are above 0.
p2_ns p2_estimate_likely_ns(const struct estimate *e, p2_ns guess_ns);
p2_ns p2_estimate_most_ns(const struct estimate *e, p2_ns guess_ns);

void p2_estimate_took(struct estimate *e, p2_ns span_ns); // a sample
bool p2_estimate_probe(struct estimate *e);               // one more would take too long: is it tried nevertheless?

#endif
