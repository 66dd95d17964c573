// Counters of what has happened since start.
#ifndef COORDINATOR_CORE_STATS_H
#define COORDINATOR_CORE_STATS_H

#include <stdint.h>

#include "coordinator/core/note.h"

struct coord_stats {
    uint64_t tasks_accepted, tasks_completed, tasks_failed, tasks_expired, tasks_cancelled, tasks_refused;
    uint64_t attempts_retried, attempts_hedged;
    uint64_t recalls_asked, recalls_returned; // steal.h
    uint64_t conn_errors, late_messages, stalls;
    uint64_t blobs_stored, blobs_sent, blobs_evicted, blobs_lost;
    uint32_t tasks_queued, tasks_running, tasks_joined, tasks_kept; // now
    uint32_t peers_ready, slots, slots_busy;                        // now, all peers together
};

// Every move of a task is counted here; NEW to QUEUED is its acceptance.
void stats_task_moved(struct coord_stats *s, enum task_state from, enum task_state to);

#endif
