// What clients want: tasks with blobs, answers to questions, an end to some.
#include <string.h>

#include "book.h"
#include "client.h"
#include "disk.h"

static struct p2_param int_param(const char *name, uint64_t value) {
    return (struct p2_param){.name = p2_str(name), .kind = P2_PARAM_INT, .count = 1, .value.ints[0] = (int64_t)value};
}

static void task_params(const struct content *about, uint32_t content, struct p2_param items[4]) {
    items[0] = int_param("content", content);
    items[1] = int_param("result", about->result_size);
    items[2] = int_param("work", about->told_us);
    items[3] = int_param("memory", about->memory_mb);
}

void client_ask(struct client *c) {
    uint32_t type = below(SIM_TYPES), content = book_content(type);
    const struct content *about = content_of(content);
    struct asked *q = &c->asked[(c->questions + 1) % ASKED_MAX];
    if (q->number) return;
    struct p2_param items[4];
    task_params(about, content, items);
    const struct p2_msg_can_meet m = {.question = ++c->questions,
                                      .type = p2_str(sim_types[type]->name),
                                      .class_ = (enum p2_class)below(P2_CLASSES),
                                      .deadline_ns = between(sim.plan->deadline_min, sim.plan->deadline_max),
                                      .payload_size = about->payload_size,
                                      .params = {items, 4}};
    *q = (struct asked){m.question, sim.now};
    struct session_event ev = {.kind = SESSION_ASK, .u.question = &m};
    client_step(c, &ev);
}

// ---- blobs ---------------------------------------------------------------------------------------------------------

// Where nothing goes wrong a task refers to what is there; elsewhere also to what is not.
static void refer(struct session_submit *s, struct deed *d) {
    uint32_t wanted = sim.plan->blobs && chance(50) ? 1 + below(BOOK_BLOBS) : 0;
    while (wanted--) {
        uint32_t blob = below(SIM_BLOBS);
        bool here = coord_has_blob(blob);
        if (!here && (sim.plan->mode != PLAN_WILD || chance(80))) continue;
        d->blobs[d->blob_count++] = blob;
    }
    if (!d->blob_count) return;
    s->blobs = p2_blob_new(&sim.pool, d->blob_count * (uint32_t)sizeof(struct p2_digest));
    P2_CHECK(s->blobs);
    for (uint32_t i = 0; i < d->blob_count; i++) {
        const struct p2_digest digest = sim_blob_digest(d->blobs[i]);
        memcpy(s->blobs->data + i * sizeof digest, &digest, sizeof digest);
    }
}

void client_put(struct client *c) {
    if (c->putting) {
        struct session_event stop = {.kind = SESSION_PUT_STOP};
        if (sim.plan->mode != PLAN_WILD || !chance(10)) return;
        c->putting = false;
        client_step(c, &stop);
        return;
    }
    c->blob = below(SIM_BLOBS);
    c->putting = true;
    struct session_event ev = {.kind = SESSION_PUT, .u.put = {sim_blob_digest(c->blob), sim_blob_size(c->blob)}};
    client_step(c, &ev);
}

void client_send_part(struct client *c, const struct session_action *a) {
    struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = a->u.part.stream};
    struct p2_blob *bytes = p2_blob_new(&sim.pool, a->u.part.size);
    P2_CHECK(bytes);
    bytes_fill(bytes->data, sim_blob_seed(c->blob), a->u.part.offset, a->u.part.size);
    m.u.chunk.offset = a->u.part.offset;
    m.u.chunk.attempt = 1;
    m.u.chunk.raw_size = a->u.part.size;
    m.u.chunk.payload = (struct p2_slice){bytes, 0, a->u.part.size};
    link_send(c->node.link, NEAR, 3, &m);
    p2_blob_unref(bytes);
}

// ---- tasks ---------------------------------------------------------------------------------------------------------

static struct timeout_kind kind_of(uint32_t type, const struct p2_params *params, const struct content *about) {
    struct p2_task_cost cost;
    struct sim_block block;
    P2_CHECK(sim_types[type]->prepare(params, about->payload_size, &block, &cost, NULL) == P2_OK);
    return (struct timeout_kind){type, cost.size_class, cost.timeout_prior_ns};
}

static void hand_in(struct client *c, uint32_t slot, uint32_t task) {
    struct deed *d = deed_of(task);
    const struct content *about = content_of(d->content);
    struct p2_param items[4];
    task_params(about, d->content, items);
    const struct p2_params params = {items, 4};
    const struct timeout_kind kind = kind_of(about->type, &params, about);
    d->client = c->index;
    d->submitted_ns = sim.now;
    if (sim.plan->doubles) d->deadline_ns = p2_session_timeout_ns(c->s, &kind);
    d->learned = d->deadline_ns < p2_task_patience(kind.prior_ns);
    struct session_event ev = {.kind = SESSION_SUBMIT};
    struct session_submit *s = &ev.u.submit;
    *s = (struct session_submit){.ticket = (uint64_t)++c->generation << 32 | slot,
                                 .id = book_id(task),
                                 .type = sim_types[about->type]->name,
                                 .class_ = d->class_,
                                 .kind = kind,
                                 .deadline_ns = sim.plan->doubles ? 0 : d->deadline_ns,
                                 .result_bytes_max = about->result_size,
                                 .weight_percent = d->weight_percent,
                                 .withheld = sim.plan->mode == PLAN_WILD && chance(0.5)};
    s->params_blob = p2_params_keep(&sim.pool, &params, &s->params);
    struct p2_blob *payload = p2_blob_new(&sim.pool, about->payload_size);
    P2_CHECK(s->params_blob && payload);
    bytes_fill(payload->data, about->seed, 0, about->payload_size);
    s->payload = (struct p2_slice){payload, 0, about->payload_size};
    refer(s, d);
    c->tickets[slot] = (struct ticket_book){.handle = s->ticket, .task = task};
    c->open++;
    client_step(c, &ev);
}

void client_submit(struct client *c) {
    uint32_t slot = 1 + c->cursor++ % (TICKETS - 1);
    if (c->tickets[slot].handle) return;
    uint32_t type = below(SIM_TYPES), content = book_content(type), task = book_task(content);
    struct deed *d = deed_of(task);
    d->class_ = (enum p2_class)below(P2_CLASSES);
    d->deadline_ns = between(sim.plan->deadline_min, sim.plan->deadline_max);
    hand_in(c, slot, task);
}

uint32_t client_free_slot(const struct client *c) {
    uint32_t slot = 1;
    while (slot < TICKETS && c->tickets[slot].handle) slot++;
    return slot % TICKETS;
}

void client_submit_content(struct client *c, uint32_t slot, uint32_t content, uint32_t weight_percent,
                           p2_ns deadline_ns) {
    uint32_t task = book_task(content);
    struct deed *d = deed_of(task);
    d->class_ = P2_CLASS_REALTIME;
    d->deadline_ns = deadline_ns;
    d->weight_percent = weight_percent;
    hand_in(c, slot, task);
}

void client_cancel(struct client *c, uint32_t slot) {
    const struct ticket_book *t = &c->tickets[slot];
    deed_of(t->task)->asked_to_end = true;
    struct session_event ev = {.kind = SESSION_CANCEL, .u.end.ticket = t->handle};
    client_step(c, &ev);
}

void client_cancel_one(struct client *c) {
    for (uint32_t i = 0, at = below(TICKETS); i < TICKETS; i++) {
        uint32_t slot = (at + i) % TICKETS;
        if (!c->tickets[slot].handle) continue;
        client_cancel(c, slot);
        return;
    }
}
