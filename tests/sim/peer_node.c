// Peers: the worker and the duties of its shell. A peer may vanish and come again as a new process.
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "disk.h"
#include "exec.h"
#include "peer/core/worker.h"

#define DEVICES 2
#define LATER 64

struct peer {
    struct node node;
    uint32_t index, devices, slots, queue_depth;
    uint64_t blob_budget;
    struct p2_id instance; // of its processes; zero: each has its own, or none
    bool up, leaving;      // a process; it has said LEAVE
    struct worker *w;
    struct worker_actions out;
    struct worker_event later[LATER];
    uint32_t later_count;
    struct exec execs[DEVICES];
    struct disk disk;
    struct timer tick, again; // again: the process ends, or begins anew
    p2_ns joined_ns, idle_ns; // registered since, without a job since; P2_NEVER: is not
};

static struct peer *peers;

// ---- carrying out --------------------------------------------------------------------------------------------------

static void step(struct peer *p, struct worker_event *ev);

static void later(struct peer *p, const struct worker_event *ev) {
    P2_CHECK(p->later_count < LATER);
    p->later[p->later_count++] = *ev;
}

static void put_result(struct p2_msg *m, struct p2_blob *bytes, uint32_t raw_size, bool zstd) {
    struct p2_slice payload = {bytes, 0, bytes->size};
    if (m->kind == P2_MSG_TASK_RESULT) {
        m->u.result.payload = payload;
        m->u.result.raw_size = raw_size;
        m->u.result.payload_zstd = zstd;
    } else {
        m->u.chunk.payload = payload;
        m->u.chunk.raw_size = raw_size;
        m->u.chunk.payload_zstd = zstd;
    }
}

static void send_result(struct peer *p, const struct worker_action *a) {
    struct p2_msg m = a->u.msg;
    if (a->size == 0) {
        link_send(p->node.link, NEAR, a->lane, &m);
        return;
    }
    struct p2_blob *bytes = p2_blob_new(&sim.pool, a->size), *small = NULL;
    P2_CHECK(bytes);
    bytes_fill(bytes->data, p->execs[a->exec].cells[a->cell].result_seed, a->offset, a->size);
    if (a->zstd && sim.plan->zstd) small = p2_body_deflate(&sim.codec, bytes->data, bytes->size);
    put_result(&m, small ? small : bytes, a->size, small != NULL);
    link_send(p->node.link, NEAR, a->lane, &m);
    p2_blob_unref(small);
    p2_blob_unref(bytes);
}

static void store(struct peer *p, const struct worker_action *a) {
    struct worker_event ev = {.kind = WORKER_STORED, .job = a->job, .stored = a->size};
    ev.why = exec_store(&p->execs[a->exec], a->cell, a->offset, &a->u.slice, a->size, a->zstd);
    later(p, &ev);
}

static void noted(struct peer *p, const struct worker_note *n) {
    sim_trace("peer %u %s %s %s", p->index, worker_note_name(n->kind), n->code ? p2_err_name(n->code) : "",
              n->text ? n->text : "");
    const struct link *l = p->node.link;
    if (n->kind == WORKER_NOTE_REGISTERED) p->joined_ns = sim.now;
    if (n->kind == WORKER_NOTE_LINK_LOST) p->joined_ns = P2_NEVER;
    if (n->kind == WORKER_NOTE_FAULT && n->code != P2_ERR_HANDSHAKE_TIMEOUT)
        SIM_CHECK(!l || link_tampered(l), "peer %u blames the coordinator: %s", p->index, n->text);
}

// What is given back, nobody here runs or will run.
static void check_recalled(const struct peer *p, const struct p2_msg_task_recalled *m) {
    uint32_t n;
    if (!m->returned || sim.plan->repeats || !book_number(&m->id, &n)) return;
    for (uint32_t i = 0; i < p->devices; i++) {
        SIM_CHECK(!exec_holds(&p->execs[i], deed_of(n)->content), "task %u was given back, and its executor has it", n);
    }
}

// What a job refers to is there before it starts.
static void check_blobs(const struct peer *p, const struct word_job *job) {
    for (uint32_t i = 0; i < job->blob_count; i++) {
        uint32_t n;
        bool known = sim_blob_number(&job->blobs[i].digest, &n);
        SIM_CHECK(known && p->disk.files[n].whole && job->blobs[i].size == sim_blob_size(n),
                  "peer %u starts a job without its blob", p->index);
    }
}

