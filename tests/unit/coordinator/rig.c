#include "rig.h"

#include <string.h>

// ---- types ----------------------------------------------------------------------------------------------------------

static int64_t param(const struct p2_params *ps, const char *name, int64_t fallback) {
    const struct p2_param *p = p2_params_find(ps, name);
    return p ? p->value.ints[0] : fallback;
}

static enum p2_err prepare(const struct p2_params *params, uint64_t payload_size, void *block,
                           struct p2_task_cost *cost, struct p2_strbuf *why) {
    (void)block;
    if (param(params, "bad", 0)) {
        p2_strbuf_printf(why, "bad is not to be set");
        return P2_ERR_BAD_PARAMETER;
    }
    *cost = (struct p2_task_cost){.units = (uint64_t)param(params, "units", 1000),
                                  .result_bytes_max = (uint64_t)param(params, "result", (int64_t)payload_size),
                                  .device_bytes = (uint64_t)param(params, "memory", 0),
                                  .timeout_prior_ns = 50 * P2_MS};
    return P2_OK;
}

static const char *const alpha_aliases[] = {"first", NULL};
static const struct p2_task_type alpha = {.name = "alpha",
                                          .aliases = alpha_aliases,
                                          .version = 1,
                                          .payload_bytes_max = P2_TASK_PAYLOAD_MAX,
                                          .blobs_max = 4,
                                          .prepare = prepare};
static const struct p2_task_type beta = {.name = "beta", .version = 3, .payload_bytes_max = 1000, .prepare = prepare};
static const struct p2_task_type same = {.name = "same",
                                         .version = 2,
                                         .payload_bytes_max = P2_TASK_PAYLOAD_MAX,
                                         .blobs_max = 4,
                                         .deterministic = true,
                                         .prepare = prepare};
const struct p2_task_type *const rig_types[3] = {&alpha, &beta, &same};

// ---- life -----------------------------------------------------------------------------------------------------------

struct coord_limits rig_limits(void) {
    struct coord_limits l = coord_limits_default();
    l.clients_max = l.peers_max = 16;
    l.strangers_max = 8;
    l.tasks_max = 256;
    l.tasks_per_client_max = 128;
    l.queue_per_class_max = 200;
    l.recent_max = 64;
    l.offers_max = 32;
    l.payload_budget_bytes = UINT64_C(32) << 20;
    l.blobs_max = 32;
    l.blob_uploads_max = 16;
    l.blob_holdings_max = 32;
    l.blob_bytes_max = UINT64_C(8) << 20;
    l.blob_budget_bytes = UINT64_C(16) << 20;
    return l;
}

void rig_init(struct rig *r, const struct coord_limits *limits) {
    struct coord_config config = {
        .limits = limits ? *limits : rig_limits(), .types = rig_types, .type_count = 3, .seed = 7, .pool = &r->pool};
    *r = (struct rig){.now = 1000 * P2_SEC, .next_conn = 0x100000001, .room = UINT64_C(1) << 20, .run_ns = 5 * P2_MS};
    r->features = ~P2_FEATURE_SESSIONS;
    p2_blob_pool_init(&r->pool, UINT64_C(1) << 30, 0);
    r->c = coord_create(&config, r->now);
    assert_non_null(r->c);
    assert_true(coord_actions_init(&r->out, &config.limits));
}

void rig_deinit(struct rig *r) {
    for (p2_handle conn = 0x100000001; conn < r->next_conn; conn++) rig_close(r, conn);
    rig_jump(r, r->c->limits.cache_ttl_ns); // what is remembered goes
    rig_forget(r);
    for (unsigned i = 0; i < RIG_HASHES; i++) p2_sha256_end(&r->hashes[i].hash, NULL);
    assert_int_equal(r->c->tasks.live, 0);
    assert_int_equal(r->c->replicas.live, 0);
    assert_int_equal(r->c->sessions.live, 0);
    assert_int_equal(r->c->offers.live, 0);
    assert_int_equal(r->c->reserved_bytes, 0);
    assert_int_equal(r->c->blobs.fetches.live + r->c->blobs.holdings.live, 0);
    rig_store_drop(r);
    assert_int_equal(r->pool.bytes_live, 0);
    coord_destroy(&r->c);
    coord_actions_deinit(&r->out);
    p2_blob_pool_deinit(&r->pool);
}

void rig_forget(struct rig *r) {
    coord_actions_clear(&r->out);
    r->store.seen = 0;
}

int rig_set_up(void **state, const struct coord_limits *limits, uint32_t slots) {
    static struct rig rig;
    rig_init(&rig, limits);
    rig.client = rig_client(&rig);
    if (slots) rig.peer = rig_peer(&rig, slots, 0);
    rig_forget(&rig);
    *state = &rig;
    return 0;
}

