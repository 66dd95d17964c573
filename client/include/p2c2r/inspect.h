// P2C2R client library, for tools rather than games: how the cluster does, what is agreed with its coordinator, and
// which tasks are open there. Rules as in p2c2r.h.
#ifndef P2C2R_INSPECT_H
#define P2C2R_INSPECT_H

#include "p2c2r.h"

#ifdef __cplusplus
extern "C" {
#endif

// What tasks asked for and nobody there could do.
typedef struct p2c2r_unmet {
    char type[33];
    uint32_t version;
    const char *missing;   // "type", "kind" (of device) or "memory"; static
    uint64_t memory_bytes; // of "memory": so much on one device, rounded up
    uint32_t kinds;        // of "kind": bits 1 << 1 CPU, 2 GPU, 3 other, 4 fake; any of them would have done
    uint64_t count;        // tasks
    int64_t last_us;       // the last one was that long ago
} p2c2r_unmet;

typedef struct p2c2r_cluster {
    size_t size;
    uint32_t peers, peers_ready, clients, slots, slots_busy, tasks_queued, tasks_running;
    uint64_t tasks_accepted, tasks_completed, tasks_failed, tasks_expired, tasks_cancelled, tasks_refused, retries;
    int64_t uptime_us;
    int64_t rtt_us; // to the coordinator, smoothed
    char version[32];
    uint64_t hedges;          // second runs of tasks that took long
    uint32_t peers_held_back; // get no work for a while, because they join too often
    uint32_t unmet_count;
    p2c2r_unmet unmet[32]; // latest first
} p2c2r_cluster;

// Asks the coordinator how the cluster does. Waits at most timeout_us.
P2C2R_API p2c2r_status p2c2r_cluster_wait(p2c2r_client *client, p2c2r_cluster *out, int64_t timeout_us);

// What is agreed with the coordinator on the present connection.
typedef struct p2c2r_terms {
    size_t size;
    uint32_t protocol;            // version of the wire
    uint32_t tasks_in_flight_max; // of this client at once
    uint64_t payload_bytes_max;   // of one task
    uint64_t bytes_in_flight_max; // of all payloads in flight; 0: not said
    int64_t keep_us;              // how long tasks outlive a lost connection; 0: they do not
    uint32_t feature_count;
    const char *features[16]; // "zstd", "sessions"; static
    char coordinator[256];    // which of the list it is
} p2c2r_terms;

// Never blocks. P2C2R_EUNREACHABLE: not connected.
P2C2R_API p2c2r_status p2c2r_connection_terms(p2c2r_client *client, p2c2r_terms *out);

// A task that is open at the coordinator.
typedef struct p2c2r_open_task {
    size_t size;
    char id[9]; // the first digits of its id
    char type[33];
    p2c2r_class priority;
    const char *where; // "queued", "running", "returning" (its result), "joined" (to an identical one), "kept" (its
                       // result, until it is acknowledged); static
    int64_t age_us;    // since it was accepted
    int64_t left_us;   // until its deadline; 0: it has passed
    uint32_t attempts; // peers it was given to
    char peer[33];     // pseudonym of the last of them; "": none yet
    int32_t yours;     // submitted by this client
} p2c2r_open_task;

// Asks for open tasks: this client's, oldest first; then, if the coordinator runs with --list-tasks, others, about in
// the order of their deadlines. Fills up to `max`, 64 at most, that lie tasks[0].size apart, as with p2c2r_poll. Waits
// at most timeout_us.
P2C2R_API p2c2r_status p2c2r_tasks_wait(p2c2r_client *client, p2c2r_open_task *tasks, uint32_t max, uint32_t *count,
                                        int64_t timeout_us);

#ifdef __cplusplus
}
#endif

#endif
