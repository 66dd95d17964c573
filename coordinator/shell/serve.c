#include "serve.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "coordinator/core/fetch.h"
#include "coordinator/shell/blobs.h"
#include "coordinator/shell/digest.h"
#include "coordinator/shell/http_health.h"
#include "coordinator/shell/plain.h"
#include "coordinator/shell/report.h"
#include "net/net.h"
#include "os/log.h"
#include "os/os.h"
#include "wire/wire.h"

#define KEPT_BYTES (UINT64_C(64) << 20)  // of freed blobs, for reuse
#define ROOM_BYTES (UINT64_C(512) << 10) // of payloads queued on one connection
#define BROKEN_MAX 64u                   // in one step; beyond that the connection is closed
#define HEAD_BYTES (P2_PREFIX_BYTES + P2_HEADER_MAX)

// A connection as the shell sees it.
struct link {
    p2_handle self;
    p2_conn conn;
    struct p2_reader reader;
    uint64_t features;
    bool closing; // the core is done with it, or it broke the framing
};

// A stream that ended because its bytes could not be decompressed for the receiver: BadPayload, or Overloaded.
struct broken {
    p2_conn conn;
    uint32_t stream;
    enum p2_err code;
};

struct serve {
    struct coord *core;
    struct coord_actions actions;
    struct p2_loop *loop;
    struct plain plain;
    struct digest *digest;
    struct p2_slab links;
    struct p2_map by_conn;
    struct blob_keeper *blobs; // NULL: none are kept
    int signals_fd;
    unsigned signals;
    bool hashing; // since keys were last asked for
    struct broken broken[BROKEN_MAX];
    uint32_t broken_count;
    p2_ns now; // of the last step; the messages of one read share it
    uint8_t head[HEAD_BYTES];
};

static struct p2_id conn_key(p2_conn conn) {
    struct p2_id key = {{0}};
    memcpy(key.b, &conn, sizeof conn);
    return key;
}

static struct link *link_of(const struct serve *s, p2_conn conn) {
    struct p2_id key = conn_key(conn);
    return p2_slab_get(&s->links, p2_map_get(&s->by_conn, &key));
}

// ---- actions out --------------------------------------------------------------------------------------------------

static struct p2_msg broken_stream(const struct broken *b) {
    struct p2_msg m = {.kind = P2_MSG_ERROR, .stream = b->stream};
    m.u.error.code = b->code;
    m.u.error.retryable = p2_err_retryable(b->code);
    m.u.error.sentence = p2_str(b->code == P2_ERR_BAD_PAYLOAD ? "compressed bytes are not what they claim to be"
                                                              : p2_err_sentence(b->code));
    return m;
}

static void put(struct serve *s, p2_conn conn, unsigned lane, const struct p2_msg *m) {
    size_t size = p2_encode(m, s->head, sizeof s->head);
    enum p2_err e = size ? p2_conn_send(s->loop, conn, lane, s->head, size, p2_encode_payload(m)) : P2_ERR_INTERNAL;
    // A record that cannot leave is a hole in the stream: the connection cannot go on.
    if (e != P2_OK && e != P2_ERR_CLOSED) p2_conn_close(s->loop, conn, e);
}

// A payload that cannot be sent as its peer wants it ends that stream: told to the peer, and taken by the core as the
// peer's own ERROR, after the actions of this step. Results were unpacked when they came (plain_unpack).
static void give_up_stream(struct serve *s, p2_conn conn, uint32_t stream, enum p2_err why) {
    if (s->broken_count == BROKEN_MAX) {
        p2_conn_close(s->loop, conn, P2_ERR_BAD_PAYLOAD);
        return;
    }
    const struct broken b = {conn, stream, why == P2_ERR_NO_MEMORY ? P2_ERR_OVERLOADED : P2_ERR_BAD_PAYLOAD};
    struct p2_msg m = broken_stream(&b);
    put(s, conn, 0, &m);
    s->broken[s->broken_count++] = b;
}

