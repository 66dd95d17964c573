#include "loadtest/bench/cluster.h"

#include <math.h>
#include <stdlib.h>

#include "coordinator/core/state.h"

#define CLIENT ((p2_handle)1)
#define ROOM (UINT64_C(1) << 30)
#define JOBS_MAX 16384u
#define SLOW_UNITS_PER_SECOND 1000.0

struct sim_peer {
    p2_handle conn;
    uint64_t units_per_second;
    p2_ns rtt_ns, busy_until_ns;
};

struct sim_event { // what a peer will say
    struct p2_heap_node due;
    uint32_t peer, next_free;
    p2_ns run_ns;   // of the job whose result it is, else 0
    p2_handle conn; // then; another now: the peer was gone in between
    struct p2_msg msg;
};

struct cluster {
    struct cluster_config config;
    struct coord *c;
    struct coord_actions out;
    struct p2_blob_pool pool;
    struct p2_rng rng;
    p2_ns now;
    struct sim_peer *peers;
    struct sim_event *events;
    uint32_t event_free;
    struct p2_heap due;
    uint32_t submitted, ended, done, generation;
    p2_ns *begun, *took;
    struct job {
        struct peer *peer;
        p2_ns estimate;
    } * jobs; // of cluster_decide: a ring
    uint32_t job_first, job_count;
};

// ---- task types ---------------------------------------------------------------------------------------------------

static enum p2_err prepare(const struct p2_params *params, uint64_t size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    (void)size;
    (void)block;
    (void)why;
    uint64_t units = (uint64_t)p2_params_find(params, "units")->value.ints[0];
    *cost = (struct p2_task_cost){
        .units = units, .size_class = p2_size_class(units), .timeout_prior_ns = (p2_ns)units * P2_MS};
    return P2_OK;
}

static const struct p2_task_type small = {.name = "small", .version = 1, .prepare = prepare};
static const struct p2_task_type middle = {.name = "middle", .version = 1, .prepare = prepare};
static const struct p2_task_type large = {.name = "large", .version = 1, .prepare = prepare};
static const struct p2_task_type *const types[3] = {&small, &middle, &large};
static const int64_t units_of[3] = {200, 1000, 4000}; // ms on the slowest

// ---- events -------------------------------------------------------------------------------------------------------

static void step(struct cluster *k, struct coord_event *ev);

static void say(struct cluster *k, p2_handle conn, const struct p2_msg *m) {
    struct coord_event ev = {.kind = COORD_MSG, .conn = conn, .msg = m};
    step(k, &ev);
}

static struct sim_event *later(struct cluster *k, uint32_t peer, p2_ns at, const struct p2_msg *m) {
    P2_CHECK(k->event_free != UINT32_MAX);
    struct sim_event *e = &k->events[k->event_free];
    k->event_free = e->next_free;
    e->peer = peer;
    e->conn = k->peers[peer].conn;
    e->msg = *m;
    e->run_ns = 0;
    p2_heap_push(&k->due, &e->due, at, 0);
    return e;
}

static void assigned(struct cluster *k, uint32_t at, const struct p2_msg *m) {
    struct sim_peer *p = &k->peers[at];
    double units = (double)p2_params_find(&m->u.assign.params, "units")->value.ints[0];
    p2_ns run = (p2_ns)(units / (double)p->units_per_second * P2_SEC);
    p2_ns start = p2_ns_max(p->busy_until_ns, k->now + p->rtt_ns / 2);
    p->busy_until_ns = start + run;
    struct p2_msg result = {.kind = P2_MSG_TASK_RESULT, .stream = m->stream};
    result.u.result.id = m->u.assign.id;
    result.u.result.attempt = m->u.assign.attempt;
    result.u.result.times.processing_ns = run;
    later(k, at, p->busy_until_ns + p->rtt_ns / 2, &result)->run_ns = run;
}

static bool is_job_of(const struct cluster *k, const struct sim_event *e, uint32_t at) {
    return p2_heap_in(&e->due) && e->run_ns && e->peer == at && e->conn == k->peers[at].conn;
}

