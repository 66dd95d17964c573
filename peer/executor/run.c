#include "peer/executor/run.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/list.h"
#include "os/os.h"
#include "peer/executor/blobs.h"

enum p2_err runner_init(struct runner *r, const struct device *device, uint32_t keep_percent, struct p2_strbuf *why) {
    memset(r, 0, sizeof *r);
    if (!p2_heap_init(&r->waiting, WORD_CELLS_MAX)) return P2_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < WORD_CELLS_MAX; i++) p2_heap_node_init(&r->cells[i].node);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&r->lock, NULL);
    uint64_t budget = device->info.facts.memory_bytes / 100 * keep_percent;
    uploads_init(&r->uploads, device);
    if (!residents_init(&r->residents, device, &r->allocations, budget)) return P2_ERR_NO_MEMORY;
    enum p2_err e = slot_init(&r->slots[0].exec, &r->residents, why);
    if (e == P2_OK) r->slot_count = 1;
    return e;
}

struct exec_slot *runner_first_slot(struct runner *r) {
    return &r->slots[0].exec;
}

static uint32_t cell_index(const struct runner *r, const struct run_cell *c) { return (uint32_t)(c - r->cells); }

// The one function that writes a cell's state; those that wait are in the heap. Called with the lock.
static void cell_move(struct runner *r, struct run_cell *c, enum run_state to) {
    static const unsigned moves[] = {
        [RUN_FREE] = 1u << RUN_WAITING,
        [RUN_WAITING] = 1u << RUN_RUNNING | 1u << RUN_FREE,
        [RUN_RUNNING] = 1u << RUN_FREE,
    };
    P2_CHECK(moves[c->state] & 1u << to);
    if (to == RUN_WAITING) p2_heap_push(&r->waiting, &c->node, c->job.deadline_ns, r->arrivals++);
    if (c->state == RUN_WAITING) p2_heap_remove(&r->waiting, &c->node);
    c->state = to;
}

// Says how a job ended. The cell is free before it is said, since the answer may be the next job. Without the lock.
static void tell(struct runner *r, uint32_t cell, const struct slot_outcome *outcome, p2_ns queue_ns,
                 p2_ns processing_ns) {
    const struct word_done done = {
        .cell = cell,
        .code = outcome->code,
        .result_size = outcome->result_size,
        .queue_ns = queue_ns,
        .processing_ns = processing_ns,
        .kernel_ns = outcome->kernel_ns,
        .launch_ns_max = outcome->launch_ns_max,
        .allocations = atomic_load(&r->allocations),
    };
    r->o.done(r->o.arg, &done, outcome->why);
}

static void tell_unstarted(struct runner *r, uint32_t cell, enum p2_err code, p2_ns queue_ns) {
    upload_end(&r->uploads, &r->cells[cell].upload); // its payload may be written over from now on
    struct slot_outcome outcome = {.code = code};
    struct p2_strbuf why;
    p2_strbuf_init(&why, outcome.why, sizeof outcome.why);
    p2_strbuf_printf(&why, "%s", p2_err_sentence(code));
    tell(r, cell, &outcome, queue_ns, 0);
}

static void run_one(struct run_slot *s, struct run_cell *c) {
    struct runner *r = s->runner;
    uint32_t cell = cell_index(r, c);
    p2_ns start = p2_clock_now(), queue_ns = start - c->received_ns;
    struct slot_outcome outcome = {.code = P2_ERR_INTERNAL, .why = "a blob could not be mapped"};
    struct exec_blob blobs[P2_TASK_BLOBS_MAX];
    c->job.job.blobs = blobs;
    c->job.job.blob_count = blobs_map(r->o.blob_dir, c->blobs, c->blob_count, blobs);
    if (c->job.job.blob_count == c->blob_count)
        slot_run(&s->exec, c->type_index, r->o.proofs[c->type_index].type, &c->job, &outcome);
    blobs_unmap(blobs, c->job.job.blob_count);
    c->job.job.blobs = NULL;
    upload_end(&r->uploads, &c->upload);
    p2_ns processing_ns = p2_clock_now() - start;
    pthread_mutex_lock(&r->lock);
    cell_move(r, c, RUN_FREE);
    pthread_mutex_unlock(&r->lock);
    tell(r, cell, &outcome, queue_ns, processing_ns);
    if (s->exec.device_lost) r->o.lost(r->o.arg, outcome.why);
}

// After a while without a job. Called with the lock.
static void give_back(struct run_slot *s) {
    struct runner *r = s->runner;
    pool_trim(&s->exec.pool);
    for (uint32_t i = 0; i < r->o.setup.cells; i++) {
        if (r->cells[i].state == RUN_FREE) upload_drop(&r->uploads, &r->cells[i].upload);
    }
}

