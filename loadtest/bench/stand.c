#include "loadtest/bench/stand.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "msg/flow.h"
#include "os/os.h"

#define ROOM (UINT64_C(1) << 50) // of every connection: none fills
#define FIRST_CONN 1u            // clients, then peers
#define RUN_NS (10 * P2_MS)
#define KEPT_BYTES (UINT64_C(64) << 20) // of freed blobs, as the coordinator keeps

// ---- task types -----------------------------------------------------------------------------------------------------

static enum p2_err prepare(const struct p2_params *params, uint64_t size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    (void)params;
    (void)size;
    (void)block;
    (void)why;
    *cost = (struct p2_task_cost){.units = 1000,
                                  .size_class = p2_size_class(1000),
                                  .timeout_prior_ns = RUN_NS,
                                  .result_bytes_max = P2_STREAM_WINDOW};
    return P2_OK;
}

#define TYPE(called, repeatable)                                                                                       \
    {                                                                                                                  \
        .name = called, .version = 1, .deterministic = repeatable, .payload_bytes_max = P2_STREAM_WINDOW,              \
        .prepare = prepare                                                                                             \
    }
static const struct p2_task_type various[STAND_TYPES] = {TYPE("red", false), TYPE("green", false), TYPE("blue", false)};
static const struct p2_task_type same[STAND_TYPES] = {TYPE("red", true), TYPE("green", true), TYPE("blue", true)};
static const struct p2_task_type *const various_types[STAND_TYPES] = {&various[0], &various[1], &various[2]};
static const struct p2_task_type *const same_types[STAND_TYPES] = {&same[0], &same[1], &same[2]};

// ---- what is heard --------------------------------------------------------------------------------------------------

static void on_assign(struct stand *s, p2_handle conn, const struct p2_msg *m) {
    P2_CHECK(s->job_count < s->job_capacity);
    s->jobs[(s->job_first + s->job_count++) % s->job_capacity] =
        (struct stand_job){conn, m->u.assign.id, m->stream, m->u.assign.attempt};
    s->assigned++;
}

static void on_sent(struct stand *s, p2_handle conn, const struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_TASK_ASSIGN: on_assign(s, conn, m); break;
    case P2_MSG_TASK_ACCEPTED: s->accepted++; break;
    case P2_MSG_TASK_ENDED:
    case P2_MSG_TASK_TIMEOUT: s->ended++; break;
    case P2_MSG_RESULT_DELIVERY:
        s->delivered++;
        s->cached += m->u.delivery.cached;
        break;
    default: break;
    }
}

static void on_hash(struct stand *s, const struct coord_hash *h) {
    if (!h->last) return;
    P2_CHECK(s->to_hash_count < STAND_WAITING_HASHES);
    s->to_hash[s->to_hash_count++] = h->task;
}

static void step_once(struct stand *s, struct coord_event *ev) {
    s->now += P2_US;
    ev->now_ns = s->now;
    p2_ns begin = p2_clock_now();
    coord_step(s->c, ev, &s->out);
    s->spent_ns += p2_clock_now() - begin;
    for (uint32_t i = 0; i < s->out.count; i++) {
        const struct coord_action *a = &s->out.items[i];
        P2_CHECK(a->kind != COORD_CLOSE && a->kind != COORD_WANT_ROOM);
        if (a->kind == COORD_SEND) on_sent(s, a->conn, &a->u.msg);
        if (a->kind == COORD_HASH) on_hash(s, &a->u.hash);
    }
    coord_actions_clear(&s->out);
}

static void step(struct stand *s, struct coord_event *ev) {
    step_once(s, ev);
    while (s->to_hash_count || coord_next_ns(s->c) <= s->now) {
        struct coord_event next = {.kind = COORD_TICK};
        if (s->to_hash_count)
            next = (struct coord_event){.kind = COORD_HASHED, .task = s->to_hash[--s->to_hash_count], .key = s->key};
        step_once(s, &next);
    }
}

static void say(struct stand *s, p2_handle conn, const struct p2_msg *m) {
    struct coord_event ev = {.kind = COORD_MSG, .conn = conn, .msg = m};
    step(s, &ev);
}

// ---- who is there ---------------------------------------------------------------------------------------------------

static void greet(struct stand *s, p2_handle conn, enum p2_role role) {
    struct coord_event ev = {.kind = COORD_OPENED, .conn = conn, .room = ROOM};
    memcpy(ev.id.b, &conn, sizeof conn);
    ev.id.b[15] = 1;
    step(s, &ev);
    struct p2_msg hello = {.kind = P2_MSG_HELLO};
    hello.u.hello = (struct p2_msg_hello){P2_PROTOCOL_MAGIC, 1, 1, 0, role, p2_str("bench")};
    say(s, conn, &hello);
}

static void join_client(struct stand *s, p2_handle conn) {
    greet(s, conn, P2_ROLE_CLIENT);
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER};
    say(s, conn, &m);
}

static void join_peer(struct stand *s, p2_handle conn) {
    greet(s, conn, P2_ROLE_PEER);
    const struct p2_msg_device device = {.kind = P2_DEVICE_GPU, .slots = s->config.jobs};
    const uint64_t units_per_second = 1000 * P2_SEC / RUN_NS;
    struct p2_msg_offer offers[STAND_TYPES];
    for (uint32_t i = 0; i < STAND_TYPES; i++)
        offers[i] = (struct p2_msg_offer){p2_str(various[i].name), 1, 0, units_per_second};
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){
        .slots = s->config.jobs, .devices = &device, .device_count = 1, .offers = offers, .offer_count = STAND_TYPES};
    say(s, conn, &m);
}

