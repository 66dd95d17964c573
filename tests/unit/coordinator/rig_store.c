#include "rig_store.h"

#include <string.h>

#include "rig.h"

struct p2_digest rig_digest(uint64_t n) {
    struct p2_digest d = {.b[31] = 0xd1};
    for (unsigned i = 0; i < 8; i++) d.b[7 - i] = (uint8_t)(n >> (8 * i));
    return d;
}

struct rig_file *rig_file(struct rig *r, const struct p2_digest *digest) {
    for (unsigned i = 0; i < RIG_FILES; i++) {
        struct rig_file *f = &r->store.files[i];
        if (f->size && p2_digest_equal(&f->digest, digest)) return f;
    }
    return NULL;
}

static struct rig_file *new_file(struct rig *r, const struct p2_blob_work *w) {
    for (unsigned i = 0; i < RIG_FILES; i++) {
        struct rig_file *f = &r->store.files[i];
        if (f->size) continue;
        *f = (struct rig_file){.digest = w->digest, .size = w->size};
        return f;
    }
    fail_msg("%s", "more files than the bench has");
    return NULL;
}

void rig_find(struct rig *r, uint64_t blob, uint64_t size, uint64_t have) {
    struct p2_blob_work w = {.digest = rig_digest(blob), .size = size, .offset = have};
    struct rig_file *f = new_file(r, &w);
    f->have = have;
    f->whole = have == size;
    struct coord_event ev = {.kind = COORD_BLOB_FOUND, .work = &w};
    rig_step(r, &ev);
}

static struct rig_file **stream(struct rig *r, p2_handle token, bool reading, bool make) {
    for (unsigned i = 0; i < RIG_STREAMS; i++) {
        bool is = make ? r->store.streams[i].token == P2_NO_HANDLE
                       : r->store.streams[i].token == token && r->store.streams[i].reading == reading;
        if (!is) continue;
        r->store.streams[i].token = token;
        r->store.streams[i].reading = reading;
        return &r->store.streams[i].file;
    }
    fail_msg("%s", make ? "more streams than the bench has" : "a work of a stream that was not begun");
    return NULL;
}

static void end_stream(struct rig *r, p2_handle token, bool reading) {
    stream(r, token, reading, false); // it is there
    for (unsigned i = 0; i < RIG_STREAMS; i++) {
        if (r->store.streams[i].token == token && r->store.streams[i].reading == reading)
            r->store.streams[i].token = P2_NO_HANDLE;
    }
}

static void begin(struct rig *r, struct p2_blob_work *w) {
    struct rig_file *f = rig_file(r, &w->digest);
    if (!f) f = new_file(r, w);
    assert_int_equal(f->size, w->size);
    assert_false(f->whole);
    if (w->fresh) f->have = 0;
    *stream(r, w->token, false, true) = f;
    w->offset = f->have;
}

static void write_bytes(struct rig *r, struct p2_blob_work *w) {
    struct rig_file *f = *stream(r, w->token, false, false);
    assert_true(f->have + w->slice.size <= f->size);
    if (r->store.broken) {
        w->why = P2_ERR_IO;
        return;
    }
    if (!rig_bytes_right(&w->slice, f->have)) f->wrong = true;
    f->have += w->slice.size;
    w->offset = f->have;
}

static void commit(struct rig *r, struct p2_blob_work *w) {
    struct rig_file *f = *stream(r, w->token, false, false);
    assert_int_equal(f->have, f->size);
    w->why = f->wrong ? P2_ERR_BAD_PAYLOAD : P2_OK;
    f->whole = !f->wrong;
    if (f->wrong) f->size = 0;
    end_stream(r, w->token, false);
}

static void open_file(struct rig *r, struct p2_blob_work *w) {
    struct rig_file *f = rig_file(r, &w->digest);
    *stream(r, w->token, true, true) = f;
    w->why = !f || !f->whole ? P2_ERR_NOT_FOUND : w->prove && f->wrong ? P2_ERR_BAD_PAYLOAD : P2_OK;
    if (w->why == P2_ERR_BAD_PAYLOAD) f->size = 0;
}