// Given back when it has not started by the time the question arrives; what waits behind it then starts sooner.
static void recalled(struct cluster *k, uint32_t at, const struct p2_msg *m) {
    struct sim_peer *p = &k->peers[at];
    struct sim_event *job = NULL;
    for (uint32_t i = 0; i < JOBS_MAX && !job; i++) {
        struct sim_event *e = &k->events[i];
        if (is_job_of(k, e, at) && e->msg.stream == m->stream) job = e;
    }
    if (!job) return; // its result is on the way
    p2_ns ends = job->due.key, run = job->run_ns;
    struct p2_msg answer = {.kind = P2_MSG_TASK_RECALLED, .stream = m->stream};
    answer.u.recalled.id = m->u.recall.id;
    answer.u.recalled.attempt = m->u.recall.attempt;
    answer.u.recalled.returned = ends - p->rtt_ns / 2 - run > k->now + p->rtt_ns / 2;
    later(k, at, k->now + p->rtt_ns, &answer);
    if (!answer.u.recalled.returned) return;
    p2_heap_remove(&k->due, &job->due);
    job->next_free = k->event_free;
    k->event_free = (uint32_t)(job - k->events);
    p->busy_until_ns -= run;
    for (uint32_t i = 0; i < JOBS_MAX; i++) {
        struct sim_event *e = &k->events[i];
        if (!is_job_of(k, e, at) || e->due.key < ends) continue;
        p2_ns sooner = e->due.key - run;
        p2_heap_remove(&k->due, &e->due);
        p2_heap_push(&k->due, &e->due, sooner, 0);
    }
}

static void sent(struct cluster *k, p2_handle conn, const struct p2_msg *m) {
    uint32_t at = (uint32_t)conn - 2;
    if (conn == CLIENT) {
        if (m->kind == P2_MSG_RESULT_DELIVERY) {
            k->took[k->done++] = k->now - k->begun[m->stream - 1];
            k->ended++;
        } else if (m->kind == P2_MSG_TASK_ENDED || m->kind == P2_MSG_TASK_TIMEOUT) {
            k->ended++;
        }
    } else if (m->kind == P2_MSG_TASK_ASSIGN) {
        assigned(k, at, m);
    } else if (m->kind == P2_MSG_TASK_RECALL) {
        recalled(k, at, m);
    } else if (m->kind == P2_MSG_PING) {
        struct p2_msg pong = {.kind = P2_MSG_PONG, .u.ping = m->u.ping};
        later(k, at, k->now + k->peers[at].rtt_ns, &pong);
    }
}

static void step(struct cluster *k, struct coord_event *ev) {
    ev->now_ns = k->now;
    coord_step(k->c, ev, &k->out);
    for (uint32_t i = 0; i < k->out.count; i++) {
        if (k->out.items[i].kind == COORD_SEND) sent(k, k->out.items[i].conn, &k->out.items[i].u.msg);
    }
    coord_actions_clear(&k->out);
}

// ---- connections --------------------------------------------------------------------------------------------------

static void open_conn(struct cluster *k, p2_handle conn, enum p2_role role) {
    struct coord_event ev = {.kind = COORD_OPENED, .conn = conn, .room = ROOM};
    for (unsigned i = 0; i < sizeof ev.id.b; i++) ev.id.b[i] = (uint8_t)p2_rng_next(&k->rng);
    step(k, &ev);
    struct p2_msg hello = {.kind = P2_MSG_HELLO};
    hello.u.hello = (struct p2_msg_hello){P2_PROTOCOL_MAGIC, 1, 1, P2_FEATURE_RECALL, role, p2_str("bench")};
    say(k, conn, &hello);
}

static void join(struct cluster *k, uint32_t at) {
    struct sim_peer *p = &k->peers[at];
    p->conn = (p2_handle)++k->generation << 32 | (at + 2);
    p->busy_until_ns = k->now;
    open_conn(k, p->conn, P2_ROLE_PEER);
    const struct p2_msg_device device = {.kind = P2_DEVICE_GPU, .slots = 1};
    const struct p2_msg_offer offers[3] = {{p2_str("small"), 1, 0, p->units_per_second},
                                           {p2_str("middle"), 1, 0, p->units_per_second},
                                           {p2_str("large"), 1, 0, p->units_per_second}};
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){
        .slots = 1, .queue_depth = 2, .devices = &device, .device_count = 1, .offers = offers, .offer_count = 3};
    say(k, p->conn, &m);
}

