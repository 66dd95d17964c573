// The coordinator: its core, the duties of its shell, and what it says held against the book.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "coordinator/core/state.h"
#include "disk.h"
#include "hash.h"

#define LATE (10 * P2_MS) // after its deadline a task may still be open that long

static struct {
    struct coord *core;
    struct coord_actions out;
    struct timer tick;
    struct coord_limits limits;
    uint32_t open;       // accepted, not ended
    p2_ns stalled_until; // it was not run before then: what it does late is not its fault
    uint64_t since_check;
    struct disk disk;
} coord;

// ---- limits -------------------------------------------------------------------------------------------------------

static struct coord_limits limits_for(const struct plan *p) {
    struct coord_limits l = coord_limits_default();
    l.clients_max = p->clients + 4;
    l.peers_max = p->peers + 4;
    l.strangers_max = p->peers + p->clients + 8;
    l.tasks_max = p->crowd ? 4096 : 512;
    l.tasks_per_client_max = 256;
    l.queue_per_class_max = 512;
    l.recent_max = 512;
    l.offers_max = (p->peers + 4) * SIM_TYPES * 2;
    l.attempts_max = 1 + below(COORD_ATTEMPTS_CEILING - 2);
    if (p->mode == PLAN_CALM && l.attempts_max < 2) l.attempts_max = 2;
    l.steal = !chance(15);
    l.heartbeat_ns = between(1, p->crowd ? 8 : 4) * P2_SEC;
    l.ping_ns = 10 * P2_SEC;
    l.ping_busy_ns = 5 * P2_SEC;
    l.payload_budget_bytes = UINT64_C(64) << 20;
    l.cache_ttl_ns = between(1, 60) * P2_SEC;
    l.cache_entries_max = chance(20) ? 0 : 1 + below(200);
    l.cache_bytes_max = chance(50) ? UINT64_C(64) << 20 : 1 + below(1u << 20);
    l.resume_grace_ns = p->sessions ? p->resume_grace : 0;
    l.blobs_max = 16;
    l.blob_bytes_max = SIM_BLOB_BYTES_MAX;
    l.blob_holdings_max = 1 + below(p->peers * SIM_BLOBS);
    l.blob_budget_bytes = p->mode == PLAN_WILD && p->blobs && chance(70) ? SIM_BLOB_BYTES_MAX : UINT64_C(64) << 20;
    if (!p->tight) return l;
    l.clients_max = p->clients > 2 ? p->clients - 1 : 2;
    l.peers_max = p->peers > 2 ? p->peers - 1 : 2;
    l.strangers_max = 4;
    l.tasks_max = 8 + below(40);
    l.tasks_per_client_max = 2 + below(12);
    l.queue_per_class_max = 2 + below(12);
    l.recent_max = 1 + below(32);
    l.offers_max = 4 + below(p->peers * SIM_TYPES);
    l.jobs_per_peer_max = 1 + below(6);
    l.stream_window_bytes = P2_STREAM_WINDOW;
    l.payload_budget_bytes = 2 * l.stream_window_bytes + below(1u << 20);
    return l;
}

// ---- what it says --------------------------------------------------------------------------------------------------

static bool among(const uint32_t *list, uint32_t count, uint32_t value) {
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == value) return true;
    }
    return false;
}

static void add(uint32_t *list, uint32_t *count, uint32_t value) {
    if (*count < BOOK_PEERS && !among(list, *count, value)) list[(*count)++] = value;
}

// One that has lost its connection since is nobody the coordinator knows.
static bool has_failed(const struct deed *d, uint32_t peer) {
    for (uint32_t i = 0; i < d->failed_count; i++) {
        if (d->failed_by[i] == peer) return peer_joined(peer) < d->failed_ns[i];
    }
    return false;
}

