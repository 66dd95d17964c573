// What a run has measured, as it goes: counts, histograms and a row for each second.
#ifndef LOADTEST_CORE_REPORT_H
#define LOADTEST_CORE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/ns.h"
#include "base/strbuf.h"
#include "loadtest/core/hdr.h"
#include "loadtest/core/scenario.h"

enum stage {
    STAGE_LATENCY,    // from when a task was meant to be sent to its result
    STAGE_LATE,       // of it, until it was sent: waiting for a place in its client's window, or for this program
    STAGE_QUEUE,      // waiting at coordinator and peer
    STAGE_PROCESSING, // on the peer
    STAGE_REST,       // everything else: wire, relay, both ends
    STAGE_ADDED,      // all but processing and lateness: what the system adds to the work
    STAGES
};

enum ending { ENDED_DONE, ENDED_REFUSED, ENDED_FAILED, ENDED_EXPIRED, ENDED_CANCELLED, ENDED_LOST, ENDINGS };

enum program { PROGRAM_LOAD, PROGRAM_PEERS, PROGRAM_COORDINATOR, PROGRAMS };

#define REPORT_CODES 128u
#define REPORT_PEERS_MAX 64u      // with kernels, whose time is told one by one
#define REPORT_CPU_SHARE_MAX 0.7  // of a core that the load or the peers may have used in a run that is certified
#define REPORT_LATE_SHARE_MAX 0.1 // of the 99th percentile of latency that lateness may be
#define REPORT_LATE_MIN (1 * P2_MS)

struct report_second {
    p2_ns at_ns; // its end, since the start
    uint64_t sent, done, not_done;
    p2_ns p50_ns, p90_ns, p99_ns, max_ns; // of what ended in it
    uint64_t open, backlog;               // sent and not ended; due and not sent
    uint32_t queued, running, peers;      // as the coordinator says
    double busy;                          // share of the peers' slots
    double cpu[PROGRAMS];                 // cores
    uint64_t resident[PROGRAMS];          // bytes
};

struct report_peer { // with kernels
    struct p2_id id;
    uint64_t done;
    p2_ns kernel_ns, processing_ns; // as its executor says
};

struct report {
    struct hdr stages[STAGES];                               // of tasks that are done
    struct hdr tasks[SCENARIO_TASKS_MAX];                    // latency of those of each kind that are done
    struct hdr second;                                       // latency of those done since the last row
    uint64_t due, sent, ended[ENDINGS], unanswered, dropped; // dropped: due, and never sent for lack of room here
    uint64_t codes[REPORT_CODES];                            // of those not done
    uint64_t cached, retried, wrong;    // wrong: results that are not of the task; they count as failed
    p2_ns begin_ns, end_ns;             // of what is counted, since the start
    uint64_t wire_bytes, payload_bytes; // both ways, at clients and peers, in what is counted
    p2_ns cpu_ns[PROGRAMS];
    double busy;         // mean share of the peers' slots
    uint32_t real_peers; // so many have kernels, of which these have done something
    struct report_peer peers[REPORT_PEERS_MAX];
    uint32_t peer_count;
    p2_ns jobs_ns;          // how long report_job was told: from the end of the warm-up until all was sent
    uint64_t resident_bare; // bytes of our coordinator before anybody was connected; 0: not ours
    uint32_t connections;   // of clients and synthetic peers
    struct report_second *rows;
    uint32_t row_count, row_capacity;
};

// How a task ended.
struct report_end {
    enum ending ending;
    enum p2_err code;
    bool cached, wrong;
    uint32_t attempts, task; // of the scenario
    p2_ns latency_ns, late_ns, queue_ns, processing_ns, kernel_ns;
    struct p2_id peer;
};

struct report *report_create(uint32_t seconds_max); // NULL: memory is short
void report_destroy(struct report **r);
void report_end(struct report *r, const struct report_end *e);
void report_job(struct report *r, const struct report_end *e); // also of a task that is not counted: its peer worked
// Completes row with the percentiles of the second that ends; when there is no room, two seconds become one row.
void report_second(struct report *r, struct report_second *row);

uint64_t report_answered(const struct report *r);
double report_success(const struct report *r);             // share of those due; 1 when none was
double report_rate(const struct report *r);                // done a second
double report_overhead(const struct report *r);            // share of the bytes on the wire that are not payload
double report_cpu(const struct report *r, enum program p); // cores
// By what share our coordinator's memory has grown from the first second that is counted to the last; 0: it has not.
double report_growth(const struct report *r);
// The share of the time that kernels ran at the real peer where it is least; of several slots it may be above 1. 0:
// there is none, or one has done nothing.
double report_kernel(const struct report *r);
double report_connection_bytes(const struct report *r); // of our coordinator's memory, for each connection, at the end
const char *stage_name(enum stage s);
const char *ending_name(enum ending e);

// May figures be drawn from it? False: this program, not the system, set them; a sentence in why.
bool report_certify(const struct report *r, struct p2_strbuf *why);

#endif
