#include "upload.h"

#include "coordinator/core/state.h"

#define BYTES_PER_SECOND 1024u // slower, a client holds room that others could use

#define TO(s) (1u << (s))

static const uint8_t legal[UPLOAD_STATES] = {
    [UPLOAD_WAITING] = TO(UPLOAD_OPENING),
    [UPLOAD_OPENING] = TO(UPLOAD_TAKING) | TO(UPLOAD_CHECKING),
    [UPLOAD_TAKING] = TO(UPLOAD_CHECKING),
};

static void upload_move(struct coord *c, struct upload *u, enum upload_state to) {
    P2_CHECK(legal[u->state] & TO(to));
    if (to != UPLOAD_TAKING) p2_list_remove(&u->awaited);
    u->state = to;
    struct blob *b = p2_shelf_get(&c->blobs.shelf, u->blob);
    if (to == UPLOAD_OPENING) {
        p2_shelf_move(&c->blobs.shelf, &b->entry, P2_SHELF_COMING);
        blob_work(c, P2_BLOB_BEGIN, u->self, b);
    } else if (to == UPLOAD_CHECKING) {
        blob_work(c, P2_BLOB_COMMIT, u->self, b);
    }
}

// ---- what the client is told ----------------------------------------------------------------------------------------

static struct session *session_of(const struct coord *c, const struct upload *u) {
    const struct client *cl = p2_slab_get(&c->clients, u->client);
    return cl ? p2_slab_get(&c->sessions, cl->session) : NULL;
}

static void tell_have(struct coord *c, const struct session *s, uint32_t stream, const struct blob *b) {
    struct p2_msg m = {.kind = P2_MSG_BLOB_HAVE, .stream = stream};
    m.u.blob_have.digests = &b->entry.digest;
    m.u.blob_have.digest_count = 1;
    session_send(c, s, 0, &m);
}

static void tell_error(struct coord *c, const struct session *s, uint32_t stream, enum p2_err code, const char *text) {
    struct p2_msg m = {.kind = P2_MSG_ERROR, .stream = stream};
    m.u.error.code = code;
    m.u.error.retryable = p2_err_retryable(code);
    m.u.error.retry_after_ns = m.u.error.retryable ? c->limits.retry_after_ns : 0;
    m.u.error.sentence = p2_str(text ? text : p2_err_sentence(code));
    session_send(c, s, 0, &m);
}

static void note_refused(struct coord *c, const struct session *s, const struct p2_digest *digest, enum p2_err code) {
    struct coord_note *n = blob_note(c, NOTE_BLOB_REFUSED, digest);
    n->conn = s ? s->conn : P2_NO_HANDLE;
    n->code = code;
}

// ---- bytes the client owes ------------------------------------------------------------------------------------------

static void await(struct coord *c, struct upload *u) {
    uint64_t enough = (uint64_t)(c->limits.payload_stall_ns / P2_SEC) * BYTES_PER_SECOND;
    bool listed = p2_list_linked(&u->awaited);
    if (u->in.have >= u->in.granted) {
        p2_list_remove(&u->awaited);
    } else if (!listed || u->in.have - u->awaited_have >= enough) {
        p2_list_remove(&u->awaited);
        p2_list_push_back(&c->blobs.awaited, &u->awaited);
        u->awaited_ns = c->now;
        u->awaited_have = u->in.have;
    }
}

p2_ns upload_next_ns(const struct coord *c) {
    if (p2_list_empty(&c->blobs.awaited)) return P2_NEVER;
    const struct upload *u = P2_CONTAINER_OF(c->blobs.awaited.next, struct upload, awaited);
    return p2_ns_add(u->awaited_ns, c->limits.payload_stall_ns);
}

// ---- ends -----------------------------------------------------------------------------------------------------------

static void let_go_of_client(struct coord *c, struct upload *u) {
    struct client *cl = p2_slab_get(&c->clients, u->client);
    if (!cl) return;
    struct p2_id key = table_pair_key(u->client, u->stream);
    P2_CHECK(p2_map_remove(&c->blobs.by_upload, &key));
    p2_list_remove(&u->in_client);
    cl->upload_count--;
    u->client = P2_NO_HANDLE;
}

static void end(struct coord *c, struct upload *u) {
    let_go_of_client(c, u);
    p2_list_remove(&u->in_blob);
    p2_list_remove(&u->awaited);
    p2_slab_free(&c->blobs.uploads, u->self);
}