static void read_bytes(struct rig *r, struct p2_blob_work *w) {
    w->slice = rig_bytes(r, w->slice.size, w->offset);
    r->store.read_bytes += w->slice.size;
}

static void remove_file(struct rig *r, const struct p2_blob_work *w) {
    struct rig_file *f = rig_file(r, &w->digest);
    r->store.removed++;
    if (f && f->size == w->size) f->size = 0;
}

static bool is_answered(enum p2_blob_what what) {
    return what != P2_BLOB_LEAVE && what != P2_BLOB_CLOSE && what != P2_BLOB_REMOVE;
}

bool rig_store_do(struct rig *r) {
    struct rig_store *s = &r->store;
    if (!s->count) return false;
    struct p2_blob_work w = s->works[s->first];
    s->first = (s->first + 1) % RIG_WORKS;
    s->count--;
    switch (w.what) {
    case P2_BLOB_BEGIN: begin(r, &w); break;
    case P2_BLOB_WRITE: write_bytes(r, &w); break;
    case P2_BLOB_COMMIT: commit(r, &w); break;
    case P2_BLOB_LEAVE: end_stream(r, w.token, false); break;
    case P2_BLOB_OPEN: open_file(r, &w); break;
    case P2_BLOB_READ: read_bytes(r, &w); break;
    case P2_BLOB_CLOSE: end_stream(r, w.token, true); break;
    case P2_BLOB_REMOVE: remove_file(r, &w); break;
    case P2_BLOB_NONE: fail();
    }
    struct coord_event ev = {.kind = COORD_BLOB_DONE, .work = &w};
    bool busy = s->busy;
    s->busy = true;
    if (is_answered(w.what)) rig_step(r, &ev);
    s->busy = busy;
    p2_blob_unref(w.slice.blob);
    return true;
}

void rig_store_look(struct rig *r) {
    struct rig_store *s = &r->store;
    for (; s->seen < r->out.count; s->seen++) {
        const struct coord_action *a = &r->out.items[s->seen];
        if (a->kind != COORD_BLOB_WORK) continue;
        assert_true(s->count < RIG_WORKS);
        struct p2_blob_work *w = &s->works[(s->first + s->count++) % RIG_WORKS];
        *w = a->u.work;
        if (w->slice.blob) p2_blob_ref(w->slice.blob);
    }
    if (s->busy || s->held) return;
    while (rig_store_do(r)) {
    }
}

void rig_store_drop(struct rig *r) {
    struct rig_store *s = &r->store;
    for (; s->count; s->count--) {
        p2_blob_unref(s->works[s->first].slice.blob);
        s->first = (s->first + 1) % RIG_WORKS;
    }
}

void rig_put(struct rig *r, p2_handle client, uint32_t stream, uint64_t blob, uint64_t size) {
    struct p2_msg m = {.kind = P2_MSG_BLOB_PUT, .stream = stream};
    m.u.blob_put = (struct p2_msg_blob_put){.digest = rig_digest(blob), .payload_size = size};
    rig_msg(r, client, &m);
}

void rig_bring(struct rig *r, p2_handle client, uint32_t stream, uint64_t blob, uint64_t size) {
    rig_put(r, client, stream, blob, size);
    for (uint64_t at = 0; at < size; at += P2_RECORD_PAYLOAD_MAX) {
        uint64_t left = size - at;
        rig_chunk(r, client, stream, 1, at, left < P2_RECORD_PAYLOAD_MAX ? (uint32_t)left : P2_RECORD_PAYLOAD_MAX);
    }
}

void rig_want(struct rig *r, p2_handle peer, uint64_t blob, uint64_t offset) {
    struct p2_msg m = {.kind = P2_MSG_BLOB_WANT};
    m.u.blob_want = (struct p2_msg_blob_want){.digest = rig_digest(blob), .offset = offset};
    rig_msg(r, peer, &m);
}

void rig_have(struct rig *r, p2_handle peer, uint64_t blob, bool gone) {
    const struct p2_digest digest = rig_digest(blob);
    struct p2_msg m = {.kind = P2_MSG_BLOB_HAVE, .u.blob_have = {&digest, 1, gone}};
    rig_msg(r, peer, &m);
}
