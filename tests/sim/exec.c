#include "exec.h"

#include <stdlib.h>
#include <string.h>

#include "book.h"

static p2_ns next_end(const struct exec *e) {
    p2_ns next = P2_NEVER;
    for (uint32_t i = 0; i < e->setup.cells; i++) {
        const struct run *r = &e->runs[i];
        if (r->state == RUN_RUNNING && !r->endless) next = p2_ns_min(next, r->ends_ns);
        if (r->state != RUN_NONE && r->recalled_ns) next = p2_ns_min(next, r->recalled_ns);
    }
    return next;
}

static uint32_t count(const struct exec *e, enum run_state s) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->setup.cells; i++) n += e->runs[i].state == s;
    return n;
}

static void say(struct exec *e, const struct word *w) { peer_exec_word(e->peer, e->index, w); }

// ---- jobs ----------------------------------------------------------------------------------------------------------

// The job's payload must be what its parameters say, and there must be time left.
static void look_at(const struct exec *e, const struct word_job *job) {
    struct sim_block b;
    memcpy(&b, job->block, sizeof b);
    const struct content *c = content_of(b.content);
    SIM_CHECK(c && strcmp(sim_types[c->type]->name, job->type) == 0, "a job of content %u has another type", b.content);
    SIM_CHECK(job->payload_size == c->payload_size &&
                  bytes_right(e->cells[job->cell].bytes, c->seed, 0, c->payload_size),
              "a job of content %u has other bytes", b.content);
    SIM_CHECK(job->deadline_ns > sim.now, "a job was handed over after its deadline");
}

static void start_one(struct exec *e, struct run *r) {
    struct sim_block b;
    memcpy(&b, r->job.block, sizeof b);
    const struct content *c = content_of(b.content);
    double varies = sim.plan->stream ? 0.97 + 0.06 * p2_rng_unit(&sim.rng) : 0.5 + p2_rng_unit(&sim.rng);
    double work = (double)c->work_us * varies / e->speed;
    r->state = RUN_RUNNING;
    r->started_ns = sim.now;
    r->ends_ns = sim.now + (p2_ns)(work * (double)P2_US) + P2_US;
    r->code = P2_OK;
    if (!sim.faults) return;
    if (chance(e->faults.fails)) r->code = chance(50) ? P2_ERR_EXECUTION_FAILED : P2_ERR_DEVICE_MEMORY;
    r->endless = chance(e->faults.endless);
    if (chance(e->faults.crashes)) exec_crash(e);
}

static void start_jobs(struct exec *e) {
    while (e->stage == STAGE_SERVING && count(e, RUN_RUNNING) < e->setup.slots) {
        struct run *first = NULL;
        for (uint32_t i = 0; i < e->setup.cells; i++) {
            struct run *r = &e->runs[i];
            if (r->state == RUN_WAITING && (!first || r->job.deadline_ns < first->job.deadline_ns)) first = r;
        }
        if (!first) return;
        start_one(e, first);
    }
}

static void end_one(struct exec *e, uint32_t cell, enum p2_err code) {
    struct run *r = &e->runs[cell];
    struct word w = {.kind = WORD_DONE, .u.done = {.cell = cell, .code = code}};
    if (r->state == RUN_RUNNING) {
        w.u.done.queue_ns = r->started_ns - r->taken_ns;
        w.u.done.processing_ns = w.u.done.kernel_ns = sim.now - r->started_ns;
    }
    if (code == P2_OK) {
        struct sim_block b;
        memcpy(&b, r->job.block, sizeof b);
        struct content *c = content_of(b.content);
        uint64_t seed = result_seed_of(e->cells[cell].bytes, (uint32_t)r->job.payload_size, c->type);
        e->cells[cell].result_seed = c->seed & 1 ? seed | 1 : seed & ~UINT64_C(1);
        w.u.done.result_size = c->result_size;
        c->computed = true;
    }
    r->state = RUN_NONE;
    r->endless = false;
    say(e, &w);
}

