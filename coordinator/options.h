// The coordinator's one option table.
#ifndef COORDINATOR_OPTIONS_H
#define COORDINATOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "coordinator/core/limits.h"
#include "coordinator/core/pick.h"
#include "os/conf.h"

struct coordinator_settings {
    const char *listen, *allow_origin;
    int64_t clients_max, peers_max, strangers_max;
    int64_t tasks_max, tasks_per_client_max, queue_per_class_max;
    int64_t attempts_max, retry_budget, hedge;
    int64_t class_floor, reserve, client_share;
    int64_t client_tasks_rate, client_device_rate, budget_high;
    uint64_t client_bytes, client_bytes_rate;
    p2_ns client_burst;
    uint64_t payload_budget, stream_window;
    int64_t cache_entries;
    uint64_t cache_bytes, cache_result_bytes;
    p2_ns cache_ttl;
    const char *blob_dir;
    uint64_t blob_budget, blob_max;
    p2_ns heartbeat, no_peer_grace, resume_grace, deadline_max, drain_grace;
    const char *scheduler;
    double score_history, score_free, score_latency, score_affinity;
    bool explain, batch, compress, cut_through, steal, list_tasks;
    const char *log_level, *log_format;
};

extern const struct p2_program coordinator_program;

// What the table cannot say of single values: NULL when they make sense together, else one sentence. Static storage.
const char *coordinator_settings_wrong(const struct coordinator_settings *s);
struct pick_config coordinator_pick(const struct coordinator_settings *s);
struct coord_limits coordinator_limits(const struct coordinator_settings *s);

#endif
