// The coordinator's words and notes, and what it is told, held against the book.
#include "witness.h"

#include <inttypes.h>
#include <string.h>

#include "book.h"
#include "coordinator/core/state.h"
#include "disk.h"
#include "runs.h"
#include "shuns.h"

#define ACK_NS (10 * P2_SEC) // the slowest link brings an acknowledgement in that time
#define LATE (10 * P2_MS)    // after its deadline a task may still be open that long

static struct {
    const struct coord_limits *limits;
    uint32_t open;                    // accepted, not ended
    uint32_t waiting[SIM_TYPES];      // tasks
    uint64_t accepted, hedged, paid;  // tasks; second runs; retries that cost a token
    p2_ns paid_ns[BUDGET_TOKENS_MAX]; // the latest of them, a ring
} witness;

void witness_open(const struct coord_limits *limits) {
    memset(&witness, 0, sizeof witness);
    witness.limits = limits;
}

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

// ---- what it says --------------------------------------------------------------------------------------------------

static void said_assign(const struct link *l, const struct p2_msg_task_assign *m) {
    uint32_t n;
    SIM_CHECK(book_number(&m->id, &n), "a task was assigned that nobody submitted");
    struct deed *d = deed_of(n);
    SIM_CHECK(d->accepted && !d->ended, "task %u was assigned after its end", n);
    SIM_CHECK(sim.now < d->due_ns, "task %u was assigned after its deadline", n);
    bool again = d->attempts >> m->attempt & 1; // of two runs the second may be said first
    SIM_CHECK(!again && (m->attempt > d->attempt || d->hedges), "task %u: attempt %u follows %u", n, m->attempt,
              d->attempt);
    SIM_CHECK(m->attempt <= witness.limits->attempts_max, "task %u has attempt %u", n, m->attempt);
    SIM_CHECK(!d->safe, "task %u was assigned again, and its result is kept", n);
    if (m->attempt > d->attempt) d->attempt = m->attempt;
    d->attempts |= 1u << m->attempt;
    SIM_CHECK(runs_of(n) == 0 || d->hedges, "task %u has a second run for no reason", n);
    run_begins(n, m->attempt, link_handle(l));
    if (!link_node(l)) return;
    uint32_t peer = peer_index(link_node(l));
    if (has_failed(d, peer)) {
        for (uint32_t i = 0; i < sim.plan->peers; i++) {
            SIM_CHECK(among(d->failed_by, d->failed_count, i) || shuns_held_off(i, d->content) ||
                          !peer_idle_for(i, d->content),
                      "task %u went again to peer %u that failed it, and peer %u is idle", n, peer, i);
        }
    }
    add(d->had, &d->had_count, peer);
    shuns_said(l, n);
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
    bool too_late = code == P2_ERR_CONNECTION_LOST && sim.now >= d->handed_ns + witness.limits->resume_grace_ns;
    SIM_CHECK(!d->done || too_late, "task %u is done and failed", n);
    if (code == P2_ERR_ATTEMPTS_EXHAUSTED && !d->unpaid)
        SIM_CHECK(attempt == witness.limits->attempts_max, "task %u was given up after %u attempts", n, attempt);
}

static void said_cancel(const struct link *l, const struct p2_msg_task_cancel *m) {
    uint32_t n;
    if (!book_number(&m->id, &n)) return;
    run_ends(n, m->attempt, link_handle(l));
    shuns_over(l, n);
}

// Nobody here breaks the protocol but by tampering.
static void said_error(const struct link *l, const struct p2_msg *m) {
    enum p2_err code = m->u.error.code;
    bool blames = code < P2_ERR_HANDSHAKE_TIMEOUT;
    SIM_CHECK(!blames || link_tampered(l), "an honest %s was blamed: %s (%.*s)",
              link_node(l) && link_node(l)->kind == NODE_PEER ? "peer" : "client", p2_err_name(code),
              (int)m->u.error.sentence.n, m->u.error.sentence.p);
}