static void said_assign(const struct link *l, const struct p2_msg_task_assign *m) {
    uint32_t n;
    SIM_CHECK(book_number(&m->id, &n), "a task was assigned that nobody submitted");
    struct deed *d = deed_of(n);
    SIM_CHECK(d->accepted && !d->ended, "task %u was assigned after its end", n);
    SIM_CHECK(sim.now < d->due_ns, "task %u was assigned after its deadline", n);
    const struct link *owner = link_find(d->owner);
    SIM_CHECK(!owner || !link_open(owner) || link_tampered(owner), "task %u was assigned while another peer has it", n);
    SIM_CHECK(m->attempt > d->attempt, "task %u: attempt %u follows %u", n, m->attempt, d->attempt);
    SIM_CHECK(m->attempt <= coord.limits.attempts_max, "task %u has attempt %u", n, m->attempt);
    SIM_CHECK(!d->safe, "task %u was assigned again, and its result is kept", n);
    d->attempt = m->attempt;
    d->placed = true;
    d->owner = link_handle(l);
    d->run_of = 0;
    if (!link_node(l)) return;
    uint32_t peer = peer_index(link_node(l));
    if (has_failed(d, peer)) {
        for (uint32_t i = 0; i < sim.plan->peers; i++) {
            SIM_CHECK(among(d->failed_by, d->failed_count, i) || !peer_idle_for(i, d->content),
                      "task %u went again to peer %u that failed it, and peer %u is idle", n, peer, i);
        }
    }
    add(d->had, &d->had_count, peer);
}

static void said_delivery(const struct link *l, const struct p2_msg_result_delivery *m) {
    uint32_t n;
    SIM_CHECK(book_number(&m->id, &n), "a result was delivered that nobody asked for");
    struct deed *d = deed_of(n);
    SIM_CHECK(d->accepted && !d->ended, "task %u: a result after its end", n);
    bool again = m->cached || (sim.plan->sessions && d->delivered_on != link_handle(l));
    SIM_CHECK(m->attempt > d->delivered_attempt || again, "task %u: attempt %u delivered twice", n, m->attempt);
    d->delivered_attempt = m->attempt;
    d->delivered_on = link_handle(l);
    SIM_CHECK(link_tampered(l) || content_of(d->content)->computed, "task %u: a result that nobody computed", n);
    SIM_CHECK(m->payload_size == content_of(d->content)->result_size, "task %u: a result of the wrong length", n);
}

static void said_end(const struct link *l, const struct p2_id *id, enum p2_err code, uint32_t attempt) {
    uint32_t n;
    if (link_tampered(l) || code == P2_ERR_UNKNOWN_TASK || !book_number(id, &n)) return;
    struct deed *d = deed_of(n);
    SIM_CHECK(!d->answered_on || (sim.plan->sessions && d->answered_on != link_handle(l)),
              "task %u ended twice for its client", n);
    d->answered_on = link_handle(l);
    bool too_late = code == P2_ERR_CONNECTION_LOST && sim.now >= d->handed_ns + coord.limits.resume_grace_ns;
    SIM_CHECK(!d->done || too_late, "task %u is done and failed", n);
    if (code == P2_ERR_ATTEMPTS_EXHAUSTED)
        SIM_CHECK(attempt == coord.limits.attempts_max, "task %u was given up after %u attempts", n, attempt);
}

// A run is known to its peer by the task it began for, also when an identical one has taken it over.
static void said_cancel(const struct p2_id *id) {
    uint32_t n;
    if (!book_number(id, &n)) return;
    deed_of(n)->placed = false;
    deed_of(n)->owner = 0;
    for (uint32_t i = 0; i < book_count(); i++) {
        if (deed_of(i)->run_of != n + 1) continue;
        deed_of(i)->placed = false;
        deed_of(i)->owner = 0;
    }
}

// Nobody here breaks the protocol but by tampering.
static void said_error(const struct link *l, const struct p2_msg *m) {
    enum p2_err code = m->u.error.code;
    bool blames = code < P2_ERR_HANDSHAKE_TIMEOUT;
    SIM_CHECK(!blames || link_tampered(l), "an honest %s was blamed: %s (%.*s)",
              link_node(l) && link_node(l)->kind == NODE_PEER ? "peer" : "client", p2_err_name(code),
              (int)m->u.error.sentence.n, m->u.error.sentence.p);
}