// The next job to run, or NULL when stopping. Ends those that are too late on the way. Called and returns with the
// lock.
static struct run_cell *next_job(struct run_slot *s) {
    struct runner *r = s->runner;
    while (!r->stopping) {
        struct p2_heap_node *node = p2_heap_peek(&r->waiting);
        if (!node) {
            p2_ns until = p2_clock_now() + RUN_IDLE_NS;
            const struct timespec at = {.tv_sec = until / P2_SEC, .tv_nsec = until % P2_SEC};
            bool kept = s->exec.pool.bytes_kept > 0;
            int waited = kept ? pthread_cond_timedwait(&r->wake, &r->lock, &at) : pthread_cond_wait(&r->wake, &r->lock);
            if (waited != 0 && !r->waiting.count) give_back(s);
            continue;
        }
        struct run_cell *c = P2_CONTAINER_OF(node, struct run_cell, node);
        p2_ns now = p2_clock_now();
        if (c->job.deadline_ns > now) {
            cell_move(r, c, RUN_RUNNING);
            return c;
        }
        cell_move(r, c, RUN_FREE);
        p2_ns queue_ns = now - c->received_ns;
        pthread_mutex_unlock(&r->lock);
        tell_unstarted(r, cell_index(r, c), P2_ERR_DEADLINE_EXCEEDED, queue_ns);
        pthread_mutex_lock(&r->lock);
    }
    return NULL;
}

