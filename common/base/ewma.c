#include "ewma.h"

// b - a, held within int64_t.
static int64_t difference(int64_t a, int64_t b) {
    int64_t d;
    if (__builtin_sub_overflow(b, a, &d)) return b > a ? INT64_MAX : -INT64_MAX;
    return d < -INT64_MAX ? -INT64_MAX : d;
}

void p2_ewma_add(struct p2_ewma *e, int64_t sample) {
    if (e->samples++ == 0) {
        e->mean = sample;
        int64_t half = sample / 2;
        e->deviation = half < 0 ? -half : half;
        return;
    }
    int64_t delta = difference(e->mean, sample);
    int64_t distance = delta < 0 ? -delta : delta;
    e->deviation += (distance - e->deviation) / 4;
    e->mean += delta / 8;
}
