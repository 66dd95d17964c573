// Blobs on this machine: fetched once, kept under a budget, proved once after a start, given up for others.
#include <string.h>

#include "base/check.h"
#include "peer/core/state.h"

#define KEEP_WINDOW (1u << 20) // bytes granted ahead of what is written: they wait in memory
#define TO(s) (1u << (s))

// FETCHING: what its stream brings. PROVING: it lay here at the start.
static const uint8_t legal[KEEP_STATES] = {
    [KEEP_WANTED] = TO(KEEP_ASKED),  [KEEP_ASKED] = TO(KEEP_TAKING),  [KEEP_TAKING] = TO(KEEP_CHECKING),
    [KEEP_CHECKING] = TO(KEEP_HERE), [KEEP_FOUND] = TO(KEEP_PROVING), [KEEP_PROVING] = TO(KEEP_HERE) | TO(KEEP_WANTED),
};

static bool fetching(const struct keep *k) {
    return k->state == KEEP_ASKED || k->state == KEEP_TAKING || k->state == KEEP_CHECKING;
}

static void keep_move(struct worker *w, struct keep *k, enum keep_state to) {
    P2_CHECK(legal[k->state] & TO(to));
    p2_list_remove(&k->wanted);
    bool was = fetching(k);
    k->state = to;
    w->fetches += (fetching(k) ? 1u : 0u) - (was ? 1u : 0u);
    if (to == KEEP_WANTED) p2_list_push_back(&w->wanted, &k->wanted);
    if (to == KEEP_WANTED && k->entry.state == P2_SHELF_HERE) {
        p2_shelf_move(&w->shelf, &k->entry, P2_SHELF_COMING);
        p2_shelf_resize(&w->shelf, &k->entry, 0);
    }
    if (to == KEEP_HERE && k->entry.state == P2_SHELF_COMING) p2_shelf_move(&w->shelf, &k->entry, P2_SHELF_HERE);
    if (to == KEEP_HERE) k->entry.proved = true;
}

static struct p2_blob_work *work(struct worker *w, enum p2_blob_what what, const struct keep *k) {
    struct p2_blob_work *out = &worker_act(w, WORKER_ACT_BLOB)->u.work;
    *out =
        (struct p2_blob_work){.what = what, .token = k->entry.self, .digest = k->entry.digest, .size = k->entry.size};
    return out;
}

static struct keep *keep_init(struct worker *w, const struct p2_digest *digest, uint64_t size,
                              enum p2_shelf_state state) {
    struct keep *k = p2_shelf_add(&w->shelf, digest, size, state);
    if (!k) return NULL;
    p2_list_init(&k->wanted);
    k->state = state == P2_SHELF_HERE ? KEEP_FOUND : KEEP_WANTED;
    if (k->state == KEEP_WANTED) p2_list_push_back(&w->wanted, &k->wanted);
    return k;
}

static bool joined(const struct worker *w) { return w->link.state == LINK_JOINED; }

// Told at the end of the step, many at once.
static void tell_gone(struct worker *w, const struct p2_digest *digest) {
    if (!joined(w)) return; // what is here is said anew with the next registration
    P2_CHECK(w->gone_count < WORKER_BLOBS_MAX);
    w->gone[w->gone_count++] = *digest;
}

static void keep_end(struct worker *w, struct keep *k) {
    if (fetching(k)) w->fetches--;
    p2_list_remove(&k->wanted);
    p2_shelf_remove(&w->shelf, &k->entry);
}

static enum p2_err make_room(struct worker *w, uint64_t size) {
    enum p2_err e;
    while ((e = p2_shelf_room(&w->shelf, size)) == P2_ERR_AGAIN) {
        struct keep *victim = p2_shelf_victim(&w->shelf);
        tell_gone(w, &victim->entry.digest);
        work(w, P2_BLOB_REMOVE, victim);
        keep_end(w, victim);
    }
    return e;
}

// ---- jobs -----------------------------------------------------------------------------------------------------------

bool worker_blobs_ready(const struct worker *w, const struct job *j) {
    for (uint32_t i = 0; i < j->blob_count; i++) {
        const struct keep *k = p2_shelf_get(&w->shelf, j->blobs[i]);
        if (k->state != KEEP_HERE) return false;
    }
    return true;
}

