#include "pace.h"

#include <math.h>

#define LN2 0.69314718055994530942
#define LEAST 1e-9
#define MOST 1e15

static double steps_of(double value, unsigned per_octave) { return log2(value) * (double)per_octave; }

struct pace pace_of(double value, unsigned steps_per_octave) {
    if (!(value > 0)) return (struct pace){.step = PACE_UNKNOWN};
    value = fmin(fmax(value, LEAST), MOST);
    struct pace p = {.value = value, .step = (int16_t)lround(steps_of(value, steps_per_octave))};
    p.rounded = exp((double)p.step / (double)steps_per_octave * LN2);
    return p;
}

void pace_add(struct pace *p, double sample, unsigned steps_per_octave) {
    if (!(sample > 0)) return;
    double value = p->step == PACE_UNKNOWN ? sample : p->value + (sample - p->value) / 8;
    struct pace next = pace_of(value, steps_per_octave);
    if (p->step != PACE_UNKNOWN && fabs(steps_of(next.value, steps_per_octave) - p->step) < 0.75)
        p->value = next.value;
    else
        *p = next;
}
