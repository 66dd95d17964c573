// The command line of p2c2r-peer.
#ifndef PEER_OPTIONS_H
#define PEER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "os/conf.h"

struct options {
    const char *coordinator, *device, *cache, *executor, *log_level, *log_format;
    int64_t slots, queue_depth, keep_percent, nice;
    const char *blob_dir;
    uint64_t blob_budget;
    uint64_t max_payload;
    p2_ns drain_ns;
    bool batch, json;
};

extern const struct p2_program options_program;

#endif