void witness_said(const struct link *l, const struct p2_msg *m) {
    switch (m->kind) {
    case P2_MSG_TASK_ASSIGN: said_assign(l, &m->u.assign); break;
    case P2_MSG_RESULT_DELIVERY: said_delivery(l, &m->u.delivery); break;
    case P2_MSG_TASK_ENDED: said_end(l, &m->u.ended.id, m->u.ended.code, m->u.ended.attempt); break;
    case P2_MSG_TASK_TIMEOUT: said_end(l, &m->u.timeout.id, P2_ERR_DEADLINE_EXCEEDED, m->u.timeout.attempt); break;
    case P2_MSG_TASK_CANCEL: said_cancel(l, &m->u.cancel); break;
    case P2_MSG_ERROR: said_error(l, m); break;
    default: break;
    }
}

// The run of a task that ends goes on for an identical one: its peer need not be told.
static void noted_taken_over(const struct coord_note *note, uint32_t by) {
    uint32_t n;
    struct deed *d = deed_of(by);
    SIM_CHECK(book_number(&note->of, &n), "the run of a task that nobody submitted was taken over");
    struct deed *from = deed_of(n);
    SIM_CHECK(from->content == d->content && !from->ended, "the run of task %u was taken over by another kind", n);
    runs_taken_over(n, by);
    d->hedges += from->hedges;
    d->attempt = from->attempt;
    d->attempts = from->attempts;
}

// Retries are at most the share of tasks, what was there at the start, and what time brings; and none is denied unless
// that many were made not long ago.
static void paid_retry(uint32_t n) {
    uint64_t percent = witness.limits->retry_budget_percent, floor = witness.limits->retry_floor;
    witness.paid_ns[witness.paid++ % BUDGET_TOKENS_MAX] = sim.now;
    uint64_t refills = floor * (uint64_t)(sim.now / P2_SEC) / 10 + 1;
    SIM_CHECK(!percent || witness.paid <= floor + refills + witness.accepted * percent / 100,
              "task %u is tried again, the %" PRIu64 "th retry for %" PRIu64 " tasks", n, witness.paid,
              witness.accepted);
}

static void denied_retry(uint32_t n) {
    uint64_t floor = witness.limits->retry_floor;
    SIM_CHECK(witness.limits->retry_budget_percent, "task %u is denied a retry, and there is no limit", n);
    bool many = floor < 2;
    if (!many && witness.paid >= floor / 2)
        many = sim.now - witness.paid_ns[(witness.paid - floor / 2) % BUDGET_TOKENS_MAX] <= 11 * P2_SEC;
    SIM_CHECK(many, "task %u is denied a retry, and few were made", n);
    deed_of(n)->unpaid = true;
}

static void set_waits(struct deed *d, bool waits) {
    uint32_t *count = &witness.waiting[content_of(d->content)->type];
    *count += (uint32_t)waits - (uint32_t)d->waits;
    d->waits = waits;
    d->waits_since_ns = sim.now;
}

// A second run: of a payload that is kept, when no task of its type waits, and for few tasks only.
static void noted_hedged(const struct coord_note *note) {
    uint32_t n;
    SIM_CHECK(book_number(&note->task, &n), "a second run of a task that nobody submitted");
    struct deed *d = deed_of(n);
    const struct content *about = content_of(d->content);
    d->hedges++;
    shuns_placed(note, n);
    witness.hedged++;
    SIM_CHECK(!d->ended && !d->waits, "task %u got a second run, and has none", n);
    SIM_CHECK(about->payload_size <= P2_STREAM_WINDOW, "task %u got a second run, and its payload is not kept", n);
    SIM_CHECK(!witness.waiting[about->type], "task %u got a second run, and others of its type wait", n);
    SIM_CHECK(witness.hedged * 100 <= witness.accepted * witness.limits->hedge_percent,
              "task %u got a second run, the %" PRIu64 "th of %" PRIu64 " tasks", n, witness.hedged, witness.accepted);
}

// A client whose session is over submits the same task in its next one, or is told that nobody knows it any more.
static void begin_anew(uint32_t n, struct deed *d) {
    SIM_CHECK(sim.plan->sessions && d->ended, "task %u was accepted twice", n);
    d->accepted = d->ended = d->done = d->refused = d->safe = d->unpaid = false;
    d->attempt = d->delivered_attempt = d->had_count = d->failed_count = d->attempts = d->hedges = 0;
    d->delivered_on = d->answered_on = P2_NO_HANDLE;
}

