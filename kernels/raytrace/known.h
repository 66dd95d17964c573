// Known answers of raytrace: a small scene with one of everything, through every kernel.
#ifndef KERNELS_RAYTRACE_KNOWN_H
#define KERNELS_RAYTRACE_KNOWN_H

#include "kernels/task_type.h"

#define RAYTRACE_KNOWN_ANSWERS 4u
extern const struct p2_known_answer p2_raytrace_known_answers[RAYTRACE_KNOWN_ANSWERS];

#endif
