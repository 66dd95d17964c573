// Tasks on the game's own machine: local.h's events and actions, with a pipe to a child.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "client/local/local.h"
#include "client/local/pipe.h"
#include "client/shell/client.h"
#include "os/os.h"

#define WORDS_AT_ONCE 64 // before others have their turn

struct local_side {
    struct local *core;
    struct local_actions actions;
    struct pipe pipe;
    bool up;                     // what the core knows of the link
    enum local_event_kind after; // follows from an action: STARTED or GONE; 0: nothing
    struct p2_list settled;      // records that a run here has ended while the session may still have them
};

struct local_job { // of a ticket that could run here
    const struct p2_task_type *type;
    struct p2_slice payload; // a reference
    struct p2_task_cost cost;
    struct timeout_kind kind;
    p2_ns submitted_ns, span_ns; // 0: the timeout of its kind
    uint8_t block[P2_BLOCK_MAX];
};

static struct local_job *job_of(const struct record *r) { return r->job ? (void *)r->job->data : NULL; }

void p2_here_drop_job(struct record *r) {
    if (!r->job) return;
    p2_blob_unref(job_of(r)->payload.blob);
    p2_blob_unref(r->job);
    r->job = NULL;
}

// ---- actions

static void child_must(struct local_side *s, bool heard) {
    if (!heard) p2_pipe_kill(&s->pipe); // and is started again when it has ended
}

static void run(struct p2c2r_client *c, const struct local_action *a) {
    struct record *r = p2_record_get(c, a->u.job.ticket);
    P2_CHECK(r && r->job);
    const struct local_job *job = job_of(r);
    struct word w;
    memset(&w, 0, sizeof w);
    w.kind = WORD_JOB;
    w.u.job.cell = a->u.job.cell;
    w.u.job.type_version = job->type->version;
    P2_CHECK(strlen(job->type->name) < sizeof w.u.job.type);
    memcpy(w.u.job.type, job->type->name, strlen(job->type->name));
    w.u.job.payload_size = job->payload.size;
    w.u.job.deadline_ns = a->u.job.deadline_ns;
    memcpy(w.u.job.block, job->block, sizeof w.u.job.block);
    child_must(c->local, p2_pipe_job(&c->local->pipe, &w, &job->payload));
}

static void end_as(struct p2c2r_client *c, struct record *r, enum session_outcome outcome, enum p2_err code,
                   const char *reason) {
    r->end.outcome = outcome;
    r->end.code = code;
    r->end.retryable = outcome == SESSION_FAILED && p2_err_retryable(code);
    r->end.retry_after_ns = 0;
    r->end.total_ns = p2_clock_now() - job_of(r)->submitted_ns;
    p2_record_say(c, r, p2_str(reason));
}

// The result, from its cell to where the caller wants it.
static void take_result(struct p2c2r_client *c, struct record *r, const struct local_action *a) {
    uint32_t attempts = r->end.attempts;
    r->end = (struct session_ended){.ticket = r->ticket,
                                    .outcome = SESSION_DONE,
                                    .attempts = attempts,
                                    .result_size = a->u.end.size,
                                    .total_ns = p2_clock_now() - job_of(r)->submitted_ns,
                                    .queue_ns = a->u.end.queue_ns,
                                    .processing_ns = a->u.end.processing_ns,
                                    .kernel_ns = a->u.end.kernel_ns};
    p2_record_say(c, r, p2_str(""));
    if (!p2_record_room(c, r, a->u.end.size))
        end_as(c, r, SESSION_FAILED, P2_ERR_NO_MEMORY, p2_err_sentence(P2_ERR_NO_MEMORY));
    else if (r->data && !p2_pipe_result(&c->local->pipe, a->u.end.cell, 0, r->data, a->u.end.size))
        end_as(c, r, SESSION_FAILED, P2_ERR_INTERNAL, p2_err_sentence(P2_ERR_INTERNAL));
}

static void end(struct p2c2r_client *c, const struct local_action *a) {
    struct record *r = p2_record_get(c, a->u.end.ticket);
    P2_CHECK(r && r->state == RECORD_OPEN);
    bool here = a->u.end.how == LOCAL_END_DONE || a->u.end.how == LOCAL_END_FAILED;
    if (a->u.end.how == LOCAL_END_DONE) take_result(c, r, a);
    if (a->u.end.how == LOCAL_END_FAILED) end_as(c, r, SESSION_FAILED, a->u.end.code, a->u.end.text);
    if (a->u.end.how == LOCAL_END_EXPIRED)
        end_as(c, r, SESSION_EXPIRED, P2_ERR_DEADLINE_EXCEEDED, "its deadline passed while this machine was at it");
    if (here) r->origin = P2C2R_ORIGIN_LOCAL;
    P2_CHECK(here || r->held);
    if (r->held)
        p2_record_finish(c, r);
    else
        p2_list_push_back(&c->local->settled, &r->link); // until the session can be told
}

