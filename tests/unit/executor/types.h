// Task types for the executor's tests: each adds one to every byte of its payload, or fails to in its own way.
#ifndef TESTS_UNIT_EXECUTOR_TYPES_H
#define TESTS_UNIT_EXECUTOR_TYPES_H

#include "peer/executor/exec.h"

enum test_type {
    TYPE_ADD,     // right; "launches" cuts it into that many
    TYPE_WRONG,   // its kernel adds two
    TYPE_NOBUILD, // its source is not OpenCL C
    TYPE_STUCK,   // its reference never returns for a payload of STUCK_SIZE bytes
    TYPES,
};
#define STUCK_SIZE 77
#define STUCK_SIGN 0x5a // which it writes first, for whoever waits to see it stuck

struct test_block {
    uint32_t size, launches;
    uint32_t rounds; // of arithmetic for nothing, each item: for launches that take their time
};

// Called by TYPE_ADD before each launch, and by every reference before it starts; NULL: not.
extern void (*test_on_launch)(uint32_t number);
extern void (*test_on_reference)(const struct test_block *block);

#endif
