// The executors: started, listened to with suspicion, killed, started again.
#include <string.h>

#include "base/check.h"
#include "peer/core/state.h"

#define GOOD_SERVICE (10 * P2_SEC)   // ready that long, a crash is the first again
#define RESTART_SECOND (250 * P2_MS) // before the second start in a row; then doubling
#define RESTART_DOUBLINGS 20u

static const bool moves[EXEC_STATES][EXEC_STATES] = {
    [EXEC_DOWN] = {[EXEC_STARTING] = true},
    [EXEC_STARTING] = {[EXEC_BUILDING] = true, [EXEC_KILLING] = true, [EXEC_DOWN] = true},
    [EXEC_BUILDING] = {[EXEC_READY] = true, [EXEC_KILLING] = true, [EXEC_QUITTING] = true, [EXEC_DOWN] = true},
    [EXEC_READY] = {[EXEC_KILLING] = true, [EXEC_QUITTING] = true, [EXEC_DOWN] = true},
    [EXEC_KILLING] = {[EXEC_DOWN] = true},
    [EXEC_QUITTING] = {[EXEC_KILLING] = true, [EXEC_DOWN] = true},
};

bool worker_exec_may(enum exec_state from, enum exec_state to) { return moves[from][to]; }

static void exec_move(struct worker *w, uint32_t exec, enum exec_state to) {
    struct exec *e = &w->execs[exec];
    P2_CHECK(worker_exec_may(e->state, to));
    if ((e->state == EXEC_READY) != (to == EXEC_READY)) w->link.offers_changed = true;
    if (to == EXEC_STARTING) {
        e->heard_ns = w->now;
        e->offer_count = 0;
        e->unusable = false;
        e->served = false;
    }
    if (to == EXEC_READY) e->ready_ns = w->now;
    if (e->state == EXEC_READY) e->served = w->now - e->ready_ns >= GOOD_SERVICE;
    if (to == EXEC_QUITTING) e->quit_by_ns = p2_ns_add(w->now, w->config.quit_ns);
    e->state = to;
}

bool worker_exec_serves(const struct worker *w, uint32_t exec) {
    return w->execs[exec].state == EXEC_READY && w->execs[exec].offer_count > 0;
}

bool worker_exec_any_serves(const struct worker *w) {
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        if (worker_exec_serves(w, i)) return true;
    }
    return false;
}

bool worker_exec_all_down(const struct worker *w) {
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        if (w->execs[i].state != EXEC_DOWN) return false;
    }
    return true;
}

bool worker_exec_offers(const struct worker *w, uint32_t exec, const struct p2_task_type *type) {
    const struct exec *e = &w->execs[exec];
    for (uint32_t i = 0; e->state == EXEC_READY && i < e->offer_count; i++) {
        if (e->offers[i].type == type) return true;
    }
    return false;
}

void worker_exec_count_busy(struct worker *w, uint32_t exec) {
    struct exec *e = &w->execs[exec];
    p2_ns span = w->now - e->busy_counted_ns;
    if (span == 0) return;
    for (uint32_t k = 0; k < e->device.slots && k < e->handed; k++) e->slot_busy_ns[k] += span;
    e->busy_counted_ns = w->now;
}

void worker_text_clean(char *out, size_t capacity, const char *in) {
    size_t n = 0;
    for (; in && n + 1 < capacity && in[n]; n++) out[n] = in[n] >= ' ' && in[n] <= '~' ? in[n] : '?';
    out[n] = '\0';
}

// Printable ASCII of what another process wrote, whatever that was.
static const char *text_copy(struct worker *w, const char *text, size_t size_max) {
    size_t n = text ? strnlen(text, size_max) : 0;
    char *copy = p2_arena_alloc(&w->arena, n + 1);
    if (!copy) return "";
    worker_text_clean(copy, n + 1, text);
    return copy;
}

void worker_exec_kill(struct worker *w, uint32_t exec, enum p2_err code, const struct p2_id *job, const char *text) {
    struct exec *e = &w->execs[exec];
    if (e->state == EXEC_DOWN || e->state == EXEC_KILLING) return;
    exec_move(w, exec, EXEC_KILLING);
    worker_act(w, WORKER_ACT_KILL_EXEC)->exec = exec;
    struct worker_note *n = worker_note(w, WORKER_NOTE_EXEC_KILLED);
    n->exec = exec;
    n->code = code;
    n->text = text;
    if (job) n->id = *job;
    w->stats.kills++;
    worker_jobs_fail_exec(w, exec, code, text);
}

