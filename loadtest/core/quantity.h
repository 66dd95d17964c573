// Numbers as people write them in scenarios and thresholds.
#ifndef LOADTEST_CORE_QUANTITY_H
#define LOADTEST_CORE_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

// Whole texts only; false and *out as it was when it is not of that form, negative or beyond what it can hold.
bool quantity_span(const char *text, p2_ns *out);     // "250us", "5ms", "1.5s", "10m", "1h"; a unit is a must but for 0
bool quantity_bytes(const char *text, uint64_t *out); // "64", "64B", "64KiB", "8MiB", "1GiB"; KB, MB, GB are of 1000
bool quantity_share(const char *text, double *out);   // "0.05" or "5%": 0..1
bool quantity_number(const char *text, double *out);  // 0..1e15

#endif