int rig_tear_down(void **state) {
    rig_deinit(*state);
    return 0;
}

// ---- events ---------------------------------------------------------------------------------------------------------

static struct rig_hash *find_hash(struct rig *r, p2_handle task) {
    for (unsigned i = 0; i < RIG_HASHES; i++) {
        if (r->hashes[i].task == task) return &r->hashes[i];
    }
    return NULL;
}

static void hash_piece(struct rig *r, const struct coord_hash *m) {
    struct rig_hash *h = find_hash(r, m->task);
    if (!h) h = find_hash(r, P2_NO_HANDLE);
    assert_non_null(h);
    assert_false(m->zstd);
    h->task = m->task;
    if (!h->hash) h->hash = p2_sha256_begin();
    if (m->raw_size) p2_sha256_add(h->hash, p2_slice_data(&m->payload), m->raw_size);
    if (!m->last) return;
    struct p2_digest payload;
    p2_sha256_end(&h->hash, &payload);
    h->hash = p2_sha256_begin();
    p2_sha256_add(h->hash, m->head, m->head_size);
    p2_sha256_add(h->hash, payload.b, sizeof payload.b);
    p2_sha256_end(&h->hash, &h->key);
    h->ready = true;
}

static void step_once(struct rig *r, struct coord_event *ev) {
    uint32_t from = r->out.count;
    ev->now_ns = r->now;
    coord_step(r->c, ev, &r->out);
    coord_check(r->c);
    for (; from < r->out.count; from++) {
        const struct coord_action *a = &r->out.items[from];
        struct rig_hash *h = a->kind == COORD_UNHASH ? find_hash(r, a->u.hash.task) : NULL;
        if (a->kind == COORD_HASH) hash_piece(r, &a->u.hash);
        if (!h) continue;
        p2_sha256_end(&h->hash, NULL);
        *h = (struct rig_hash){.task = P2_NO_HANDLE};
    }
}

static void tell_keys(struct rig *r, bool all) {
    for (unsigned i = 0; i < RIG_HASHES; i++) {
        struct rig_hash *h = &r->hashes[i];
        const struct task *t = p2_slab_get(&r->c->tasks, h->task);
        const struct course *co = t ? course_of(r->c, t) : NULL;
        if (!h->ready || !(all || !co || co->memo.at_once)) continue;
        struct coord_event ev = {.kind = COORD_HASHED, .task = h->task, .key = h->key};
        *h = (struct rig_hash){.task = P2_NO_HANDLE};
        step_once(r, &ev);
    }
}

void rig_hash(struct rig *r) { tell_keys(r, true); }

void rig_step(struct rig *r, struct coord_event *ev) {
    step_once(r, ev);
    tell_keys(r, !r->slow_hash);
    rig_store_look(r);
}

void rig_msg(struct rig *r, p2_handle conn, const struct p2_msg *m) {
    struct coord_event ev = {.kind = COORD_MSG, .conn = conn, .msg = m};
    rig_step(r, &ev);
}

void rig_writable(struct rig *r, p2_handle conn, uint64_t room) {
    struct coord_event ev = {.kind = COORD_WRITABLE, .conn = conn, .room = room};
    rig_step(r, &ev);
}

void rig_close(struct rig *r, p2_handle conn) {
    struct coord_event ev = {.kind = COORD_CLOSED, .conn = conn, .why = P2_ERR_CONNECTION_LOST};
    rig_step(r, &ev);
}

void rig_drain(struct rig *r) {
    struct coord_event ev = {.kind = COORD_DRAIN};
    rig_step(r, &ev);
}

void rig_run_to(struct rig *r, p2_ns now) {
    for (unsigned n = 0; coord_next_ns(r->c) <= now; n++) {
        assert_true(n < 100000); // a core that never stops asking to be stepped is stuck
        r->now = p2_ns_max(r->now, coord_next_ns(r->c));
        struct coord_event ev = {.kind = COORD_TICK};
        rig_step(r, &ev);
    }
    r->now = now;
    struct coord_event ev = {.kind = COORD_TICK};
    rig_step(r, &ev);
}

void rig_pass(struct rig *r, p2_ns span) { rig_run_to(r, r->now + span); }

void rig_jump(struct rig *r, p2_ns span) {
    r->now += span;
    struct coord_event ev = {.kind = COORD_TICK};
    rig_step(r, &ev);
}

// ---- connections ----------------------------------------------------------------------------------------------------

p2_handle rig_open(struct rig *r) {
    struct coord_event ev = {.kind = COORD_OPENED, .conn = r->next_conn++, .id = rig_id(0xc0ffee00 + ++r->next_id)};
    ev.room = r->room;
    rig_step(r, &ev);
    return ev.conn;
}