static void carry_out(struct peer *p, const struct worker_action *a) {
    struct link *l = p->node.link;
    switch (a->kind) {
    case WORKER_ACT_DIAL: link_dial(&p->node); break;
    case WORKER_ACT_SEND:
        if (a->u.msg.kind == P2_MSG_TASK_RECALLED) check_recalled(p, &a->u.msg.u.recalled);
        if (l) link_send(l, NEAR, a->lane, &a->u.msg);
        break;
    case WORKER_ACT_SEND_RESULT:
        if (l) send_result(p, a);
        break;
    case WORKER_ACT_WANT_ROOM:
        if (l) link_want_room(l, NEAR);
        break;
    case WORKER_ACT_CLOSE:
        if (l) link_close(l, NEAR, a->why);
        break;
    case WORKER_ACT_STORE: store(p, a); break;
    case WORKER_ACT_START_EXEC: exec_start(&p->execs[a->exec]); break;
    case WORKER_ACT_KILL_EXEC: exec_kill(&p->execs[a->exec]); break;
    case WORKER_ACT_BLOB: disk_do(&p->disk, &a->u.work); break;
    case WORKER_ACT_WORD:
        if (a->u.word->kind == WORD_JOB) check_blobs(p, &a->u.word->u.job);
        exec_hear(&p->execs[a->exec], a->u.word);
        break;
    case WORKER_ACT_NOTE: noted(p, &a->u.note); break;
    case WORKER_ACT_LEAVE:
        p->leaving = true;
        timer_at(&p->again, sim.now);
        break;
    default: break;
    }
}

static void step_once(struct peer *p, struct worker_event *ev) {
    ev->now_ns = sim.now;
    sim.steps++;
    worker_step(p->w, ev, &p->out);
    for (uint32_t i = 0; i < p->out.count; i++) carry_out(p, &p->out.items[i]);
    if (sim.steps % sim.plan->check_each == 0) {
        sim.checks++;
        worker_check(p->w);
    }
}

// With what follows from it.
static void step_all(struct peer *p, struct worker_event *ev, bool more) {
    ev->more = more;
    step_once(p, ev);
    while (p->later_count && !p->leaving) {
        struct worker_event next = p->later[0];
        memmove(p->later, p->later + 1, --p->later_count * sizeof next);
        next.more = more;
        step_once(p, &next);
    }
}

static void step(struct peer *p, struct worker_event *ev) {
    if (!p->up || p->leaving) return;
    const bool more = ev->kind == WORKER_MSG; // as the shell has it
    step_all(p, ev, more);
    if (more && !p->leaving) step_all(p, &(struct worker_event){.kind = WORKER_TICK}, false);
    struct worker_stats stats;
    worker_stats(p->w, &stats);
    if (stats.jobs)
        p->idle_ns = P2_NEVER;
    else if (p->idle_ns == P2_NEVER)
        p->idle_ns = sim.now;
    timer_at(&p->tick, worker_next_ns(p->w));
}

static void on_tick(struct timer *t) {
    struct peer *p = P2_CONTAINER_OF(t, struct peer, tick);
    if (p->node.frozen_until > sim.now) {
        timer_at(t, p->node.frozen_until);
        return;
    }
    struct worker_event ev = {.kind = WORKER_TICK};
    step(p, &ev);
}

static void disk_answered(struct disk *d, struct p2_blob_work *w) {
    struct worker_event ev = {.kind = WORKER_BLOB_DONE, .work = w};
    step(P2_CONTAINER_OF(d, struct peer, disk), &ev);
}

static void tell_found(struct peer *p) {
    for (uint32_t i = 0; i < SIM_BLOBS; i++) {
        const struct disk_file *f = &p->disk.files[i];
        if (!f->there) continue;
        const struct p2_blob_work w = {
            .digest = sim_blob_digest(i), .size = sim_blob_size(i), .offset = f->whole ? sim_blob_size(i) : 0};
        struct worker_event ev = {.kind = WORKER_BLOB_FOUND, .work = &w};
        step(p, &ev);
    }
}

// ---- events --------------------------------------------------------------------------------------------------------

static struct peer *peer_of(struct node *n) { return P2_CONTAINER_OF(n, struct peer, node); }

uint32_t peer_index(const struct node *n) { return ((const struct peer *)(const void *)n)->index; }

void peer_opened(struct node *n) {
    struct worker_event ev = {.kind = WORKER_LINK_UP, .room = link_room(n->link, NEAR)};
    step(peer_of(n), &ev);
}

enum p2_err peer_heard(struct node *n, struct p2_msg *m) {
    struct worker_event ev = {.kind = WORKER_MSG, .msg = m};
    step(peer_of(n), &ev);
    return P2_OK;
}

void peer_unreadable(struct node *n, enum p2_err why) {
    SIM_CHECK(link_tampered(n->link), "a peer could not read: %s", p2_err_name(why));
    struct worker_event ev = {.kind = WORKER_LINK_FAULT, .why = why};
    step(peer_of(n), &ev);
}