static struct coord_limits limits_for(const struct stand_config *config) {
    struct coord_limits l = coord_limits_default();
    const p2_ns never = 3600 * P2_SEC;
    l.clients_max = config->clients;
    l.peers_max = config->peers;
    l.offers_max = STAND_TYPES * config->peers;
    l.strangers_max = 1;
    l.jobs_per_peer_max = config->jobs;
    l.tasks_max = l.queue_per_class_max = config->tasks_max;
    l.tasks_per_client_max = config->tasks_max / config->clients;
    l.payload_budget_bytes = 2 * (uint64_t)P2_STREAM_WINDOW * config->tasks_max;
    l.client_bytes_per_s = l.client_tasks_per_s = l.client_device_s_per_s = 0;
    l.client_share_percent = 100;
    l.heartbeat_ns = l.ping_ns = l.ping_busy_ns = never;
    return l;
}

void stand_init(struct stand *s, const struct stand_config *config) {
    *s = (struct stand){.config = *config, .now = 7200 * P2_SEC, .job_capacity = config->peers * config->jobs};
    p2_blob_pool_init(&s->pool, UINT64_C(8) << 30, KEPT_BYTES);
    struct coord_config cc = {.limits = limits_for(config),
                              .types = config->deterministic ? same_types : various_types,
                              .type_count = STAND_TYPES,
                              .seed = 1,
                              .pool = &s->pool};
    s->c = coord_create(&cc, s->now);
    s->jobs = calloc(s->job_capacity, sizeof *s->jobs);
    s->streams = calloc(config->clients, sizeof *s->streams);
    P2_CHECK(s->c && s->jobs && s->streams && coord_actions_init(&s->out, &cc.limits));
    for (uint32_t i = 0; i < config->clients; i++) join_client(s, FIRST_CONN + i);
    for (uint32_t i = 0; i < config->peers; i++) join_peer(s, FIRST_CONN + config->clients + i);
}

void stand_deinit(struct stand *s) {
    coord_destroy(&s->c);
    coord_actions_deinit(&s->out);
    p2_blob_pool_deinit(&s->pool);
    free(s->jobs);
    free(s->streams);
    *s = (struct stand){.c = NULL};
}

// ---- tasks and results ----------------------------------------------------------------------------------------------

static uint32_t piece_of(uint32_t size, uint32_t at) {
    return size - at < P2_RECORD_PAYLOAD_MAX ? size - at : P2_RECORD_PAYLOAD_MAX;
}

static struct p2_slice take_piece(struct stand *s, uint32_t bytes) {
    if (!bytes) return (struct p2_slice){.blob = NULL};
    struct p2_slice piece = {.blob = p2_blob_new(&s->pool, bytes), .size = bytes};
    P2_CHECK(piece.blob);
    return piece;
}

// What of a payload does not go with its header.
static void say_chunks(struct stand *s, p2_handle conn, uint32_t stream, uint32_t attempt, uint32_t size) {
    for (uint32_t at = piece_of(size, 0); at < size; at += piece_of(size, at)) {
        struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = stream};
        struct p2_slice piece = take_piece(s, piece_of(size, at));
        m.u.chunk.offset = at;
        m.u.chunk.attempt = attempt;
        m.u.chunk.raw_size = piece.size;
        m.u.chunk.payload = piece;
        say(s, conn, &m);
        p2_blob_unref(piece.blob);
    }
}

void stand_submit(struct stand *s, const struct stand_task *t) {
    P2_CHECK(t->client < s->config.clients && t->payload_bytes <= P2_STREAM_WINDOW);
    struct p2_slice first = take_piece(s, piece_of(t->payload_bytes, 0));
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT, .stream = ++s->streams[t->client]};
    uint32_t number = ++s->submitted;
    memcpy(m.u.submit.id.b, &number, sizeof number);
    m.u.submit.type = p2_str(various[t->type].name);
    m.u.submit.class_ = t->class_;
    m.u.submit.deadline_ns = t->deadline_ns;
    m.u.submit.payload_size = t->payload_bytes;
    m.u.submit.raw_size = first.size;
    m.u.submit.payload = first;
    say(s, FIRST_CONN + t->client, &m);
    p2_blob_unref(first.blob);
    say_chunks(s, FIRST_CONN + t->client, m.stream, 1, t->payload_bytes);
}

uint32_t stand_next(const struct stand *s) {
    P2_CHECK(s->job_count > 0);
    uint32_t number;
    memcpy(&number, s->jobs[s->job_first].id.b, sizeof number);
    return number;
}

void stand_answer(struct stand *s, uint32_t result_bytes) {
    P2_CHECK(s->job_count > 0);
    const struct stand_job job = s->jobs[s->job_first];
    s->job_first = (s->job_first + 1) % s->job_capacity;
    s->job_count--;
    struct p2_slice first = take_piece(s, piece_of(result_bytes, 0));
    struct p2_msg m = {.kind = P2_MSG_TASK_RESULT, .stream = job.stream};
    m.u.result.id = job.id;
    m.u.result.attempt = job.attempt;
    m.u.result.times.processing_ns = RUN_NS;
    m.u.result.payload_size = result_bytes;
    m.u.result.raw_size = first.size;
    m.u.result.payload = first;
    say(s, job.conn, &m);
    p2_blob_unref(first.blob);
    say_chunks(s, job.conn, job.stream, job.attempt, result_bytes);
}