static void give_back(struct exec *e, uint32_t cell) {
    struct word w = {.kind = WORD_DONE, .u.done = {.cell = cell, .code = P2_ERR_CANCELLED, .returned = true}};
    e->runs[cell].state = RUN_NONE;
    say(e, &w);
}

// Some time after it was asked: a job may have started, or ended, in between.
static void answer_recalls(struct exec *e) {
    for (uint32_t i = 0; i < e->setup.cells && e->stage >= STAGE_SERVING; i++) {
        struct run *r = &e->runs[i];
        if (r->state == RUN_NONE || !r->recalled_ns || r->recalled_ns > sim.now) continue;
        r->recalled_ns = 0;
        if (r->state == RUN_WAITING) {
            give_back(e, i);
            continue;
        }
        struct word w = {.kind = WORD_RUNS, .u.cell = i};
        say(e, &w);
    }
}

static void end_jobs(struct exec *e) {
    for (uint32_t i = 0; i < e->setup.cells && e->stage >= STAGE_SERVING; i++) {
        struct run *r = &e->runs[i];
        if (r->state == RUN_WAITING && r->job.deadline_ns <= sim.now) end_one(e, i, P2_ERR_DEADLINE_EXCEEDED);
        if (r->state == RUN_RUNNING && !r->endless && r->ends_ns <= sim.now) end_one(e, i, r->code);
    }
}

// ---- life ----------------------------------------------------------------------------------------------------------

static void rearm(struct exec *e) {
    if (e->stage == STAGE_SERVING || e->stage == STAGE_QUITTING) timer_at(&e->timer, next_end(e));
    if (e->stage == STAGE_QUITTING && count(e, RUN_RUNNING) == 0) timer_at(&e->timer, sim.now + P2_MS);
}

static void build(struct exec *e) {
    struct word w = {.kind = WORD_PROGRESS, .progress = 0.5f};
    uint32_t k = e->built++;
    if (k == 0) {
        w.kind = WORD_DEVICE;
        w.u.device = (struct word_device){.kind = P2_DEVICE_FAKE, .memory_bytes = e->memory_bytes, .name = "simulated"};
    } else if (k <= SIM_TYPES && e->offers & 1u << (k - 1)) {
        w.kind = WORD_OFFER;
        w.u.offer.version = 1;
        w.u.offer.units_per_second = chance(80) || sim.plan->stream ? (uint64_t)(1e6 * e->speed) : 0;
        strncpy(w.u.offer.type, sim_types[k - 1]->name, sizeof w.u.offer.type - 1);
    } else if (k > SIM_TYPES) {
        w.kind = WORD_READY;
        e->ready_ns = sim.now;
        e->stage = STAGE_SERVING;
    }
    if (e->stage == STAGE_BUILDING) timer_at(&e->timer, sim.now + between(P2_MS, 300 * P2_MS));
    say(e, &w);
}

static void on_timer(struct timer *t) {
    struct exec *e = P2_CONTAINER_OF(t, struct exec, timer);
    switch (e->stage) {
    case STAGE_DOWN: break;
    case STAGE_STARTING:
        e->stage = STAGE_BUILDING;
        e->built = 0;
        timer_off(t); // it builds when it has been set up
        peer_exec_started(e->peer, e->index);
        break;
    case STAGE_BUILDING: build(e); break;
    case STAGE_DYING:
        e->stage = STAGE_DOWN;
        peer_exec_gone(e->peer, e->index);
        break;
    case STAGE_QUITTING:
        if (count(e, RUN_RUNNING) == 0) {
            e->stage = STAGE_DOWN;
            peer_exec_gone(e->peer, e->index);
            break;
        }
        answer_recalls(e);
        end_jobs(e);
        rearm(e);
        break;
    case STAGE_SERVING:
        answer_recalls(e);
        end_jobs(e);
        start_jobs(e);
        rearm(e);
        break;
    }
}

