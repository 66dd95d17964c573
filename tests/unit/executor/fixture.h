// A cache directory of its own for a test program, and the first CPU device.
#ifndef TESTS_UNIT_EXECUTOR_FIXTURE_H
#define TESTS_UNIT_EXECUTOR_FIXTURE_H

#include <stdbool.h>

#include "peer/executor/device.h"

#define TEST_SKIPPED 77 // what meson takes for "skipped"

// Makes it and points PoCL at it; aborts when it cannot.
const char *fixture_folder(void);
void fixture_remove(void); // with all that is in it

// False when this machine has no OpenCL device.
bool fixture_open(struct device *d);

#endif