void peer_writable(struct node *n) {
    struct worker_event ev = {.kind = WORKER_WRITABLE, .room = link_room(n->link, NEAR)};
    step(peer_of(n), &ev);
}

void peer_closed(struct node *n, enum p2_err why) {
    struct worker_event ev = {.kind = WORKER_LINK_DOWN, .why = why};
    step(peer_of(n), &ev);
}

void peer_exec_started(uint32_t peer, uint32_t exec) {
    struct worker_event ev = {.kind = WORKER_EXEC_STARTED, .exec = exec};
    step(&peers[peer], &ev);
}

void peer_exec_word(uint32_t peer, uint32_t exec, const struct word *w) {
    struct worker_event ev = {.kind = WORKER_EXEC_WORD, .exec = exec, .word = w};
    step(&peers[peer], &ev);
}

void peer_exec_gone(uint32_t peer, uint32_t exec) {
    struct worker_event ev = {.kind = WORKER_EXEC_GONE, .exec = exec, .text = "it ended"};
    step(&peers[peer], &ev);
}

// ---- processes -----------------------------------------------------------------------------------------------------

static void process_start(struct peer *p) {
    struct worker_config c = worker_config_default();
    c.seed = p2_rng_next(&sim.rng);
    c.instance = p->instance;
    c.types = sim_types;
    c.type_count = SIM_TYPES;
    c.agent = "simulated";
    c.device_count = p->devices;
    for (uint32_t i = 0; i < p->devices; i++) {
        c.devices[i] = (struct worker_device){.kind = P2_DEVICE_FAKE, .name = "simulated", .slots = p->slots};
    }
    c.cpu_cores = 4;
    c.queue_depth = p->queue_depth;
    c.cell_bytes = sim.plan->cell_bytes;
    if (sim.plan->blobs) c.blob_budget_bytes = p->blob_budget;
    p->w = worker_create(&c);
    P2_CHECK(p->w && worker_actions_init(&p->out, p->w));
    p->later_count = 0;
    p->leaving = false;
    p->up = true;
    p->joined_ns = P2_NEVER;
    p->idle_ns = sim.now;
    for (uint32_t i = 0; i < p->devices; i++) {
        exec_init(&p->execs[i]);
        p->execs[i].setup = worker_setup(p->w, i);
    }
    timer_at(&p->tick, sim.now);
    tell_found(p);
}

static void process_end(struct peer *p) {
    if (!p->up) return;
    p->up = false;
    p->joined_ns = P2_NEVER;
    timer_off(&p->tick);
    if (p->node.link) link_abandon(p->node.link);
    for (uint32_t i = 0; i < p->devices; i++) exec_deinit(&p->execs[i]);
    disk_process_ended(&p->disk);
    if (sim.plan->blobs && sim.plan->mode != PLAN_CALM && chance(30)) disk_wipe(&p->disk);
    worker_actions_deinit(&p->out);
    worker_destroy(&p->w);
}

static void on_again(struct timer *t) {
    struct peer *p = P2_CONTAINER_OF(t, struct peer, again);
    if (!p->up) {
        process_start(p);
        return;
    }
    process_end(p);
    timer_at(t, sim.now + between(100 * P2_MS, 20 * P2_SEC));
}

static void choose(struct peer *p) {
    const struct plan *plan = sim.plan;
    double speeds[] = {1, 1, 2, 4, 20};
    double speed = speeds[below(5)] * (0.5 + p2_rng_unit(&sim.rng));
    p->devices = plan->crowd || chance(75) ? 1 : 2;
    // Only where tasks may expire: who is held back cannot help.
    if (plan->mode == PLAN_WILD && chance(70)) {
        p->instance.b[0] = (uint8_t)(1 + p->index % 255);
        p->instance.b[1] = (uint8_t)(p->index / 255);
    }
    p->slots = 1 + below(plan->crowd ? 2 : 4);
    p->queue_depth = below(4);
    bool bad = plan->mode != PLAN_CALM && chance(30);
    if (plan->stream) {
        speed = 1;
        p->devices = p->slots = 1;
        p->queue_depth = worker_config_default().queue_depth;
    }
    for (uint32_t i = 0; i < p->devices; i++) {
        struct exec *e = &p->execs[i];
        e->peer = p->index;
        e->index = i;
        e->speed = speed;
        // Each type is offered by the first peers, so that something can be done in every seed.
        e->offers = p->index < 3 || plan->stream ? (1u << SIM_TYPES) - 1 : 1 + below((1u << SIM_TYPES) - 1);
        e->memory_bytes = p->index < 3 || plan->stream ? 0 : (UINT64_C(1) << 20) << below(14);
        e->faults = (struct exec_faults){.fails = bad ? 5 + below(40) : 0.5, .crashes = bad ? 2 : 0.1};
        if (bad && chance(40)) e->faults.endless = 1;
        if (plan->mode == PLAN_CALM) e->faults = (struct exec_faults){0};
        if (plan->mode == PLAN_PEERS_FAIL) e->faults.endless = 0;
    }
}