void exec_hear(struct exec *e, const struct word *w) {
    if (e->stage == STAGE_DYING || e->stage == STAGE_DOWN) return;
    if (w->kind == WORD_SETUP) {
        SIM_CHECK(w->u.setup.cells == e->setup.cells, "an executor was set up for other cells");
        timer_at(&e->timer, sim.now + P2_MS);
    } else if (w->kind == WORD_JOB) {
        struct run *r = &e->runs[w->u.job.cell];
        SIM_CHECK(w->u.job.cell < e->setup.cells && r->state == RUN_NONE, "a cell was given a second job");
        look_at(e, &w->u.job);
        *r = (struct run){.state = RUN_WAITING, .job = w->u.job, .taken_ns = sim.now};
        start_jobs(e);
    } else if (w->kind == WORD_CANCEL) {
        struct run *r = &e->runs[w->u.cell];
        if (r->state == RUN_NONE || r->endless) return;
        if (r->state == RUN_WAITING) start_one(e, r);
        r->endless = false;
        r->ends_ns = p2_ns_min(r->ends_ns, sim.now + between(P2_US, 50 * P2_MS));
        if (chance(80)) r->code = P2_ERR_CANCELLED;
    } else if (w->kind == WORD_RECALL) {
        if (e->runs[w->u.cell].state == RUN_NONE || chance(2)) return; // its end is being said; or it never answers
        e->runs[w->u.cell].recalled_ns = sim.now + (chance(80) ? between(P2_US, P2_MS) : between(P2_MS, 100 * P2_MS));
    } else if (w->kind == WORD_QUIT) {
        e->stage = STAGE_QUITTING;
    }
    if (e->stage == STAGE_SERVING || e->stage == STAGE_QUITTING) rearm(e);
}

bool exec_holds(const struct exec *e, uint32_t content) {
    for (uint32_t i = 0; i < e->setup.cells; i++) {
        struct sim_block b;
        memcpy(&b, e->runs[i].job.block, sizeof b);
        if (e->runs[i].state != RUN_NONE && b.content == content) return true;
    }
    return false;
}

static void die(struct exec *e, p2_ns after) {
    memset(e->runs, 0, sizeof e->runs);
    e->stage = STAGE_DYING;
    timer_at(&e->timer, sim.now + after);
}

void exec_start(struct exec *e) {
    e->stage = STAGE_STARTING;
    timer_at(&e->timer, sim.now + between(P2_MS, 50 * P2_MS));
}

void exec_kill(struct exec *e) {
    if (e->stage != STAGE_DOWN) die(e, between(P2_US, 20 * P2_MS));
}

void exec_crash(struct exec *e) {
    if (e->stage >= STAGE_BUILDING && e->stage < STAGE_DYING) die(e, between(P2_US, P2_MS));
}

void exec_init(struct exec *e) { timer_init(&e->timer, on_timer); }

void exec_deinit(struct exec *e) {
    timer_off(&e->timer);
    for (uint32_t i = 0; i < WORD_CELLS_MAX; i++) free(e->cells[i].bytes);
    memset(e->cells, 0, sizeof e->cells);
    memset(e->runs, 0, sizeof e->runs);
    e->stage = STAGE_DOWN;
}

enum p2_err exec_store(struct exec *e, uint32_t cell, uint64_t offset, const struct p2_slice *bytes, uint32_t raw_size,
                       bool zstd) {
    struct cell *c = &e->cells[cell];
    SIM_CHECK(e->runs[cell].state == RUN_NONE, "a payload is stored in the cell of a job that runs");
    SIM_CHECK(offset + raw_size <= e->setup.in_bytes, "a payload is stored beyond its cell");
    if (offset + raw_size > c->capacity) {
        c->capacity = (uint32_t)(offset + raw_size) + c->capacity;
        c->bytes = realloc(c->bytes, c->capacity);
        P2_CHECK(c->bytes);
    }
    if (zstd) return p2_body_inflate(&sim.codec, p2_slice_data(bytes), bytes->size, c->bytes + offset, raw_size);
    memcpy(c->bytes + offset, p2_slice_data(bytes), raw_size);
    return P2_OK;
}