static void *slot_main(void *arg) {
    struct run_slot *s = arg;
    struct runner *r = s->runner;
    pthread_mutex_lock(&r->lock);
    struct run_cell *c;
    while ((c = next_job(s))) {
        pthread_mutex_unlock(&r->lock);
        run_one(s, c);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

static void init_cell(struct runner *r, uint32_t i) {
    const struct word_setup *setup = &r->o.setup;
    struct run_cell *c = &r->cells[i];
    uint8_t *in = r->o.memory + word_cell_in(setup, i), *out = r->o.memory + word_cell_out(setup, i);
    c->job = (struct slot_job){
        .job = {.block = c->block, .in = in, .out = out, .out_capacity = (size_t)setup->out_bytes},
        .in_capacity = (size_t)setup->in_bytes,
        .in_view = device_view(r->o.device, in, (size_t)setup->in_bytes),
        .out_view = device_view(r->o.device, out, (size_t)setup->out_bytes),
        .uploaded = &c->upload,
        .cancelled = &c->cancelled,
    };
}

static enum p2_err init_slot(struct runner *r, uint32_t i, struct p2_strbuf *why) {
    struct run_slot *s = &r->slots[i];
    enum p2_err e = slot_init(&s->exec, &r->residents, why);
    if (e != P2_OK) return e;
    r->slot_count = i + 1;
    for (uint32_t t = 0; t < r->o.proof_count && e == P2_OK; t++) {
        const struct proof *p = &r->o.proofs[t];
        if (p->offered) e = slot_add_type(&s->exec, t, p->type, p->program, why);
    }
    return e;
}

enum p2_err runner_start(struct runner *r, const struct runner_options *o, struct p2_strbuf *why) {
    P2_CHECK(o->setup.slots >= 1 && o->setup.slots <= RUN_SLOTS_MAX && o->setup.cells <= WORD_CELLS_MAX);
    r->o = *o;
    (void)residents_evict(&r->residents, UINT64_MAX); // what the known answers left
    for (uint32_t i = 0; i < o->setup.cells; i++) init_cell(r, i);
    enum p2_err e = P2_OK;
    for (uint32_t i = 1; i < o->setup.slots && e == P2_OK; i++) e = init_slot(r, i, why);
    for (uint32_t i = 0; i < o->setup.slots && e == P2_OK; i++) {
        r->slots[i].runner = r;
        r->slots[i].started = pthread_create(&r->slots[i].thread, NULL, slot_main, &r->slots[i]) == 0;
        if (!r->slots[i].started) {
            p2_strbuf_printf(why, "no thread for slot %u", i);
            e = P2_ERR_NO_MEMORY;
        }
    }
    return e;
}

static uint32_t find_type(const struct runner *r, const char *name, uint32_t version) {
    for (uint32_t i = 0; i < r->o.proof_count; i++) {
        const struct proof *p = &r->o.proofs[i];
        if (p->offered && p->type->type->version == version && !strcmp(p->type->type->name, name)) return i;
    }
    return UINT32_MAX;
}

static void fill_cell(struct run_cell *c, const struct word_job *job, uint32_t type_index, p2_ns now) {
    memcpy(c->block, job->block, sizeof c->block);
    memcpy(c->blobs, job->blobs, sizeof c->blobs);
    c->blob_count = job->blob_count;
    c->job.job.in_size = (size_t)job->payload_size;
    c->job.deadline_ns = job->deadline_ns;
    c->type_index = type_index;
    c->received_ns = now;
    atomic_store(&c->cancelled, false);
}

enum p2_err runner_submit(struct runner *r, const struct word_job *job, p2_ns now) {
    P2_CHECK(job->cell < r->o.setup.cells && job->payload_size <= r->o.setup.in_bytes);
    struct run_cell *c = &r->cells[job->cell];
    uint32_t type_index = find_type(r, job->type, job->type_version);
    pthread_mutex_lock(&r->lock);
    bool is_free = c->state == RUN_FREE;
    pthread_mutex_unlock(&r->lock);
    if (!is_free) return P2_ERR_UNEXPECTED_MESSAGE;
    if (type_index == UINT32_MAX) {
        tell_unstarted(r, job->cell, P2_ERR_UNKNOWN_TYPE, 0);
        return P2_OK;
    }
    // Nobody else fills a free cell; without the lock, since a driver may take its time to start a transfer.
    fill_cell(c, job, type_index, now);
    const struct exec_type *type = r->o.proofs[type_index].type;
    if (type->raw_payload && type->raw_payload(c->block))
        upload_begin(&r->uploads, &c->upload, c->job.job.in, c->job.job.in_size);
    pthread_mutex_lock(&r->lock);
    cell_move(r, c, RUN_WAITING);
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    return P2_OK;
}

void runner_cancel(struct runner *r, uint32_t cell) {
    P2_CHECK(cell < r->o.setup.cells);
    struct run_cell *c = &r->cells[cell];
    pthread_mutex_lock(&r->lock);
    bool waiting = c->state == RUN_WAITING;
    p2_ns queue_ns = p2_clock_now() - c->received_ns;
    if (waiting) {
        cell_move(r, c, RUN_FREE);
    } else if (c->state == RUN_RUNNING) {
        atomic_store(&c->cancelled, true);
    }
    pthread_mutex_unlock(&r->lock);
    residents_wake(&r->residents); // it may wait for what another job has
    if (waiting) tell_unstarted(r, cell, P2_ERR_CANCELLED, queue_ns);
}

void runner_recall(struct runner *r, uint32_t cell) {
    P2_CHECK(cell < r->o.setup.cells);
    struct run_cell *c = &r->cells[cell];
    pthread_mutex_lock(&r->lock);
    bool waiting = c->state == RUN_WAITING;
    const struct word_done done = {.cell = cell,
                                   .code = P2_ERR_CANCELLED,
                                   .returned = true,
                                   .queue_ns = p2_clock_now() - c->received_ns,
                                   .allocations = atomic_load(&r->allocations)};
    if (waiting) {
        cell_move(r, c, RUN_FREE);
    } else if (c->state == RUN_RUNNING) {
        r->o.runs(r->o.arg, cell); // with the lock, so that it is said before the job's end
    }
    pthread_mutex_unlock(&r->lock);
    if (!waiting) return;
    upload_end(&r->uploads, &c->upload);
    r->o.done(r->o.arg, &done, p2_err_sentence(P2_ERR_CANCELLED));
}

p2_ns runner_expire(struct runner *r, p2_ns now) {
    for (;;) {
        pthread_mutex_lock(&r->lock);
        struct p2_heap_node *node = p2_heap_peek(&r->waiting);
        p2_ns next = node ? node->key : P2_NEVER;
        if (!node || next > now) {
            pthread_mutex_unlock(&r->lock);
            return next;
        }
        struct run_cell *c = P2_CONTAINER_OF(node, struct run_cell, node);
        cell_move(r, c, RUN_FREE);
        p2_ns queue_ns = now - c->received_ns;
        pthread_mutex_unlock(&r->lock);
        tell_unstarted(r, cell_index(r, c), P2_ERR_DEADLINE_EXCEEDED, queue_ns);
    }
}

void runner_stop(struct runner *r) {
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_broadcast(&r->wake);
    pthread_mutex_unlock(&r->lock);
    for (uint32_t i = 0; i < r->slot_count; i++) {
        if (r->slots[i].started) pthread_join(r->slots[i].thread, NULL);
        r->slots[i].started = false;
    }
    struct p2_heap_node *node;
    while ((node = p2_heap_peek(&r->waiting))) {
        struct run_cell *c = P2_CONTAINER_OF(node, struct run_cell, node);
        cell_move(r, c, RUN_FREE);
        tell_unstarted(r, cell_index(r, c), P2_ERR_CANCELLED, p2_clock_now() - c->received_ns);
    }
}

void runner_deinit(struct runner *r) {
    for (uint32_t i = 0; i < r->slot_count; i++) slot_deinit(&r->slots[i].exec);
    residents_deinit(&r->residents);
    for (uint32_t i = 0; i < WORD_CELLS_MAX; i++) {
        upload_drop(&r->uploads, &r->cells[i].upload);
        if (r->cells[i].job.in_view) clReleaseMemObject(r->cells[i].job.in_view);
        if (r->cells[i].job.out_view) clReleaseMemObject(r->cells[i].job.out_view);
    }
    uploads_deinit(&r->uploads);
    p2_heap_deinit(&r->waiting);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
}
