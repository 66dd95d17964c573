#include "fetch.h"

#include <string.h>

#include "coordinator/core/state.h"

static struct blob *blob_of(const struct coord *c, const struct fetch *f) {
    return p2_shelf_get(&c->blobs.shelf, f->blob);
}

static struct session *session_of(const struct coord *c, const struct fetch *f) {
    const struct peer *p = p2_slab_get(&c->peers, f->peer);
    return p ? peer_session(c, p) : NULL;
}

struct fetch *fetch_of(const struct coord *c, const struct peer *p, uint32_t stream) {
    struct p2_id key = table_pair_key(p->self, stream);
    if (!p->fetch_count) return NULL;
    return p2_slab_get(&c->blobs.fetches, p2_map_get(&c->blobs.by_fetch, &key));
}

// ---- bytes ----------------------------------------------------------------------------------------------------------

bool fetch_ready(const struct fetch *f, const struct piece **piece) {
    *piece = f->piece.slice.blob ? &f->piece : NULL;
    return *piece != NULL;
}

// A part that does not fit the window as a whole waits, as with every payload.
static void read_on(struct coord *c, struct fetch *f) {
    uint64_t left = f->out.size - f->out.sent;
    uint32_t part = left < P2_RECORD_PAYLOAD_MAX ? (uint32_t)left : P2_RECORD_PAYLOAD_MAX;
    if (!f->open || f->reading || f->piece.slice.blob || !left || f->out.limit - f->out.sent < part) return;
    struct p2_blob_work *w = blob_work(c, P2_BLOB_READ, f->self, blob_of(c, f));
    w->offset = f->out.sent;
    w->slice.size = part;
    f->reading = true;
}

void fetch_send(struct coord *c, struct session *s, struct fetch *f) {
    struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = f->stream};
    m.u.chunk.offset = f->piece.offset;
    m.u.chunk.attempt = 1;
    m.u.chunk.raw_size = f->piece.raw_size;
    m.u.chunk.payload = f->piece.slice;
    session_send(c, s, 1 + FETCH_CLASS, &m);
    f->out.sent += f->piece.raw_size;
    p2_blob_unref(f->piece.slice.blob);
    f->piece = (struct piece){.offset = 0};
    if (!p2_outflow_done(&f->out)) {
        read_on(c, f);
        return;
    }
    struct peer *p = p2_slab_get(&c->peers, f->peer);
    p2_ns span = c->now - f->begun_ns;
    struct coord_note *n = blob_note(c, NOTE_BLOB_SENT, &blob_of(c, f)->entry.digest);
    n->peer = p->id;
    n->count = f->out.size;
    n->span_ns = span;
    c->stats.blobs_sent++;
    if (f->out.size >= 1 << 20)
        p2_ewma_add(&c->blobs.mib_ns, (int64_t)((double)span * (1 << 20) / (double)f->out.size));
    fetch_end(c, f);
}

// ---- life -----------------------------------------------------------------------------------------------------------

static void tell_gone(struct coord *c, struct session *s, const struct p2_digest *digest) {
    struct p2_digest *kept = p2_arena_alloc(&c->out->texts, sizeof *kept);
    if (!kept) {
        session_end(c, s, WHY_MEMORY, P2_ERR_OVERLOADED, p2_err_sentence(P2_ERR_OVERLOADED));
        return;
    }
    *kept = *digest;
    struct p2_msg m = {.kind = P2_MSG_BLOB_HAVE, .u.blob_have = {kept, 1, true}};
    session_send(c, s, 0, &m);
}

void fetch_on_want(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_blob_want *want = &m->u.blob_want;
    struct peer *p = peer_of(c, s);
    if (m->stream != 0) {
        session_end(c, s, WHY_PEER_BROKE, P2_ERR_BAD_MESSAGE, "a peer wants blobs on stream 0");
        return;
    }
    struct blob *b = blob_here(c, &want->digest);
    if (!b || want->offset >= b->entry.size) {
        tell_gone(c, s, &want->digest);
        return;
    }
    if (p->fetch_count >= FETCHES_PER_PEER) {
        session_end(c, s, WHY_PEER_BROKE, P2_ERR_UNEXPECTED_MESSAGE, "more blobs wanted at once than a peer may");
        return;
    }
    p2_handle h;
    struct fetch *f = p2_slab_alloc(&c->blobs.fetches, &h);
    P2_CHECK(f); // as many as peers may have
    *f = (struct fetch){.self = h, .peer = p->self, .blob = b->entry.self, .reading = true, .begun_ns = c->now};
    p2_list_init(&f->in_peer);
    outlet_init(&f->outlet, OUTLET_BLOB);
    p2_outflow_begin(&f->out, 1, b->entry.size, 0);
    f->out.sent = want->offset;
    p2_outflow_window(&f->out, 1, want->offset + P2_STREAM_WINDOW);
    struct p2_id key;
    do {
        f->stream = peer_take_stream(p);
        key = table_pair_key(p->self, f->stream);
    } while (table_get(&c->by_job, p->self, f->stream) != P2_NO_SLOT || !p2_map_put(&c->blobs.by_fetch, &key, h));
    p2_list_push_back(&p->fetches, &f->in_peer);
    p->fetch_count++;
    blob_pin(c, b);
    blob_work(c, P2_BLOB_OPEN, f->self, b)->prove = !b->entry.proved;
}