void rig_hello(struct rig *r, p2_handle conn, enum p2_role role) {
    struct p2_msg m = {.kind = P2_MSG_HELLO};
    m.u.hello = (struct p2_msg_hello){.magic = P2_PROTOCOL_MAGIC,
                                      .version_min = 1,
                                      .version_max = 4,
                                      .features = r->features,
                                      .role = role,
                                      .agent = p2_str("test")};
    rig_msg(r, conn, &m);
}

p2_handle rig_client(struct rig *r) {
    p2_handle conn = rig_open(r);
    rig_hello(r, conn, P2_ROLE_CLIENT);
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER};
    rig_msg(r, conn, &m);
    return conn;
}

void rig_register(struct rig *r, p2_handle conn, uint32_t slots, uint32_t queue_depth, unsigned types,
                  uint64_t memory) {
    struct p2_msg_device device = {.kind = P2_DEVICE_FAKE, .memory_bytes = memory, .slots = slots};
    struct p2_msg_offer offers[3];
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register.instance = r->instance;
    m.u.peer_register.slots = slots;
    m.u.peer_register.queue_depth = queue_depth;
    m.u.peer_register.devices = &device;
    m.u.peer_register.device_count = 1;
    m.u.peer_register.offers = offers;
    for (unsigned i = 0; i < 3; i++) {
        if (!(types & 1u << i)) continue;
        offers[m.u.peer_register.offer_count++] = (struct p2_msg_offer){
            .type = p2_str(rig_types[i]->name), .version = rig_types[i]->version, .units_per_second = 100000};
    }
    rig_msg(r, conn, &m);
}

p2_handle rig_peer(struct rig *r, uint32_t slots, uint32_t queue_depth) {
    p2_handle conn = rig_open(r);
    rig_hello(r, conn, P2_ROLE_PEER);
    rig_register(r, conn, slots, queue_depth, 7, 0);
    return conn;
}

void rig_heartbeat(struct rig *r, p2_handle conn) {
    struct p2_msg m = {.kind = P2_MSG_HEARTBEAT};
    rig_msg(r, conn, &m);
}

// ---- messages -------------------------------------------------------------------------------------------------------

struct p2_id rig_id(uint64_t n) {
    struct p2_id id = {{0}};
    for (unsigned i = 0; i < 8; i++) id.b[15 - i] = (uint8_t)(n >> (8 * i));
    return id;
}

static uint8_t byte_at(uint64_t offset) { return (uint8_t)(offset * 131 + (offset >> 8)); }

struct p2_slice rig_bytes(struct rig *r, uint32_t size, uint64_t offset) {
    if (size == 0) return (struct p2_slice){NULL, 0, 0};
    struct p2_blob *b = p2_blob_new(&r->pool, size);
    assert_non_null(b);
    for (uint32_t i = 0; i < size; i++) b->data[i] = byte_at(offset + i);
    return (struct p2_slice){b, 0, size};
}

bool rig_bytes_right(const struct p2_slice *s, uint64_t offset) {
    for (uint32_t i = 0; i < s->size; i++) {
        if (p2_slice_data(s)[i] != byte_at(offset + i)) return false;
    }
    return true;
}

struct p2_msg rig_submit_msg(uint64_t id, uint32_t stream, uint64_t size) {
    struct p2_msg m = {.kind = P2_MSG_TASK_SUBMIT, .stream = stream};
    m.u.submit.id = rig_id(id);
    m.u.submit.type = p2_str("alpha");
    m.u.submit.deadline_ns = P2_SEC;
    m.u.submit.payload_size = size;
    return m;
}

void rig_send_submit(struct rig *r, p2_handle client, struct p2_msg *m) {
    uint64_t size = m->u.submit.payload_size;
    m->u.submit.raw_size = size < P2_RECORD_PAYLOAD_MAX ? (uint32_t)size : P2_RECORD_PAYLOAD_MAX;
    m->u.submit.payload = rig_bytes(r, m->u.submit.raw_size, 0);
    rig_msg(r, client, m);
    p2_blob_unref(m->u.submit.payload.blob);
}

void rig_submit(struct rig *r, p2_handle client, uint32_t stream, uint64_t id, uint64_t size) {
    struct p2_msg m = rig_submit_msg(id, stream, size);
    rig_send_submit(r, client, &m);
}

void rig_chunk(struct rig *r, p2_handle conn, uint32_t stream, uint32_t attempt, uint64_t offset, uint32_t size) {
    struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = stream};
    m.u.chunk.offset = offset;
    m.u.chunk.attempt = attempt;
    m.u.chunk.raw_size = size;
    m.u.chunk.payload = rig_bytes(r, size, offset);
    rig_msg(r, conn, &m);
    p2_blob_unref(m.u.chunk.payload.blob);
}

void rig_cancel(struct rig *r, p2_handle client, uint32_t stream, uint64_t id) {
    struct p2_msg m = {.kind = P2_MSG_TASK_CANCEL, .stream = stream};
    m.u.cancel.id = rig_id(id);
    rig_msg(r, client, &m);
}

