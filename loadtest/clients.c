#include "loadtest/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/core/synthetic.h"
#include "os/os.h"

#define STEPS_AT_ONCE 8 // of a session that has more to send, before others have their turn
#define CONNECT_TIMEOUT (60 * P2_SEC)

struct record {
    p2_ns meant_ns, sent_ns;
    uint32_t task, attempt;
    struct synthetic expected;
    uint8_t first[SYNTHETIC_HEADER];
    uint64_t size;
};

struct client {
    struct hub_node node;
    struct clients *of;
    struct session *session;
    struct p2_slab records;
    uint32_t series;
};

static struct client *client_of(struct hub_node *n) { return P2_CONTAINER_OF(n, struct client, node); }

// ---- results --------------------------------------------------------------------------------------------------------

static void begin_result(struct client *c, session_ticket ticket, uint32_t attempt, uint64_t size) {
    struct record *r = p2_slab_get(&c->records, ticket);
    if (!r) return;
    r->attempt = attempt;
    r->size = size;
    memset(r->first, 0, sizeof r->first);
}

static void store(struct client *c, const struct session_action *a) {
    struct record *r = p2_slab_get(&c->records, a->u.store.ticket);
    if (!r || r->attempt != a->u.store.attempt || a->u.store.offset >= SYNTHETIC_HEADER) return;
    const uint8_t *bytes = hub_unpack(&c->of->hub, &a->u.store.slice, a->u.store.raw_size, a->u.store.zstd);
    uint64_t n = SYNTHETIC_HEADER - a->u.store.offset;
    if (n > a->u.store.raw_size) n = a->u.store.raw_size;
    if (bytes) memcpy(r->first + a->u.store.offset, bytes, n);
}

static bool is_right(const struct clients *c, const struct record *r) {
    struct synthetic got;
    if (!c->verify) return true;
    return r->size == r->expected.result_bytes && synthetic_get(r->first, &got) && got.content == r->expected.content;
}

static void end(struct client *c, const struct session_ended *e) {
    static const enum ending endings[] = {
        [SESSION_DONE] = ENDED_DONE,       [SESSION_REFUSED] = ENDED_REFUSED,     [SESSION_FAILED] = ENDED_FAILED,
        [SESSION_EXPIRED] = ENDED_EXPIRED, [SESSION_CANCELLED] = ENDED_CANCELLED, [SESSION_LOST] = ENDED_LOST,
    };
    struct record *r = p2_slab_get(&c->records, e->ticket);
    if (!r) return;
    const p2_ns now = p2_clock_now(), meant = r->meant_ns;
    struct report_end out = {.ending = endings[e->outcome],
                             .code = e->code,
                             .cached = e->cached,
                             .attempts = e->attempts,
                             .task = r->task,
                             .latency_ns = now - meant,
                             .late_ns = r->sent_ns - meant,
                             .queue_ns = e->queue_ns,
                             .processing_ns = e->processing_ns,
                             .kernel_ns = e->kernel_ns,
                             .peer = e->peer};
    out.wrong = e->outcome == SESSION_DONE && !is_right(c->of, r);
    c->of->open--;
    p2_slab_free(&c->records, e->ticket);
    c->of->ended(c->of->context, meant, &out);
}

// ---- the session's actions ------------------------------------------------------------------------------------------

static void note(struct clients *all, const struct session_action *a) {
    if (a->u.note.kind != NOTE_TURNED_AWAY && a->u.note.kind != NOTE_FAULT) return;
    struct p2_str said = a->u.note.sentence;
    if (!said.n) said = p2_str(p2_err_sentence(a->u.note.code));
    snprintf(all->refused, sizeof all->refused, "%.*s", (int)said.n, said.p);
}

static void keep_status(struct clients *all, const struct p2_msg_status *said) {
    all->said = *said;
    all->said.unmet_count = all->said.task_count = 0; // borrowed
    all->said.unmet = NULL;
    all->said.tasks = NULL;
    all->said.version = (struct p2_str){0};
}

static void send(struct client *c, struct session_action *a) {
    const struct record *r = a->u.send.ticket ? p2_slab_get(&c->records, a->u.send.ticket) : NULL;
    bool packs = r && c->of->scenario->tasks[r->task].compressible;
    packs = packs && p2_session_features(c->session) & P2_FEATURE_ZSTD;
    struct p2_blob *packed = packs ? hub_pack(&c->of->hub, &a->u.send.msg) : NULL;
    hub_send(&c->node, &a->u.send.msg, a->u.send.lane);
    p2_blob_unref(packed);
}