static void bad_word(struct worker *w, uint32_t exec, const char *text) {
    worker_exec_kill(w, exec, P2_ERR_EXECUTION_FAILED, NULL, text);
}

// ---- words ----------------------------------------------------------------------------------------------------------

static const struct p2_task_type *type_named(const struct worker *w, const char *name, size_t size_max) {
    if (strnlen(name, size_max) == size_max) return NULL;
    for (uint32_t i = 0; i < w->config.type_count; i++) {
        if (strcmp(w->config.types[i]->name, name) == 0) return w->config.types[i];
    }
    return NULL;
}

static void on_device(struct worker *w, uint32_t exec, const struct word_device *d) {
    struct worker_device *mine = &w->execs[exec].device;
    if (d->kind < P2_DEVICE_CPU || d->kind > P2_DEVICE_FAKE) {
        bad_word(w, exec, "the executor drives no known kind of device");
        return;
    }
    mine->kind = d->kind;
    mine->compute_units = d->compute_units;
    mine->memory_bytes = d->memory_bytes;
    mine->buffer_bytes_max = d->buffer_bytes_max;
    worker_text_clean(mine->name, strnlen(d->name, sizeof d->name - 1) + 1, d->name);
    worker_text_clean(mine->driver, strnlen(d->driver, sizeof d->driver - 1) + 1, d->driver);
}

static void on_offer(struct worker *w, uint32_t exec, const struct word_offer *o) {
    struct exec *e = &w->execs[exec];
    const struct p2_task_type *type = type_named(w, o->type, sizeof o->type);
    bool twice = false;
    for (uint32_t i = 0; i < e->offer_count; i++) twice = twice || e->offers[i].type == type;
    if (!type || type->version != o->version || twice || e->offer_count == P2_TYPES_MAX) {
        bad_word(w, exec, "the executor offers a type that is not of this build, or offers it twice");
        return;
    }
    e->offers[e->offer_count++] = (struct exec_offer){type, o->units_per_second};
}

static void on_ready(struct worker *w, uint32_t exec) {
    exec_move(w, exec, EXEC_READY);
    struct worker_note *n = worker_note(w, WORKER_NOTE_EXEC_READY);
    n->exec = exec;
    n->value = w->execs[exec].offer_count;
}

static void on_failed(struct worker *w, uint32_t exec, const char *text) {
    w->execs[exec].unusable = true;
    worker_exec_kill(w, exec, P2_ERR_EXECUTION_FAILED, NULL, text);
}

static void note_text(struct worker *w, enum worker_note_kind kind, uint32_t exec, const char *text, int64_t value) {
    struct worker_note *n = worker_note(w, kind);
    n->exec = exec;
    n->text = text;
    n->value = value;
}

static void on_word_building(struct worker *w, uint32_t exec, const struct word *word, const char *text) {
    bool fraction = word->progress >= 0.0f && word->progress <= 1.0f; // false for a NaN
    switch (word->kind) {
    case WORD_DEVICE: on_device(w, exec, &word->u.device); break;
    case WORD_PROGRESS:
        note_text(w, word->u.is_new != 0 ? WORKER_NOTE_EXEC_COMPILES : WORKER_NOTE_EXEC_BUILDS, exec, text,
                  fraction ? (int64_t)(word->progress * 100.0f) : 0);
        break;
    case WORD_OFFER: on_offer(w, exec, &word->u.offer); break;
    case WORD_WITHHELD: note_text(w, WORKER_NOTE_EXEC_WITHHELD, exec, text, 0); break;
    case WORD_READY: on_ready(w, exec); break;
    case WORD_FAILED: on_failed(w, exec, text); break;
    default: bad_word(w, exec, "the executor said something else while building"); break;
    }
}

static void on_word(struct worker *w, uint32_t exec, const struct word *word) {
    struct exec *e = &w->execs[exec];
    e->heard_ns = w->now;
    const char *text = text_copy(w, word->text, sizeof word->text);
    if (e->state == EXEC_BUILDING) {
        on_word_building(w, exec, word, text);
    } else if (e->state == EXEC_READY && word->kind == WORD_RUNS) {
        if (!worker_job_runs(w, exec, word->u.cell)) bad_word(w, exec, "the executor speaks of a job nobody recalled");
    } else if (e->state == EXEC_READY && word->kind == WORD_DONE) {
        if (!worker_job_done(w, exec, &word->u.done, text))
            bad_word(w, exec, "the executor answered for a cell wrongly");
    } else if (e->state == EXEC_READY && word->kind == WORD_FAILED) {
        on_failed(w, exec, text);
    } else if (e->state == EXEC_READY) {
        bad_word(w, exec, "the executor said something else when ready");
    }
}

