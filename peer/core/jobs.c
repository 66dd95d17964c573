// A job's life: its states, and every way it may end before its result is out.
#include <string.h>

#include "base/check.h"
#include "peer/core/state.h"

static const bool moves[JOB_STATES][JOB_STATES] = {
    [JOB_NEW] = {[JOB_RECEIVING] = true},
    [JOB_RECEIVING] = {[JOB_HANDED] = true, [JOB_ENDED] = true},
    [JOB_HANDED] = {[JOB_RECALLING] = true, [JOB_CANCELLING] = true, [JOB_SENDING] = true, [JOB_ENDED] = true},
    [JOB_RECALLING] = {[JOB_HANDED] = true, [JOB_CANCELLING] = true, [JOB_SENDING] = true, [JOB_ENDED] = true},
    [JOB_CANCELLING] = {[JOB_ENDED] = true},
    [JOB_SENDING] = {[JOB_ENDED] = true},
};

bool worker_job_may(enum job_state from, enum job_state to) { return moves[from][to]; }

void worker_job_know(struct worker *w, struct job *j) {
    p2_streams_put(&w->streams, j->stream, (uint32_t)j->self);
    j->known = true;
}

static void forget_stream(struct worker *w, struct job *j) {
    if (!j->known) return;
    p2_streams_remove(&w->streams, j->stream);
    j->known = false;
}

struct job *worker_job_of_stream(const struct worker *w, uint32_t stream) {
    uint32_t slot = p2_streams_get(&w->streams, stream);
    return slot == P2_NO_SLOT ? NULL : p2_slab_in(&w->jobs, slot);
}

bool worker_job_with_executor(enum job_state s) { return s == JOB_HANDED || s == JOB_RECALLING || s == JOB_CANCELLING; }

// When something is to be done about a job in its state, if nothing else happens before.
static p2_ns timer_of(const struct worker *w, const struct job *j, enum job_state s) {
    if (s == JOB_RECEIVING) return j->deadline_ns;
    p2_ns by = j->deadline_ns;
    if (s == JOB_CANCELLING) by = p2_ns_min(by, p2_ns_add(w->now, w->config.cancel_ns));
    return p2_ns_add(by, w->config.watchdog_ns);
}

// Its timer may come early and is then set anew: most jobs end before it comes at all.
static void set_timer(struct worker *w, struct job *j, enum job_state to) {
    j->due_ns = timer_of(w, j, to);
    if (!p2_timer_on(&j->timer) || j->due_ns < p2_timer_at(&j->timer)) p2_timers_set(&w->timers, &j->timer, j->due_ns);
}

void worker_job_settle(struct worker *w, struct job *j, p2_handle self) {
    struct exec *e = &w->execs[j->exec];
    j->self = self;
    p2_list_init(&j->sending);
    p2_timer_init(&j->timer);
    worker_job_know(w, j);
    j->taken_ns = w->now;
    e->cell_job[j->cell] = self;
    e->cells_free &= ~(UINT64_C(1) << j->cell);
    worker_job_move(w, j, JOB_RECEIVING);
}

void worker_job_move(struct worker *w, struct job *j, enum job_state to) {
    P2_CHECK(worker_job_may(j->state, to));
    struct exec *e = &w->execs[j->exec];
    if (worker_job_with_executor(j->state) != worker_job_with_executor(to)) {
        worker_exec_count_busy(w, j->exec);
        e->handed += worker_job_with_executor(to) ? 1u : -1u;
    }
    w->receiving += (to == JOB_RECEIVING ? 1u : 0u) - (j->state == JOB_RECEIVING ? 1u : 0u);
    p2_list_remove(&j->sending);
    if (j->state == JOB_RECEIVING) j->handed_ns = w->now;
    j->state = to;
    if (to != JOB_ENDED) {
        set_timer(w, j, to);
        if (to == JOB_SENDING) p2_list_push_back(&w->sending[j->class_], &j->sending);
        return;
    }
    p2_timers_stop(&w->timers, &j->timer);
    forget_stream(w, j);
    worker_blobs_drop(w, j);
    e->cell_job[j->cell] = P2_NO_HANDLE;
    e->cells_free |= UINT64_C(1) << j->cell;
    p2_slab_free(&w->jobs, j->self);
}

