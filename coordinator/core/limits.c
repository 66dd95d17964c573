#include "limits.h"

#include <stddef.h>

#include "coordinator/core/budget.h"
#include "msg/msg.h"

struct coord_limits coord_limits_default(void) {
    return (struct coord_limits){
        .clients_max = 1024,
        .peers_max = 1024,
        .strangers_max = 256,
        .tasks_max = 65536,
        .tasks_per_client_max = 4096,
        .queue_per_class_max = 65536,
        .recent_max = 65536,
        .offers_max = 16384,
        .jobs_per_peer_max = 256,
        .attempts_max = 3,
        .compress = true,
        .cut_through = true,
        .steal = true,
        .retry_budget_percent = 10,
        .retry_floor = 10,
        .hedge_percent = 5,
        .blobs_max = 16384,
        .blob_uploads_max = 64,
        .blob_holdings_max = 65536,
        .blob_bytes_max = UINT64_C(4) << 30,
        .blob_budget_bytes = UINT64_C(16) << 30,
        .class_floor_percent = 5,
        .reserve_percent = 20,
        .client_share_percent = 50,
        .client_bytes_max = UINT64_C(256) << 20,
        .client_bytes_per_s = UINT64_C(4) << 30,
        .client_tasks_per_s = 50000,
        .client_device_s_per_s = 10000,
        .client_burst_ns = 10 * P2_SEC,
        .budget_high_percent = 90,
        .payload_budget_bytes = UINT64_C(512) << 20,
        .stream_window_bytes = UINT64_C(1) << 20,
        .cache_entries_max = 1000,
        .cache_bytes_max = UINT64_C(64) << 20,
        .cache_result_bytes_max = UINT64_C(4) << 20,
        .cache_ttl_ns = 300 * P2_SEC,
        .heartbeat_ns = P2_SEC,
        .heartbeats_missed_max = 3,
        .ping_ns = 5 * P2_SEC,
        .ping_busy_ns = P2_SEC,
        .resume_grace_ns = 30 * P2_SEC,
        .handshake_ns = 5 * P2_SEC,
        .no_peer_grace_ns = 2 * P2_SEC,
        .payload_stall_ns = 10 * P2_SEC,
        .cancel_linger_ns = P2_SEC,
        .deadline_ns_max = 3600 * P2_SEC,
        .retry_after_ns = 100 * P2_MS,
        .drain_grace_ns = 30 * P2_SEC,
    };
}

const char *coord_limits_wrong(const struct coord_limits *l) {
    const uint32_t most = 1u << 24;
    if (!l->clients_max || l->clients_max > most) return "clients_max is not in 1..16777216";
    if (!l->peers_max || l->peers_max > most) return "peers_max is not in 1..16777216";
    if (!l->strangers_max || l->strangers_max > most) return "strangers_max is not in 1..16777216";
    if (!l->tasks_max || l->tasks_max > most) return "tasks_max is not in 1..16777216";
    if (!l->tasks_per_client_max) return "tasks_per_client_max is 0";
    if (!l->queue_per_class_max) return "queue_per_class_max is 0";
    if (!l->recent_max || l->recent_max > most) return "recent_max is not in 1..16777216";
    if (!l->offers_max || l->offers_max > most) return "offers_max is not in 1..16777216";
    if (!l->jobs_per_peer_max) return "jobs_per_peer_max is 0";
    if (!l->attempts_max || l->attempts_max > COORD_ATTEMPTS_CEILING) return "attempts_max is not in 1..8";
    if (l->retry_budget_percent > 100) return "retry_budget_percent is more than 100";
    if (l->hedge_percent > 100) return "hedge_percent is more than 100";
    if (l->retry_floor > BUDGET_TOKENS_MAX) return "retry_floor is more than 1000";
    if (!l->blobs_max || l->blobs_max > most) return "blobs_max is not in 1..16777216";
    if (!l->blob_uploads_max || l->blob_uploads_max > 4096) return "blob_uploads_max is not in 1..4096";
    if (!l->blob_holdings_max || l->blob_holdings_max > most) return "blob_holdings_max is not in 1..16777216";
    if (!l->blob_bytes_max || l->blob_bytes_max > P2_BLOB_BYTES_MAX) return "blob_bytes_max is not in 1..2^40";
    if (l->client_bytes_max < P2_TASK_PAYLOAD_MAX) return "client_bytes_max is less than one payload may be";
    if (l->client_burst_ns < 0) return "client_burst_ns is negative";
    if (!l->budget_high_percent || l->budget_high_percent > 100) return "budget_high_percent is not in 1..100";
    if (l->class_floor_percent > 30) return "class_floor_percent is more than 30: three classes have one";
    if (l->reserve_percent > 90) return "reserve_percent is more than 90";
    if (!l->client_share_percent || l->client_share_percent > 100) return "client_share_percent is not in 1..100";
    if (l->stream_window_bytes < P2_STREAM_WINDOW) return "stream_window_bytes is less than 256 KiB";
    if (l->stream_window_bytes > COORD_WINDOW_MAX) return "stream_window_bytes is more than 64 MiB";
    if (!l->cut_through && l->stream_window_bytes < COORD_WINDOW_MAX)
        return "without cut_through stream_window_bytes is what one payload may be";
    if (l->payload_budget_bytes < 2 * l->stream_window_bytes)
        return "payload_budget_bytes has no room for one task's payload and result";
    if (l->cache_entries_max > most) return "cache_entries_max is more than 16777216";
    if (l->cache_entries_max && l->cache_ttl_ns <= 0) return "cache_ttl_ns is 0";
    if (l->heartbeat_ns <= 0 || !l->heartbeats_missed_max) return "heartbeat_ns or heartbeats_missed_max is 0";
    if (l->ping_ns <= 0 || l->ping_busy_ns <= 0) return "ping_ns or ping_busy_ns is 0";
    if (l->payload_stall_ns < P2_SEC) return "payload_stall_ns is below one second";
    if (l->resume_grace_ns < 0) return "resume_grace_ns is negative";
    if (l->handshake_ns <= 0 || l->cancel_linger_ns <= 0) return "handshake_ns or cancel_linger_ns is 0";
    if (l->no_peer_grace_ns < 0 || l->deadline_ns_max <= 0)
        return "no_peer_grace_ns or deadline_ns_max is out of range";
    if (l->retry_after_ns < 0 || l->drain_grace_ns < 0) return "retry_after_ns or drain_grace_ns is negative";
    return NULL;
}
