// A whole cluster in one process on virtual time, from one seed: the real cores and the real codec, everything between
// and around them simulated. README.md says what is checked.
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/check.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/list.h"
#include "base/ns.h"
#include "base/rng.h"
#include "base/slab.h"
#include "kernels/task_type.h"
#include "msg/msg.h"
#include "plan.h"
#include "stream.h"
#include "wire/wire.h"

// ---- engine.c: time, chance, failure -------------------------------------------------------------------------------

struct timer {
    struct p2_heap_node node;
    void (*fire)(struct timer *t);
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
void timer_at(struct timer *t, p2_ns at); // arms or moves it; P2_NEVER: off. A past time is now
void timer_off(struct timer *t);
bool timer_on(const struct timer *t);

uint32_t below(uint32_t n);           // [0, n)
bool chance(double percent);          //
p2_ns between(p2_ns low, p2_ns high); // inclusive
p2_ns about(p2_ns mean);              // exponential, at most eight times the mean
uint64_t mix(uint64_t x);             // splitmix64's finish

_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define SIM_CHECK(cond, ...) ((cond) ? (void)0 : sim_fail(__VA_ARGS__))
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- link.c: connections as common/net makes them -------------------------------------------------------------------

struct link;
enum node_kind { NODE_COORD, NODE_PEER, NODE_CLIENT };

struct node { // who has ends of links
    enum node_kind kind;
    p2_ns frozen_until; // it does not run until then, as under SIGSTOP
    struct link *link;  // of a peer or client: the one it dialled last, or NULL
    p2_ns delay;        // one way
    uint64_t bandwidth; // bytes a second, each way
};

// Ends: the dialling node's, the coordinator's.
enum { NEAR, FAR };

struct link *link_dial(struct node *node);
struct link *link_find(p2_handle h); // NULL when it is no more
p2_handle link_handle(const struct link *l);
struct node *link_node(const struct link *l); // who dialled
bool link_tampered(const struct link *l);
bool link_open(const struct link *l);    // for the coordinator
bool link_healthy(const struct link *l); // open, and for some time neither silent nor frozen nor about to end
void link_send(struct link *l, int end, unsigned lane, const struct p2_msg *m);
uint64_t link_room(const struct link *l, int end);
void link_want_room(struct link *l, int end);
void link_close(struct link *l, int end, enum p2_err why); // in order: what is queued leaves first
void link_break(struct link *l);                           // both ends hear of it soon
void link_silence(struct link *l);                         // nothing arrives any more; the ends learn of it by silence
void link_halve(struct link *l);                           // gone for who dialled, half-open for the coordinator
void link_freeze(struct link *l, p2_ns until);             // bytes are only late
void link_tamper(struct link *l);                          // a record is sent a second time
void link_abandon(struct link *l);                         // its node is no more: nobody is told at the near end
void links_init(uint32_t capacity);
void links_sweep(void); // frees what has ended
void links_mend(void);
void links_slow(void); // from now on every round trip takes twice as long
uint32_t links_live(void);
void links_deinit(void);

// ---- what links call; never from inside an action -------------------------------------------------------------------

void coord_opened(struct link *l);
enum p2_err coord_heard(struct link *l, struct p2_msg *m); // not P2_OK: no further message of it is wanted
void coord_unreadable(struct link *l, enum p2_err why);
void coord_writable(struct link *l);
void coord_closed(struct link *l, enum p2_err why);

void peer_opened(struct node *n);
enum p2_err peer_heard(struct node *n, struct p2_msg *m);
void peer_unreadable(struct node *n, enum p2_err why);
void peer_writable(struct node *n);
void peer_closed(struct node *n, enum p2_err why);

void client_opened(struct node *n);
enum p2_err client_heard(struct node *n, struct p2_msg *m);
void client_unreadable(struct node *n, enum p2_err why);
void client_writable(struct node *n);
void client_closed(struct node *n, enum p2_err why);

// ---- the world ----------------------------------------------------------------------------------------------------

struct sim {
    uint64_t seed;
    const struct plan *plan;
    p2_ns now;
    struct p2_heap timers;
    uint64_t ties, events, same_time;
    struct p2_rng rng;
    struct p2_blob_pool pool, coord_pool; // of everybody else, of the coordinator
    struct p2_codec codec, coord_codec;
    struct node coord_node;
    bool faults; // may still happen; so may new work
    bool trace;
    uint64_t steps, checks, messages, faults_made; // counted
};

extern struct sim sim;

struct sim_result {
    uint64_t tasks, accepted, done, failed, expired, cancelled, refused, lost, retried, hedged;
    uint64_t events, steps, checks, messages, faults;
    p2_ns simulated;
    // Where round trips double: tasks with a learned timeout, those of any that were given up though their result would
    // have come, how many of these submitted within SIM_SOON of the doubling, timeouts and latencies of those done.
    uint64_t learned, early, soon, soon_early;
    double given_ns, took_ns;
    struct stream_figures stream;
};

#define SIM_SOON (10 * P2_SEC)

struct deed;
void sim_count_end(int outcome); // of a ticket
void sim_count_timeout(const struct deed *d, bool early);

struct sim_wish {
    p2_ns span; // before faults stop
    bool trace;
    bool doubles; // this and the next: plan.h
    const struct stream_wish *stream;
};

void sim_run(uint64_t seed, const struct sim_wish *wish, struct sim_result *out); // aborts when something is wrong

// ---- nodes --------------------------------------------------------------------------------------------------------

void coord_create_node(void);
void coord_destroy_node(void);
void coord_drain_node(void);
void coord_wake(void);
void coord_probe(void);                       // every invariant, now
void coord_check_tasks(uint32_t from);        // none forgotten; those before `from` have ended
void coord_check_empty(void);                 // no client, no task, no byte spoken for
uint32_t coord_jobs_of(const struct link *l); // that its peer has by the coordinator's book
bool coord_is_idle(void);                     // drained
void coord_numbers(struct p2_msg_status *out);
bool coord_has_blob(uint32_t number); // as a whole, on its disk

void peers_create(void);
void peers_destroy(void);
void peers_heal(void); // no more failing, crashing or endless jobs
void peers_check(void);
void peer_fault(uint32_t i);
uint32_t peer_index(const struct node *n);
// Could peer i do a job of this content at once, as for some seconds now, and does the coordinator know that?
p2_ns peer_joined(uint32_t i); // when it was registered last
bool peer_idle_for(uint32_t i, uint32_t content);

void clients_create(void);
void clients_destroy(void);
void clients_stop(void); // no new work
uint32_t clients_open(void);
void clients_check(void);
void client_fault(uint32_t i);
uint32_t client_index(const struct node *n);

#endif