static void said(const struct link *l, const struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_TASK_ASSIGN: said_assign(l, &m->u.assign); break;
    case P2_MSG_RESULT_DELIVERY: said_delivery(l, &m->u.delivery); break;
    case P2_MSG_TASK_ENDED: said_end(l, &m->u.ended.id, m->u.ended.code, m->u.ended.attempt); break;
    case P2_MSG_TASK_TIMEOUT: said_end(l, &m->u.timeout.id, P2_ERR_DEADLINE_EXCEEDED, m->u.timeout.attempt); break;
    case P2_MSG_TASK_CANCEL: said_cancel(&m->u.cancel.id); break;
    case P2_MSG_ERROR: said_error(l, m); break;
    default: break;
    }
}

// The run of a task that ends goes on for an identical one: its peer need not be told.
static void noted_taken_over(const struct coord_note *note, struct deed *d) {
    uint32_t n;
    SIM_CHECK(book_number(&note->of, &n), "the run of a task that nobody submitted was taken over");
    struct deed *from = deed_of(n);
    SIM_CHECK(from->content == d->content && !from->ended, "the run of task %u was taken over by another kind", n);
    d->placed = from->placed;
    d->run_of = from->run_of ? from->run_of : n + 1;
    d->owner = from->owner;
    d->attempt = from->attempt;
    from->placed = false;
    from->owner = 0;
}

// A client whose session is over submits the same task in its next one.
static void begin_anew(uint32_t n, struct deed *d) {
    SIM_CHECK(sim.plan->sessions && d->ended, "task %u was accepted twice", n);
    d->accepted = d->ended = d->done = d->placed = d->refused = d->safe = false;
    d->attempt = d->delivered_attempt = d->had_count = d->failed_count = d->run_of = 0;
    d->delivered_on = d->answered_on = P2_NO_HANDLE;
}

static void noted_kept(uint32_t n, struct deed *d, const struct coord_note *note) {
    if (note->to == TASK_KEPT || note->to == TASK_DONE) {
        if (!d->kept) d->handed_ns = sim.now;
        d->handed = true;
    }
    d->kept = note->to == TASK_KEPT || (d->kept && note->to == TASK_RETURNING);
    if (note->to == TASK_KEPT) d->safe = content_of(d->content)->result_size <= coord.limits.stream_window_bytes;
    SIM_CHECK(!d->safe || note->to != TASK_QUEUED, "task %u waits again, and its result is kept", n);
}

static void noted_task(const struct coord_note *note) {
    uint32_t n;
    SIM_CHECK(book_number(&note->task, &n), "a note of a task that nobody submitted");
    struct deed *d = deed_of(n);
    d->waits = false;
    if (note->to == TASK_REFUSED) {
        d->refused = true;
        return;
    }
    if (note->to == TASK_QUEUED) {
        d->waits = true;
        d->waits_since_ns = sim.now;
    }
    if (note->to == TASK_QUEUED && note->why == WHY_SUBMITTED) {
        if (d->accepted) begin_anew(n, d);
        d->accepted = true;
        for (uint32_t i = 0; i < d->blob_count; i++)
            SIM_CHECK(coord_has_blob(d->blobs[i]), "task %u was accepted without its blob %u", n, d->blobs[i]);
        d->accepted_ns = sim.now;
        d->due_ns = sim.now + p2_ns_min(d->left_ns, coord.limits.deadline_ns_max);
        SIM_CHECK(++coord.open <= coord.limits.tasks_max, "more than %u tasks are open", coord.limits.tasks_max);
    }
    if (note->why == WHY_TOOK_OVER) noted_taken_over(note, d);
    noted_kept(n, d, note);
    bool asked = note->to == TASK_CANCELLED || note->to == TASK_EXPIRED;
    SIM_CHECK(!asked || !d->placed, "task %u ended, and its peer was not told", n);
    if (note->to == TASK_QUEUED || note->to >= TASK_RETURNING) d->placed = false;
    if (note->to < TASK_DONE) return;
    SIM_CHECK(d->accepted && !d->ended, "task %u ended twice", n);
    d->ended = true;
    d->done = note->to == TASK_DONE;
    coord.open--;
    SIM_CHECK(note->to != TASK_EXPIRED || sim.now >= d->due_ns, "task %u expired before its deadline", n);
    SIM_CHECK(note->to != TASK_EXPIRED || sim.plan->mode == PLAN_WILD, "task %u expired, with nothing in its way", n);
}