static void note(struct p2c2r_client *c, const struct local_action *a) {
    char line[WORD_TEXT + 64 + P2_CHILD_PATH_MAX];
    if (!c->log) return;
    snprintf(line, sizeof line, "%s executor=%s%s%s%s", p2_local_note_name(a->u.note.kind), c->local->pipe.program,
             *a->u.note.text ? " said=\"" : "", a->u.note.text, *a->u.note.text ? "\"" : "");
    c->log(c->log_context, line);
}

static void start(struct p2c2r_client *c, const struct word_setup *setup);

static void perform(struct p2c2r_client *c, const struct local_action *a) {
    struct local_side *s = c->local;
    switch (a->kind) {
    case LOCAL_DO_START: start(c, &a->u.setup); break;
    case LOCAL_DO_KILL: p2_pipe_kill(&s->pipe); break;
    case LOCAL_DO_SETUP: child_must(s, p2_pipe_setup(&s->pipe)); break;
    case LOCAL_DO_JOB: run(c, a); break;
    case LOCAL_DO_CANCEL: child_must(s, p2_pipe_cancel(&s->pipe, a->u.cell)); break;
    case LOCAL_DO_END: end(c, a); break;
    case LOCAL_DO_RELEASE: p2_pipe_release(&s->pipe); break;
    case LOCAL_DO_NOTE: note(c, a); break;
    }
}

static void step(struct p2c2r_client *c, struct local_event *ev) {
    struct local_side *s = c->local;
    bool stepping = c->stepping; // of the session: what is ended there is told here
    c->stepping = true;
    for (;;) {
        ev->now_ns = p2_clock_now();
        p2_local_step(s->core, ev, &s->actions);
        for (uint32_t i = 0; i < s->actions.count; i++) perform(c, &s->actions.items[i]);
        if (!s->after) break;
        *ev = (struct local_event){.kind = s->after, .u.text = "it could not be started"};
        s->after = 0;
    }
    c->stepping = stepping;
}

static void feed(struct p2c2r_client *c, struct local_event *ev) {
    step(c, ev);
    struct p2_list *first;
    while (!c->stepping && (first = p2_list_first(&c->local->settled)) != NULL) {
        struct record *r = P2_CONTAINER_OF(first, struct record, link);
        struct session_event drop = {.kind = SESSION_DROP, .u.end = {r->ticket, P2_ERR_CANCELLED}};
        p2_list_remove(first);
        p2_client_feed(c, &drop);
        p2_record_finish(c, r);
    }
}

// ---- the child

// False when it has no more to say.
static bool hear(struct p2c2r_client *c) {
    for (int i = 0; i < WORDS_AT_ONCE; i++) {
        struct word word;
        enum p2_child_heard heard = p2_child_hear(&c->local->pipe.child, &word, sizeof word);
        if (heard == P2_CHILD_SILENT) return true;
        if (heard == P2_CHILD_CLOSED) return false;
        if (heard == P2_CHILD_NOISE) memset(&word, 0, sizeof word);
        struct local_event ev = {.kind = LOCAL_WORD, .u.word = &word};
        feed(c, &ev);
    }
    return true;
}

static void on_words(void *context, int fd) {
    struct p2c2r_client *c = context;
    if (hear(c)) return;
    p2_loop_unwatch(c->loop, fd); // what closes its end has ended, or is of no use any more
    p2_pipe_hang_up(&c->local->pipe);
}

static void on_ended(void *context, int fd) {
    struct p2c2r_client *c = context;
    struct pipe *p = &c->local->pipe;
    if (p->child.words >= 0) {
        while (hear(c) && p2_child_waiting(&p->child)) continue;
        p2_loop_unwatch(c->loop, p->child.words);
    }
    p2_loop_unwatch(c->loop, fd);
    bool reaped = p2_pipe_reap(p);
    P2_CHECK(reaped); // its descriptor said so
    struct local_event ev = {.kind = LOCAL_GONE, .u.text = p->text};
    feed(c, &ev);
}

static void start(struct p2c2r_client *c, const struct word_setup *setup) {
    struct local_side *s = c->local;
    s->after = LOCAL_GONE;
    if (!p2_pipe_start(&s->pipe, setup)) return;
    bool heard = p2_loop_watch(c->loop, s->pipe.child.words, on_words, c);
    if (heard && p2_loop_watch(c->loop, s->pipe.child.pidfd, on_ended, c)) {
        s->after = LOCAL_STARTED;
        return;
    }
    if (heard) p2_loop_unwatch(c->loop, s->pipe.child.words);
    p2_child_drop(&s->pipe.child);
}

// ---- what the library calls

void p2_here_keep(struct p2c2r_client *c, struct record *r, const struct prepared *p,
                  const struct session_submit *submit) {
    if (!c->local || submit->blobs) return;
    r->job = p2_blob_new(&c->payloads, sizeof(struct local_job));
    if (!r->job) return; // the cluster will do
    struct local_job *job = job_of(r);
    *job = (struct local_job){.type = p->type,
                              .payload = submit->payload,
                              .cost = p->cost,
                              .kind = p->kind,
                              .submitted_ns = submit->submitted_ns,
                              .span_ns = p->deadline_ns};
    if (job->payload.blob) p2_blob_ref(job->payload.blob);
    memcpy(job->block, p->block, sizeof job->block);
}

