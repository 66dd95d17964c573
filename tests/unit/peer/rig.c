#include "rig.h"

#include <string.h>

#include "base/strbuf.h"

static uint8_t bytes[P2_RECORD_PAYLOAD_MAX];
static struct p2_blob blob = {.refs = 1, .size = sizeof bytes, .capacity = sizeof bytes, .data = bytes};

static enum p2_err prepare(const struct p2_params *params, uint64_t payload_size, void *block,
                           struct p2_task_cost *cost, struct p2_strbuf *why) {
    for (uint32_t i = 0; i < params->count; i++) {
        if (params->items[i].value.ints[0] <= 0) continue;
        p2_strbuf_printf(why, "bad is \xff");
        return P2_ERR_BAD_PARAMETER;
    }
    memset(block, 0x5a, P2_BLOCK_MAX);
    *cost = (struct p2_task_cost){.units = 1,
                                  .result_bytes_max = payload_size * RIG_RESULT_TIMES,
                                  .device_bytes = payload_size,
                                  .timeout_prior_ns = 1};
    return P2_OK;
}

static const char *const aliases[] = {"flop", NULL};
static const struct p2_task_type flip = {.name = "flip",
                                         .aliases = aliases,
                                         .version = 3,
                                         .payload_bytes_max = RIG_PAYLOAD_MAX,
                                         .blobs_max = 4,
                                         .prepare = prepare};
static const struct p2_task_type other = {
    .name = "other", .version = 1, .payload_bytes_max = RIG_PAYLOAD_MAX, .prepare = prepare};
const struct p2_task_type *const rig_types[2] = {&flip, &other};

void rig_config(struct rig *r, uint32_t devices) {
    *r = (struct rig){.config = worker_config_default(), .now = 1000 * P2_SEC};
    r->config.seed = 42;
    r->config.instance.b[15] = 9;
    r->config.types = rig_types;
    r->config.type_count = 2;
    r->config.agent = "test";
    r->config.device_count = devices;
    r->config.cell_bytes = 1 << 20;
    r->features = P2_FEATURE_ZSTD | P2_FEATURE_RECALL;
    for (uint32_t i = 0; i < devices; i++) {
        r->config.devices[i] = (struct worker_device){.kind = P2_DEVICE_FAKE, .name = "made up", .slots = 2};
    }
}

void rig_open(struct rig *r) {
    r->w = worker_create(&r->config);
    assert_non_null(r->w);
    assert_true(worker_actions_init(&r->out, r->w));
    rig_tick_at(r, r->now);
}

void rig_close(struct rig *r) {
    worker_actions_deinit(&r->out);
    worker_destroy(&r->w);
    assert_null(r->w);
}

void rig_step(struct rig *r, struct worker_event ev) {
    ev.now_ns = r->now;
    worker_step(r->w, &ev, &r->out);
    worker_check(r->w);
}

void rig_tick_at(struct rig *r, p2_ns at) {
    r->now = at;
    rig_step(r, (struct worker_event){.kind = WORKER_TICK});
}

void rig_run_until(struct rig *r, p2_ns at) {
    for (p2_ns next; (next = worker_next_ns(r->w)) <= at;) {
        assert_true(next >= r->now);
        rig_tick_at(r, next);
    }
    r->now = at;
}

void rig_msg(struct rig *r, struct p2_msg m) { rig_step(r, (struct worker_event){.kind = WORKER_MSG, .msg = &m}); }

void rig_word(struct rig *r, uint32_t exec, struct word word) {
    rig_step(r, (struct worker_event){.kind = WORKER_EXEC_WORD, .exec = exec, .word = &word});
}

const struct worker_action *rig_action(const struct rig *r, enum worker_action_kind kind, uint32_t n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        if (r->out.items[i].kind == kind && n-- == 0) return &r->out.items[i];
    }
    return NULL;
}

const struct p2_msg *rig_sent(const struct rig *r, enum p2_msg_kind kind, uint32_t n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct worker_action *a = &r->out.items[i];
        bool record = a->kind == WORKER_ACT_SEND || a->kind == WORKER_ACT_SEND_RESULT;
        if (record && a->u.msg.kind == kind && n-- == 0) return &a->u.msg;
    }
    return NULL;
}

const struct worker_note *rig_note(const struct rig *r, enum worker_note_kind kind, uint32_t n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct worker_action *a = &r->out.items[i];
        if (a->kind == WORKER_ACT_NOTE && a->u.note.kind == kind && n-- == 0) return &a->u.note;
    }
    return NULL;
}