static void noted(const struct coord_note *n) {
    if (sim.trace) {
        char storage[1024];
        struct p2_strbuf text;
        p2_strbuf_init(&text, storage, sizeof storage);
        coord_note_text(n, &text);
        sim_trace("coordinator %s", text.text);
    }
    if (n->kind == NOTE_TASK) noted_task(n);
}

// ---- its disk -----------------------------------------------------------------------------------------------------

static void step(struct coord_event *ev);

bool coord_has_blob(uint32_t number) { return coord.disk.files[number].whole; }

static void disk_answered(struct disk *d, struct p2_blob_work *w) {
    (void)d;
    struct coord_event ev = {.kind = COORD_BLOB_DONE, .work = w};
    step(&ev);
}

// What an accepted task refers to stays.
static void disk_work(const struct p2_blob_work *w) {
    uint32_t blob;
    if (w->what == P2_BLOB_REMOVE && sim_blob_number(&w->digest, &blob)) {
        for (uint32_t n = 0; n < book_count(); n++) {
            const struct deed *d = deed_of(n);
            if (!d->accepted || d->ended) continue;
            SIM_CHECK(!among(d->blobs, d->blob_count, blob), "blob %u, of which task %u has need, is given up", blob,
                      n);
        }
    }
    disk_do(&coord.disk, w);
}

static void carry_out(const struct coord_action *a) {
    struct link *l = link_find(a->conn);
    switch (a->kind) {
    case COORD_SEND:
        if (!l) break;
        said(l, &a->u.msg);
        link_send(l, FAR, a->lane, &a->u.msg);
        break;
    case COORD_CLOSE:
        if (l) link_close(l, FAR, a->code);
        break;
    case COORD_WANT_ROOM:
        if (l) link_want_room(l, FAR);
        break;
    case COORD_NOTE: noted(&a->u.note); break;
    case COORD_BLOB_WORK: disk_work(&a->u.work); break;
    case COORD_HASH: hash_piece(&a->u.hash); break;
    case COORD_UNHASH: hash_drop(a->u.hash.task); break;
    case COORD_ESTABLISHED: break;
    }
}

static void step_once(struct coord_event *ev) {
    ev->now_ns = sim.now;
    sim.steps++;
    coord_step(coord.core, ev, &coord.out);
    for (uint32_t i = 0; i < coord.out.count; i++) carry_out(&coord.out.items[i]);
    coord_actions_clear(&coord.out);
    if (++coord.since_check >= sim.plan->check_each) coord_probe();
}

static void step(struct coord_event *ev) {
    struct coord_event hashed = {.kind = COORD_HASHED};
    step_once(ev);
    while (hash_ready(&hashed.task, &hashed.key)) step_once(&hashed);
    timer_at(&coord.tick, coord_next_ns(coord.core));
}

void coord_hashed(p2_handle task, const struct p2_digest *key) {
    struct coord_event ev = {.kind = COORD_HASHED, .task = task, .key = *key};
    step(&ev);
}

static void on_tick(struct timer *t) {
    if (sim.coord_node.frozen_until > sim.now) {
        coord.stalled_until = sim.coord_node.frozen_until;
        timer_at(t, sim.coord_node.frozen_until);
        return;
    }
    struct coord_event ev = {.kind = COORD_TICK};
    step(&ev);
}