void fetch_end(struct coord *c, struct fetch *f) {
    struct blob *b = blob_of(c, f);
    struct peer *p = p2_slab_get(&c->peers, f->peer);
    struct p2_id key = table_pair_key(f->peer, f->stream);
    P2_CHECK(p2_map_remove(&c->blobs.by_fetch, &key));
    blob_work(c, P2_BLOB_CLOSE, f->self, b);
    p2_list_remove(&f->in_peer);
    p->fetch_count--;
    outlet_close(&f->outlet);
    p2_blob_unref(f->piece.slice.blob);
    blob_unpin(c, b);
    p2_slab_free(&c->blobs.fetches, f->self);
}

void fetch_peer_gone(struct coord *c, struct peer *p) {
    P2_LIST_EACH (it, next, &p->fetches) fetch_end(c, P2_CONTAINER_OF(it, struct fetch, in_peer));
}

void fetch_on_window(struct coord *c, struct fetch *f, const struct p2_msg_window *m) {
    p2_outflow_window(&f->out, m->attempt, m->limit);
    read_on(c, f);
}

// The file cannot be read, or its bytes are wrong: it is no more. Its peer fails the jobs that wait for it.
static void broken(struct coord *c, struct fetch *f, enum p2_err why) {
    struct blob *b = blob_of(c, f);
    struct session *s = session_of(c, f);
    bool ours = why == P2_ERR_NO_MEMORY || why == P2_ERR_OVERLOADED; // nothing is wrong with it
    if (b->entry.state == P2_SHELF_HERE && !ours) blob_lost(c, b, why);
    const struct p2_digest digest = b->entry.digest;
    struct p2_msg m = {.kind = P2_MSG_ERROR, .stream = f->stream};
    m.u.error.code = ours ? P2_ERR_OVERLOADED : P2_ERR_BLOB_MISSING;
    m.u.error.retryable = ours;
    m.u.error.sentence = p2_str(p2_err_sentence(m.u.error.code));
    bool told = f->open; // it expects bytes on that stream
    fetch_end(c, f);
    if (told) session_send(c, s, 1 + FETCH_CLASS, &m);
    tell_gone(c, s, &digest);
}

static void opened(struct coord *c, struct fetch *f) {
    struct blob *b = blob_of(c, f);
    b->entry.proved = true;
    f->open = true;
    struct p2_msg m = {.kind = P2_MSG_BLOB_PUT, .stream = f->stream};
    m.u.blob_put.digest = b->entry.digest;
    m.u.blob_put.payload_size = f->out.size;
    m.u.blob_put.offset = f->out.sent;
    session_send(c, session_of(c, f), 1 + FETCH_CLASS, &m); // in the lane of its chunks
    read_on(c, f);
}

void fetch_on_done(struct coord *c, const struct p2_blob_work *answer) {
    struct fetch *f = p2_slab_get(&c->blobs.fetches, answer->token);
    if (!f) return; // its peer left
    f->reading = false;
    if (answer->why != P2_OK) {
        broken(c, f, answer->why);
    } else if (answer->what == P2_BLOB_OPEN) {
        opened(c, f);
    } else {
        f->piece = (struct piece){answer->slice, answer->offset, answer->slice.size, false};
        p2_blob_ref(answer->slice.blob);
        relay_wake_fetch(c, session_of(c, f), f);
    }
}

// ---- invariants -----------------------------------------------------------------------------------------------------

static void check_one(const struct coord *c, const struct fetch *f) {
    const struct peer *p = p2_slab_get(&c->peers, f->peer);
    const struct blob *b = blob_of(c, f);
    P2_CHECK(p && b && p2_list_linked(&f->in_peer) && fetch_of(c, p, f->stream) == f);
    P2_CHECK(b->entry.pins > 0 && f->out.size == b->entry.size && f->out.sent < f->out.size);
    P2_CHECK(!(f->reading && f->piece.slice.blob) && (f->open || f->reading));
    P2_CHECK(f->piece.slice.blob || !p2_list_linked(&f->outlet.link));
    P2_CHECK(!f->piece.slice.blob || f->piece.offset == f->out.sent);
}

void fetch_check(const struct coord *c) {
    uint32_t counted = 0;
    for (uint32_t i = 0; i < c->blobs.fetches.capacity; i++) {
        const struct fetch *f = coord_at(&c->blobs.fetches, i);
        if (f) check_one(c, f);
    }
    for (uint32_t i = 0; i < c->peers.capacity; i++) {
        const struct peer *p = coord_at(&c->peers, i);
        if (p) counted += p->fetch_count;
    }
    P2_CHECK(counted == c->blobs.fetches.live && counted == c->blobs.by_fetch.count);
}