void p2_here_watch(struct p2c2r_client *c, p2c2r_ticket ticket) {
    const struct record *r = c->local ? p2_record_get(c, ticket) : NULL;
    if (!r || !r->job) return;
    const struct local_job *job = job_of(r);
    p2_ns span = job->span_ns ? job->span_ns : p2_session_timeout_ns(c->session, &job->kind);
    struct local_event ev = {.kind = LOCAL_TASK};
    ev.u.task = (struct local_task){.ticket = ticket,
                                    .type = job->kind.type,
                                    .payload_size = job->payload.size,
                                    .cost = job->cost,
                                    .deadline_ns = p2_ns_add(job->submitted_ns, span)};
    p2_session_usual(c->session, &job->kind, &ev.u.task.usual_ns, &ev.u.task.worst_ns);
    feed(c, &ev);
}

bool p2_here_holds(struct p2c2r_client *c, struct record *r) {
    struct local_event ev = {.kind = LOCAL_OVER, .u.over = {r->ticket, r->end.outcome == SESSION_DONE}};
    if (!c->local || !p2_local_has(c->local->core, r->ticket)) return false;
    bool over = r->end.outcome == SESSION_DONE || !p2_local_stands_in(r->end.code);
    if (!over) {
        ev.kind = LOCAL_UNMET;
        ev.u.unmet.ticket = r->ticket;
        ev.u.unmet.code = r->end.code;
        ev.u.unmet.retry_after_ns = r->end.retry_after_ns;
        r->held = true;
    }
    feed(c, &ev);
    return !over;
}

void p2_here_cancel(struct p2c2r_client *c, p2c2r_ticket ticket) {
    if (!c->local || !p2_local_has(c->local->core, ticket)) return;
    struct local_event ev = {.kind = LOCAL_OVER, .u.over = {ticket, false}};
    feed(c, &ev);
    struct record *r = p2_record_get(c, ticket);
    if (!r->held) return; // the session says when it has ended
    end_as(c, r, SESSION_CANCELLED, P2_ERR_CANCELLED, p2_err_sentence(P2_ERR_CANCELLED));
    p2_record_finish(c, r);
}

void p2_here_forecast(struct p2c2r_client *c, const struct timeout_kind *kind, const struct p2_msg_can_meet_answer *m) {
    if (!c->local) return;
    struct local_event ev = {.kind = LOCAL_FORECAST};
    ev.u.forecast.kind = (struct local_kind){kind->type, kind->size_class};
    ev.u.forecast.can = m->can;
    ev.u.forecast.code = m->code;
    ev.u.forecast.retry_after_ns = m->retry_after_ns;
    feed(c, &ev);
}

void p2_here_link(struct p2c2r_client *c) {
    bool up = p2_session_link(c->session) == LINK_UP;
    if (!c->local || c->local->up == up) return;
    c->local->up = up;
    struct local_event ev = {.kind = LOCAL_LINK, .u.up = up};
    feed(c, &ev);
}

p2_ns p2_here_due_ns(const struct p2c2r_client *c) { return c->local ? p2_local_next_ns(c->local->core) : P2_NEVER; }

void p2_here_turn(struct p2c2r_client *c) {
    struct local_event ev = {.kind = LOCAL_TICK};
    if (p2_here_due_ns(c) <= p2_clock_now()) feed(c, &ev);
}

bool p2_here_open(struct p2c2r_client *c, const p2c2r_options *o) {
    if (!o->local_executor) return true;
    struct local_config config = {.tasks_max = o->tasks_max,
                                  .cells = o->local_tasks_max ? o->local_tasks_max : CLIENT_LOCAL_TASKS_DEFAULT,
                                  .cell_bytes = P2_TASK_PAYLOAD_MAX,
                                  .types = p2_task_types,
                                  .type_count = p2_task_type_count};
    c->local = p2_calloc(1, sizeof *c->local);
    if (!c->local) return false;
    p2_list_init(&c->local->settled);
    const char *device = o->local_device ? o->local_device : "0";
    c->local->core = p2_local_create(&config);
    bool named = p2_pipe_init(&c->local->pipe, o->local_executor, device);
    return named && c->local->core && p2_local_actions_init(&c->local->actions, &config);
}

void p2_here_close(struct p2c2r_client *c) {
    struct local_side *s = c->local;
    if (!s) return;
    if (c->loop && s->pipe.child.pidfd >= 0) {
        if (s->pipe.child.words >= 0) p2_loop_unwatch(c->loop, s->pipe.child.words);
        p2_loop_unwatch(c->loop, s->pipe.child.pidfd);
    }
    p2_pipe_deinit(&s->pipe);
    p2_local_actions_deinit(&s->actions);
    p2_local_destroy(&s->core);
    p2_free(s);
    c->local = NULL;
}
