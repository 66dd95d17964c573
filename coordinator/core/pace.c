#include "pace.h"

#include <math.h>
#include <stdbool.h>

#define LN2 0.69314718055994530942
#define LEAST 1e-9
#define MOST 1e15

static double at_step(double step, unsigned per_octave) { return exp(step / (double)per_octave * LN2); }

struct pace pace_of(double value, unsigned steps_per_octave) {
    if (!(value > 0)) return (struct pace){.step = PACE_UNKNOWN};
    value = fmin(fmax(value, LEAST), MOST);
    struct pace p = {.value = value, .step = (int16_t)lround(log2(value) * (double)steps_per_octave)};
    p.rounded = at_step(p.step, steps_per_octave);
    p.least = at_step(p.step - 0.75, steps_per_octave);
    p.most = at_step(p.step + 0.75, steps_per_octave);
    return p;
}

void pace_add(struct pace *p, double sample, unsigned steps_per_octave) {
    if (!(sample > 0)) return;
    double value = p->step == PACE_UNKNOWN ? sample : p->value + (sample - p->value) / 8;
    bool stays = p->step != PACE_UNKNOWN && value > p->least && value < p->most;
    if (stays && value >= LEAST && value <= MOST)
        p->value = value;
    else
        *p = pace_of(value, steps_per_octave);
}