static void leave(struct cluster *k, uint32_t at) {
    struct coord_event ev = {.kind = COORD_CLOSED, .conn = k->peers[at].conn, .why = P2_ERR_CONNECTION_LOST};
    k->peers[at].conn = 0;
    step(k, &ev);
}

// As after pings and payloads: round trips known, rates from 1 to 1,000 MB/s.
static void measure(struct cluster *k, uint32_t at) {
    struct session *s = session_find(k->c, k->peers[at].conn);
    struct peer *p = peer_of(k->c, s);
    p2_ewma_add(&s->rtt, k->peers[at].rtt_ns);
    p->byte_pace = pace_of(1000 / pow(1000, p2_rng_unit(&k->rng)), 2);
    peer_rtt_changed(k->c, p);
}

struct cluster *cluster_create(const struct cluster_config *config) {
    struct cluster *k = calloc(1, sizeof *k);
    P2_CHECK(k);
    k->config = *config;
    k->now = 1000 * P2_SEC;
    p2_rng_init(&k->rng, config->seed);
    p2_blob_pool_init(&k->pool, UINT64_C(1) << 30, UINT64_C(1) << 26);
    struct coord_config cc = {.limits = coord_limits_default(),
                              .types = types,
                              .type_count = 3,
                              .pick.strategy = config->strategy,
                              .seed = config->seed,
                              .pool = &k->pool};
    cc.limits.peers_max = config->peers + 1;
    cc.limits.offers_max = 3 * cc.limits.peers_max;
    cc.limits.tasks_per_client_max = cc.limits.tasks_max;
    cc.limits.steal = !config->no_stealing;
    cc.limits.heartbeat_ns = 3600 * P2_SEC; // nobody falls silent here
    k->c = coord_create(&cc, k->now);
    k->peers = calloc(config->peers, sizeof *k->peers);
    k->events = calloc(JOBS_MAX, sizeof *k->events);
    k->begun = calloc(config->tasks + 1, sizeof *k->begun);
    k->took = calloc(config->tasks + 1, sizeof *k->took);
    k->jobs = calloc(config->peers, sizeof *k->jobs);
    P2_CHECK(k->c && k->peers && k->events && k->begun && k->took && k->jobs && p2_heap_init(&k->due, JOBS_MAX) &&
             coord_actions_init(&k->out, &cc.limits));
    for (uint32_t i = 0; i < JOBS_MAX; i++) {
        p2_heap_node_init(&k->events[i].due);
        k->events[i].next_free = i + 1 < JOBS_MAX ? i + 1 : UINT32_MAX;
    }
    const double speeds[2][3] = {{1, 4, 20}, {1, 4, 1}};
    for (uint32_t i = 0; i < config->peers; i++) {
        double noise = 0.8 + 0.4 * p2_rng_unit(&k->rng);
        k->peers[i].units_per_second =
            (uint64_t)(SLOW_UNITS_PER_SECOND * (config->two_speeds ? speeds[1][i % 2] : speeds[0][i % 3]) * noise);
        k->peers[i].rtt_ns = P2_MS + (p2_ns)p2_rng_below(&k->rng, 119 * P2_MS);
        join(k, i);
        if (config->measured) measure(k, i);
    }
    open_conn(k, CLIENT, P2_ROLE_CLIENT);
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER};
    say(k, CLIENT, &m);
    return k;
}

void cluster_destroy(struct cluster **at) {
    struct cluster *k = *at;
    *at = NULL;
    while (k->job_count) {
        struct job *j = &k->jobs[k->job_first++ % k->config.peers];
        peer_drop_job(k->c, j->peer, 0, j->estimate);
        k->job_count--;
    }
    coord_destroy(&k->c);
    coord_actions_deinit(&k->out);
    p2_blob_pool_deinit(&k->pool);
    p2_heap_deinit(&k->due);
    free(k->peers);
    free(k->events);
    free(k->begun);
    free(k->took);
    free(k->jobs);
    free(k);
}

// ---- running ------------------------------------------------------------------------------------------------------

