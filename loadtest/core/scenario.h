// What a run consists of, and the bounds of every number in it. scenario_file.h reads one.
#ifndef LOADTEST_CORE_SCENARIO_H
#define LOADTEST_CORE_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/param.h"
#include "base/strbuf.h"
#include "kernels/task_type.h"
#include "loadtest/core/arrival.h"
#include "loadtest/core/dist.h"
#include "msg/kind.h"

#define SCENARIO_NAME_MAX 32u
#define SCENARIO_TASKS_MAX 16u
#define SCENARIO_GROUPS_MAX 16u
#define SCENARIO_THRESHOLDS_MAX 16u
#define SCENARIO_OPTIONS_MAX 16u
#define SCENARIO_CLIENTS_MAX 4096u
#define SCENARIO_PEERS_MAX 10000u
#define SCENARIO_WINDOW_MAX 65536u
#define SCENARIO_DURATION_MAX (24 * 3600 * P2_SEC)
#define SCENARIO_PARAMS_MAX 8u

struct scenario_task { // a kind of task, and how often it is asked for
    const struct p2_task_type *type;
    double weight;                        // above 0
    uint64_t payload_bytes, result_bytes; // SYNTHETIC_HEADER.. (synthetic.h)
    enum p2_class class_;
    p2_ns deadline_ns;                           // from when it is sent; 0: what the client has learned
    struct dist service;                         // of a synthetic peer of speed 1
    uint32_t distinct;                           // payloads are among so many; 0: each is new
    bool series, no_cache;                       // series: frames of the client's one stream
    bool compressible;                           // half of it is zeros, and both ends of ours compress
    struct p2_param params[SCENARIO_PARAMS_MAX]; // borrows texts
    uint32_t param_count;
    struct p2_task_cost cost; // of the type's own prepare()
};

struct scenario_group { // of synthetic peers
    uint32_t count, slots, queue_depth;
    uint32_t types;               // bit of each of p2_task_types that they offer; 0: all that the scenario asks for
    double speed;                 // service times are divided by it
    p2_ns rtt_ns, away_ns;        // added round trip; how long one is away or silent
    double error, stall;          // shares of jobs that fail, and that never end
    double vanish, flap, silence; // shares of peers a minute: gone, and back as another; dropped and back at once;
                                  // connected without a word
};

struct scenario {
    char name[SCENARIO_NAME_MAX + 1];
    uint32_t clients, window; // tasks that each may have open
    uint64_t seed;
    p2_ns warmup_ns; // at the begin, not counted
    p2_ns grace_ns;  // at the end, for what is open
    bool poisson;
    bool unbatched; // both ends of ours send each record as a message of its own
    struct arrival_phase phases[ARRIVAL_PHASES_MAX];
    uint32_t phase_count; // 0: closed loop
    uint32_t closed_in_flight;
    uint64_t closed_count;    // 0: as many as fit
    p2_ns closed_duration_ns; // 0: until closed_count
    struct scenario_task tasks[SCENARIO_TASKS_MAX];
    uint32_t task_count;
    struct scenario_group groups[SCENARIO_GROUPS_MAX];
    uint32_t group_count;
    const char *thresholds[SCENARIO_THRESHOLDS_MAX]; // borrows; not parsed
    uint32_t threshold_count;
    const char *options[SCENARIO_OPTIONS_MAX]; // borrows: of a coordinator of our own
    uint32_t option_count;
    const char *peer_options[SCENARIO_OPTIONS_MAX]; // borrows: of real peers
    uint32_t peer_option_count;
};

// Is every number within its bounds, does every task suit its type? Fills the tasks' cost, and result_bytes where it is
// 0. False: a sentence in why.
bool scenario_check(struct scenario *s, struct p2_strbuf *why);

bool scenario_open(const struct scenario *s);                   // loop; or closed
p2_ns scenario_span(const struct scenario *s);                  // of sending; P2_NEVER: until the count is reached
uint32_t scenario_peers(const struct scenario *s);              // all groups together
void scenario_set_rate(struct scenario *s, double per_second);  // scales all phases so that the fastest begins or
                                                                // ends so
void scenario_set_duration(struct scenario *s, p2_ns duration); // stretches all phases alike
void scenario_set_peers(struct scenario *s, uint32_t count);    // shares them out among the groups as before; 0: none
bool scenario_offers(const struct scenario_group *g, const struct p2_task_type *t);
uint32_t scenario_pick(const struct scenario *s, struct p2_rng *r); // a task, by weight

#endif