static void send_message(struct serve *s, const struct coord_action *a) {
    const struct link *l = plain_needed(&a->u.msg) ? link_of(s, a->conn) : NULL;
    if (!l || l->features & P2_FEATURE_ZSTD) {
        put(s, a->conn, a->lane, &a->u.msg);
        return;
    }
    struct p2_msg m = a->u.msg;
    struct p2_blob *held = NULL;
    enum p2_err e = plain_make(&m, &s->plain, &held);
    if (e != P2_OK) {
        give_up_stream(s, a->conn, m.stream, e);
        return;
    }
    put(s, a->conn, a->lane, &m);
    p2_blob_unref(held);
}

static void carry_out(struct serve *s, const struct coord_action *a) {
    struct link *l;
    switch (a->kind) {
    case COORD_SEND: send_message(s, a); break;
    case COORD_CLOSE:
        if ((l = link_of(s, a->conn))) l->closing = true;
        p2_conn_close(s->loop, a->conn, a->code);
        break;
    case COORD_ESTABLISHED:
        if ((l = link_of(s, a->conn))) l->features = a->features;
        p2_conn_established(s->loop, a->conn);
        break;
    case COORD_BLOB_WORK: blob_keeper_do(s->blobs, &a->u.work); break;
    case COORD_WANT_ROOM: p2_conn_want_room(s->loop, a->conn); break;
    case COORD_NOTE: report_note(&a->u.note); break;
    case COORD_HASH:
        digest_put(s->digest, &a->u.hash);
        s->hashing = true;
        break;
    case COORD_UNHASH: digest_drop(s->digest, a->u.hash.task); break;
    }
}

static void step_once(struct serve *s, struct coord_event *ev) {
    if (!ev->more) s->now = p2_clock_now();
    ev->now_ns = s->now;
    coord_step(s->core, ev, &s->actions);
    for (uint32_t i = 0; i < s->actions.count; i++) carry_out(s, &s->actions.items[i]);
    coord_actions_clear(&s->actions);
}

static void tell_keys(struct serve *s, bool more) {
    if (more && !s->hashing) return;
    s->hashing = false;
    struct coord_event hashed = {.kind = COORD_HASHED, .more = more};
    while (digest_take(s->digest, &hashed.task, &hashed.key)) step_once(s, &hashed);
}

static void step(struct serve *s, struct coord_event *ev) {
    step_once(s, ev);
    tell_keys(s, ev->more);
    while (s->broken_count) {
        const struct broken b = s->broken[--s->broken_count];
        const struct p2_msg m = broken_stream(&b);
        struct coord_event error = {.kind = COORD_MSG, .more = ev->more, .conn = b.conn, .msg = &m};
        step_once(s, &error);
    }
    struct p2_blob_work refused;
    while (s->blobs && blob_keeper_refused(s->blobs, &refused)) {
        struct coord_event done = {.kind = COORD_BLOB_DONE, .more = ev->more, .work = &refused};
        step_once(s, &done);
    }
}

// ---- events in ----------------------------------------------------------------------------------------------------

static void on_opened(void *context, p2_conn conn, const char *remote_address) {
    struct serve *s = context;
    p2_handle h;
    struct link *l = p2_slab_alloc(&s->links, &h);
    if (!l) { // the loop's own ceiling is the same: it does not come to this
        p2_conn_close(s->loop, conn, P2_ERR_TOO_MANY_CONNECTIONS);
        return;
    }
    l->self = h;
    l->conn = conn;
    p2_reader_init(&l->reader, &s->plain.codec);
    struct p2_id key = conn_key(conn);
    p2_map_put(&s->by_conn, &key, h);
    if (p2_log_on(P2_LOG_DEBUG)) {
        p2_log(P2_LOG_DEBUG, "conn_opened", "conn=%llx from=%s", (unsigned long long)conn, remote_address);
    }
    struct coord_event ev = {
        .kind = COORD_OPENED, .conn = conn, .id = p2_id_random(), .room = p2_conn_room(s->loop, conn)};
    step(s, &ev);
}