const struct word *rig_said(const struct rig *r, enum word_kind kind, uint32_t n) {
    for (uint32_t i = 0; i < r->out.count; i++) {
        const struct worker_action *a = &r->out.items[i];
        if (a->kind == WORKER_ACT_WORD && a->u.word->kind == kind && n-- == 0) return a->u.word;
    }
    return NULL;
}

void rig_ready(struct rig *r, uint32_t exec) {
    rig_step(r, (struct worker_event){.kind = WORKER_EXEC_STARTED, .exec = exec});
    assert_non_null(rig_said(r, WORD_SETUP, 0));
    struct word offer = {.kind = WORD_OFFER, .u.offer = {.type = "flip", .version = 3, .units_per_second = 1000}};
    rig_word(r, exec, offer);
    rig_word(r, exec, (struct word){.kind = WORD_READY});
    assert_non_null(rig_note(r, WORKER_NOTE_EXEC_READY, 0));
}

struct p2_msg rig_hello(void) {
    struct p2_msg m = {.kind = P2_MSG_HELLO};
    m.u.hello = (struct p2_msg_hello){.magic = P2_PROTOCOL_MAGIC,
                                      .version_min = P2_PROTOCOL_VERSION,
                                      .version_max = P2_PROTOCOL_VERSION,
                                      .features = P2_FEATURE_ZSTD | P2_FEATURE_RECALL,
                                      .role = P2_ROLE_COORDINATOR};
    return m;
}

struct p2_msg rig_registered(void) {
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTERED};
    m.u.peer_registered = (struct p2_msg_peer_registered){.peer = {{7}}, .heartbeat_interval_ns = P2_SEC};
    return m;
}

void rig_join(struct rig *r) {
    rig_ready(r, 0);
    assert_non_null(rig_action(r, WORKER_ACT_DIAL, 0));
    rig_step(r, (struct worker_event){.kind = WORKER_LINK_UP, .room = 1 << 20});
    assert_non_null(rig_sent(r, P2_MSG_HELLO, 0));
    struct p2_msg hello = rig_hello();
    hello.u.hello.features = r->features;
    rig_msg(r, hello);
    assert_non_null(rig_sent(r, P2_MSG_PEER_REGISTER, 0));
    rig_msg(r, rig_registered());
    assert_non_null(rig_note(r, WORKER_NOTE_REGISTERED, 0));
}

struct p2_id rig_id(uint32_t stream) {
    struct p2_id id = {{1}};
    memcpy(id.b + 4, &stream, sizeof stream);
    return id;
}

struct p2_msg rig_assign(uint32_t stream, uint64_t payload_size, uint32_t first) {
    struct p2_msg m = {.kind = P2_MSG_TASK_ASSIGN, .stream = stream};
    m.u.assign = (struct p2_msg_task_assign){.id = rig_id(stream),
                                             .attempt = 1,
                                             .type = p2_str("flip"),
                                             .version = 3,
                                             .class_ = P2_CLASS_INTERACTIVE,
                                             .deadline_ns = P2_SEC,
                                             .payload_size = payload_size,
                                             .raw_size = first};
    if (first) m.u.assign.payload = (struct p2_slice){&blob, 0, first};
    return m;
}

struct p2_msg rig_chunk(uint32_t stream, uint64_t offset, uint32_t size) {
    struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = stream};
    m.u.chunk = (struct p2_msg_chunk){.offset = offset, .attempt = 1, .raw_size = size, .payload = {&blob, 0, size}};
    return m;
}

struct p2_msg rig_cancel(uint32_t stream) {
    struct p2_msg m = {.kind = P2_MSG_TASK_CANCEL, .stream = stream};
    m.u.cancel = (struct p2_msg_task_cancel){.id = rig_id(stream), .attempt = 1};
    return m;
}

void rig_stored(struct rig *r) {
    const struct worker_action *a = rig_action(r, WORKER_ACT_STORE, 0);
    assert_non_null(a);
    rig_step(r, (struct worker_event){.kind = WORKER_STORED, .job = a->job, .stored = a->size});
}

uint32_t rig_handed(struct rig *r, uint32_t stream) {
    rig_msg(r, rig_assign(stream, 100, 100));
    rig_stored(r);
    const struct word *job = rig_said(r, WORD_JOB, 0);
    assert_non_null(job);
    return job->u.job.cell;
}

struct word rig_done(uint32_t cell, enum p2_err code, uint64_t result_size) {
    struct word w = {.kind = WORD_DONE, .text = "as the executor says"};
    w.u.done = (struct word_done){.cell = cell, .code = code, .result_size = result_size};
    return w;
}
