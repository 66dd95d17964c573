// The coordinator: its core, and the duties of its shell.
#include <string.h>

#include "book.h"
#include "coordinator/core/state.h"
#include "disk.h"
#include "hash.h"
#include "runs.h"
#include "shuns.h"
#include "witness.h"

static struct {
    struct coord *core;
    struct coord_actions out;
    struct timer tick;
    struct coord_limits limits;
    p2_ns stalled_until; // it was not run before then: what it does late is not its fault
    uint64_t since_check;
    struct disk disk;
} coord;

// ---- limits -------------------------------------------------------------------------------------------------------

static struct coord_limits limits_for(const struct plan *p) {
    struct coord_limits l = coord_limits_default();
    l.clients_max = p->clients + 4;
    l.peers_max = p->peers + 4;
    l.strangers_max = p->peers + p->clients + 8;
    l.tasks_max = p->crowd ? 4096 : 512;
    l.tasks_per_client_max = 256;
    l.queue_per_class_max = 512;
    l.recent_max = 512;
    l.offers_max = (p->peers + 4) * SIM_TYPES * 2;
    l.attempts_max = 1 + below(COORD_ATTEMPTS_CEILING - 2);
    if (p->mode == PLAN_CALM && l.attempts_max < 2) l.attempts_max = 2;
    l.steal = !chance(15);
    l.retry_budget_percent = chance(20) ? 0 : 1 + below(20);
    l.retry_floor = below(11);
    l.hedge_percent = chance(20) ? 0 : 1 + below(30);
    l.heartbeat_ns = between(1, p->crowd ? 8 : 4) * P2_SEC;
    l.ping_ns = 10 * P2_SEC;
    l.ping_busy_ns = 5 * P2_SEC;
    l.payload_budget_bytes = UINT64_C(64) << 20;
    l.cache_ttl_ns = between(1, 60) * P2_SEC;
    l.cache_entries_max = chance(20) ? 0 : 1 + below(200);
    l.cache_bytes_max = chance(50) ? UINT64_C(64) << 20 : 1 + below(1u << 20);
    l.resume_grace_ns = p->sessions ? p->resume_grace : 0;
    l.blobs_max = 16;
    l.blob_bytes_max = SIM_BLOB_BYTES_MAX;
    l.blob_holdings_max = 1 + below(p->peers * SIM_BLOBS);
    l.blob_budget_bytes = p->mode == PLAN_WILD && p->blobs && chance(70) ? SIM_BLOB_BYTES_MAX : UINT64_C(64) << 20;
    if (p->stream) {
        const struct coord_limits usual = coord_limits_default();
        l.attempts_max = usual.attempts_max;
        l.steal = usual.steal;
        l.hedge_percent = usual.hedge_percent;
        l.heartbeat_ns = usual.heartbeat_ns;
    }
    if (!p->tight && !p->stream && chance(10)) {
        l.cut_through = false;
        l.stream_window_bytes = COORD_WINDOW_MAX;
        l.payload_budget_bytes = 2 * l.stream_window_bytes;
    }
    if (!p->tight) return l;
    l.clients_max = p->clients > 2 ? p->clients - 1 : 2;
    l.peers_max = p->peers > 2 ? p->peers - 1 : 2;
    l.strangers_max = 4;
    l.tasks_max = 8 + below(40);
    l.tasks_per_client_max = 2 + below(12);
    l.queue_per_class_max = 2 + below(12);
    l.recent_max = 1 + below(32);
    l.offers_max = 4 + below(p->peers * SIM_TYPES);
    l.jobs_per_peer_max = 1 + below(6);
    l.stream_window_bytes = P2_STREAM_WINDOW;
    l.payload_budget_bytes = 2 * l.stream_window_bytes + below(1u << 20);
    return l;
}

// ---- its disk ------------------------------------------------------------------------------------------------------

static void step(struct coord_event *ev);

bool coord_has_blob(uint32_t number) { return coord.disk.files[number].whole; }

static void disk_answered(struct disk *d, struct p2_blob_work *w) {
    (void)d;
    struct coord_event ev = {.kind = COORD_BLOB_DONE, .work = w};
    step(&ev);
}

// ---- steps ---------------------------------------------------------------------------------------------------------

static void carry_out(const struct coord_action *a) {
    struct link *l = link_find(a->conn);
    switch (a->kind) {
    case COORD_SEND:
        if (!l) break;
        witness_said(l, &a->u.msg);
        link_send(l, FAR, a->lane, &a->u.msg);
        break;
    case COORD_CLOSE:
        if (l) link_close(l, FAR, a->code);
        break;
    case COORD_WANT_ROOM:
        if (l) link_want_room(l, FAR);
        break;
    case COORD_NOTE: witness_noted(&a->u.note); break;
    case COORD_BLOB_WORK:
        if (a->u.work.what == P2_BLOB_REMOVE) witness_gives_up(&a->u.work.digest);
        disk_do(&coord.disk, &a->u.work);
        break;
    case COORD_HASH: hash_piece(&a->u.hash); break;
    case COORD_UNHASH: hash_drop(a->u.hash.task); break;
    case COORD_ESTABLISHED: break;
    }
}

static void step_once(struct coord_event *ev) {
    ev->now_ns = sim.now;
    sim.steps++;
    coord_step(coord.core, ev, &coord.out);
    for (uint32_t i = 0; i < coord.out.count; i++) carry_out(&coord.out.items[i]);
    coord_actions_clear(&coord.out);
    if (!ev->more && ++coord.since_check >= sim.plan->check_each) coord_probe();
}