struct arrival {
    struct serve *serve;
    struct link *link;
};

static enum p2_err on_message(void *context, struct p2_msg *m) {
    const struct arrival *a = context;
    struct coord_event ev = {.kind = COORD_MSG, .more = true, .conn = a->link->conn, .msg = m};
    step(a->serve, &ev);
    return a->link->closing ? P2_ERR_CLOSED : P2_OK;
}

// The stream itself is broken: told and closed here, since the core knows messages only.
static void break_off(struct serve *s, struct link *l, enum p2_err why) {
    struct p2_msg m = {.kind = P2_MSG_ERROR};
    m.u.error.code = why;
    m.u.error.sentence = p2_str(p2_err_sentence(why));
    l->closing = true;
    p2_log(P2_LOG_WARN, "conn_broken", "conn=%llx code=%s", (unsigned long long)l->conn, p2_err_name(why));
    put(s, l->conn, 0, &m);
    p2_conn_close(s->loop, l->conn, why);
    struct coord_event ev = {.kind = COORD_CLOSED, .conn = l->conn, .why = why};
    step(s, &ev);
}

static void on_received(void *context, p2_conn conn, const uint8_t *bytes, size_t size) {
    struct serve *s = context;
    struct link *l = link_of(s, conn);
    if (!l || l->closing) return;
    struct arrival a = {s, l};
    s->now = p2_clock_now();
    enum p2_err e = p2_reader_feed(&l->reader, bytes, size, on_message, &a);
    if (e != P2_OK && !l->closing) break_off(s, l, e);
    struct coord_event settle = {.kind = COORD_TICK};
    step(s, &settle);
}

static uint8_t *on_place(void *context, p2_conn conn, size_t *size_out) {
    const struct link *l = link_of(context, conn);
    return l && !l->closing ? p2_reader_place(&l->reader, size_out) : NULL;
}

static void on_message_end(void *context, p2_conn conn) {
    struct serve *s = context;
    struct link *l = link_of(s, conn);
    if (!l || l->closing) return;
    enum p2_err e = p2_reader_message_end(&l->reader);
    if (e != P2_OK) break_off(s, l, e);
}

static void on_stamp(void *context, p2_conn conn, uint32_t n, uint8_t *head, size_t head_size) {
    (void)context;
    (void)conn;
    (void)head_size;
    p2_prefix_stamp(head, n);
}

static void on_writable(void *context, p2_conn conn, uint64_t room_bytes) {
    struct coord_event ev = {.kind = COORD_WRITABLE, .conn = conn, .room = room_bytes};
    step(context, &ev);
}

static void on_closed(void *context, p2_conn conn, enum p2_err why) {
    struct serve *s = context;
    struct link *l = link_of(s, conn);
    if (l) {
        struct p2_id key = conn_key(conn);
        p2_map_remove(&s->by_conn, &key);
        p2_reader_deinit(&l->reader);
        p2_slab_free(&s->links, l->self);
    }
    struct coord_event ev = {.kind = COORD_CLOSED, .conn = conn, .why = why};
    step(s, &ev);
}

static void on_blobs(void *context, int fd) {
    struct serve *s = context;
    struct p2_blob_work answer;
    (void)fd;
    while (blob_keeper_answer(s->blobs, &answer)) {
        struct coord_event ev = {.kind = COORD_BLOB_DONE, .work = &answer};
        step(s, &ev);
        p2_blob_unref(answer.slice.blob);
    }
}

static void on_signal(void *context, int fd) {
    struct serve *s = context;
    while (p2_signals_take(fd)) {
        if (s->signals++ > 0) continue;
        p2_loop_stop_listening(s->loop);
        struct coord_event ev = {.kind = COORD_DRAIN};
        step(s, &ev);
    }
}