void peers_create(void) {
    peers = calloc(sim.plan->peers, sizeof *peers);
    P2_CHECK(peers);
    for (uint32_t i = 0; i < sim.plan->peers; i++) {
        struct peer *p = &peers[i];
        p->index = i;
        p->node.kind = NODE_PEER;
        p->node.delay = between(sim.plan->delay_min, sim.plan->delay_max);
        p->node.bandwidth = (uint64_t)between((p2_ns)sim.plan->bandwidth_min, (p2_ns)sim.plan->bandwidth_max);
        choose(p);
        disk_init(&p->disk, &p->node, &sim.pool, disk_answered);
        p->blob_budget = sim.plan->mode == PLAN_WILD && i % 3 == 2 ? SIM_BLOB_BYTES_MAX : UINT64_C(64) << 20;
        timer_init(&p->tick, on_tick);
        timer_init(&p->again, on_again);
        timer_at(&p->again, sim.now + (sim.plan->mode == PLAN_CALM ? 0 : between(0, 5 * P2_SEC)));
    }
}

void peers_destroy(void) {
    for (uint32_t i = 0; i < sim.plan->peers; i++) {
        timer_off(&peers[i].again);
        process_end(&peers[i]);
        disk_deinit(&peers[i].disk);
    }
    free(peers);
}

void peers_heal(void) {
    for (uint32_t i = 0; i < sim.plan->peers; i++) {
        if (peers[i].up && peers[i].node.frozen_until > sim.now) timer_at(&peers[i].tick, sim.now);
        peers[i].node.frozen_until = 0;
    }
}

void peers_check(void) {
    for (uint32_t i = 0; i < sim.plan->peers; i++) {
        if (peers[i].up) worker_check(peers[i].w);
    }
}

p2_ns peer_joined(uint32_t i) { return peers[i].joined_ns; }

bool peer_idle_for(uint32_t i, uint32_t content) {
    const struct peer *p = &peers[i];
    const struct content *c = content_of(content);
    if (!p->up || p->leaving || !p->node.link || !link_healthy(p->node.link) || link_tampered(p->node.link))
        return false;
    if (coord_jobs_of(p->node.link)) return false; // what it was given may be on its way
    if (p->node.frozen_until + 10 * P2_SEC > sim.now && p->node.frozen_until) return false;
    if (p->joined_ns > sim.now - 5 * P2_SEC || p->idle_ns > sim.now - 3 * P2_SEC) return false;
    if (c->payload_size > sim.plan->cell_bytes || c->result_size > sim.plan->cell_bytes) return false;
    for (uint32_t k = 0; k < p->devices; k++) {
        const struct exec *e = &p->execs[k];
        bool fits = !e->memory_bytes || (uint64_t)c->memory_mb << 20 <= e->memory_bytes;
        if (e->stage != STAGE_SERVING || e->ready_ns > sim.now - 5 * P2_SEC || !(e->offers & 1u << c->type) || !fits)
            return false;
    }
    return !sim.plan->tight; // there its offers may not all have been taken
}

// ---- faults --------------------------------------------------------------------------------------------------------

void peer_fault(uint32_t i) {
    struct peer *p = &peers[i];
    struct worker_event drain = {.kind = WORKER_DRAIN};
    if (!p->up) return;
    switch (below(sim.plan->mode == PLAN_WILD ? 8 : 6)) {
    case 0: exec_crash(&p->execs[below(p->devices)]); break;
    case 1: // killed
        process_end(p);
        timer_at(&p->again, sim.now + between(100 * P2_MS, 20 * P2_SEC));
        break;
    case 2: step(p, &drain); break;
    case 3:
        if (p->node.link) link_break(p->node.link);
        break;
    case 4:
        if (p->node.link) link_silence(p->node.link);
        break;
    case 5: p->node.frozen_until = p2_ns_max(p->node.frozen_until, sim.now + between(P2_MS, 15 * P2_SEC)); break;
    case 6:
        if (p->node.link) link_tamper(p->node.link);
        break;
    default:
        if (p->node.link) link_freeze(p->node.link, sim.now + between(P2_MS, 5 * P2_SEC));
        break;
    }
}
