// A measured time per unit (of work, or a byte): smoothed, and rounded to steps so that equals can be put together.
#ifndef COORDINATOR_CORE_PACE_H
#define COORDINATOR_CORE_PACE_H

#include <stdint.h>

#define PACE_UNKNOWN INT16_MIN

struct pace {
    double value, rounded; // ns per unit; 0: unknown
    double least, most;    // the values of this step: it reaches a quarter into the next ones
    int16_t step;          // rounded is 2 ^ (step / steps per octave)
};

struct pace pace_of(double value, unsigned steps_per_octave); // value 0 or less: unknown
// Another sample, weighing an eighth. The step changes only when the value has left it by a quarter, so that noise
// moves nothing.
void pace_add(struct pace *p, double sample, unsigned steps_per_octave);

#endif
