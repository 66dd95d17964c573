// One message of every kind, and a second one where a kind has two faces. What the vectors are made from, and what unit
// tests encode.
#ifndef TESTS_VECTORS_SAMPLES_H
#define TESTS_VECTORS_SAMPLES_H

#include "msg/msg.h"

struct sample {
    const char *name; // of the vector's file
    struct p2_msg msg;
};

extern const struct sample samples[];
extern const unsigned sample_count;

#endif