// ---- what it hears -------------------------------------------------------------------------------------------------

// What the peer that has the task says of it.
static void heard_of_job(const struct link *l, const struct p2_msg *m) {
    bool failure = m->kind == P2_MSG_TASK_FAILURE, result = m->kind == P2_MSG_TASK_RESULT;
    bool returned = m->kind == P2_MSG_TASK_RECALLED && m->u.recalled.returned;
    uint32_t n;
    if (!failure && !result && !returned) return;
    const struct p2_id *id = failure ? &m->u.failure.id : result ? &m->u.result.id : &m->u.recalled.id;
    if (!book_number(id, &n)) return;
    struct deed *d = deed_of(n);
    for (uint32_t i = 0; d->owner != link_handle(l); i++) { // who took the run over
        while (i < book_count() && deed_of(i)->run_of != n + 1) i++;
        if (i >= book_count()) return;
        d = deed_of(i);
    }
    d->owner = 0;
    if (!returned) return;
    SIM_CHECK(m->u.recalled.attempt == d->attempt, "task %u: attempt %u was given back, it was %u", n,
              m->u.recalled.attempt, d->attempt);
    d->attempt--; // that one did not take place
}

static void heard_failure(const struct link *l, const struct p2_id *id, bool retryable) {
    uint32_t n;
    if (!book_number(id, &n) || !link_node(l) || !retryable) return;
    struct deed *d = deed_of(n);
    uint32_t peer = peer_index(link_node(l));
    add(d->failed_by, &d->failed_count, peer);
    for (uint32_t i = 0; i < d->failed_count; i++) {
        if (d->failed_by[i] == peer) d->failed_ns[i] = sim.now;
    }
}

void coord_opened(struct link *l) {
    struct coord_event ev = {.kind = COORD_OPENED, .conn = link_handle(l), .room = link_room(l, FAR)};
    uint64_t id[2] = {p2_rng_next(&sim.rng), p2_rng_next(&sim.rng)};
    memcpy(ev.id.b, id, sizeof ev.id.b);
    step(&ev);
}

enum p2_err coord_heard(struct link *l, struct p2_msg *m) {
    struct coord_event ev = {.kind = COORD_MSG, .conn = link_handle(l), .msg = m};
    uint32_t n;
    if (m->kind == P2_MSG_TASK_SUBMIT && book_number(&m->u.submit.id, &n) &&
        (!deed_of(n)->accepted || deed_of(n)->ended)) {
        deed_of(n)->left_ns = m->u.submit.deadline_ns;
    }
    heard_of_job(l, m);
    if (m->kind == P2_MSG_TASK_FAILURE) heard_failure(l, &m->u.failure.id, m->u.failure.retryable);
    step(&ev);
    return link_open(l) ? P2_OK : P2_ERR_CLOSED;
}

void coord_unreadable(struct link *l, enum p2_err why) {
    SIM_CHECK(why == P2_ERR_OVERLOADED || link_tampered(l), "the coordinator could not read: %s", p2_err_name(why));
    struct p2_msg m = {.kind = P2_MSG_ERROR};
    m.u.error.code = why;
    m.u.error.sentence = p2_str(p2_err_sentence(why));
    link_send(l, FAR, 0, &m);
    link_close(l, FAR, why);
    coord_closed(l, why);
}

void coord_writable(struct link *l) {
    struct coord_event ev = {.kind = COORD_WRITABLE, .conn = link_handle(l), .room = link_room(l, FAR)};
    step(&ev);
}

void coord_closed(struct link *l, enum p2_err why) {
    struct coord_event ev = {.kind = COORD_CLOSED, .conn = link_handle(l), .why = why};
    step(&ev);
}

// ---- life ----------------------------------------------------------------------------------------------------------