static void noted_kept(uint32_t n, struct deed *d, const struct coord_note *note) {
    if (note->to == TASK_KEPT || note->to == TASK_DONE) {
        if (!d->kept) d->handed_ns = sim.now;
        d->handed = true;
    }
    d->kept = note->to == TASK_KEPT || (d->kept && note->to == TASK_RETURNING);
    if (note->to == TASK_KEPT) d->safe = content_of(d->content)->result_size <= witness.limits->stream_window_bytes;
    SIM_CHECK(!d->safe || note->to != TASK_QUEUED, "task %u waits again, and its result is kept", n);
}

static void noted_task(const struct coord_note *note) {
    uint32_t n;
    SIM_CHECK(book_number(&note->task, &n), "a note of a task that nobody submitted");
    struct deed *d = deed_of(n);
    set_waits(d, note->to == TASK_QUEUED);
    if (note->to == TASK_REFUSED) {
        if (d->accepted && note->code != P2_ERR_DUPLICATE_TASK) begin_anew(n, d); // and forgotten
        d->refused = true;
        return;
    }
    bool pays = note->why == WHY_PEER_FAILED || note->why == WHY_MEMORY || note->why == WHY_CLIENT_ASKED;
    if (note->to == TASK_QUEUED && pays) paid_retry(n);
    if (note->why == WHY_BUDGET) denied_retry(n);
    if (note->to == TASK_QUEUED && note->why == WHY_SUBMITTED) {
        witness.accepted++;
        if (d->accepted) begin_anew(n, d);
        d->accepted = true;
        for (uint32_t i = 0; i < d->blob_count; i++)
            SIM_CHECK(coord_has_blob(d->blobs[i]), "task %u was accepted without its blob %u", n, d->blobs[i]);
        d->accepted_ns = sim.now;
        d->due_ns = sim.now + p2_ns_min(d->left_ns, witness.limits->deadline_ns_max);
        SIM_CHECK(++witness.open <= witness.limits->tasks_max, "more than %u tasks are open",
                  witness.limits->tasks_max);
    }
    if (note->to == TASK_PLACED && note->why == WHY_PICKED) shuns_placed(note, n);
    if (note->why == WHY_TOOK_OVER) noted_taken_over(note, n);
    noted_kept(n, d, note);
    SIM_CHECK(note->to == TASK_PLACED || runs_of(n) == 0, "task %u is %s, and a peer that runs it was not told", n,
              task_state_name(note->to));
    if (note->to < TASK_DONE) return;
    SIM_CHECK(d->accepted && !d->ended, "task %u ended twice", n);
    bool deaf = note->why == WHY_DELIVERED && sim.plan->sessions && sim.plan->mode == PLAN_CALM && d->over;
    SIM_CHECK(!deaf || sim.now < d->over_ns + ACK_NS, "task %u was acknowledged, and its result kept on", n);
    d->ended = true;
    d->done = note->to == TASK_DONE;
    witness.open--;
    SIM_CHECK(note->to != TASK_EXPIRED || sim.now >= d->due_ns, "task %u expired before its deadline", n);
    bool may_expire = sim.plan->mode == PLAN_WILD || sim.plan->doubles;
    SIM_CHECK(note->to != TASK_EXPIRED || may_expire, "task %u expired, with nothing in its way", n);
}

void witness_noted(const struct coord_note *n) {
    if (sim.trace) {
        char storage[1024];
        struct p2_strbuf text;
        p2_strbuf_init(&text, storage, sizeof storage);
        coord_note_text(n, &text);
        sim_trace("coordinator %s", text.text);
    }
    if (n->kind == NOTE_TASK) noted_task(n);
    if (n->kind == NOTE_HEDGED) noted_hedged(n);
    if (n->kind == NOTE_PEER_LOST) runs_lost(n->conn);
    shuns_noted(n);
}

// ---- what it hears -------------------------------------------------------------------------------------------------