enum p2_err worker_blobs_take(struct worker *w, struct job *j, const struct p2_msg_task_assign *a) {
    for (j->blob_count = 0; j->blob_count < a->blob_count; j->blob_count++) {
        struct keep *k = p2_shelf_find(&w->shelf, &a->blobs[j->blob_count]);
        if (!k && make_room(w, 0) == P2_OK) k = keep_init(w, &a->blobs[j->blob_count], 0, P2_SHELF_COMING);
        if (!k) return P2_ERR_OVERLOADED;
        p2_shelf_pin(&w->shelf, &k->entry);
        j->blobs[j->blob_count] = k->entry.self;
        if (k->state != KEEP_FOUND) continue;
        work(w, P2_BLOB_OPEN, k)->prove = true;
        keep_move(w, k, KEEP_PROVING);
    }
    return P2_OK;
}

void worker_blobs_drop(struct worker *w, struct job *j) {
    for (uint32_t i = 0; i < j->blob_count; i++) {
        struct keep *k = p2_shelf_get(&w->shelf, j->blobs[i]);
        p2_shelf_unpin(&w->shelf, &k->entry);
        if (!k->entry.pins && k->state == KEEP_WANTED) keep_end(w, k); // nobody has been asked for it
    }
    j->blob_count = 0;
}

void worker_blobs_fill(const struct worker *w, const struct job *j, struct word_job *word) {
    word->blob_count = j->blob_count;
    for (uint32_t i = 0; i < j->blob_count; i++) {
        const struct keep *k = p2_shelf_get(&w->shelf, j->blobs[i]);
        word->blobs[i] = (struct word_blob){k->entry.digest, k->entry.size};
    }
}

static bool refers(const struct job *j, p2_handle blob) {
    for (uint32_t i = 0; i < j->blob_count; i++) {
        if (j->blobs[i] == blob) return true;
    }
    return false;
}

// Jobs that wait for it, each once: `code` P2_OK: it is here.
static void settle_jobs(struct worker *w, const struct keep *k, enum p2_err code, const char *text) {
    p2_handle blob = k->entry.self;
    for (uint32_t slot = 0; slot < w->jobs.capacity; slot++) {
        p2_handle self;
        struct job *j = p2_slab_at(&w->jobs, slot, &self);
        if (!j || j->state != JOB_RECEIVING || !refers(j, blob)) continue;
        if (code == P2_OK)
            worker_job_hand_if_whole(w, j);
        else
            worker_job_fail(w, j, code, text);
    }
}

// It does not come: the jobs that wait for it fail, what there is of it goes.
static void give_up(struct worker *w, struct keep *k, enum p2_err code, const char *text) {
    p2_handle self = k->entry.self;
    if (k->state == KEEP_TAKING) work(w, P2_BLOB_LEAVE, k);
    if (k->state == KEEP_TAKING || k->state == KEEP_CHECKING) work(w, P2_BLOB_REMOVE, k);
    settle_jobs(w, k, code, text);
    k = p2_shelf_get(&w->shelf, self);
    if (k) keep_end(w, k);
}

// ---- the coordinator ------------------------------------------------------------------------------------------------

static struct keep *keep_of_stream(const struct worker *w, uint32_t stream) {
    for (uint32_t slot = 0; w->fetches && slot < w->shelf.entries.capacity; slot++) {
        p2_handle self;
        struct keep *k = p2_slab_at(&w->shelf.entries, slot, &self);
        if (k && k->stream == stream && k->state == KEEP_TAKING) return k;
    }
    return NULL;
}

void worker_blob_put(struct worker *w, const struct p2_msg *m) {
    const struct p2_msg_blob_put *put = &m->u.blob_put;
    struct keep *k = p2_shelf_find(&w->shelf, &put->digest);
    if (m->stream == 0 || put->offset != 0 || put->payload_size == 0 || worker_job_of_stream(w, m->stream)) {
        worker_link_fault(w, P2_ERR_BAD_MESSAGE, "a blob on a stream in use, or from the middle");
        return;
    }
    if (!k || k->state != KEEP_ASKED) {
        worker_link_fault(w, P2_ERR_UNEXPECTED_MESSAGE, "a blob that was not asked for");
        return;
    }
    enum p2_err e = make_room(w, put->payload_size);
    if (e != P2_OK) {
        struct p2_msg answer = {.kind = P2_MSG_ERROR, .stream = m->stream, .u.error.code = P2_ERR_OVERLOADED};
        answer.u.error.sentence = p2_str("there is no room for this blob");
        worker_send(w, &answer, 0);
        give_up(w, k, P2_ERR_OVERLOADED, "this peer has no room for a blob of this job");
        return;
    }
    p2_shelf_resize(&w->shelf, &k->entry, put->payload_size);
    k->stream = m->stream;
    k->stored = 0;
    p2_inflow_begin(&k->in, 1, put->payload_size, P2_STREAM_WINDOW);
    keep_move(w, k, KEEP_TAKING);
    work(w, P2_BLOB_BEGIN, k)->fresh = true;
}