// ---- life -----------------------------------------------------------------------------------------------------------

static void on_started(struct worker *w, uint32_t exec) {
    struct exec *e = &w->execs[exec];
    if (e->state != EXEC_STARTING) return; // to be killed already
    exec_move(w, exec, EXEC_BUILDING);
    e->heard_ns = w->now;
    worker_word(w, exec, WORD_SETUP)->u.setup = worker_setup(w, exec);
    worker_note(w, WORKER_NOTE_EXEC_STARTED)->exec = exec;
}

static p2_ns restart_delay(const struct worker *w, const struct exec *e) {
    if (e->unusable) return w->config.restart_ns_max;
    if (e->crashes <= 1) return 0;
    uint32_t doublings = e->crashes - 2 < RESTART_DOUBLINGS ? e->crashes - 2 : RESTART_DOUBLINGS;
    return p2_ns_min(RESTART_SECOND << doublings, w->config.restart_ns_max);
}

static void on_gone(struct worker *w, uint32_t exec, const char *text) {
    struct exec *e = &w->execs[exec];
    P2_CHECK(e->state != EXEC_DOWN); // exactly one GONE for a START
    text = text_copy(w, text, WORD_TEXT);
    bool asked = e->state == EXEC_QUITTING;
    exec_move(w, exec, EXEC_DOWN);
    worker_jobs_fail_exec(w, exec, P2_ERR_EXECUTION_FAILED, "the executor ended in the middle of the job");
    w->stats.exec_exits++;
    if (e->served) e->crashes = 0;
    if (!asked && e->crashes < UINT32_MAX) e->crashes++;
    p2_ns delay = restart_delay(w, e);
    e->start_at_ns = p2_ns_add(w->now, delay);
    note_text(w, WORKER_NOTE_EXEC_GONE, exec, text, w->draining ? -1 : delay / P2_MS);
}

void worker_exec_event(struct worker *w, const struct worker_event *ev) {
    P2_CHECK(ev->exec < w->config.device_count);
    switch (ev->kind) {
    case WORKER_EXEC_STARTED: on_started(w, ev->exec); break;
    case WORKER_EXEC_WORD: on_word(w, ev->exec, ev->word); break;
    default: on_gone(w, ev->exec, ev->text); break;
    }
}

static bool silent(const struct exec *e) { return e->state == EXEC_STARTING || e->state == EXEC_BUILDING; }

void worker_exec_settle(struct worker *w) {
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        struct exec *e = &w->execs[i];
        if (e->state == EXEC_DOWN && !w->draining && w->now >= e->start_at_ns) {
            exec_move(w, i, EXEC_STARTING);
            worker_act(w, WORKER_ACT_START_EXEC)->exec = i;
        } else if (silent(e) && w->now >= p2_ns_add(e->heard_ns, w->config.build_silence_ns)) {
            worker_exec_kill(w, i, P2_ERR_WATCHDOG_KILLED, NULL, "the executor said nothing while building");
        } else if (e->state == EXEC_QUITTING && w->now >= e->quit_by_ns) {
            worker_exec_kill(w, i, P2_ERR_WATCHDOG_KILLED, NULL, "the executor did not exit when asked to");
        }
    }
}

void worker_exec_quit_all(struct worker *w) {
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        struct exec *e = &w->execs[i];
        if (e->state == EXEC_READY) {
            exec_move(w, i, EXEC_QUITTING);
            worker_word(w, i, WORD_QUIT);
        } else if (silent(e)) {
            worker_exec_kill(w, i, P2_ERR_DRAINING, NULL, "the peer stops");
        }
    }
}

p2_ns worker_exec_next(const struct worker *w) {
    p2_ns next = P2_NEVER;
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        const struct exec *e = &w->execs[i];
        if (e->state == EXEC_DOWN && !w->draining) next = p2_ns_min(next, e->start_at_ns);
        if (silent(e)) next = p2_ns_min(next, p2_ns_add(e->heard_ns, w->config.build_silence_ns));
        if (e->state == EXEC_QUITTING) next = p2_ns_min(next, e->quit_by_ns);
    }
    return next;
}
