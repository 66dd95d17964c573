// The executor child: started, listened to with suspicion, killed, started again, at most so often.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "client/local/local_in.h"

static const bool moves[CHILD_STATES][CHILD_STATES] = {
    [CHILD_DOWN] = {[CHILD_STARTING] = true},
    [CHILD_STARTING] = {[CHILD_BUILDING] = true, [CHILD_DOWN] = true, [CHILD_OVER] = true},
    [CHILD_BUILDING] = {[CHILD_READY] = true, [CHILD_KILLING] = true, [CHILD_DOWN] = true, [CHILD_OVER] = true},
    [CHILD_READY] = {[CHILD_KILLING] = true, [CHILD_DOWN] = true, [CHILD_OVER] = true},
    [CHILD_KILLING] = {[CHILD_DOWN] = true, [CHILD_OVER] = true},
};

bool p2_local_child_may(enum local_child from, enum local_child to) { return moves[from][to]; }

static void p2_local_child_move(struct local *l, enum local_child to) {
    P2_CHECK(p2_local_child_may(l->child, to));
    if (to == CHILD_STARTING) {
        l->started_ns = l->heard_ns = l->now_ns;
        l->ready_ns = P2_NEVER;
        memset(l->offered, 0, l->config.type_count * sizeof *l->offered);
    }
    if (to == CHILD_READY) l->ready_ns = l->now_ns;
    l->child = to;
}

p2_ns p2_local_ready_ns(const struct local *l) {
    switch (l->child) {
    case CHILD_OVER: return P2_NEVER;
    case CHILD_READY: return l->now_ns;
    case CHILD_STARTING:
    case CHILD_BUILDING: return p2_ns_max(l->now_ns, p2_ns_add(l->started_ns, LOCAL_START_NS));
    case CHILD_DOWN: return p2_ns_add(p2_ns_max(l->now_ns, l->start_at_ns), LOCAL_START_NS);
    default: return p2_ns_add(l->now_ns, LOCAL_START_NS);
    }
}

