// What people and the supervisor ask of the executor beside work. Returns exit codes.
#ifndef PEER_EXECUTOR_REPORT_H
#define PEER_EXECUTOR_REPORT_H

#include <stdbool.h>

#include "peer/executor/serve.h"

// A JSON object on each line of stdout: index, kind, name, driver, memory_bytes, compute_units, slots. No device is no
// line and no failure.
int report_list(const char *cache_dir);

// A line for each device and type; 1 when one is withheld or there is nothing to test.
int report_selftest(const struct serve_options *options, bool one_device);

#endif
