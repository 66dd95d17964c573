#include "loadtest/exec.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static struct word *say(struct exec_words *out, enum word_kind kind) {
    P2_CHECK(out->count < EXEC_WORDS_MAX);
    struct word *w = &out->all[out->count++];
    w->kind = kind;
    w->progress = 0;
    w->text[0] = 0;
    return w;
}

// ---- jobs -----------------------------------------------------------------------------------------------------------

static uint64_t result_size(const struct exec_cell *c) {
    return c->result.result_bytes ? c->result.result_bytes : c->payload_size;
}

static void end(struct exec *e, uint32_t cell, p2_ns now, enum p2_err code, struct exec_words *out) {
    struct exec_cell *c = &e->cells[cell];
    struct word_done *done = &say(out, WORD_DONE)->u.done;
    *done = (struct word_done){.cell = cell, .code = code};
    done->queue_ns = (c->run.running ? c->run.started_ns : now) - c->run.taken_ns;
    if (c->run.running) {
        done->processing_ns = done->kernel_ns = now - c->run.started_ns;
        e->busy_ns += done->processing_ns;
        e->running--;
    } else {
        e->waiting--;
    }
    if (code == P2_OK) done->result_size = result_size(c);
    e->done += code == P2_OK;
    e->failed += code != P2_OK;
    c->run = (struct exec_run){0};
}

static void start(struct exec *e, struct exec_cell *c, p2_ns now, struct p2_rng *rng) {
    const struct scenario_group *g = e->group;
    p2_ns service = 0;
    if (c->result.result_bytes && c->result.task < e->scenario->task_count)
        service = dist_sample(&e->scenario->tasks[c->result.task].service, rng);
    double luck = g->error > 0 || g->stall > 0 ? p2_rng_unit(rng) : 1;
    c->run.running = true;
    c->run.started_ns = now;
    c->run.ends_ns = p2_ns_add(now, (p2_ns)((double)service / g->speed));
    c->run.code = luck < g->error ? P2_ERR_EXECUTION_FAILED : P2_OK;
    c->run.endless = luck >= g->error && luck < g->error + g->stall;
    e->running++;
    e->waiting--;
}

static struct exec_cell *first_waiting(struct exec *e) {
    struct exec_cell *first = NULL;
    for (uint32_t i = 0; i < e->setup.cells; i++) {
        struct exec_cell *c = &e->cells[i];
        if (c->run.order && !c->run.running && (!first || c->run.order < first->run.order)) first = c;
    }
    return first;
}

static void start_jobs(struct exec *e, p2_ns now, struct p2_rng *rng) {
    struct exec_cell *c;
    while (e->waiting && e->running < e->setup.slots && (c = first_waiting(e))) start(e, c, now, rng);
}

static bool over(const struct exec_run *r, p2_ns now) { return r->running && !r->endless && r->ends_ns <= now; }

void exec_tick(struct exec *e, p2_ns now, struct p2_rng *rng, struct exec_words *out) {
    out->count = 0;
    for (uint32_t i = 0; i < e->setup.cells && out->count < EXEC_WORDS_MAX / 2; i++) {
        struct exec_run *r = &e->cells[i].run;
        if (over(r, now))
            end(e, i, now, r->code, out);
        else if (r->order && !r->running && r->deadline_ns <= now)
            end(e, i, now, P2_ERR_DEADLINE_EXCEEDED, out);
    }
    start_jobs(e, now, rng);
}

p2_ns exec_next_ns(const struct exec *e) {
    p2_ns next = P2_NEVER;
    for (uint32_t i = 0; i < e->setup.cells && (e->running || e->waiting); i++) {
        const struct exec_run *r = &e->cells[i].run;
        if (r->running && !r->endless) next = p2_ns_min(next, r->ends_ns);
        if (r->order && !r->running) next = p2_ns_min(next, r->deadline_ns);
    }
    return next;
}

// ---- words ----------------------------------------------------------------------------------------------------------