// Printable ASCII of what another process wrote, whatever that was.
static const char *clean(struct local *l, const char *text, size_t size_max) {
    size_t n = 0, limit = size_max < sizeof l->text ? size_max : sizeof l->text;
    for (; text && n + 1 < limit && text[n]; n++) l->text[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
    l->text[n] = 0;
    return l->text;
}

// ---- jobs

static void free_cell(struct local *l, struct local_cell *c) {
    *c = (struct local_cell){.kill_at_ns = P2_NEVER};
    l->busy--;
}

void p2_local_hand(struct local *l, struct local_ticket *t) {
    uint32_t cell = 0;
    while (l->cells[cell].busy) cell++;
    P2_CHECK(cell < l->config.cells);
    l->cells[cell] = (struct local_cell){.busy = true,
                                         .ticket = t->task.ticket,
                                         .kind = p2_local_kind(t),
                                         .handed_ns = l->now_ns,
                                         .likely_ns = p2_local_likely_ns(l, t),
                                         .kill_at_ns = P2_NEVER};
    l->busy++;
    p2_local_ticket_move(l, t, LOCAL_RUNNING);
    t->cell = cell;
    struct local_action *a = p2_local_act(l, LOCAL_DO_JOB);
    a->u.job.ticket = t->task.ticket;
    a->u.job.cell = cell;
    a->u.job.deadline_ns = t->task.deadline_ns;
}

void p2_local_leave_cell(struct local *l, const struct local_ticket *t) {
    struct local_cell *c = &l->cells[t->cell];
    c->ticket = 0;
    c->kill_at_ns = p2_ns_add(l->now_ns, LOCAL_CANCEL_NS);
    p2_ns spent = l->now_ns - c->handed_ns;
    if (spent > c->likely_ns) p2_estimate_took(&p2_local_known(l, c->kind)->estimate, spent); // at least
    p2_local_act(l, LOCAL_DO_CANCEL)->u.cell = t->cell;
}

// A run that came to nothing. The cluster may still do better, if there is one.
static void fail(struct local *l, struct local_ticket *t, enum p2_err code, const char *text) {
    if (!t->alone && l->up) {
        t->failed = code;
        p2_local_give_up(l, t);
        return;
    }
    struct local_action *a = p2_local_end(l, t, LOCAL_END_FAILED);
    a->u.end.code = code;
    a->u.end.text = text;
}

static void expire(struct local *l, struct local_ticket *t) {
    p2_local_end(l, t, LOCAL_END_EXPIRED)->u.end.code = P2_ERR_DEADLINE_EXCEEDED;
}

static void done(struct local *l, struct local_ticket *t, const struct word_done *d, p2_ns spent) {
    p2_ns submitted_ns = t->submitted_ns;
    struct local_action *a = p2_local_end(l, t, LOCAL_END_DONE);
    a->u.end.cell = d->cell;
    a->u.end.size = d->result_size;
    p2_ns waited = p2_ns_min(d->queue_ns, spent);
    a->u.end.queue_ns = l->now_ns - spent - submitted_ns + waited;
    a->u.end.processing_ns = p2_ns_min(d->processing_ns, spent - waited);
    a->u.end.kernel_ns = p2_ns_min(d->kernel_ns, spent);
}

static void kill_child(struct local *l, const char *text) {
    p2_local_child_move(l, CHILD_KILLING);
    p2_local_act(l, LOCAL_DO_KILL);
    p2_local_note(l, LOCAL_NOTE_KILLED, text);
}

static bool done_is_good(const struct local *l, const struct word_done *d) {
    if (d->cell >= l->config.cells || !l->cells[d->cell].busy) return false;
    if (d->queue_ns < 0 || d->processing_ns < 0 || d->kernel_ns < 0) return false;
    if (d->code != P2_OK && p2_err_from_wire((uint32_t)d->code) != d->code) return false;
    const struct local_ticket *t = p2_local_find(l, l->cells[d->cell].ticket);
    uint64_t most = t ? t->task.cost.result_bytes_max : l->config.cell_bytes;
    return d->code != P2_OK || (d->result_size <= most && d->result_size <= l->config.cell_bytes);
}

static void on_done(struct local *l, const struct word_done *d, const char *text) {
    if (!done_is_good(l, d)) {
        kill_child(l, "it answered for a job wrongly");
        return;
    }
    struct local_cell cell = l->cells[d->cell];
    p2_ns spent = l->now_ns - cell.handed_ns;
    free_cell(l, &l->cells[d->cell]);
    if (d->code == P2_OK) p2_estimate_took(&p2_local_known(l, cell.kind)->estimate, spent);
    struct local_ticket *t = p2_local_find(l, cell.ticket);
    if (!t) return;
    if (d->code == P2_OK)
        done(l, t, d, spent);
    else if (d->code == P2_ERR_CANCELLED && t->alone &&
             l->now_ns >= t->task.deadline_ns) // it looked at the clock itself
        expire(l, t);
    else
        fail(l, t, d->code == P2_ERR_CANCELLED ? P2_ERR_INTERNAL : d->code, *text ? text : p2_err_sentence(d->code));
}

// ---- words

static void on_offer(struct local *l, const struct word_offer *o) {
    for (uint32_t i = 0; memchr(o->type, 0, sizeof o->type) && i < l->config.type_count; i++) {
        const struct p2_task_type *type = l->config.types[i];
        if (strcmp(type->name, o->type) != 0 || type->version != o->version || l->offered[i]) continue;
        l->offered[i] = true;
        l->units_per_second[i] = o->units_per_second;
        return;
    }
    kill_child(l, "it offers a type that is not of this build, or offers it twice");
}

static void on_device(struct local *l, const struct word_device *d) {
    l->device = *d;
    if (d->kind < P2_DEVICE_CPU || d->kind > P2_DEVICE_FAKE) kill_child(l, "it drives no known kind of device");
}

static void on_ready(struct local *l) {
    p2_local_child_move(l, CHILD_READY);
    p2_local_note(l, LOCAL_NOTE_READY, "");
}

static void on_word_building(struct local *l, const struct word *w, const char *text) {
    switch (w->kind) {
    case WORD_DEVICE: on_device(l, &w->u.device); break;
    case WORD_PROGRESS: break;
    case WORD_OFFER: on_offer(l, &w->u.offer); break;
    case WORD_WITHHELD: p2_local_note(l, LOCAL_NOTE_WITHHELD, text); break;
    case WORD_READY: on_ready(l); break;
    case WORD_FAILED: kill_child(l, text); break;
    default: kill_child(l, "it said something else while building");
    }
}

static void on_word(struct local *l, const struct word *w) {
    l->heard_ns = l->now_ns;
    const char *text = clean(l, w->text, sizeof w->text);
    if (l->child == CHILD_BUILDING) {
        on_word_building(l, w, text);
    } else if (l->child == CHILD_READY) {
        if (w->kind == WORD_DONE)
            on_done(l, &w->u.done, text);
        else
            kill_child(l, w->kind == WORD_FAILED ? text : "it said something else when ready");
    }
}

// ---- life

static struct word_setup setup_of(const struct local *l) {
    return (struct word_setup){.version = WORDS_VERSION,
                               .cells = l->config.cells,
                               .slots = l->config.cells,
                               .keep_percent = LOCAL_KEEP_PERCENT,
                               .in_bytes = l->config.cell_bytes,
                               .out_bytes = l->config.cell_bytes};
}

static void on_started(struct local *l) {
    if (l->child != CHILD_STARTING) return;
    p2_local_child_move(l, CHILD_BUILDING);
    p2_local_act(l, LOCAL_DO_SETUP);
    p2_local_note(l, LOCAL_NOTE_STARTED, "");
}

static void fail_all(struct local *l) {
    for (uint32_t i = 0; i < l->config.cells; i++) {
        struct local_cell cell = l->cells[i];
        if (!cell.busy) continue;
        free_cell(l, &l->cells[i]);
        struct local_ticket *t = p2_local_find(l, cell.ticket);
        if (t) fail(l, t, P2_ERR_EXECUTION_FAILED, "this machine's executor ended in the middle of the task");
    }
}

static void on_gone(struct local *l, const char *text) {
    P2_CHECK(l->child != CHILD_DOWN && l->child != CHILD_OVER); // exactly one GONE for a START
    bool served = l->now_ns >= p2_ns_add(l->ready_ns, LOCAL_SERVICE_NS);
    l->crashes = served ? 1 : l->crashes + 1;
    bool over = l->crashes >= LOCAL_CRASHES_MAX;
    p2_ns delay = l->crashes > 1 ? LOCAL_BACKOFF_NS << (l->crashes - 2) : 0;
    p2_local_child_move(l, over ? CHILD_OVER : CHILD_DOWN);
    l->start_at_ns = p2_ns_add(l->now_ns, delay);
    p2_local_note(l, LOCAL_NOTE_GONE, clean(l, text, WORD_TEXT));
    if (over) p2_local_note(l, LOCAL_NOTE_OVER, "it ended too often: no task runs on this machine any more");
    fail_all(l);
    if (over) p2_local_rewatch(l);
}

void p2_local_child_event(struct local *l, const struct local_event *ev) {
    if (ev->kind == LOCAL_STARTED)
        on_started(l);
    else if (ev->kind == LOCAL_WORD)
        on_word(l, ev->u.word);
    else
        on_gone(l, ev->u.text);
}

// A job that nobody wants and that does not end; or that only this machine had, and that is too late.
static void settle_cell(struct local *l, uint32_t cell) {
    struct local_cell *c = &l->cells[cell];
    struct local_ticket *t = p2_local_find(l, c->ticket);
    if (t && t->alone && l->now_ns >= t->task.deadline_ns) {
        p2_local_leave_cell(l, t);
        expire(l, t);
    }
    if (c->busy && l->now_ns >= c->kill_at_ns && l->child == CHILD_READY)
        kill_child(l, "a job did not end when it was asked to");
}

void p2_local_child_settle(struct local *l) {
    for (uint32_t i = 0; i < l->config.cells; i++)
        if (l->cells[i].busy) settle_cell(l, i);
    if (l->child == CHILD_DOWN && l->now_ns >= l->start_at_ns) {
        p2_local_child_move(l, CHILD_STARTING);
        p2_local_act(l, LOCAL_DO_START)->u.setup = setup_of(l);
    } else if (l->child == CHILD_BUILDING && l->now_ns >= p2_ns_add(l->heard_ns, LOCAL_SILENCE_NS)) {
        kill_child(l, "it said nothing while building");
    }
}

p2_ns p2_local_child_next(const struct local *l) {
    p2_ns next = l->child == CHILD_DOWN ? l->start_at_ns : P2_NEVER;
    if (l->child == CHILD_BUILDING) next = p2_ns_add(l->heard_ns, LOCAL_SILENCE_NS);
    for (uint32_t i = 0; i < l->config.cells; i++) {
        const struct local_cell *c = &l->cells[i];
        if (!c->busy) continue;
        const struct local_ticket *t = p2_local_find(l, c->ticket);
        if (t && t->alone) next = p2_ns_min(next, t->task.deadline_ns);
        if (l->child == CHILD_READY) next = p2_ns_min(next, c->kill_at_ns);
    }
    return next;
}