// The one under way has ended without the whole: the next goes on, or nobody does. `kept`: there may be a part of it.
static void go_on(struct coord *c, struct blob *b, bool kept) {
    struct p2_list *next = p2_list_first(&b->uploads);
    if (next) {
        upload_move(c, P2_CONTAINER_OF(next, struct upload, in_blob), UPLOAD_OPENING);
    } else {
        p2_shelf_move(&c->blobs.shelf, &b->entry, P2_SHELF_PART);
        if (!kept) blob_drop(c, b);
    }
}

// `code` P2_OK: there is nobody to tell.
static void give_up(struct coord *c, struct upload *u, enum p2_err code, const char *text) {
    struct blob *b = p2_shelf_get(&c->blobs.shelf, u->blob);
    bool active = u->state != UPLOAD_WAITING, consumed = u->state == UPLOAD_CHECKING;
    bool any = u->state == UPLOAD_OPENING || u->in.have > 0; // on the disk, or on its way there
    bool kept = any && !consumed && code != P2_ERR_INTERNAL;
    if (code != P2_OK) {
        const struct session *s = session_of(c, u);
        note_refused(c, s, &b->entry.digest, code);
        if (s) tell_error(c, s, u->stream, code, text);
    }
    if (active && !consumed) blob_work(c, P2_BLOB_LEAVE, u->self, b);
    end(c, u);
    if (active) go_on(c, b, kept);
}

void upload_tick(struct coord *c) {
    while (upload_next_ns(c) <= c->now) {
        if (coord_step_full(c)) return;
        struct upload *u = P2_CONTAINER_OF(c->blobs.awaited.next, struct upload, awaited);
        give_up(c, u, P2_ERR_IDLE_TIMEOUT, "its bytes stopped arriving");
    }
}

void upload_on_error(struct coord *c, struct upload *u) {
    if (u->state == UPLOAD_CHECKING)
        let_go_of_client(c, u);
    else
        give_up(c, u, P2_OK, NULL);
}

void upload_client_gone(struct coord *c, struct client *cl) {
    P2_LIST_EACH (it, next, &cl->uploads) upload_on_error(c, P2_CONTAINER_OF(it, struct upload, in_client));
}

// ---- messages -------------------------------------------------------------------------------------------------------

struct upload *upload_of(const struct coord *c, const struct client *cl, uint32_t stream) {
    struct p2_id key = table_pair_key(cl->self, stream);
    return p2_slab_get(&c->blobs.uploads, p2_map_get(&c->blobs.by_upload, &key));
}

struct refusal_of_put {
    enum p2_err code;
    const char *text;
};

static struct refusal_of_put no(enum p2_err code, const char *text) { return (struct refusal_of_put){code, text}; }

static struct refusal_of_put objection(const struct coord *c, const struct client *cl,
                                       const struct p2_msg_blob_put *put) {
    if (c->draining) return no(P2_ERR_DRAINING, NULL);
    if (c->limits.blob_budget_bytes == 0) return no(P2_ERR_TOO_LARGE, "this coordinator keeps no blobs");
    if (put->payload_size > c->limits.blob_bytes_max || put->payload_size > c->limits.blob_budget_bytes)
        return no(P2_ERR_TOO_LARGE, "the blob is larger than this coordinator takes");
    if (cl->upload_count >= UPLOADS_PER_CLIENT)
        return no(P2_ERR_QUOTA_EXCEEDED, "this client has as many uploads open as one may");
    if (c->blobs.uploads.live == c->blobs.uploads.capacity)
        return no(P2_ERR_OVERLOADED, "as many uploads are open as this coordinator takes");
    return no(P2_OK, NULL);
}

static struct upload *create(struct coord *c, struct client *cl, uint32_t stream, struct blob *b) {
    p2_handle h;
    struct upload *u = p2_slab_alloc(&c->blobs.uploads, &h);
    P2_CHECK(u); // there was room
    *u = (struct upload){.self = h, .blob = b->entry.self, .client = cl->self, .stream = stream};
    p2_list_init(&u->in_client);
    p2_list_init(&u->in_blob);
    p2_list_init(&u->awaited);
    p2_list_push_back(&cl->uploads, &u->in_client);
    cl->upload_count++;
    p2_list_push_back(&b->uploads, &u->in_blob);
    struct p2_id key = table_pair_key(cl->self, stream);
    P2_CHECK(p2_map_put(&c->blobs.by_upload, &key, h)); // the stream was free
    return u;
}