struct worker_note *worker_job_note(struct worker *w, enum worker_note_kind kind, const struct job *j) {
    struct worker_note *n = worker_note(w, kind);
    n->exec = j->exec;
    n->id = j->id;
    n->attempt = j->attempt;
    return n;
}

// May another peer do better? What came too late here would come too late there.
static bool elsewhere(enum p2_err code) { return code != P2_ERR_DEADLINE_EXCEEDED && p2_err_retryable(code); }

static void send_failure(struct worker *w, const struct job *j, enum p2_err code, const char *text) {
    struct p2_msg m = {.kind = P2_MSG_TASK_FAILURE, .stream = j->stream};
    m.u.failure = (struct p2_msg_task_failure){.id = j->id,
                                               .attempt = j->attempt,
                                               .code = code,
                                               .retryable = elsewhere(code),
                                               .sentence = p2_str(text),
                                               .times = j->times};
    worker_send(w, &m, 1 + (unsigned)j->class_); // behind what was sent of it
}

void worker_job_fail(struct worker *w, struct job *j, enum p2_err code, const char *text) {
    if (!text || !*text) text = p2_err_sentence(code);
    struct worker_note *n = worker_job_note(w, WORKER_NOTE_JOB_FAILED, j);
    n->code = code;
    n->text = text;
    if (j->known) send_failure(w, j, code, text);
    if (code == P2_ERR_DEADLINE_EXCEEDED) {
        w->stats.expired++;
    } else {
        w->stats.failed++;
    }
    worker_job_move(w, j, JOB_ENDED);
}

void worker_job_cancelled(struct worker *w, struct job *j) {
    worker_job_note(w, WORKER_NOTE_JOB_CANCELLED, j);
    if (j->known) send_failure(w, j, P2_ERR_CANCELLED, p2_err_sentence(P2_ERR_CANCELLED));
    w->stats.cancelled++;
    worker_job_move(w, j, JOB_ENDED);
}

// ---- ends -----------------------------------------------------------------------------------------------------------

static void stop(struct worker *w, struct job *j) {
    worker_word(w, j->exec, WORD_CANCEL)->u.cell = j->cell;
    worker_job_move(w, j, JOB_CANCELLING);
}

// TASK_CANCEL, or an ERROR about the job's stream: then the coordinator has let go of it and wants no answer.
void worker_job_cancel(struct worker *w, const struct p2_msg *m) {
    struct job *j = worker_job_of_stream(w, m->stream);
    bool error = m->kind == P2_MSG_ERROR;
    bool meant = j && (error || (m->u.cancel.attempt == j->attempt && p2_id_equal(&m->u.cancel.id, &j->id)));
    if (!meant) {
        w->stats.late_messages++;
        return;
    }
    if (error) forget_stream(w, j);
    if ((j->state == JOB_HANDED || j->state == JOB_RECALLING) && !P2_CANARY(stale_job)) {
        stop(w, j);
    } else if (j->state != JOB_CANCELLING) {
        worker_job_cancelled(w, j);
    }
}

// In the job's lane: before whatever else is said of it.
void worker_job_recalled(struct worker *w, struct job *j, bool returned) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RECALLED, .stream = j->stream};
    m.u.recalled = (struct p2_msg_task_recalled){.id = j->id, .attempt = j->attempt, .returned = returned};
    if (!P2_CANARY(recall_unanswered) || !returned) worker_send(w, &m, 1 + (unsigned)j->class_);
    if (!returned) return;
    worker_job_note(w, WORKER_NOTE_JOB_RETURNED, j);
    w->stats.returned++;
    worker_job_move(w, j, JOB_ENDED);
}

