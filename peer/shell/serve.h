// The supervisor: one loop that carries between the coordinator's connection, the core and the executors.
#ifndef PEER_SHELL_SERVE_H
#define PEER_SHELL_SERVE_H

#include <stdbool.h>

#include "base/ns.h"
#include "peer/shell/devices.h"

struct serve_settings {
    const char *url;      // ws://host:port
    const char *executor; // path of p2c2r-executor
    const char *cache;    // NULL: the executor's own choice
    const char *blob_dir; // NULL: one in the user's cache directory that no other peer has
    uint64_t blob_budget; // 0: none are kept
    int nice;
    struct seats seats;
    uint32_t queue_depth, keep_percent;
    bool unbatched; // each record is a message of its own
    uint64_t cell_bytes;
    p2_ns drain_ns;
};

// Runs until TERM or INT: exit code. Prints "registered with URL as PSEUDONYM" on standard output for each connection.
// No executor outlives the call.
int serve(const struct serve_settings *settings);

#endif