static void perform(struct client *c, struct session_action *a) {
    switch (a->kind) {
    case SESSION_DO_DIAL: hub_dial(&c->node); break;
    case SESSION_DO_SEND: send(c, a); break;
    case SESSION_DO_CLOSE: hub_close(&c->node, a->u.why); break;
    case SESSION_DO_BEGIN_RESULT: begin_result(c, a->u.begin.ticket, a->u.begin.attempt, a->u.begin.size); break;
    case SESSION_DO_STORE: store(c, a); break;
    case SESSION_DO_ENDED: end(c, &a->u.ended); break;
    case SESSION_DO_WANT_ROOM: p2_conn_want_room(c->of->hub.loop, c->node.conn); break;
    case SESSION_DO_STATUS: keep_status(c->of, a->u.status); break;
    case SESSION_DO_ESTABLISHED: p2_conn_established(c->of->hub.loop, c->node.conn); break;
    case SESSION_DO_NOTE: note(c->of, a); break;
    case SESSION_DO_PROBE: // there is one address
    case SESSION_DO_PROBE_SEND:
    case SESSION_DO_PROBE_END:
    case SESSION_DO_ADOPT: P2_UNREACHABLE();
    case SESSION_DO_ANSWERED: // asked by nobody here, as blobs are put by nobody
    case SESSION_DO_SEND_BLOB:
    case SESSION_DO_PUT_ENDED: break;
    }
}

// A session that ends tasks in its actions may be given new ones by whoever counts them, but not before this is over.
static void feed(struct client *c, struct session_event *ev) {
    ev->now_ns = hub_now(&c->node);
    ev->room = hub_room(&c->node);
    p2_session_step(c->session, ev, &c->of->actions);
    for (uint32_t i = 0; i < c->of->actions.count; i++) perform(c, &c->of->actions.items[i]);
    if (!c->node.hearing) hub_wake(&c->node, p2_session_next_ns(c->session));
}

static void on_heard(struct hub_node *n) { hub_wake(n, p2_session_next_ns(client_of(n)->session)); }

static void on_opened(struct hub_node *n) { feed(client_of(n), &(struct session_event){.kind = SESSION_OPENED}); }
static void on_writable(struct hub_node *n) { feed(client_of(n), &(struct session_event){.kind = SESSION_WRITABLE}); }

static void on_message(struct hub_node *n, struct p2_msg *m) {
    feed(client_of(n), &(struct session_event){.kind = SESSION_MSG, .u.msg = m});
}

static void on_fault(struct hub_node *n, enum p2_err why) {
    feed(client_of(n), &(struct session_event){.kind = SESSION_FAULT, .u.why = why});
}

static void on_closed(struct hub_node *n, enum p2_err why) {
    feed(client_of(n), &(struct session_event){.kind = SESSION_CLOSED, .u.why = why});
}

static void on_due(struct hub_node *n) {
    struct client *c = client_of(n);
    for (int i = 0; i < STEPS_AT_ONCE && p2_session_next_ns(c->session) <= p2_clock_now(); i++)
        feed(c, &(struct session_event){.kind = SESSION_TICK});
}

static const struct hub_calls calls = {.opened = on_opened,
                                       .message = on_message,
                                       .heard = on_heard,
                                       .writable = on_writable,
                                       .fault = on_fault,
                                       .closed = on_closed,
                                       .due = on_due};

// ---- tasks ----------------------------------------------------------------------------------------------------------

static struct client *with_room(struct clients *all) {
    if (all->open >= (uint64_t)all->count * all->scenario->window) return NULL;
    for (uint32_t i = 0; i < all->count; i++) {
        struct client *c = &all->all[all->next];
        all->next = all->next + 1 < all->count ? all->next + 1 : 0;
        if (c->records.live < c->records.capacity) return c;
    }
    return NULL;
}

static struct p2_slice payload_of(struct clients *all, const struct scenario_task *t, const struct synthetic *s) {
    struct p2_blob *b = p2_blob_new(&all->hub.pool, (uint32_t)t->payload_bytes);
    if (!b) return (struct p2_slice){0};
    synthetic_put(s, b->data);
    synthetic_fill(s->content, t->compressible, 0, b->data + SYNTHETIC_HEADER, t->payload_bytes - SYNTHETIC_HEADER);
    return (struct p2_slice){b, 0, b->size};
}

static struct p2_id id_of(struct p2_rng *r) {
    const uint64_t half[2] = {p2_rng_next(r), p2_rng_next(r)};
    struct p2_id id;
    memcpy(id.b, half, sizeof id.b);
    return id;
}

static uint32_t place_of(const struct p2_task_type *type) {
    uint32_t at = 0;
    while (p2_task_types[at] != type) at++;
    return at;
}

