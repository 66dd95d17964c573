#include "peer/core/state.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct worker_config worker_config_default(void) {
    return (struct worker_config){
        .queue_depth = 2,
        .keep_percent = 25,
        .cell_bytes = P2_TASK_PAYLOAD_MAX,
        .window_bytes = 8u << 20,
        .watchdog_ns = 250 * P2_MS,
        .cancel_ns = 2 * P2_SEC,
        .job_ns_max = 600 * P2_SEC,
        .build_silence_ns = 120 * P2_SEC,
        .handshake_ns = 10 * P2_SEC,
        .drain_ns = 30 * P2_SEC,
        .quit_ns = 2 * P2_SEC,
        .restart_ns_max = 30 * P2_SEC,
    };
}

static bool config_valid(const struct worker_config *c) {
    if (c->device_count < 1 || c->device_count > P2_DEVICES_MAX || c->type_count < 1 || !c->types || !c->agent)
        return false;
    for (uint32_t i = 0; i < c->device_count; i++) {
        if (c->devices[i].slots < 1 || c->devices[i].slots > WORKER_SLOTS_MAX) return false;
        if (c->devices[i].kind < P2_DEVICE_CPU || c->devices[i].kind > P2_DEVICE_FAKE) return false;
    }
    return c->queue_depth <= 8 && c->keep_percent <= WORD_KEEP_MAX && c->cell_bytes >= P2_RECORD_PAYLOAD_MAX &&
           c->cell_bytes <= P2_TASK_PAYLOAD_MAX && c->cell_bytes % 4096 == 0 && c->window_bytes >= P2_STREAM_WINDOW &&
           c->window_bytes <= P2_TASK_PAYLOAD_MAX && c->watchdog_ns > 0 && c->cancel_ns > 0 && c->job_ns_max > 0 &&
           c->build_silence_ns > 0 && c->handshake_ns > 0 && c->drain_ns > 0 && c->quit_ns > 0 && c->restart_ns_max > 0;
}

static bool tables_init(struct worker *w) {
    uint32_t cells = 0;
    for (uint32_t i = 0; i < w->config.device_count; i++) cells += w->execs[i].cells;
    const struct p2_shelf_limits shelf = {WORKER_BLOBS_MAX, w->config.blob_budget_bytes, sizeof(struct keep)};
    if (!p2_shelf_init(&w->shelf, &shelf, (const uint64_t[2]){p2_rng_next(&w->rng), p2_rng_next(&w->rng)}))
        return false;
    return p2_slab_init(&w->jobs, sizeof(struct job), cells) && p2_streams_init(&w->streams, cells) &&
           p2_timers_init(&w->timers, cells) &&
           p2_arena_init(&w->arena, 16384 + (size_t)cells * (512 + sizeof(struct word)));
}

struct worker *worker_create(const struct worker_config *config) {
    if (!config_valid(config)) return NULL;
    struct worker *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->config = *config;
    p2_rng_init(&w->rng, config->seed);
    for (int i = 0; i < P2_CLASSES; i++) p2_list_init(&w->sending[i]);
    p2_list_init(&w->wanted);
    for (uint32_t i = 0; i < config->device_count; i++) {
        struct exec *e = &w->execs[i];
        e->device = config->devices[i];
        e->device.name[sizeof e->device.name - 1] = e->device.driver[sizeof e->device.driver - 1] = '\0';
        uint32_t cells = e->device.slots * (1 + config->queue_depth);
        e->cells = cells < WORD_CELLS_MAX ? cells : WORD_CELLS_MAX;
        e->cells_free = UINT64_MAX >> (64 - e->cells);
    }
    if (!tables_init(w)) worker_destroy(&w);
    return w;
}

void worker_destroy(struct worker **w) {
    if (!*w) return;
    p2_slab_deinit(&(*w)->jobs);
    p2_shelf_deinit(&(*w)->shelf);
    p2_streams_deinit(&(*w)->streams);
    p2_timers_deinit(&(*w)->timers);
    p2_arena_deinit(&(*w)->arena);
    free(*w);
    *w = NULL;
}

// A step says at most five things about each job (two records, a word, a store, a note), four about each executor,
// PUMP_MAX result records, one of each blob and of those of one more job, and a handful about the link.
bool worker_actions_init(struct worker_actions *out, const struct worker *w) {
    uint32_t capacity = 5 * w->jobs.capacity + 4 * w->config.device_count + PUMP_MAX + 2 * WORKER_BLOBS_MAX + 64;
    *out = (struct worker_actions){.items = calloc(capacity, sizeof *out->items), .capacity = capacity};
    return out->items != NULL;
}

void worker_actions_deinit(struct worker_actions *out) {
    free(out->items);
    *out = (struct worker_actions){0};
}

