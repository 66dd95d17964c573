// Clients: the session and the duties of its shell, and whether what comes back is right.
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "client.h"
#include "stream.h"

static struct client *clients;
static bool stopped;

static void on_submit(struct timer *t) {
    struct client *c = P2_CONTAINER_OF(t, struct client, submit);
    if (stopped || !c->up) return;
    timer_at(t, sim.now + about(c->every));
    if (c->node.frozen_until > sim.now) return;
    client_submit(c);
    if (sim.plan->blobs && chance(50)) client_put(c);
    if (chance(4)) {
        for (uint32_t n = 1 + below(12); n; n--) client_submit(c); // a burst
    }
    if (sim.plan->mode != PLAN_CALM && chance(8)) client_cancel_one(c);
    if (chance(5)) client_ask(c);
    if (chance(2)) {
        struct session_event ev = {.kind = SESSION_STATUS};
        client_step(c, &ev);
    }
}

// ---- what comes back -----------------------------------------------------------------------------------------------

static struct ticket_book *ticket_of(struct client *c, session_ticket handle) {
    struct ticket_book *t = &c->tickets[(uint32_t)handle % TICKETS];
    SIM_CHECK(t->handle == handle, "client %u: word of a ticket that is not open", c->index);
    return t;
}

static void store(struct client *c, const struct session_action *a) {
    struct ticket_book *t = ticket_of(c, a->u.store.ticket);
    const struct content *about = content_of(deed_of(t->task)->content);
    uint32_t raw = a->u.store.raw_size;
    SIM_CHECK(a->u.store.attempt == t->attempt && a->u.store.offset == t->have && raw <= t->size - t->have,
              "task %u: a part of a result out of order", t->task);
    const uint8_t *bytes = p2_slice_data(&a->u.store.slice);
    struct p2_blob *plain = NULL;
    if (a->u.store.zstd) {
        plain = p2_blob_new(&sim.pool, raw);
        P2_CHECK(plain && p2_body_inflate(&sim.codec, bytes, a->u.store.slice.size, plain->data, raw) == P2_OK);
        bytes = plain->data;
    }
    SIM_CHECK(bytes_right(bytes, about->result_seed, t->have, raw), "task %u: wrong bytes in its result", t->task);
    p2_blob_unref(plain);
    t->have += raw;
}

// Its result would have come: where round trips double, nothing else happens.
static bool given_up_early(const struct session_ended *e) {
    bool late = e->outcome == SESSION_EXPIRED || e->code == P2_ERR_WOULD_MISS_DEADLINE;
    return sim.plan->doubles && late;
}

static void check_end(const struct client *c, const struct ticket_book *t, const struct session_ended *e) {
    const struct deed *d = deed_of(t->task);
    const struct content *about = content_of(d->content);
    bool tampered = c->node.link && link_tampered(c->node.link);
    SIM_CHECK(!d->over && !d->abandoned, "task %u ended twice at its client", t->task);
    if (e->outcome == SESSION_DONE) {
        SIM_CHECK(d->handed || tampered, "task %u is done for its client alone", t->task);
        SIM_CHECK(about->computed, "task %u has a result that nobody computed", t->task);
        SIM_CHECK(t->attempt && t->have == about->result_size && e->result_size == t->have, "task %u: part of a result",
                  t->task);
    }
    if (e->outcome == SESSION_REFUSED)
        SIM_CHECK(!d->accepted || d->refused || tampered, "task %u was accepted, then refused", t->task);
    if (e->outcome == SESSION_CANCELLED) SIM_CHECK(d->asked_to_end, "task %u was cancelled by nobody", t->task);
    if (e->outcome == SESSION_EXPIRED)
        SIM_CHECK(sim.now >= d->submitted_ns + d->deadline_ns, "task %u expired early", t->task);
    if (sim.plan->mode == PLAN_CALM)
        SIM_CHECK(e->outcome == SESSION_DONE || given_up_early(e) || d->asked_to_end,
                  "task %u was not done though nothing went wrong: outcome %d, %s, %.*s", t->task, (int)e->outcome,
                  p2_err_name(e->code), (int)e->sentence.n, e->sentence.p);
    if (sim.plan->mode == PLAN_PEERS_FAIL)
        SIM_CHECK(e->outcome != SESSION_EXPIRED && e->outcome != SESSION_LOST,
                  "task %u ended by %s though only peers failed", t->task, p2_err_name(e->code));
}