// The entry to receive into; NULL: refused. A part of another size is of no use to anybody.
static struct blob *entry_for(struct coord *c, const struct p2_msg_blob_put *put, struct refusal_of_put *why) {
    struct blob *b = p2_shelf_find(&c->blobs.shelf, &put->digest);
    if (b && b->entry.size != put->payload_size) {
        *why = no(b->entry.state == P2_SHELF_HERE ? P2_ERR_BAD_PAYLOAD : P2_ERR_OVERLOADED,
                  b->entry.state == P2_SHELF_HERE ? "the blob of this digest has another size"
                                                  : "another upload says another size of it");
        if (b->entry.state != P2_SHELF_PART) return NULL;
        blob_drop(c, b);
        b = NULL;
    }
    if (b) return b;
    *why = no(P2_OK, "there is no room that is not in use");
    return blob_add(c, &put->digest, put->payload_size, &why->code);
}

void upload_on_put(struct coord *c, struct session *s, const struct p2_msg *m) {
    const struct p2_msg_blob_put *put = &m->u.blob_put;
    struct client *cl = client_of(c, s);
    if (m->stream == 0 || task_by_stream(c, cl, m->stream) || upload_of(c, cl, m->stream)) {
        session_end(c, s, WHY_NONE, P2_ERR_UNEXPECTED_MESSAGE, "an upload on a stream that is in use or 0");
        return;
    }
    if (put->payload_size == 0 || put->offset != 0) {
        session_end(c, s, WHY_NONE, P2_ERR_BAD_MESSAGE, "an upload that begins elsewhere or has no bytes");
        return;
    }
    if (m->stream > cl->stream_max) cl->stream_max = m->stream;
    struct blob *b = blob_here(c, &put->digest);
    if (b && b->entry.size == put->payload_size) {
        p2_shelf_pin(&c->blobs.shelf, &b->entry); // asked for a moment ago: the last to go
        p2_shelf_unpin(&c->blobs.shelf, &b->entry);
        tell_have(c, s, m->stream, b);
        return;
    }
    struct refusal_of_put why = objection(c, cl, put);
    b = why.code == P2_OK ? entry_for(c, put, &why) : NULL;
    if (!b) {
        note_refused(c, s, &put->digest, why.code);
        tell_error(c, s, m->stream, why.code, why.text);
        return;
    }
    bool alone = p2_list_empty(&b->uploads);
    struct upload *u = create(c, cl, m->stream, b);
    if (alone) upload_move(c, u, UPLOAD_OPENING);
}

static const char *fault_of(struct upload *u, const struct p2_msg_chunk *chunk, enum p2_err *code) {
    *code = P2_ERR_BAD_MESSAGE;
    if (u->state != UPLOAD_TAKING) return "a chunk of an upload that was not asked for";
    if (chunk->payload_zstd || relay_piece_wrong(&chunk->payload, chunk->raw_size, false) != P2_OK)
        return "a chunk of a blob that is compressed or empty";
    *code = p2_inflow_take(&u->in, chunk->attempt, chunk->offset, chunk->raw_size);
    if (*code != P2_OK) return "a chunk that does not continue its blob or passes its window";
    *code = P2_ERR_BAD_MESSAGE;
    u->writes++;
    if (u->writes > UPLOAD_WRITES_FREE && u->in.have - u->stored < (uint64_t)u->writes * UPLOAD_WRITE_BYTES)
        return "chunks too small: more than 16, of less than 2048 bytes on average";
    return NULL;
}

void upload_on_chunk(struct coord *c, struct session *s, struct upload *u, const struct p2_msg_chunk *chunk) {
    enum p2_err code;
    const char *fault = fault_of(u, chunk, &code);
    if (fault) {
        session_end(c, s, WHY_NONE, code == P2_ERR_NOT_FOUND ? P2_ERR_BAD_MESSAGE : code, fault);
        return;
    }
    struct p2_blob_work *w = blob_work(c, P2_BLOB_WRITE, u->self, p2_shelf_get(&c->blobs.shelf, u->blob));
    w->slice = chunk->payload;
    c->out->items[c->out->count - 1].payload_held = p2_blob_ref(chunk->payload.blob);
    await(c, u);
}

// ---- what the store says --------------------------------------------------------------------------------------------