bool worker_blob_chunk(struct worker *w, const struct p2_msg *m) {
    const struct p2_msg_chunk *c = &m->u.chunk;
    struct keep *k = keep_of_stream(w, m->stream);
    if (!k) return false;
    enum p2_err e = c->payload_zstd || !c->payload.blob ? P2_ERR_BAD_MESSAGE : P2_OK;
    if (e == P2_OK) e = p2_inflow_take(&k->in, c->attempt, c->offset, c->payload.size);
    if (e != P2_OK) {
        worker_link_fault(w, e, "bytes of a blob out of order, compressed or beyond what was granted");
        return true;
    }
    work(w, P2_BLOB_WRITE, k)->slice = c->payload;
    return true;
}

bool worker_blob_error(struct worker *w, const struct p2_msg *m) {
    struct keep *k = keep_of_stream(w, m->stream);
    if (!k) return false;
    enum p2_err code = m->u.error.code == P2_OK ? P2_ERR_INTERNAL : m->u.error.code;
    give_up(w, k, code, "the coordinator could not send a blob of this job");
    return true;
}

void worker_blob_have(struct worker *w, const struct p2_msg_blob_have *have) {
    for (uint32_t i = 0; have->gone && i < have->digest_count; i++) {
        struct keep *k = p2_shelf_find(&w->shelf, &have->digests[i]);
        if (k && k->state == KEEP_ASKED) give_up(w, k, P2_ERR_BLOB_MISSING, p2_err_sentence(P2_ERR_BLOB_MISSING));
    }
}

static void say_have(struct worker *w, const struct p2_digest *digests, uint32_t count, bool gone) {
    struct p2_msg m = {.kind = P2_MSG_BLOB_HAVE, .u.blob_have = {digests, count, gone}};
    worker_send(w, &m, 0);
}

// With a registration: those used last, as many as one record holds.
void worker_blobs_announce(struct worker *w) {
    uint32_t count = 0;
    for (const struct p2_list *it = w->shelf.idle.prev; it != &w->shelf.idle && count < P2_DIGESTS_MAX; it = it->prev) {
        const struct p2_shelf_entry *e = P2_CONTAINER_OF(it, struct p2_shelf_entry, idle);
        if (e->state == P2_SHELF_HERE) w->held[count++] = e->digest;
    }
    if (count) say_have(w, w->held, count, false);
}

// The jobs are gone already. What is being checked is whole, and stays.
void worker_blobs_link_lost(struct worker *w) {
    w->gone_count = 0;
    for (uint32_t slot = 0; slot < w->shelf.entries.capacity; slot++) {
        p2_handle self;
        struct keep *k = p2_slab_at(&w->shelf.entries, slot, &self);
        bool ends = k && (k->state == KEEP_WANTED || k->state == KEEP_ASKED || k->state == KEEP_TAKING);
        if (ends) give_up(w, k, P2_ERR_CONNECTION_LOST, "the coordinator is gone");
    }
}

void worker_blobs_settle(struct worker *w) {
    struct p2_list *first;
    while (joined(w) && w->fetches < WORKER_FETCHES_MAX && (first = p2_list_first(&w->wanted))) {
        struct keep *k = P2_CONTAINER_OF(first, struct keep, wanted);
        keep_move(w, k, KEEP_ASKED);
        struct p2_msg m = {.kind = P2_MSG_BLOB_WANT, .u.blob_want.digest = k->entry.digest};
        worker_send(w, &m, 0);
    }
    for (uint32_t at = 0; at < w->gone_count; at += P2_DIGESTS_MAX) {
        uint32_t left = w->gone_count - at;
        say_have(w, w->gone + at, left < P2_DIGESTS_MAX ? left : P2_DIGESTS_MAX, true);
    }
    w->gone_count = 0;
}

// ---- the store ------------------------------------------------------------------------------------------------------

