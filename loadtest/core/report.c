#include "loadtest/core/report.h"

#include <stdlib.h>

#include "base/check.h"

struct report *report_create(uint32_t seconds_max) {
    struct report *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->row_capacity = seconds_max < 16 ? 16 : seconds_max;
    r->rows = calloc(r->row_capacity, sizeof *r->rows);
    if (!r->rows) report_destroy(&r);
    return r;
}

void report_destroy(struct report **r) {
    if (!*r) return;
    free((*r)->rows);
    free(*r);
    *r = NULL;
}

void report_end(struct report *r, const struct report_end *e) {
    enum ending how = e->wrong ? ENDED_FAILED : e->ending;
    r->ended[how]++;
    r->wrong += e->wrong;
    if (e->attempts > 1) r->retried++;
    if (how != ENDED_DONE) {
        if (!e->wrong) r->codes[e->code < REPORT_CODES ? (uint32_t)e->code : 0]++;
        return;
    }
    r->cached += e->cached;
    p2_ns own = p2_ns_max(e->latency_ns - e->late_ns, 0);
    hdr_add(&r->stages[STAGE_LATENCY], e->latency_ns);
    hdr_add(&r->stages[STAGE_LATE], e->late_ns);
    hdr_add(&r->stages[STAGE_QUEUE], e->queue_ns);
    hdr_add(&r->stages[STAGE_PROCESSING], e->processing_ns);
    hdr_add(&r->stages[STAGE_REST], own - e->queue_ns - e->processing_ns);
    hdr_add(&r->stages[STAGE_ADDED], own - e->processing_ns);
    hdr_add(&r->tasks[e->task], e->latency_ns);
    hdr_add(&r->second, e->latency_ns);
}

void report_job(struct report *r, const struct report_end *e) {
    uint32_t i = 0;
    if (e->ending != ENDED_DONE || e->cached) return;
    while (i < r->peer_count && !p2_id_equal(&r->peers[i].id, &e->peer)) i++;
    if (i == REPORT_PEERS_MAX) return;
    if (i == r->peer_count) r->peers[r->peer_count++].id = e->peer;
    r->peers[i].done++;
    r->peers[i].kernel_ns += e->kernel_ns;
    r->peers[i].processing_ns += e->processing_ns;
}

// Every two rows become one: of counts the sum, of percentiles the worse, of everything else the later.
static void fold(struct report *r) {
    for (uint32_t i = 0; i + 1 < r->row_count; i += 2) {
        const struct report_second a = r->rows[i];
        struct report_second b = r->rows[i + 1];
        b.sent += a.sent;
        b.done += a.done;
        b.not_done += a.not_done;
        b.p50_ns = p2_ns_max(a.p50_ns, b.p50_ns);
        b.p90_ns = p2_ns_max(a.p90_ns, b.p90_ns);
        b.p99_ns = p2_ns_max(a.p99_ns, b.p99_ns);
        b.max_ns = p2_ns_max(a.max_ns, b.max_ns);
        r->rows[i / 2] = b;
    }
    r->row_count /= 2;
}

void report_second(struct report *r, struct report_second *row) {
    row->p50_ns = hdr_at(&r->second, 0.5);
    row->p90_ns = hdr_at(&r->second, 0.9);
    row->p99_ns = hdr_at(&r->second, 0.99);
    row->max_ns = hdr_max(&r->second);
    hdr_clear(&r->second);
    if (r->row_count == r->row_capacity) fold(r);
    r->rows[r->row_count++] = *row;
}

uint64_t report_answered(const struct report *r) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ENDINGS; i++) sum += r->ended[i];
    return sum;
}

double report_success(const struct report *r) { return r->due ? (double)r->ended[ENDED_DONE] / (double)r->due : 1; }

double report_rate(const struct report *r) {
    p2_ns span = r->end_ns - r->begin_ns;
    return span > 0 ? (double)r->ended[ENDED_DONE] / ((double)span / (double)P2_SEC) : 0;
}

double report_overhead(const struct report *r) {
    if (r->wire_bytes <= r->payload_bytes) return 0;
    return (double)(r->wire_bytes - r->payload_bytes) / (double)r->wire_bytes;
}

double report_cpu(const struct report *r, enum program p) {
    p2_ns span = r->end_ns - r->begin_ns;
    return span > 0 ? (double)r->cpu_ns[p] / (double)span : 0;
}

double report_kernel(const struct report *r) {
    p2_ns least = P2_NEVER;
    for (uint32_t i = 0; i < r->peer_count; i++) least = p2_ns_min(least, r->peers[i].kernel_ns);
    bool all = r->peer_count && r->peer_count >= r->real_peers && r->jobs_ns > 0;
    return all ? (double)least / (double)r->jobs_ns : 0;
}

double report_growth(const struct report *r) {
    uint32_t i = 0;
    while (i < r->row_count && r->rows[i].at_ns <= r->begin_ns) i++;
    if (i >= r->row_count) return 0;
    uint64_t first = r->rows[i].resident[PROGRAM_COORDINATOR];
    uint64_t last = r->rows[r->row_count - 1].resident[PROGRAM_COORDINATOR];
    return first > 0 && last > first ? (double)(last - first) / (double)first : 0;
}

double report_connection_bytes(const struct report *r) {
    uint64_t last = r->row_count ? r->rows[r->row_count - 1].resident[PROGRAM_COORDINATOR] : 0;
    if (!r->connections || last <= r->resident_bare) return 0;
    return (double)(last - r->resident_bare) / r->connections;
}

const char *stage_name(enum stage s) {
    static const char *const names[STAGES] = {"latency", "late", "queue", "processing", "rest", "added"};
    P2_CHECK(s < STAGES);
    return names[s];
}

const char *ending_name(enum ending e) {
    static const char *const names[ENDINGS] = {"done", "refused", "failed", "expired", "cancelled", "lost"};
    P2_CHECK(e < ENDINGS);
    return names[e];
}

bool report_certify(const struct report *r, struct p2_strbuf *why) {
    static const char *const names[] = {"load", "synthetic peers"};
    for (enum program p = PROGRAM_LOAD; p <= PROGRAM_PEERS; p++) {
        double cores = report_cpu(r, p);
        if (cores <= REPORT_CPU_SHARE_MAX) continue;
        p2_strbuf_printf(why, "the %s took %.0f %% of a core (at most %.0f %%)", names[p], 100 * cores,
                         100 * REPORT_CPU_SHARE_MAX);
        return false;
    }
    if (r->dropped) {
        p2_strbuf_printf(why, "%llu tasks were due and never sent for lack of room here",
                         (unsigned long long)r->dropped);
        return false;
    }
    p2_ns late = hdr_at(&r->stages[STAGE_LATE], 0.99), all = hdr_at(&r->stages[STAGE_LATENCY], 0.99);
    if (late > REPORT_LATE_MIN && (double)late > REPORT_LATE_SHARE_MAX * (double)all) {
        p2_strbuf_printf(why, "tasks were sent up to %.1f ms late (p99), of a latency of %.1f ms",
                         (double)late / (double)P2_MS, (double)all / (double)P2_MS);
        return false;
    }
    return true;
}