// A job given back did not take place: its number comes again.
static void heard_returned(const struct link *l, const struct p2_msg_task_recalled *m) {
    uint32_t n, owner;
    if (!m->returned || !book_number(&m->id, &n) || !run_owner(n, m->attempt, link_handle(l), &owner)) return;
    struct deed *d = deed_of(owner);
    SIM_CHECK(m->attempt == d->attempt, "task %u: attempt %u was given back, it was %u", owner, m->attempt, d->attempt);
    d->attempts &= ~(1u << d->attempt--);
    run_ends(n, m->attempt, link_handle(l));
    shuns_over(l, n);
}

static void heard_failure(const struct link *l, const struct p2_msg_task_failure *m) {
    uint32_t n;
    if (!book_number(&m->id, &n)) return;
    run_ends(n, m->attempt, link_handle(l));
    if (!link_node(l)) return;
    struct deed *d = deed_of(n);
    shuns_over(l, n);
    if (!m->retryable) return;
    shuns_failed(l, n);
    uint32_t peer = peer_index(link_node(l));
    add(d->failed_by, &d->failed_count, peer);
    for (uint32_t i = 0; i < d->failed_count; i++) {
        if (d->failed_by[i] == peer) d->failed_ns[i] = sim.now;
    }
}

void witness_heard(const struct link *l, const struct p2_msg *m) {
    uint32_t n;
    switch (m->kind) {
    case P2_MSG_TASK_SUBMIT:
        if (!book_number(&m->u.submit.id, &n) || (deed_of(n)->accepted && !deed_of(n)->ended)) break;
        deed_of(n)->left_ns = m->u.submit.deadline_ns;
        break;
    case P2_MSG_TASK_RECALLED: heard_returned(l, &m->u.recalled); break;
    case P2_MSG_TASK_RESULT:
        if (!book_number(&m->u.result.id, &n)) break;
        run_ends(n, m->u.result.attempt, link_handle(l));
        shuns_over(l, n);
        break;
    case P2_MSG_PEER_REGISTER: shuns_registering(&m->u.peer_register.instance); break;
    case P2_MSG_TASK_FAILURE: heard_failure(l, &m->u.failure); break;
    default: break;
    }
}

// What an accepted task refers to stays.
void witness_gives_up(const struct p2_digest *digest) {
    uint32_t blob;
    if (!sim_blob_number(digest, &blob)) return;
    for (uint32_t n = 0; n < book_count(); n++) {
        const struct deed *d = deed_of(n);
        if (!d->accepted || d->ended) continue;
        SIM_CHECK(!among(d->blobs, d->blob_count, blob), "blob %u, of which task %u has need, is given up", blob, n);
    }
}

// ---- what it has forgotten -----------------------------------------------------------------------------------------

// A task that waits while a peer that could do it has been idle for long: something was forgotten. Nothing is
// said of the two lower classes, from which a reserve of slots is rightly kept, and of a payload of several records,
// which may still be on its way.
static void check_waiting(uint32_t n, const struct deed *d) {
    if (d->class_ > P2_CLASS_INTERACTIVE || content_of(d->content)->payload_size > P2_RECORD_PAYLOAD_MAX) return;
    if (!d->waits || sim.now - d->waits_since_ns < 2 * P2_SEC) return;
    if (sim.plan->sessions && content_of(d->content)->result_size > witness.limits->stream_window_bytes)
        return; // for whom?
    for (uint32_t i = 0; i < sim.plan->peers; i++) {
        bool had = among(d->had, d->had_count, i) || among(d->failed_by, d->failed_count, i);
        SIM_CHECK(had || shuns_held_off(i, d->content) || !peer_idle_for(i, d->content),
                  "task %u waits for %.3f s, and peer %u is idle", n,
                  (double)(sim.now - d->waits_since_ns) / (double)P2_SEC, i);
    }
}

void witness_check_tasks(uint32_t from) {
    for (uint32_t n = from; n < book_count(); n++) {
        const struct deed *d = deed_of(n);
        if (!d->accepted || d->ended || d->kept) continue;
        SIM_CHECK(sim.now <= d->due_ns + LATE, "task %u is open after its deadline", n);
        check_waiting(n, d);
    }
}