static void submit(struct cluster *k) {
    uint32_t type = k->config.two_speeds ? 1 : (uint32_t)p2_rng_below(&k->rng, 3);
    struct p2_param param = {.name = p2_str("units"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {units_of[type]}};
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT, .stream = ++k->submitted};
    m.u.submit.id = (struct p2_id){{1}};
    for (unsigned i = 0; i < 4; i++) m.u.submit.id.b[8 + i] = (uint8_t)(k->submitted >> 8 * i);
    m.u.submit.type = p2_str(types[type]->name);
    m.u.submit.class_ = P2_CLASS_INTERACTIVE;
    m.u.submit.deadline_ns = 3000 * P2_SEC;
    m.u.submit.params = (struct p2_params){&param, 1};
    k->begun[k->submitted - 1] = k->now;
    say(k, CLIENT, &m);
}

static void deliver(struct cluster *k) {
    struct sim_event *e = P2_CONTAINER_OF(p2_heap_pop(&k->due), struct sim_event, due);
    struct p2_msg m = e->msg;
    bool there = k->peers[e->peer].conn == e->conn;
    e->next_free = k->event_free;
    k->event_free = (uint32_t)(e - k->events);
    if (there) say(k, e->conn, &m);
}

static int by_size(const void *a, const void *b) {
    p2_ns x = *(const p2_ns *)a, y = *(const p2_ns *)b;
    return (x > y) - (x < y);
}

static p2_ns after(struct cluster *k, double per_second) {
    if (per_second <= 0) return P2_NEVER;
    return k->now + (p2_ns)(-log(1 - p2_rng_unit(&k->rng)) / per_second * P2_SEC);
}

static void swap_peer(struct cluster *k) {
    uint32_t at = (uint32_t)p2_rng_below(&k->rng, k->config.peers);
    leave(k, at);
    join(k, at);
}

void cluster_run(struct cluster *k, struct cluster_outcome *out) {
    double units = 0, capacity = 0, sum = 0;
    for (unsigned i = 0; i < 3; i++) units += (double)units_of[i] / 3;
    for (uint32_t i = 0; i < k->config.peers; i++) capacity += (double)k->peers[i].units_per_second;
    double rate = capacity / units * k->config.load, churn = k->config.churn_per_minute * k->config.peers / 60;
    p2_ns begin = k->now, arrival = after(k, rate), change = after(k, churn);
    while (k->ended < k->config.tasks) {
        p2_ns event = k->due.count ? p2_heap_peek(&k->due)->key : P2_NEVER, tick = coord_next_ns(k->c);
        p2_ns next = p2_ns_min(p2_ns_min(arrival, change), p2_ns_min(event, tick));
        k->now = p2_ns_max(next, k->now);
        if (next == event) {
            deliver(k);
        } else if (next == arrival) {
            submit(k);
            arrival = k->submitted < k->config.tasks ? after(k, rate) : P2_NEVER;
        } else if (next == change) {
            swap_peer(k);
            change = after(k, churn);
        } else {
            struct coord_event ev = {.kind = COORD_TICK};
            step(k, &ev);
        }
    }
    qsort(k->took, k->done, sizeof *k->took, by_size);
    for (uint32_t i = 0; i < k->done; i++) sum += (double)k->took[i] / P2_MS;
    *out = (struct cluster_outcome){.completed = k->done,
                                    .failed = k->ended - k->done,
                                    .mean_ms = k->done ? sum / k->done : 0,
                                    .p99_ms = k->done ? (double)k->took[k->done * 99 / 100] / P2_MS : 0,
                                    .makespan_s = (double)(k->now - begin) / P2_SEC};
}

p2_ns cluster_decide(struct cluster *k, p2_ns (*clock)(void)) {
    k->now += P2_MS;
    k->c->now = k->now;
    if (k->job_count == k->config.peers / 2) {
        struct job *j = &k->jobs[k->job_first++ % k->config.peers];
        peer_drop_job(k->c, j->peer, 0, j->estimate);
        k->job_count--;
    }
    struct p2_task_cost cost = {.units = 500 + p2_rng_below(&k->rng, 1000)};
    cost.result_bytes_max = p2_rng_below(&k->rng, 1000000);
    const struct pick_for t = {.type = 1, .cost = &cost};
    p2_ns begin = clock();
    struct offer *o = pick_best(k->c, &k->c->types[1], &t);
    P2_CHECK(o);
    pick_chosen(k->c, &t, o);
    struct job *j = &k->jobs[(k->job_first + k->job_count++) % k->config.peers];
    *j = (struct job){o->peer, (p2_ns)((double)cost.units * o->pace.value)};
    peer_take_job(k->c, j->peer, 0, j->estimate);
    return clock() - begin;
}