static void fill(struct clients *all, struct client *c, struct record *r, struct session_submit *out) {
    const struct scenario_task *t = &all->scenario->tasks[r->task];
    out->id = id_of(&all->rng);
    out->type = t->type->name;
    out->version = t->type->version;
    out->class_ = t->class_;
    out->kind = (struct timeout_kind){place_of(t->type), t->cost.size_class, t->cost.timeout_prior_ns};
    out->deadline_ns = t->deadline_ns;
    out->result_bytes_max = t->cost.result_bytes_max;
    out->no_cache = t->no_cache;
    out->series = t->series ? c->series : 0;
    if (all->params[r->task]) {
        out->params = all->kept[r->task];
        out->params_blob = p2_blob_ref(all->params[r->task]);
    }
}

bool clients_submit(struct clients *all, p2_ns meant_ns) {
    struct client *c = with_room(all);
    p2_handle ticket;
    if (!c) return false;
    struct record *r = p2_slab_alloc(&c->records, &ticket);
    r->meant_ns = meant_ns;
    r->task = scenario_pick(all->scenario, &all->rng);
    const struct scenario_task *t = &all->scenario->tasks[r->task];
    r->expected = (struct synthetic){.task = r->task,
                                     .result_bytes = (uint32_t)t->result_bytes,
                                     .content = t->distinct ? (uint32_t)p2_rng_below(&all->rng, t->distinct)
                                                            : UINT32_MAX - all->contents++};
    struct session_event ev = {.kind = SESSION_SUBMIT};
    ev.u.submit.ticket = ticket;
    ev.u.submit.payload = payload_of(all, t, &r->expected);
    if (!ev.u.submit.payload.blob) {
        p2_slab_free(&c->records, ticket);
        return false;
    }
    fill(all, c, r, &ev.u.submit);
    all->open++;
    r->sent_ns = p2_clock_now();
    hub_enter(&c->node);
    feed(c, &ev);
    hub_leave(&c->node);
    return true;
}

void clients_ask_status(struct clients *all) {
    hub_enter(&all->all[0].node);
    feed(&all->all[0], &(struct session_event){.kind = SESSION_STATUS});
    hub_leave(&all->all[0].node);
}

uint32_t clients_serving(const struct clients *all) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->count; i++) n += p2_session_link(all->all[i].session) == LINK_UP;
    return n;
}

// ---- lifetime -------------------------------------------------------------------------------------------------------

static bool client_open(struct clients *all, uint32_t i) {
    const struct session_config config = {.addresses = 1,
                                          .tasks_max = all->scenario->window,
                                          .connect_timeout_ns = CONNECT_TIMEOUT,
                                          .lost_timeout_ns = P2_NEVER,
                                          .seed = p2_rng_next(&all->rng),
                                          .agent = "p2c2r-loadtest " P2_VERSION,
                                          .features = P2_FEATURE_ZSTD | P2_FEATURE_SESSIONS,
                                          .types = p2_task_type_count};
    struct client *c = &all->all[i];
    c->of = all;
    c->series = 1;
    hub_node_init(&c->node, &all->hub);
    c->session = p2_session_create(&config);
    return c->session && p2_slab_init(&c->records, sizeof(struct record), all->scenario->window);
}

static bool keep_params(struct clients *all) {
    for (uint32_t i = 0; i < all->scenario->task_count; i++) {
        const struct scenario_task *t = &all->scenario->tasks[i];
        const struct p2_params params = {t->params, t->param_count};
        all->params[i] = p2_params_keep(&all->hub.pool, &params, &all->kept[i]);
        if (t->param_count && !all->params[i]) return false;
    }
    return true;
}

bool clients_init(struct clients *all, const struct scenario *s, const char *url) {
    *all = (struct clients){.scenario = s, .count = s->clients};
    p2_rng_init(&all->rng, s->seed);
    all->all = calloc(s->clients, sizeof *all->all);
    if (!all->all || !hub_init(&all->hub, !s->unbatched, url, s->clients, &calls)) return false;
    if (!p2_session_actions_init(&all->actions, s->window) || !keep_params(all)) return false;
    for (uint32_t i = 0; i < s->clients; i++) {
        if (!client_open(all, i)) return false;
    }
    for (uint32_t i = 0; i < s->clients; i++) hub_wake(&all->all[i].node, 0); // dials
    return true;
}

void clients_deinit(struct clients *all) {
    for (uint32_t i = 0; all->all && i < all->count; i++) {
        struct client *c = &all->all[i];
        hub_node_deinit(&c->node);
        p2_session_destroy(&c->session);
        p2_slab_deinit(&c->records);
    }
    free(all->all);
    for (uint32_t i = 0; i < SCENARIO_TASKS_MAX; i++) p2_blob_unref(all->params[i]);
    p2_session_actions_deinit(&all->actions);
    hub_deinit(&all->hub);
    *all = (struct clients){0};
}