static void ended(struct client *c, const struct session_ended *e) {
    struct ticket_book *t = ticket_of(c, e->ticket);
    sim_trace("client %u task %u outcome %d %s %.*s", c->index, t->task, (int)e->outcome, p2_err_name(e->code),
              (int)e->sentence.n, e->sentence.n ? e->sentence.p : "");
    check_end(c, t, e);
    struct deed *d = deed_of(t->task);
    d->over = true;
    d->over_ns = sim.now;
    sim_count_end((int)e->outcome);
    if (sim.plan->doubles) sim_count_timeout(d, given_up_early(e));
    *t = (struct ticket_book){0};
    c->open--;
    if (sim.plan->stream) stream_ended((uint32_t)(t - c->tickets), e);
}

static void begin(struct client *c, const struct session_action *a) {
    struct ticket_book *t = ticket_of(c, a->u.begin.ticket);
    p2_handle link = link_handle(c->node.link);
    SIM_CHECK(a->u.begin.attempt > t->attempt || (sim.plan->sessions && link != t->link),
              "task %u: attempt %u after %u", t->task, a->u.begin.attempt, t->attempt);
    t->link = link;
    t->attempt = a->u.begin.attempt;
    t->size = a->u.begin.size;
    t->have = 0;
}

static void answered(struct client *c, const struct p2_msg_can_meet_answer *a) {
    struct asked *q = &c->asked[a->question % ASKED_MAX];
    sim_trace("client %u question %llu %s p95 %lld", c->index, (unsigned long long)a->question, p2_err_name(a->code),
              (long long)a->p95_ns);
    SIM_CHECK(a->question && q->number == a->question, "client %u: a second answer to a question, or none was asked",
              c->index);
    SIM_CHECK(a->can == (a->code == P2_OK) && a->p50_ns <= a->p95_ns, "client %u: an answer against itself", c->index);
    if (sim.plan->mode == PLAN_CALM)
        SIM_CHECK(a->can || a->code == P2_ERR_UNREACHABLE, "a task could not be met though nothing went wrong: %s",
                  p2_err_name(a->code));
    *q = (struct asked){0};
}

static void put_ended(struct client *c, const struct session_action *a) {
    enum p2_err code = a->u.put_ended.code;
    SIM_CHECK(c->putting, "client %u: the end of a blob that it does not bring", c->index);
    SIM_CHECK(sim.plan->mode != PLAN_CALM || code == P2_OK, "client %u: blob %u was not taken: %s", c->index, c->blob,
              p2_err_name(code));
    c->putting = false;
}

// ---- carrying out --------------------------------------------------------------------------------------------------

static void send(struct client *c, struct session_action *a) {
    struct p2_msg *m = &a->u.send.msg;
    struct p2_slice *payload = p2_msg_payload(m);
    struct p2_blob *packed = NULL;
    bool mine = m->kind == P2_MSG_TASK_SUBMIT || m->kind == P2_MSG_CHUNK;
    if (mine && payload->size && p2_session_features(c->s) & P2_FEATURE_ZSTD)
        packed = p2_body_deflate(&sim.codec, p2_slice_data(payload), payload->size);
    if (packed) {
        *payload = (struct p2_slice){packed, 0, packed->size};
        *(m->kind == P2_MSG_CHUNK ? &m->u.chunk.payload_zstd : &m->u.submit.payload_zstd) = true;
    }
    link_send(c->node.link, NEAR, a->u.send.lane, m);
    p2_blob_unref(packed);
}

static void noted(struct client *c, const struct session_action *a) {
    sim_trace("client %u %s %s", c->index, p2_session_note_name(a->u.note.kind), p2_err_name(a->u.note.code));
    struct link *l = c->node.link;
    if (a->u.note.kind == NOTE_UP && c->losses && c->losses--) link_break(l);
    if (a->u.note.kind == NOTE_FAULT)
        SIM_CHECK(!l || link_tampered(l), "client %u blames the coordinator: %s", c->index,
                  p2_err_name(a->u.note.code));
}