// ---- life ---------------------------------------------------------------------------------------------------------

static uint32_t connections_max(const struct coord_limits *l) {
    return l->clients_max + l->peers_max + l->strangers_max;
}

// Open tasks, in blobs rounded up to powers of two; for each connection what is queued on its socket and the record
// that is coming in; what is on its way to the disk and from it.
// Besides, results that are remembered or may come to be, and pieces that wait to be hashed.
static uint64_t pool_bytes(const struct coord_limits *l) {
    return 2 * l->payload_budget_bytes + 2 * l->cache_bytes_max + DIGEST_JOBS * 2 * (uint64_t)P2_RECORD_PAYLOAD_MAX +
           connections_max(l) * (ROOM_BYTES + 2 * (uint64_t)P2_RECORD_PAYLOAD_MAX) +
           2 * (uint64_t)l->blob_uploads_max * P2_STREAM_WINDOW +
           (uint64_t)l->peers_max * FETCHES_PER_PEER * P2_RECORD_PAYLOAD_MAX;
}

static void wake(void *context) { p2_loop_wake(((struct serve *)context)->loop); }

static bool make_parts(struct serve *s, const struct serve_config *config) {
    uint64_t seed[2];
    p2_entropy(seed, sizeof seed);
    uint32_t most = connections_max(&config->limits);
    p2_blob_pool_init(&s->plain.pool, pool_bytes(&config->limits), KEPT_BYTES);
    return p2_codec_init(&s->plain.codec, &s->plain.pool) && p2_slab_init(&s->links, sizeof(struct link), most) &&
           p2_map_init(&s->by_conn, most, seed) && coord_actions_init(&s->actions, &config->limits);
}

static void tell_found(struct serve *s) {
    struct p2_blob_work found;
    for (uint32_t i = 0; s->blobs && blob_keeper_found(s->blobs, i, &found); i++) {
        struct coord_event ev = {.kind = COORD_BLOB_FOUND, .work = &found};
        step(s, &ev);
    }
}

// A folder of its own that cannot be used is no reason not to serve; one that was asked for is.
static enum p2_err make_core(struct serve *s, const struct serve_config *config, uint16_t port) {
    struct coord_config core = {.limits = config->limits,
                                .pick = config->pick,
                                .types = p2_task_types,
                                .type_count = p2_task_type_count,
                                .pool = &s->plain.pool,
                                .unpack = plain_unpack,
                                .terse = !p2_log_on(P2_LOG_DEBUG)}; // report.c
    p2_entropy(&core.seed, sizeof core.seed);
    if (core.limits.blob_budget_bytes) {
        s->blobs = blob_keeper_open(config->blob_dir, port, &core.limits, &s->plain.pool);
        if (!s->blobs && config->blob_dir) return P2_ERR_NOT_FOUND;
        if (!s->blobs) core.limits.blob_budget_bytes = 0;
    }
    s->core = coord_create(&core, p2_clock_now());
    if (!s->core) return P2_ERR_NO_MEMORY;
    if (s->blobs && !p2_loop_watch(s->loop, blob_keeper_fd(s->blobs), on_blobs, s)) return P2_ERR_NO_MEMORY;
    tell_found(s);
    return P2_OK;
}