void coord_create_node(void) {
    const struct plan *p = sim.plan;
    coord.limits = limits_for(p);
    coord.open = 0;
    coord.since_check = 0;
    coord.stalled_until = 0;
    uint64_t links = coord.limits.clients_max + coord.limits.peers_max + coord.limits.strangers_max;
    p2_blob_pool_init(&sim.coord_pool, 2 * coord.limits.payload_budget_bytes + links * (UINT64_C(1) << 20),
                      UINT64_C(16) << 20);
    P2_CHECK(p2_codec_init(&sim.coord_codec, &sim.coord_pool));
    const struct coord_config config = {.limits = coord.limits,
                                        .types = sim_types,
                                        .type_count = SIM_TYPES,
                                        .seed = p2_rng_next(&sim.rng),
                                        .pool = &sim.coord_pool};
    coord.core = coord_create(&config, sim.now);
    P2_CHECK(coord.core && coord_actions_init(&coord.out, &coord.limits));
    hashes_open(coord.limits.tasks_max);
    timer_init(&coord.tick, on_tick);
    disk_init(&coord.disk, &sim.coord_node, &sim.coord_pool, disk_answered);
    timer_at(&coord.tick, coord_next_ns(coord.core));
}

void coord_destroy_node(void) {
    timer_off(&coord.tick);
    hashes_close();
    disk_deinit(&coord.disk);
    coord_destroy(&coord.core);
    coord_actions_deinit(&coord.out);
    p2_codec_deinit(&sim.coord_codec);
    p2_blob_pool_deinit(&sim.coord_pool);
}

void coord_drain_node(void) {
    struct coord_event ev = {.kind = COORD_DRAIN};
    step(&ev);
}

void coord_wake(void) {
    struct coord_event ev = {.kind = COORD_TICK};
    step(&ev);
}

void coord_probe(void) {
    coord.since_check = 0;
    sim.checks++;
    coord_check(coord.core);
}

void coord_check_empty(void) {
    SIM_CHECK(coord.core->clients.live == 0 && coord.core->clients_away == 0, "%u clients are left",
              coord.core->clients.live);
    SIM_CHECK(coord.core->tasks.live == 0 && coord.core->reserved_bytes == 0, "%u tasks are left",
              coord.core->tasks.live);
}

bool coord_is_idle(void) { return coord_idle(coord.core); }
void coord_numbers(struct p2_msg_status *out) { coord_status(coord.core, out); }

// A task that waits while a peer that could do it has been idle for long: something was forgotten. Nothing is
// said of the two lower classes, from which a reserve of slots is rightly kept, and of a payload of several records,
// which may still be on its way.
static void check_waiting(uint32_t n, const struct deed *d) {
    if (d->class_ > P2_CLASS_INTERACTIVE || content_of(d->content)->payload_size > P2_RECORD_PAYLOAD_MAX) return;
    if (!d->waits || sim.now - d->waits_since_ns < 2 * P2_SEC) return;
    if (sim.plan->sessions && content_of(d->content)->result_size > coord.limits.stream_window_bytes)
        return; // for whom?
    for (uint32_t i = 0; i < sim.plan->peers; i++) {
        bool had = among(d->had, d->had_count, i) || among(d->failed_by, d->failed_count, i);
        SIM_CHECK(had || !peer_idle_for(i, d->content), "task %u waits for %.3f s, and peer %u is idle", n,
                  (double)(sim.now - d->waits_since_ns) / (double)P2_SEC, i);
    }
}

void coord_check_tasks(uint32_t from) {
    if (sim.coord_node.frozen_until > sim.now) coord.stalled_until = sim.coord_node.frozen_until;
    if (sim.now < coord.stalled_until + 3 * P2_SEC) return;
    for (uint32_t n = from; n < book_count(); n++) {
        const struct deed *d = deed_of(n);
        if (!d->accepted || d->ended || d->kept) continue;
        SIM_CHECK(sim.now <= d->due_ns + LATE, "task %u is open after its deadline", n);
        check_waiting(n, d);
    }
}