static void carry_out(struct client *c, struct session_action *a) {
    struct link *l = c->node.link;
    switch (a->kind) {
    case SESSION_DO_DIAL: link_dial(&c->node); break;
    case SESSION_DO_SEND:
        if (l) send(c, a);
        break;
    case SESSION_DO_CLOSE:
        if (l) link_close(l, NEAR, a->u.why);
        break;
    case SESSION_DO_BEGIN_RESULT: begin(c, a); break;
    case SESSION_DO_STORE: store(c, a); break;
    case SESSION_DO_ENDED: ended(c, &a->u.ended); break;
    case SESSION_DO_WANT_ROOM:
        if (l) link_want_room(l, NEAR);
        break;
    case SESSION_DO_ANSWERED: answered(c, &a->u.answer); break;
    case SESSION_DO_SEND_BLOB:
        if (l) client_send_part(c, a);
        break;
    case SESSION_DO_PUT_ENDED: put_ended(c, a); break;
    case SESSION_DO_NOTE: noted(c, a); break;
    default: break;
    }
}

void client_step(struct client *c, struct session_event *ev) {
    if (!c->up) return;
    ev->now_ns = sim.now;
    ev->room = c->node.link ? link_room(c->node.link, NEAR) : 0;
    sim.steps++;
    p2_session_step(c->s, ev, &c->out);
    c->rtt_max = p2_ns_max(c->rtt_max, p2_session_rtt_ns(c->s));
    for (uint32_t i = 0; i < c->out.count; i++) carry_out(c, &c->out.items[i]);
    if (sim.steps % sim.plan->check_each == 0) {
        sim.checks++;
        p2_session_check(c->s);
    }
    timer_at(&c->tick, p2_session_next_ns(c->s));
}

static void on_tick(struct timer *t) {
    struct client *c = P2_CONTAINER_OF(t, struct client, tick);
    if (c->node.frozen_until > sim.now) {
        timer_at(t, c->node.frozen_until);
        return;
    }
    struct session_event ev = {.kind = SESSION_TICK};
    client_step(c, &ev);
}

// ---- events --------------------------------------------------------------------------------------------------------

static struct client *client_of(struct node *n) { return P2_CONTAINER_OF(n, struct client, node); }

uint32_t client_index(const struct node *n) { return ((const struct client *)(const void *)n)->index; }

void client_opened(struct node *n) {
    struct session_event ev = {.kind = SESSION_OPENED};
    client_step(client_of(n), &ev);
}

enum p2_err client_heard(struct node *n, struct p2_msg *m) {
    struct session_event ev = {.kind = SESSION_MSG, .u.msg = m};
    client_step(client_of(n), &ev);
    return P2_OK;
}

void client_unreadable(struct node *n, enum p2_err why) {
    SIM_CHECK(link_tampered(n->link), "a client could not read: %s", p2_err_name(why));
    struct session_event ev = {.kind = SESSION_FAULT, .u.why = why};
    client_step(client_of(n), &ev);
}

void client_writable(struct node *n) {
    struct session_event ev = {.kind = SESSION_WRITABLE};
    client_step(client_of(n), &ev);
}

void client_closed(struct node *n, enum p2_err why) {
    struct session_event ev = {.kind = SESSION_CLOSED, .u.why = why};
    client_step(client_of(n), &ev);
}

// ---- processes -----------------------------------------------------------------------------------------------------

static void process_start(struct client *c) {
    const struct session_config config = {.tasks_max = TICKETS,
                                          .connect_timeout_ns = 10 * P2_SEC,
                                          .lost_timeout_ns = chance(50) ? P2_NEVER : 10 * P2_SEC,
                                          .seed = p2_rng_next(&sim.rng),
                                          .agent = "simulated",
                                          .types = SIM_TYPES,
                                          .features = (sim.plan->zstd ? P2_FEATURE_ZSTD : 0) |
                                                      (sim.plan->sessions ? P2_FEATURE_SESSIONS : 0)};
    c->s = p2_session_create(&config);
    P2_CHECK(c->s && p2_session_actions_init(&c->out, TICKETS));
    c->up = true;
    timer_at(&c->tick, sim.now);
    // In a calm seed nothing is asked for before there are peers to do it.
    if (sim.plan->stream)
        stream_open(c);
    else
        timer_at(&c->submit, sim.now + (sim.plan->mode == PLAN_CALM ? 10 * P2_SEC : 0) + about(c->every));
}

static void process_end(struct client *c) {
    if (!c->up) return;
    c->up = false;
    timer_off(&c->tick);
    timer_off(&c->submit);
    if (c->node.link) link_abandon(c->node.link);
    for (uint32_t i = 0; i < TICKETS; i++) {
        if (c->tickets[i].handle) deed_of(c->tickets[i].task)->abandoned = true;
        c->tickets[i] = (struct ticket_book){0};
    }
    memset(c->asked, 0, sizeof c->asked);
    c->open = 0;
    c->putting = false;
    p2_session_destroy(&c->s);
    p2_session_actions_deinit(&c->out);
}