void worker_blob_found(struct worker *w, const struct p2_blob_work *found) {
    bool whole = found->offset == found->size && found->size > 0;
    if (whole && make_room(w, found->size) == P2_OK && keep_init(w, &found->digest, found->size, P2_SHELF_HERE)) return;
    worker_act(w, WORKER_ACT_BLOB)->u.work =
        (struct p2_blob_work){.what = P2_BLOB_REMOVE, .digest = found->digest, .size = found->size};
}

static void kept(struct worker *w, struct keep *k) {
    keep_move(w, k, KEEP_HERE);
    struct worker_note *n = worker_note(w, WORKER_NOTE_BLOB_FETCHED);
    n->value = (int64_t)k->entry.size;
    if (joined(w)) say_have(w, &k->entry.digest, 1, false);
    settle_jobs(w, k, P2_OK, NULL);
}

static void on_written(struct worker *w, struct keep *k, uint64_t stored) {
    k->stored = stored;
    if (stored == k->entry.size) {
        work(w, P2_BLOB_COMMIT, k);
        keep_move(w, k, KEEP_CHECKING);
        return;
    }
    uint64_t limit = p2_inflow_grant(&k->in, stored, KEEP_WINDOW);
    if (!limit) return;
    struct p2_msg m = {.kind = P2_MSG_WINDOW, .stream = k->stream, .u.window = {.limit = limit, .attempt = 1}};
    worker_send(w, &m, 0);
}

// A file that lay here: its bytes are right, or it is fetched again.
static void on_proved(struct worker *w, struct keep *k, enum p2_err why) {
    work(w, P2_BLOB_CLOSE, k);
    if (why == P2_OK) {
        keep_move(w, k, KEEP_HERE);
        settle_jobs(w, k, P2_OK, NULL);
        return;
    }
    worker_note(w, WORKER_NOTE_BLOB_LOST)->code = why;
    work(w, P2_BLOB_REMOVE, k);
    tell_gone(w, &k->entry.digest);
    keep_move(w, k, KEEP_WANTED);
    if (!k->entry.pins) keep_end(w, k);
}

void worker_blob_done(struct worker *w, const struct p2_blob_work *answer) {
    struct keep *k = p2_shelf_get(&w->shelf, answer->token);
    if (!k) return; // given up meanwhile
    if (answer->what == P2_BLOB_OPEN) {
        if (k->state == KEEP_PROVING) on_proved(w, k, answer->why);
    } else if (answer->why == P2_ERR_BAD_PAYLOAD) {
        give_up(w, k, P2_ERR_INTERNAL, "the bytes of a blob were not what its digest says");
    } else if (answer->why != P2_OK) {
        give_up(w, k, P2_ERR_INTERNAL, "a blob of this job could not be written");
    } else if (answer->what == P2_BLOB_COMMIT) {
        kept(w, k);
    } else if (answer->what == P2_BLOB_WRITE) {
        on_written(w, k, answer->offset);
    }
}

// ---- invariants -----------------------------------------------------------------------------------------------------

void worker_blobs_check(const struct worker *w) {
    uint32_t fetches = 0;
    p2_shelf_check(&w->shelf);
    for (uint32_t slot = 0; slot < w->shelf.entries.capacity; slot++) {
        p2_handle self;
        const struct keep *k = p2_slab_at(&w->shelf.entries, slot, &self);
        if (!k) continue;
        fetches += fetching(k);
        bool here = k->state == KEEP_HERE || k->state == KEEP_FOUND || k->state == KEEP_PROVING;
        P2_CHECK(k->entry.state == (here ? P2_SHELF_HERE : P2_SHELF_COMING));
        P2_CHECK(p2_list_linked(&k->wanted) == (k->state == KEEP_WANTED));
        P2_CHECK(k->state != KEEP_TAKING || (k->stored <= k->in.have && k->in.size == k->entry.size));
        uint32_t pins = 0;
        for (uint32_t i = 0; i < w->jobs.capacity; i++) {
            const struct job *j = p2_slab_at(&w->jobs, i, &self);
            for (uint32_t b = 0; j && b < j->blob_count; b++) pins += j->blobs[b] == k->entry.self;
        }
        P2_CHECK(pins == k->entry.pins && (pins || k->state != KEEP_WANTED));
    }
    P2_CHECK(fetches == w->fetches && fetches <= WORKER_FETCHES_MAX && w->gone_count == 0);
}