static void step(struct coord_event *ev) {
    struct coord_event hashed = {.kind = COORD_HASHED, .more = ev->more};
    step_once(ev);
    while (hash_ready(&hashed.task, &hashed.key)) step_once(&hashed);
    timer_at(&coord.tick, ev->more ? sim.now : coord_next_ns(coord.core));
}

void coord_hashed(p2_handle task, const struct p2_digest *key) {
    struct coord_event ev = {.kind = COORD_HASHED, .task = task, .key = *key};
    step(&ev);
}

static void on_tick(struct timer *t) {
    if (sim.coord_node.frozen_until > sim.now) {
        coord.stalled_until = sim.coord_node.frozen_until;
        timer_at(t, sim.coord_node.frozen_until);
        return;
    }
    struct coord_event ev = {.kind = COORD_TICK};
    step(&ev);
}

// ---- what it hears -------------------------------------------------------------------------------------------------

void coord_opened(struct link *l) {
    struct coord_event ev = {.kind = COORD_OPENED, .conn = link_handle(l), .room = link_room(l, FAR)};
    uint64_t id[2] = {p2_rng_next(&sim.rng), p2_rng_next(&sim.rng)};
    memcpy(ev.id.b, id, sizeof ev.id.b);
    shuns_opened(l, &ev.id);
    step(&ev);
}

enum p2_err coord_heard(struct link *l, struct p2_msg *m) {
    // Of half the seeds, what comes at one time is settled once, by the tick that follows.
    struct coord_event ev = {.kind = COORD_MSG, .more = sim.seed % 2, .conn = link_handle(l), .msg = m};
    witness_heard(l, m);
    step(&ev);
    return link_open(l) ? P2_OK : P2_ERR_CLOSED;
}

void coord_unreadable(struct link *l, enum p2_err why) {
    SIM_CHECK(why == P2_ERR_OVERLOADED || link_tampered(l), "the coordinator could not read: %s", p2_err_name(why));
    struct p2_msg m = {.kind = P2_MSG_ERROR};
    m.u.error.code = why;
    m.u.error.sentence = p2_str(p2_err_sentence(why));
    link_send(l, FAR, 0, &m);
    link_close(l, FAR, why);
    coord_closed(l, why);
}

void coord_writable(struct link *l) {
    struct coord_event ev = {.kind = COORD_WRITABLE, .conn = link_handle(l), .room = link_room(l, FAR)};
    step(&ev);
}

void coord_closed(struct link *l, enum p2_err why) {
    struct coord_event ev = {.kind = COORD_CLOSED, .conn = link_handle(l), .why = why};
    step(&ev);
}

// ---- life ----------------------------------------------------------------------------------------------------------

void coord_create_node(void) {
    const struct plan *p = sim.plan;
    coord.limits = limits_for(p);
    coord.since_check = 0;
    coord.stalled_until = 0;
    witness_open(&coord.limits);
    runs_open(2 * coord.limits.tasks_max);
    shuns_open(p->peers);
    uint64_t links = coord.limits.clients_max + coord.limits.peers_max + coord.limits.strangers_max;
    p2_blob_pool_init(&sim.coord_pool, 2 * coord.limits.payload_budget_bytes + links * (UINT64_C(1) << 20),
                      UINT64_C(16) << 20);
    P2_CHECK(p2_codec_init(&sim.coord_codec, &sim.coord_pool));
    const struct coord_config config = {.limits = coord.limits,
                                        .types = sim_types,
                                        .type_count = SIM_TYPES,
                                        .seed = p2_rng_next(&sim.rng),
                                        .pool = &sim.coord_pool};
    coord.core = coord_create(&config, sim.now);
    P2_CHECK(coord.core && coord_actions_init(&coord.out, &coord.limits));
    hashes_open(coord.limits.tasks_max);
    timer_init(&coord.tick, on_tick);
    disk_init(&coord.disk, &sim.coord_node, &sim.coord_pool, disk_answered);
    timer_at(&coord.tick, coord_next_ns(coord.core));
}

void coord_destroy_node(void) {
    timer_off(&coord.tick);
    hashes_close();
    disk_deinit(&coord.disk);
    coord_destroy(&coord.core);
    shuns_close();
    runs_close();
    coord_actions_deinit(&coord.out);
    p2_codec_deinit(&sim.coord_codec);
    p2_blob_pool_deinit(&sim.coord_pool);
}

void coord_drain_node(void) {
    struct coord_event ev = {.kind = COORD_DRAIN};
    step(&ev);
}

void coord_wake(void) {
    struct coord_event ev = {.kind = COORD_TICK};
    step(&ev);
}

void coord_probe(void) {
    coord.since_check = 0;
    sim.checks++;
    coord_check(coord.core);
}

void coord_check_empty(void) {
    SIM_CHECK(coord.core->clients.live == 0 && coord.core->clients_away == 0, "%u clients are left",
              coord.core->clients.live);
    SIM_CHECK(coord.core->tasks.live == 0 && coord.core->reserved_bytes == 0, "%u tasks are left",
              coord.core->tasks.live);
}

uint32_t coord_jobs_of(const struct link *l) {
    const struct session *s = session_find(coord.core, link_handle(l));
    const struct peer *p = s ? peer_of(coord.core, s) : NULL;
    return p ? p->jobs : 0;
}

bool coord_is_idle(void) { return coord_idle(coord.core); }
void coord_numbers(struct p2_msg_status *out) { coord_status(coord.core, out); }

void coord_check_tasks(uint32_t from) {
    if (sim.coord_node.frozen_until > sim.now) coord.stalled_until = sim.coord_node.frozen_until;
    if (sim.now < coord.stalled_until + 3 * P2_SEC) return;
    witness_check_tasks(from);
}