static void on_again(struct timer *t) {
    struct client *c = P2_CONTAINER_OF(t, struct client, again);
    if (!c->up && !stopped) process_start(c);
}

void clients_create(void) {
    stopped = false;
    clients = calloc(sim.plan->clients, sizeof *clients);
    P2_CHECK(clients);
    for (uint32_t i = 0; i < sim.plan->clients; i++) {
        struct client *c = &clients[i];
        c->index = i;
        c->node.kind = NODE_CLIENT;
        c->node.delay = between(sim.plan->delay_min, sim.plan->delay_max);
        c->node.bandwidth = (uint64_t)between((p2_ns)sim.plan->bandwidth_min, (p2_ns)sim.plan->bandwidth_max);
        c->every = sim.plan->task_every / 2 + about(sim.plan->task_every / 2);
        timer_init(&c->tick, on_tick);
        timer_init(&c->submit, on_submit);
        timer_init(&c->again, on_again);
        timer_at(&c->again, sim.now + between(0, P2_SEC));
    }
}

void clients_destroy(void) {
    for (uint32_t i = 0; i < sim.plan->clients; i++) {
        timer_off(&clients[i].again);
        process_end(&clients[i]);
    }
    free(clients);
}

void clients_stop(void) {
    stopped = true;
    for (uint32_t i = 0; i < sim.plan->clients; i++) {
        struct client *c = &clients[i];
        if (c->up && c->node.frozen_until > sim.now) timer_at(&c->tick, sim.now); // it runs again, and sees the time
        c->node.frozen_until = 0;
    }
}

uint32_t clients_open(void) {
    uint32_t open = 0;
    for (uint32_t i = 0; i < sim.plan->clients; i++) open += clients[i].open;
    return open;
}

// Every open ticket has an end ahead: its deadline, two round trips, a grace.
void clients_check(void) {
    for (uint32_t i = 0; i < sim.plan->clients; i++) {
        const struct client *c = &clients[i];
        if (!c->up || c->node.frozen_until > sim.now) continue;
        p2_session_check(c->s);
        SIM_CHECK(p2_session_open(c->s) == c->open, "client %u has lost count of its tickets", i);
        for (uint32_t k = 0; k < ASKED_MAX; k++)
            SIM_CHECK(!c->asked[k].number || sim.now <= c->asked[k].at_ns + SESSION_ANSWER_NS + P2_SEC,
                      "client %u: a question has no answer", i);
        p2_ns grace = 2 * c->rtt_max + SESSION_GRACE_NS + 10 * P2_MS;
        for (uint32_t k = 0; k < TICKETS; k++) {
            if (!c->tickets[k].handle) continue;
            const struct deed *d = deed_of(c->tickets[k].task);
            SIM_CHECK(sim.now <= d->submitted_ns + d->deadline_ns + grace, "task %u has no end at its client",
                      c->tickets[k].task);
        }
    }
}

void client_fault(uint32_t i) {
    struct client *c = &clients[i];
    struct link *l = c->node.link;
    if (!c->up) return;
    switch (below(10)) {
    case 0: // gone without a word, and back
        process_end(c);
        timer_at(&c->again, sim.now + between(P2_MS, 20 * P2_SEC));
        break;
    case 1:
        if (l) link_break(l);
        break;
    case 2:
        if (l) link_silence(l);
        break;
    case 3: c->node.frozen_until = p2_ns_max(c->node.frozen_until, sim.now + between(P2_MS, 10 * P2_SEC)); break;
    case 4:
        if (l) link_freeze(l, sim.now + between(P2_MS, 8 * P2_SEC));
        break;
    case 5:
        if (l && !sim.plan->tight) link_tamper(l); // there an id is soon forgotten
        break;
    case 6: // lost, and so are the next
        c->losses = below(4);
        if (l) link_break(l);
        break;
    case 7:
        if (l) link_halve(l);
        break;
    case 8: // a flood
        for (uint32_t n = 40 + below(150); n; n--) client_submit(c);
        break;
    default:
        for (uint32_t n = 1 + below(30); n; n--) client_cancel_one(c);
        break;
    }
}