void rig_window(struct rig *r, p2_handle conn, uint32_t stream, uint32_t attempt, uint64_t limit) {
    struct p2_msg m = {.kind = P2_MSG_WINDOW, .stream = stream};
    m.u.window.limit = limit;
    m.u.window.attempt = attempt;
    rig_msg(r, conn, &m);
}

void rig_result(struct rig *r, p2_handle peer, const struct p2_msg *assign, uint64_t size) {
    struct p2_msg m = {.kind = P2_MSG_TASK_RESULT, .stream = assign->stream};
    m.u.result.id = assign->u.assign.id;
    m.u.result.attempt = assign->u.assign.attempt;
    m.u.result.times.processing_ns = r->run_ns;
    m.u.result.payload_size = size;
    m.u.result.raw_size = size < P2_RECORD_PAYLOAD_MAX ? (uint32_t)size : P2_RECORD_PAYLOAD_MAX;
    m.u.result.payload = rig_bytes(r, m.u.result.raw_size, 0);
    rig_msg(r, peer, &m);
    p2_blob_unref(m.u.result.payload.blob);
}

void rig_failure(struct rig *r, p2_handle peer, const struct p2_msg *assign, enum p2_err code, bool retryable) {
    struct p2_msg m = {.kind = P2_MSG_TASK_FAILURE, .stream = assign->stream};
    m.u.failure.id = assign->u.assign.id;
    m.u.failure.attempt = assign->u.assign.attempt;
    m.u.failure.code = code;
    m.u.failure.retryable = retryable;
    m.u.failure.sentence = p2_str("it went wrong");
    rig_msg(r, peer, &m);
}

// ---- what was said --------------------------------------------------------------------------------------------------

static const struct p2_msg *sent(const struct rig *r, uint32_t i, p2_handle conn, enum p2_msg_kind kind) {
    const struct coord_action *a = &r->out.items[i];
    return a->kind == COORD_SEND && a->conn == conn && a->u.msg.kind == kind ? &a->u.msg : NULL;
}

unsigned rig_count(const struct rig *r, p2_handle conn, enum p2_msg_kind kind) {
    unsigned n = 0;
    for (uint32_t i = 0; i < r->out.count; i++) n += sent(r, i, conn, kind) != NULL;
    return n;
}

const struct p2_msg *rig_nth(const struct rig *r, p2_handle conn, enum p2_msg_kind kind, unsigned n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct p2_msg *m = sent(r, i, conn, kind);
        if (m && n-- == 0) return m;
    }
    fail_msg("no %s was sent", p2_msg_name(kind));
    return NULL;
}

const struct p2_msg *rig_last(const struct rig *r, p2_handle conn, enum p2_msg_kind kind) {
    unsigned n = rig_count(r, conn, kind);
    return rig_nth(r, conn, kind, n ? n - 1 : 0);
}

const struct p2_msg *rig_only(const struct rig *r, p2_handle conn, enum p2_msg_kind kind) {
    assert_int_equal(rig_count(r, conn, kind), 1);
    return rig_last(r, conn, kind);
}

bool rig_was_closed(const struct rig *r, p2_handle conn, enum p2_err code) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct coord_action *a = &r->out.items[i];
        if (a->kind == COORD_CLOSE && a->conn == conn) return a->code == code;
    }
    return false;
}

unsigned rig_wants_room(const struct rig *r, p2_handle conn) {
    unsigned n = 0;
    for (uint32_t i = 0; i < r->out.count; i++) {
        n += r->out.items[i].kind == COORD_WANT_ROOM && r->out.items[i].conn == conn;
    }
    return n;
}

unsigned rig_notes(const struct rig *r, enum coord_note_kind kind) {
    unsigned n = 0;
    for (uint32_t i = 0; i < r->out.count; i++) {
        n += r->out.items[i].kind == COORD_NOTE && r->out.items[i].u.note.kind == kind;
    }
    return n;
}

void rig_expect_error(const struct rig *r, p2_handle conn, enum p2_err code) {
    const struct p2_msg *m = rig_only(r, conn, P2_MSG_ERROR);
    assert_int_equal(m->u.error.code, code);
    assert_int_equal(m->stream, 0);
    assert_true(m->u.error.sentence.n > 0);
    assert_true(rig_was_closed(r, conn, code));
}

void rig_expect_ended(const struct rig *r, p2_handle client, uint32_t stream, enum p2_err code) {
    const struct p2_msg *m = rig_only(r, client, P2_MSG_TASK_ENDED);
    assert_int_equal(m->u.ended.code, code);
    assert_int_equal(m->stream, stream);
    assert_true(m->u.ended.sentence.n > 0);
}
