// Jobs on their way out: what the executor made of them, and the result from its cell to the coordinator.
#include "base/check.h"
#include "peer/core/state.h"

#define LAUNCH_NS_LONG (20 * P2_MS) // types cut their work into shorter launches than this

static bool done_code(enum p2_err code) {
    switch (code) {
    case P2_OK:
    case P2_ERR_BAD_PARAMETER:
    case P2_ERR_UNKNOWN_TYPE:
    case P2_ERR_TOO_LARGE:
    case P2_ERR_DEADLINE_EXCEEDED:
    case P2_ERR_CANCELLED:
    case P2_ERR_BAD_PAYLOAD:
    case P2_ERR_EXECUTION_FAILED:
    case P2_ERR_DEVICE_MEMORY:
    case P2_ERR_RESULT_TOO_LARGE:
    case P2_ERR_INTERNAL:
    case P2_ERR_STATE_MISSING: return true;
    default: return false;
    }
}

static void result_begin(struct worker *w, struct job *j, uint64_t size) {
    p2_outflow_begin(&j->out, j->attempt, size, P2_STREAM_WINDOW);
    worker_job_move(w, j, JOB_SENDING);
}

// A launch cannot be ended: what takes long keeps cancels and urgent jobs waiting. Told when it is a quarter longer
// than what was told before, so that a device too slow for a type does not fill the log.
static void note_launch(struct worker *w, uint32_t exec, const struct p2_task_type *type, p2_ns launch_ns) {
    w->stats.launch_ns_max = p2_ns_max(w->stats.launch_ns_max, launch_ns);
    if (launch_ns <= LAUNCH_NS_LONG) return;
    struct exec *e = &w->execs[exec];
    for (uint32_t i = 0; i < e->offer_count; i++) {
        struct exec_offer *o = &e->offers[i];
        if (o->type != type || launch_ns <= o->launch_ns_max + o->launch_ns_max / 4) continue;
        o->launch_ns_max = launch_ns;
        struct worker_note *n = worker_note(w, WORKER_NOTE_EXEC_SLOW);
        n->exec = exec;
        n->text = type->name;
        n->value = launch_ns / P2_US;
    }
}

bool worker_job_done(struct worker *w, uint32_t exec, const struct word_done *d, const char *text) {
    struct exec *e = &w->execs[exec];
    if (d->cell >= e->cells) return false;
    struct job *j = p2_slab_get(&w->jobs, e->cell_job[d->cell]);
    if (!j || !worker_job_with_executor(j->state) || !done_code(d->code)) return false;
    if (d->queue_ns < 0 || d->processing_ns < 0 || d->kernel_ns < 0 || d->launch_ns_max < 0) return false;
    if (d->code == P2_OK && (d->result_size > w->config.cell_bytes || d->result_size > j->cost.result_bytes_max))
        return false;
    e->allocations = d->allocations;
    p2_ns spent = w->now - j->handed_ns; // nothing can have taken longer
    j->times.queue_ns = p2_ns_min(d->queue_ns, spent);
    j->times.processing_ns = p2_ns_min(d->processing_ns, spent - j->times.queue_ns);
    j->times.kernel_ns = p2_ns_min(d->kernel_ns, spent);
    note_launch(w, exec, j->type, p2_ns_min(d->launch_ns_max, spent));
    enum p2_err code = d->code;
    if (d->returned && (code != P2_ERR_CANCELLED || (j->state != JOB_RECALLING && j->state != JOB_CANCELLING)))
        return false;
    if (j->state == JOB_RECALLING) {
        worker_job_recalled(w, j, d->returned);
        if (d->returned) return true;
    }
    if (j->state == JOB_CANCELLING) {
        worker_job_cancelled(w, j);
    } else if (code == P2_OK) {
        result_begin(w, j, d->result_size);
    } else if (code == P2_ERR_CANCELLED) { // not by us: it looked at the clock itself
        worker_job_fail(w, j, w->now >= j->deadline_ns ? P2_ERR_DEADLINE_EXCEEDED : P2_ERR_INTERNAL, text);
    } else {
        worker_job_fail(w, j, code, text);
    }
    return true;
}

// ---- results out ----------------------------------------------------------------------------------------------------

void worker_job_window(struct worker *w, const struct p2_msg *m) {
    struct job *j = worker_job_of_stream(w, m->stream);
    if (!j || j->state != JOB_SENDING) {
        w->stats.late_messages++;
        return;
    }
    p2_outflow_window(&j->out, m->u.window.attempt, m->u.window.limit);
    if (!p2_list_linked(&j->sending) && p2_outflow_next(&j->out) > 0) {
        p2_list_push_back(&w->sending[j->class_], &j->sending);
    }
}

// The next record of a job's result. Ends the job with the last.
static void send_part(struct worker *w, struct job *j) {
    uint32_t size = p2_outflow_next(&j->out);
    struct worker_action *a = worker_act(w, WORKER_ACT_SEND_RESULT);
    a->exec = j->exec;
    a->cell = j->cell;
    a->offset = j->out.sent;
    a->size = size;
    a->zstd = w->link.zstd;
    a->lane = 1 + (unsigned)j->class_;
    a->u.msg = (struct p2_msg){.kind = j->result_begun ? P2_MSG_CHUNK : P2_MSG_TASK_RESULT, .stream = j->stream};
    if (j->result_begun) {
        a->u.msg.u.chunk = (struct p2_msg_chunk){.offset = j->out.sent, .attempt = j->attempt};
    } else {
        a->u.msg.u.result = (struct p2_msg_task_result){
            .id = j->id, .attempt = j->attempt, .times = j->times, .payload_size = j->out.size};
    }
    j->result_begun = true;
    j->out.sent += size;
    w->stats.result_bytes += size;
    uint64_t cost = size + RECORD_OVERHEAD;
    w->link.room -= cost < w->link.room ? cost : w->link.room;
    p2_list_remove(&j->sending);
    if (p2_outflow_done(&j->out)) {
        worker_job_note(w, WORKER_NOTE_JOB_DONE, j)->value = (int64_t)j->out.size;
        w->stats.completed++;
        worker_job_move(w, j, JOB_ENDED);
    } else if (p2_outflow_next(&j->out) > 0) {
        p2_list_push_back(&w->sending[j->class_], &j->sending); // jobs of a class take turns
    }
}

void worker_jobs_pump(struct worker *w) {
    w->pump_again = false;
    uint32_t sent = 0;
    for (int c = 0; c < P2_CLASSES; c++) {
        struct p2_list *first;
        while ((first = p2_list_first(&w->sending[c]))) {
            if (w->link.room == 0) {
                if (!w->link.room_asked) worker_act(w, WORKER_ACT_WANT_ROOM);
                w->link.room_asked = true;
                return;
            }
            if (sent++ == PUMP_MAX) {
                w->pump_again = true;
                return;
            }
            send_part(w, P2_CONTAINER_OF(first, struct job, sending));
        }
    }
}