static void begun(struct coord *c, struct upload *u, uint64_t offset) {
    struct blob *b = p2_shelf_get(&c->blobs.shelf, u->blob);
    u->stored = offset;
    if (offset == b->entry.size) {
        upload_move(c, u, UPLOAD_CHECKING);
        return;
    }
    upload_move(c, u, UPLOAD_TAKING);
    p2_inflow_begin(&u->in, 1, b->entry.size, 0);
    u->in.have = u->in.granted = offset;
    struct p2_msg m = {.kind = P2_MSG_BLOB_WANT, .stream = u->stream};
    m.u.blob_want.digest = b->entry.digest;
    m.u.blob_want.offset = offset;
    uint64_t left = u->in.size - offset;
    u->in.granted = offset + (left < P2_STREAM_WINDOW ? left : P2_STREAM_WINDOW);
    m.u.blob_want.limit = u->in.granted;
    session_send(c, session_of(c, u), 0, &m);
    await(c, u);
}

static void written(struct coord *c, struct upload *u, uint64_t offset) {
    u->writes--;
    u->stored = offset;
    if (offset == u->in.size) {
        upload_move(c, u, UPLOAD_CHECKING);
        return;
    }
    uint64_t limit = p2_inflow_grant(&u->in, offset, P2_STREAM_WINDOW);
    if (!limit) return;
    struct p2_msg m = {.kind = P2_MSG_WINDOW, .stream = u->stream, .u.window = {.limit = limit, .attempt = 1}};
    session_send(c, session_of(c, u), 0, &m);
    await(c, u);
}

static void stored(struct coord *c, struct upload *u) {
    struct blob *b = p2_shelf_get(&c->blobs.shelf, u->blob);
    struct coord_note *n = blob_note(c, NOTE_BLOB_STORED, &b->entry.digest);
    const struct session *first = session_of(c, u);
    n->conn = first ? first->conn : P2_NO_HANDLE;
    n->count = b->entry.size;
    b->entry.proved = true;
    c->stats.blobs_stored++;
    P2_LIST_EACH (it, next, &b->uploads) {
        struct upload *each = P2_CONTAINER_OF(it, struct upload, in_blob);
        const struct session *s = session_of(c, each);
        if (s) tell_have(c, s, each->stream, b);
        end(c, each);
    }
    p2_shelf_move(&c->blobs.shelf, &b->entry, P2_SHELF_HERE);
}

void upload_on_done(struct coord *c, const struct p2_blob_work *answer) {
    struct upload *u = p2_slab_get(&c->blobs.uploads, answer->token);
    if (!u) return; // its client left
    if (answer->why == P2_ERR_BAD_PAYLOAD)
        give_up(c, u, P2_ERR_BAD_PAYLOAD, "the bytes are not what their digest says");
    else if (answer->why != P2_OK)
        give_up(c, u, P2_ERR_INTERNAL, "the coordinator could not write it to its disk");
    else if (answer->what == P2_BLOB_BEGIN)
        begun(c, u, answer->offset);
    else if (answer->what == P2_BLOB_WRITE)
        written(c, u, answer->offset);
    else
        stored(c, u);
}

// ---- invariants -----------------------------------------------------------------------------------------------------

static void check_one(const struct coord *c, const struct upload *u) {
    const struct blob *b = p2_shelf_get(&c->blobs.shelf, u->blob);
    const struct client *cl = p2_slab_get(&c->clients, u->client);
    P2_CHECK(b && b->entry.state == P2_SHELF_COMING && p2_list_linked(&u->in_blob));
    P2_CHECK((b->uploads.next == &u->in_blob) == (u->state != UPLOAD_WAITING));
    P2_CHECK(cl ? upload_of(c, cl, u->stream) == u : u->client == P2_NO_HANDLE && u->state == UPLOAD_CHECKING);
    P2_CHECK(!cl || (p2_list_linked(&u->in_client) && u->stream <= cl->stream_max));
    bool owes = u->state == UPLOAD_TAKING && u->in.have < u->in.granted;
    P2_CHECK(p2_list_linked(&u->awaited) == owes);
    if (u->state != UPLOAD_TAKING) return;
    P2_CHECK(u->in.size == b->entry.size && u->stored <= u->in.have && u->in.have <= u->in.granted);
    P2_CHECK(u->in.granted - u->stored <= P2_STREAM_WINDOW);
}

void upload_check(const struct coord *c) {
    uint32_t with_client = 0, counted = 0;
    for (uint32_t i = 0; i < c->blobs.uploads.capacity; i++) {
        const struct upload *u = coord_at(&c->blobs.uploads, i);
        if (!u) continue;
        check_one(c, u);
        with_client += u->client != P2_NO_HANDLE;
    }
    for (uint32_t i = 0; i < c->clients.capacity; i++) {
        const struct client *cl = coord_at(&c->clients, i);
        if (cl) counted += cl->upload_count;
    }
    P2_CHECK(with_client == counted && with_client == c->blobs.by_upload.count);
}