// Only the executor knows whether a job that was handed to it has started.
void worker_job_recall(struct worker *w, const struct p2_msg *m) {
    struct job *j = worker_job_of_stream(w, m->stream);
    bool meant = j && m->u.recall.attempt == j->attempt && p2_id_equal(&m->u.recall.id, &j->id);
    if (!meant || j->state == JOB_RECALLING || j->state == JOB_CANCELLING) {
        w->stats.late_messages++;
    } else if (j->state == JOB_HANDED) {
        worker_word(w, j->exec, WORD_RECALL)->u.cell = j->cell;
        worker_job_move(w, j, JOB_RECALLING);
        if (P2_CANARY(recall_runs)) worker_job_recalled(w, j, true);
    } else {
        worker_job_recalled(w, j, j->state == JOB_RECEIVING);
    }
}

bool worker_job_runs(struct worker *w, uint32_t exec, uint32_t cell) {
    const struct exec *e = &w->execs[exec];
    struct job *j = cell < e->cells ? p2_slab_get(&w->jobs, e->cell_job[cell]) : NULL;
    if (!j || (j->state != JOB_RECALLING && j->state != JOB_CANCELLING)) return false;
    if (j->state == JOB_CANCELLING) return true; // not wanted at all meanwhile
    worker_job_recalled(w, j, false);
    worker_job_move(w, j, JOB_HANDED);
    return true;
}

void worker_jobs_expire(struct worker *w) {
    struct p2_timer *first;
    while ((first = p2_timers_due(&w->timers, w->now)) != NULL) {
        struct job *j = P2_CONTAINER_OF(first, struct job, timer);
        if (j->due_ns > w->now) {
            p2_timers_set(&w->timers, first, j->due_ns);
        } else if (worker_job_with_executor(j->state)) {
            struct p2_id id = j->id;
            worker_exec_kill(w, j->exec, P2_ERR_WATCHDOG_KILLED, &id,
                             "a job ran too long and its executor was stopped");
        } else {
            worker_job_fail(w, j, P2_ERR_DEADLINE_EXCEEDED,
                            j->state == JOB_RECEIVING ? "the payload was not whole in time"
                                                      : "the result was not fetched in time");
        }
    }
}

void worker_jobs_drop_all(struct worker *w) {
    for (uint32_t slot = 0; slot < w->jobs.capacity; slot++) {
        p2_handle self;
        struct job *j = p2_slab_at(&w->jobs, slot, &self);
        if (!j) continue;
        if (j->known) w->stats.dropped++;
        forget_stream(w, j);
        if (j->state == JOB_HANDED || j->state == JOB_RECALLING) {
            stop(w, j);
        } else if (j->state != JOB_CANCELLING) {
            worker_job_move(w, j, JOB_ENDED);
        }
    }
    worker_blobs_link_lost(w);
}

void worker_jobs_fail_exec(struct worker *w, uint32_t exec, enum p2_err code, const char *text) {
    struct exec *e = &w->execs[exec];
    for (uint32_t cell = 0; cell < e->cells; cell++) {
        struct job *j = p2_slab_get(&w->jobs, e->cell_job[cell]);
        if (!j || j->state == JOB_SENDING) continue; // its result is whole, and the cell outlives the process
        if (j->state == JOB_CANCELLING) {
            worker_job_cancelled(w, j);
        } else {
            worker_job_fail(w, j, code, text);
        }
    }
}

void worker_jobs_fail_all(struct worker *w, enum p2_err code, const char *text) {
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        if (w->execs[i].handed > 0) worker_exec_kill(w, i, code, NULL, text);
        for (uint32_t cell = 0; cell < w->execs[i].cells; cell++) {
            struct job *j = p2_slab_get(&w->jobs, w->execs[i].cell_job[cell]);
            if (j) worker_job_fail(w, j, code, text);
        }
    }
}