static enum p2_err listen_on(struct serve *s, const struct serve_config *config, uint16_t *port_out) {
    struct p2_net_limits limits = p2_net_limits_default();
    limits.connections_max = connections_max(&config->limits);
    limits.room_bytes = ROOM_BYTES;
    limits.batch = !config->unbatched;
    limits.handshake_ns = config->limits.handshake_ns;
    const struct p2_net_handlers handlers = {.context = s,
                                             .opened = on_opened,
                                             .received = on_received,
                                             .message_end = on_message_end,
                                             .place = on_place,
                                             .stamp = on_stamp,
                                             .writable = on_writable,
                                             .closed = on_closed};
    s->loop = p2_loop_create(&limits, &handlers);
    if (!s->loop) return P2_ERR_NO_MEMORY;
    if (config->allow_origin && !p2_loop_allow_origins(s->loop, config->allow_origin)) return P2_ERR_INVALID_ARGUMENT;
    if (!p2_loop_route(s->loop, "/healthz", http_health, s)) return P2_ERR_NO_MEMORY;
    s->signals_fd = p2_signals_open();
    if (s->signals_fd < 0 || !p2_loop_watch(s->loop, s->signals_fd, on_signal, s)) return P2_ERR_NO_MEMORY;
    s->digest = digest_create(&s->plain.pool, wake, s); // after the signals: its thread takes none
    if (!s->digest) return P2_ERR_NO_MEMORY;
    return p2_loop_listen(s->loop, config->address, config->port, port_out);
}

struct serve *serve_create(const struct serve_config *config, uint16_t *port_out, enum p2_err *error) {
    *error = P2_ERR_INVALID_ARGUMENT;
    if (coord_limits_wrong(&config->limits)) return NULL;
    *error = P2_ERR_NO_MEMORY;
    struct serve *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->signals_fd = -1;
    if (make_parts(s, config)) *error = listen_on(s, config, port_out);
    if (*error == P2_OK) *error = make_core(s, config, *port_out); // before the loop's first turn
    if (*error != P2_OK) serve_destroy(&s);
    return s;
}

void serve_destroy(struct serve **at) {
    struct serve *s = *at;
    if (!s) return;
    *at = NULL;
    digest_destroy(&s->digest); // its thread wakes the loop
    p2_loop_destroy(&s->loop);
    for (uint32_t i = 0; i < s->links.capacity; i++) {
        p2_handle h;
        struct link *l = p2_slab_at(&s->links, i, &h);
        if (l) p2_reader_deinit(&l->reader);
    }
    blob_keeper_close(&s->blobs);
    coord_destroy(&s->core);
    if (s->actions.items) coord_actions_deinit(&s->actions);
    p2_map_deinit(&s->by_conn);
    p2_slab_deinit(&s->links);
    p2_codec_deinit(&s->plain.codec);
    p2_blob_pool_deinit(&s->plain.pool);
    if (s->signals_fd >= 0) close(s->signals_fd);
    free(s);
}

bool serve_run(struct serve *s) {
    while (s->signals < 2) {
        if (coord_idle(s->core) && s->links.live == 0) return true;
        p2_ns next = coord_next_ns(s->core), now = p2_clock_now();
        p2_loop_turn(s->loop, next == P2_NEVER ? P2_NEVER : p2_ns_max(0, next - now));
        tell_keys(s, false);
        if (p2_clock_now() < coord_next_ns(s->core)) continue;
        struct coord_event ev = {.kind = COORD_TICK};
        step(s, &ev);
    }
    return coord_idle(s->core);
}

void serve_status(struct serve *s, struct p2_msg_status *out) {
    struct coord_event ev = {.kind = COORD_TICK}; // so that it is of now
    step(s, &ev);
    coord_status(s->core, out);
}

void serve_blob_status(const struct serve *s, struct coord_blob_status *out) { coord_blob_status(s->core, out); }

uint32_t serve_cache_status(struct serve *s, uint32_t index, struct coord_cache_status *out) {
    return coord_cache_status(s->core, index, out);
}

bool serve_draining(const struct serve *s) { return s->signals > 0; }

uint64_t serve_memory_bytes(const struct serve *s) {
    return coord_memory_bytes(s->core) + s->actions.capacity * sizeof *s->actions.items + s->actions.texts.capacity +
           p2_slab_bytes(&s->links) + s->plain.pool.bytes_live_max + s->plain.pool.bytes_kept_max;
}