static void be_ready(const struct exec *e, struct exec_words *out) {
    struct word *w = say(out, WORD_DEVICE);
    w->u.device = (struct word_device){.kind = P2_DEVICE_FAKE, .name = "synthetic", .driver = "none"};
    for (uint32_t i = 0; i < e->scenario->task_count; i++) {
        const struct p2_task_type *t = e->scenario->tasks[i].type;
        bool said = false;
        for (uint32_t k = 0; k < i; k++) said |= e->scenario->tasks[k].type == t;
        if (said || !scenario_offers(e->group, t)) continue;
        w = say(out, WORD_OFFER);
        w->u.offer = (struct word_offer){.version = t->version};
        strncpy(w->u.offer.type, t->name, sizeof w->u.offer.type - 1);
    }
    say(out, WORD_READY);
}

static void take(struct exec *e, const struct word_job *j, p2_ns now) {
    struct exec_cell *c = &e->cells[j->cell];
    P2_CHECK(c->run.order == 0);
    c->payload_size = j->payload_size;
    if (j->payload_size < SYNTHETIC_HEADER || !synthetic_get(c->first, &c->result)) c->result = (struct synthetic){0};
    c->run = (struct exec_run){.order = ++e->order, .deadline_ns = j->deadline_ns, .taken_ns = now};
    e->waiting++;
}

void exec_hear(struct exec *e, const struct word *w, p2_ns now, struct p2_rng *rng, struct exec_words *out) {
    out->count = 0;
    switch (w->kind) {
    case WORD_SETUP: be_ready(e, out); break;
    case WORD_JOB:
        take(e, &w->u.job, now);
        if (e->waiting == 1 && e->running < e->setup.slots)
            start(e, &e->cells[w->u.job.cell], now, rng);
        else
            start_jobs(e, now, rng);
        if (over(&e->cells[w->u.job.cell].run, now)) // takes no time at all
            end(e, w->u.job.cell, now, e->cells[w->u.job.cell].run.code, out);
        break;
    case WORD_CANCEL:
        if (!e->cells[w->u.cell].run.order) break; // its end is being said
        end(e, w->u.cell, now, P2_ERR_CANCELLED, out);
        start_jobs(e, now, rng);
        break;
    case WORD_RECALL:
        if (!e->cells[w->u.cell].run.order) break;
        if (e->cells[w->u.cell].run.running) {
            say(out, WORD_RUNS)->u.cell = w->u.cell;
        } else {
            end(e, w->u.cell, now, P2_ERR_CANCELLED, out);
            out->all[out->count - 1].u.done.returned = true;
        }
        break;
    case WORD_QUIT: e->quits = true; break;
    default: break;
    }
}

bool exec_left(const struct exec *e) { return e->quits && e->running == 0; }

// ---- memory ---------------------------------------------------------------------------------------------------------

void exec_store(struct exec *e, uint32_t cell, uint64_t offset, const uint8_t *bytes, uint32_t size) {
    if (offset >= SYNTHETIC_HEADER) return;
    uint64_t n = SYNTHETIC_HEADER - offset;
    memcpy(e->cells[cell].first + offset, bytes, n < size ? n : size);
}

bool exec_thin(const struct exec *e, uint32_t cell) {
    const struct synthetic *s = &e->cells[cell].result;
    return s->result_bytes && s->task < e->scenario->task_count && e->scenario->tasks[s->task].compressible;
}

void exec_load(const struct exec *e, uint32_t cell, uint64_t offset, uint8_t *out, uint32_t size) {
    const struct exec_cell *c = &e->cells[cell];
    uint8_t head[SYNTHETIC_HEADER];
    memcpy(head, c->first, sizeof head);
    if (c->result.result_bytes) synthetic_put(&c->result, head);
    uint32_t n = offset < SYNTHETIC_HEADER ? SYNTHETIC_HEADER - (uint32_t)offset : 0;
    if (n > size) n = size;
    if (n) memcpy(out, head + offset, n);
    if (size > n)
        synthetic_fill(c->result.content, exec_thin(e, cell), offset + n - SYNTHETIC_HEADER, out + n, size - n);
}

void exec_reset(struct exec *e) {
    memset(e->cells, 0, e->setup.cells * sizeof *e->cells);
    e->running = e->waiting = 0;
    e->quits = false;
}

bool exec_init(struct exec *e, const struct scenario *s, const struct scenario_group *g,
               const struct word_setup *setup) {
    *e = (struct exec){.scenario = s, .group = g, .setup = *setup};
    e->cells = calloc(setup->cells, sizeof *e->cells);
    return e->cells != NULL;
}

void exec_deinit(struct exec *e) {
    free(e->cells);
    e->cells = NULL;
}
