// Every number that bounds the coordinator. Tables are allocated for them at create; full means a refusal.
#ifndef COORDINATOR_CORE_LIMITS_H
#define COORDINATOR_CORE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "msg/limits.h"

#define COORD_ATTEMPTS_CEILING 8u            // attempts_max may not pass it: a task remembers that many tried peers
#define COORD_WINDOW_MAX P2_TASK_PAYLOAD_MAX // of a stream: all of it

struct coord_limits {
    uint32_t clients_max, peers_max; // registered connections
    uint32_t strangers_max;          // connections that have not registered yet
    uint32_t tasks_max;              // open at once, all clients
    uint32_t tasks_per_client_max;
    uint32_t queue_per_class_max; // tasks waiting for a peer in one class
    uint32_t recent_max;          // ended tasks remembered, so that their ids are not taken twice
    uint32_t offers_max;          // (peer, device, type) triples, all peers
    uint32_t jobs_per_peer_max;   // a peer's slots + queue_depth count up to here
    uint32_t attempts_max;        // peers a task is given to, at most COORD_ATTEMPTS_CEILING

    bool list_tasks;  // STATUS shows everyone's open tasks to whoever asks; otherwise a client sees its own
    bool compress;    // peers and clients are told that they may send payloads as zstd
    bool cut_through; // bytes go on as they come; otherwise a payload or result is here whole before any of it does
    bool steal;       // jobs that wait at one peer are recalled for a slot that is idle at another
    // Retries of failed jobs, budget.h; tasks of a lost peer are always tried again. percent 0: any number.
    uint32_t retry_budget_percent, retry_floor;
    uint32_t hedge_percent;               // of tasks that may have a second run, hedge.h; 0: none
    uint32_t blobs_max, blob_uploads_max; // known; on their way here
    uint32_t blob_holdings_max;           // (peer, blob) pairs that are remembered
    uint64_t blob_bytes_max;              // of one
    uint64_t blob_budget_bytes;           // of all on the disk; 0: none are kept

    uint32_t class_floor_percent;  // of placements for each class below realtime that waits
    uint32_t reserve_percent;      // of slots for realtime and interactive
    uint32_t client_share_percent; // of slots a client may hold while others could use more; 100: all

    // Of one client; a rate of 0 is none. client_burst_ns of each rate may come at once.
    uint64_t client_bytes_max; // payloads of its open tasks
    uint64_t client_bytes_per_s;
    uint32_t client_tasks_per_s, client_device_s_per_s; // device time as estimated at submit
    p2_ns client_burst_ns;

    uint32_t budget_high_percent;  // of the next, for batch and background
    uint64_t payload_budget_bytes; // raw bytes of payloads and results that open tasks may keep here
    uint64_t stream_window_bytes;  // of one stream kept here at once; at least P2_STREAM_WINDOW

    uint32_t cache_entries_max;      // results kept to answer the same task again; 0: none
    uint64_t cache_bytes_max;        // memory they hold; and as much those on their way that may come to them
    uint64_t cache_result_bytes_max; // larger results are not kept
    p2_ns cache_ttl_ns;              // nor older ones

    p2_ns heartbeat_ns;             // announced to peers
    uint32_t heartbeats_missed_max; // silent that long, a peer is lost
    p2_ns ping_ns, ping_busy_ns;    // between round-trip measurements; of a peer with jobs
    p2_ns resume_grace_ns;          // a client with sessions that is lost keeps its tasks so long; 0: it does not
    p2_ns handshake_ns;             // from opened to registered
    p2_ns no_peer_grace_ns;         // tasks wait that long for a peer when the last capable one has left
    p2_ns payload_stall_ns;         // a client that owes bytes brings 1 KiB/s of them over this time, or the task ends
    p2_ns cancel_linger_ns;         // a cancelled job keeps its slot until the peer answers, at most that long
    p2_ns deadline_ns_max;          // longer deadlines are shortened to it
    p2_ns retry_after_ns;           // told with OVERLOADED
    p2_ns drain_grace_ns;           // told with DRAIN: then the rest is cut
};

struct coord_limits coord_limits_default(void);

// NULL when they make sense together, else one sentence naming what does not. Static storage.
const char *coord_limits_wrong(const struct coord_limits *l);

#endif