struct worker_action *worker_act(struct worker *w, enum worker_action_kind kind) {
    P2_CHECK(w->out->count < w->out->capacity);
    struct worker_action *a = &w->out->items[w->out->count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    a->exec = NO_EXEC;
    return a;
}

struct worker_note *worker_note(struct worker *w, enum worker_note_kind kind) {
    struct worker_note *n = &worker_act(w, WORKER_ACT_NOTE)->u.note;
    n->kind = kind;
    n->exec = NO_EXEC;
    return n;
}

void worker_send(struct worker *w, const struct p2_msg *m, unsigned lane) {
    struct worker_action *a = worker_act(w, WORKER_ACT_SEND);
    a->lane = lane;
    a->u.msg = *m;
}

struct word *worker_word(struct worker *w, uint32_t exec, enum word_kind kind) {
    struct word *word = p2_arena_alloc(&w->arena, sizeof *word);
    P2_CHECK(word != NULL); // sized for one a job and one an executor
    memset(word, 0, sizeof *word);
    word->kind = kind;
    struct worker_action *a = worker_act(w, WORKER_ACT_WORD);
    a->exec = exec;
    a->u.word = word;
    return word;
}

// Everything that follows from the clock or from what changed in this step, in one place and in this order.
static void settle(struct worker *w) {
    worker_jobs_expire(w);
    worker_exec_settle(w);
    worker_link_settle(w);
    worker_blobs_settle(w);
    worker_jobs_pump(w);
    worker_drain_settle(w);
}

void worker_step(struct worker *w, const struct worker_event *ev, struct worker_actions *out) {
    P2_CHECK(ev->now_ns >= w->now);
    w->now = ev->now_ns;
    w->out = out;
    out->count = 0;
    p2_arena_reset(&w->arena);
    if (w->left) return;
    switch (ev->kind) {
    case WORKER_LINK_UP:
    case WORKER_WRITABLE:
    case WORKER_LINK_FAULT:
    case WORKER_LINK_DOWN: worker_link_event(w, ev); break;
    case WORKER_MSG: worker_link_msg(w, ev->msg); break;
    case WORKER_EXEC_STARTED:
    case WORKER_EXEC_WORD:
    case WORKER_EXEC_GONE: worker_exec_event(w, ev); break;
    case WORKER_STORED: worker_job_stored(w, ev); break;
    case WORKER_BLOB_FOUND: worker_blob_found(w, ev->work); break;
    case WORKER_BLOB_DONE: worker_blob_done(w, ev->work); break;
    case WORKER_TICK: break;
    case WORKER_DRAIN: worker_drain(w); break;
    }
    w->more = ev->more && w->gone_count == 0; // what is gone is told from one step to the next only
    if (!w->more) settle(w);
}

p2_ns worker_next_ns(const struct worker *w) {
    if (w->left) return P2_NEVER;
    p2_ns next = p2_ns_min(p2_timers_next_ns(&w->timers), worker_exec_next(w));
    next = p2_ns_min(next, worker_link_next(w));
    if (w->draining) next = p2_ns_min(next, w->drain_by_ns);
    return w->pump_again ? w->now : next;
}

struct word_setup worker_setup(const struct worker *w, uint32_t exec) {
    P2_CHECK(exec < w->config.device_count);
    const struct exec *e = &w->execs[exec];
    return (struct word_setup){.version = WORDS_VERSION,
                               .cells = e->cells,
                               .slots = e->device.slots,
                               .keep_percent = w->config.keep_percent,
                               .in_bytes = w->config.cell_bytes,
                               .out_bytes = w->config.cell_bytes};
}

void worker_stats(const struct worker *w, struct worker_stats *out) {
    *out = w->stats;
    out->jobs = w->jobs.live;
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        out->allocations += w->execs[i].allocations;
        if (w->execs[i].state == EXEC_READY) out->slots_ready += w->execs[i].device.slots;
    }
}

const char *worker_note_name(enum worker_note_kind kind) {
    static const char *const names[WORKER_NOTE_KINDS] = {
        [WORKER_NOTE_DIALLING] = "dialling",
        [WORKER_NOTE_REGISTERED] = "registered",
        [WORKER_NOTE_OFFERED] = "offered",
        [WORKER_NOTE_LINK_LOST] = "link_lost",
        [WORKER_NOTE_REFUSED] = "refused",
        [WORKER_NOTE_FAULT] = "coordinator_fault",
        [WORKER_NOTE_COORDINATOR_DRAINS] = "coordinator_drains",
        [WORKER_NOTE_EXEC_STARTED] = "executor_started",
        [WORKER_NOTE_EXEC_BUILDS] = "executor_builds",
        [WORKER_NOTE_EXEC_COMPILES] = "executor_compiles",
        [WORKER_NOTE_EXEC_WITHHELD] = "type_withheld",
        [WORKER_NOTE_EXEC_READY] = "executor_ready",
        [WORKER_NOTE_EXEC_SLOW] = "executor_slow",
        [WORKER_NOTE_EXEC_KILLED] = "executor_killed",
        [WORKER_NOTE_EXEC_GONE] = "executor_gone",
        [WORKER_NOTE_JOB_TAKEN] = "job_taken",
        [WORKER_NOTE_JOB_REFUSED] = "job_refused",
        [WORKER_NOTE_JOB_DONE] = "job_done",
        [WORKER_NOTE_JOB_FAILED] = "job_failed",
        [WORKER_NOTE_JOB_CANCELLED] = "job_cancelled",
        [WORKER_NOTE_JOB_RETURNED] = "job_returned",
        [WORKER_NOTE_BLOB_FETCHED] = "blob_fetched",
        [WORKER_NOTE_BLOB_LOST] = "blob_lost",
        [WORKER_NOTE_DRAINING] = "draining",
    };
    return kind > 0 && kind < WORKER_NOTE_KINDS ? names[kind] : "unknown";
}
