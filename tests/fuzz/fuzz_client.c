// What coordinators may say to a client: bytes into readers, messages into the session, among what the game does. The
// first byte says how many addresses there are (bit 0: two) and in what pieces bytes come (the rest; 0: all at once).
// Then operations follow, the low four bits of a byte each, the next which connection: see enum op.
//
// Every invariant holds after each step, every ticket ends exactly once, results are whole and contiguous, no reference
// is lost.
#include <string.h>

#include "base/check.h"
#include "client/core/session.h"
#include "fuzz.h"
#include "wire/wire.h"

#define TASKS 8u
#define STEPS_MAX 3000u // an input with more is cut: they only take time
#define LINES 2u
#define ROOM (1u << 20)
#define LARGE 200000u

enum op {
    OP_OPEN,   // the connection stands
    OP_CLOSE,  // it ends
    OP_RAW,    // size (2): bytes of it
    OP_RECORD, // type, flags, stream, size of header (2), of payload (2): a record with the right number
    OP_TICK,   // time (2) in units of 4 ms
    OP_SUBMIT, // slot, bit 3: a large payload
    OP_CANCEL, // slot
    OP_ROOM,   // 0: the connection takes nothing more
    OP_OTHER,  // 0: a question, 1: status, 2: a blob, 3: no blob
    OPS,
};

struct line {
    bool dialled, opened;
    struct p2_reader reader;
    uint32_t seq;
};

struct world {
    struct session *s;
    struct session_actions out;
    struct p2_blob_pool pool, wire;
    struct p2_codec codec;
    struct line lines[LINES];
    uint32_t link; // whose line it is
    bool linked;
    const uint8_t *at, *end;
    size_t piece;
    p2_ns now;
    uint64_t room, steps, generation, questions;
    session_ticket open[TASKS];
    uint64_t have[TASKS], size[TASKS];
    bool putting, closing;
};

// ---- actions

static void ended(struct world *w, const struct session_ended *e) {
    uint32_t slot = (uint32_t)e->ticket;
    P2_CHECK(slot < TASKS && w->open[slot] == e->ticket); // open, so not ended before
    P2_CHECK(e->outcome >= SESSION_DONE && e->outcome <= SESSION_LOST);
    P2_CHECK((e->outcome == SESSION_DONE) == (e->code == P2_OK) && (e->sentence.n > 0) == (e->code != P2_OK));
    if (e->outcome == SESSION_DONE) P2_CHECK(e->result_size == w->size[slot] && w->have[slot] == w->size[slot]);
    w->open[slot] = 0;
}

static void begin(struct world *w, const struct session_action *a) {
    uint32_t slot = (uint32_t)a->u.begin.ticket;
    P2_CHECK(slot < TASKS && w->open[slot] == a->u.begin.ticket);
    w->have[slot] = 0;
    w->size[slot] = a->u.begin.size;
}

static void store(struct world *w, const struct session_action *a) {
    uint32_t slot = (uint32_t)a->u.store.ticket;
    P2_CHECK(slot < TASKS && w->open[slot] == a->u.store.ticket && a->u.store.offset == w->have[slot]);
    P2_CHECK(a->u.store.zstd || a->u.store.slice.size == a->u.store.raw_size);
    w->have[slot] += a->u.store.raw_size;
    P2_CHECK(w->have[slot] <= w->size[slot]);
}

static void dial(struct world *w, uint32_t address) {
    struct line *l = &w->lines[address];
    P2_CHECK(address < LINES && !l->dialled);
    p2_reader_deinit(&l->reader);
    p2_reader_init(&l->reader, &w->codec);
    *l = (struct line){.dialled = true, .reader = l->reader};
}

static void perform(struct world *w, const struct session_action *a) {
    switch (a->kind) {
    case SESSION_DO_DIAL:
        dial(w, 0);
        w->link = 0;
        w->linked = true;
        break;
    case SESSION_DO_PROBE: dial(w, a->u.probe.address); break;
    case SESSION_DO_PROBE_SEND: P2_CHECK(w->lines[a->u.probe.address].opened); break;
    case SESSION_DO_PROBE_END:
        P2_CHECK(w->lines[a->u.probe.address].dialled);
        w->lines[a->u.probe.address].dialled = false;
        break;
    case SESSION_DO_ADOPT:
        P2_CHECK(w->lines[a->u.probe.address].opened && !w->linked);
        w->link = a->u.probe.address;
        w->linked = true;
        break;
    case SESSION_DO_SEND: P2_CHECK(w->linked && w->lines[w->link].opened); break;
    case SESSION_DO_CLOSE: w->closing = true; break;
    case SESSION_DO_BEGIN_RESULT: begin(w, a); break;
    case SESSION_DO_STORE: store(w, a); break;
    case SESSION_DO_ENDED: ended(w, &a->u.ended); break;
    case SESSION_DO_PUT_ENDED: w->putting = false; break;
    default: break;
    }
}

static void step(struct world *w, struct session_event ev) {
    ev.now_ns = w->now;
    ev.room = w->linked ? w->room : 0;
    w->steps++;
    p2_session_step(w->s, &ev, &w->out);
    for (uint32_t i = 0; i < w->out.count; i++) perform(w, &w->out.items[i]);
    p2_session_check(w->s);
    if (!w->closing) return;
    w->closing = w->linked = w->lines[w->link].dialled = false;
    step(w, (struct session_event){.kind = SESSION_CLOSED, .u.why = P2_ERR_CLOSED});
}

// ---- what a coordinator does

static bool is_link(const struct world *w, uint32_t line) { return w->linked && w->link == line; }

static void open_line(struct world *w, uint32_t line) {
    struct line *l = &w->lines[line];
    if (!l->dialled || l->opened) return;
    l->opened = true;
    step(w, (struct session_event){.kind = is_link(w, line) ? SESSION_OPENED : SESSION_PROBE_OPENED, .address = line});
}

static void close_line(struct world *w, uint32_t line, enum p2_err why) {
    struct session_event ev = {.address = line, .u.why = why};
    if (!w->lines[line].dialled) return;
    w->lines[line].dialled = false;
    ev.kind = is_link(w, line) ? SESSION_CLOSED : SESSION_PROBE_CLOSED;
    if (is_link(w, line)) w->linked = false;
    step(w, ev);
}

struct ear {
    struct world *w;
    uint32_t line;
};

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    const struct ear *ear = context;
    struct world *w = ear->w;
    struct session_event ev = {.address = ear->line, .u.msg = m};
    ev.kind = is_link(w, ear->line) ? SESSION_MSG : SESSION_PROBE_MSG;
    step(w, ev);
    return w->lines[ear->line].dialled && w->steps < STEPS_MAX ? P2_OK : P2_ERR_CLOSED;
}

static void hear(struct world *w, uint32_t line, const uint8_t *bytes, size_t size) {
    struct line *l = &w->lines[line];
    struct ear ear = {w, line};
    for (size_t at = 0; at < size && l->dialled && l->opened; at += w->piece) {
        size_t n = size - at < w->piece ? size - at : w->piece;
        enum p2_err e = p2_reader_feed(&l->reader, bytes + at, n, on_msg, &ear);
        if (e == P2_OK) continue;
        if (e != P2_ERR_CLOSED && is_link(w, line))
            step(w, (struct session_event){.kind = SESSION_FAULT, .u.why = e});
        else if (e != P2_ERR_CLOSED)
            close_line(w, line, e);
        return;
    }
}

// ---- the input

static uint8_t byte(struct world *w) { return w->at < w->end ? *w->at++ : 0; }

static uint32_t two(struct world *w) {
    uint32_t low = byte(w);
    return low | (uint32_t)byte(w) << 8;
}

static const uint8_t *take(struct world *w, size_t *size) {
    const uint8_t *bytes = w->at;
    if (*size > (size_t)(w->end - w->at)) *size = (size_t)(w->end - w->at);
    w->at += *size;
    return bytes;
}

static void say(struct world *w, uint32_t line) {
    struct p2_prefix p = {.seq = w->lines[line].seq++};
    uint8_t prefix[P2_PREFIX_BYTES];
    p.type = byte(w);
    p.flags = byte(w);
    p.stream = byte(w);
    p.header_len = (uint16_t)two(w);
    p.payload_len = two(w);
    size_t size = (size_t)p.header_len + p.payload_len;
    const uint8_t *rest = take(w, &size);
    p2_prefix_put(&p, prefix);
    hear(w, line, prefix, sizeof prefix);
    hear(w, line, rest, size);
}

static void submit(struct world *w) {
    uint8_t how = byte(w);
    uint32_t slot = how % TASKS, size = how & 8 ? LARGE : how & 1;
    if (w->open[slot]) return;
    session_ticket t = ++w->generation << 32 | slot;
    struct session_event ev = {.kind = SESSION_SUBMIT};
    ev.u.submit = (struct session_submit){.ticket = t,
                                          .type = "echo",
                                          .class_ = (enum p2_class)(how >> 4 & 3),
                                          .deadline_ns = how & 0x40 ? P2_SEC : 60 * P2_SEC,
                                          .result_bytes_max = how & 0x80 ? 100 : P2_TASK_PAYLOAD_MAX};
    memcpy(ev.u.submit.id.b, &t, sizeof t);
    ev.u.submit.id.b[15] = 0xaa;
    if (size) ev.u.submit.payload = (struct p2_slice){p2_blob_new(&w->pool, size), 0, size};
    w->open[slot] = t;
    w->have[slot] = w->size[slot] = 0;
    step(w, ev);
}

static void other(struct world *w) {
    const struct p2_msg_can_meet question = {.question = ++w->questions, .type = p2_str("echo")};
    struct session_event ev = {.kind = SESSION_ASK, .u.question = &question};
    switch (byte(w) & 3) {
    case 0: break;
    case 1: ev = (struct session_event){.kind = SESSION_STATUS, .u.tasks_max = 3}; break;
    case 2:
        if (w->putting) return;
        ev = (struct session_event){.kind = SESSION_PUT, .u.put = {{{1}}, LARGE}};
        w->putting = true;
        break;
    default: ev = (struct session_event){.kind = SESSION_PUT_STOP}; w->putting = false;
    }
    step(w, ev);
}

static void one(struct world *w) {
    uint8_t op = byte(w);
    uint32_t line = op >> 4 & 1;
    size_t size;
    switch ((enum op)((op & 15) % OPS)) {
    case OP_OPEN: open_line(w, line); break;
    case OP_CLOSE: close_line(w, line, P2_ERR_CLOSED); break;
    case OP_RAW: {
        size = two(w);
        const uint8_t *bytes = take(w, &size);
        hear(w, line, bytes, size);
        break;
    }
    case OP_RECORD: say(w, line); break;
    case OP_TICK:
        w->now += (p2_ns)two(w) * 4 * P2_MS;
        step(w, (struct session_event){.kind = SESSION_TICK});
        break;
    case OP_SUBMIT: submit(w); break;
    case OP_CANCEL:
        step(w, (struct session_event){.kind = SESSION_CANCEL, .u.end.ticket = w->open[byte(w) % TASKS]});
        break;
    case OP_ROOM:
        w->room = byte(w) ? ROOM : 0;
        step(w, (struct session_event){.kind = SESSION_WRITABLE});
        break;
    default: other(w);
    }
}

static void finish(struct world *w) {
    for (uint32_t i = 0; i < LINES; i++) close_line(w, i, P2_ERR_CLOSED);
    w->now += 24 * 3600 * P2_SEC; // longer than any patience
    step(w, (struct session_event){.kind = SESSION_TICK});
    for (uint32_t i = 0; i < TASKS; i++) P2_CHECK(!w->open[i]);
    P2_CHECK(p2_session_open(w->s) == 0);
    p2_session_destroy(&w->s);
    P2_CHECK(w->pool.bytes_live == 0);
    for (uint32_t i = 0; i < LINES; i++) p2_reader_deinit(&w->lines[i].reader);
    P2_CHECK(w->wire.bytes_live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct world w = {.at = data + 1, .end = data + size, .now = P2_SEC, .room = ROOM};
    const struct session_config config = {.addresses = 1 + (data[0] & 1),
                                          .tasks_max = TASKS,
                                          .connect_timeout_ns = 10 * P2_SEC,
                                          .lost_timeout_ns = P2_NEVER,
                                          .seed = 1,
                                          .agent = "fuzz",
                                          .features = P2_FEATURE_ZSTD | P2_FEATURE_SESSIONS,
                                          .types = 1};
    w.piece = data[0] >> 1 ? data[0] >> 1 : SIZE_MAX / 2;
    p2_blob_pool_init(&w.pool, UINT64_MAX, 0);
    p2_blob_pool_init(&w.wire, 1 << 20, 0);
    P2_CHECK(p2_codec_init(&w.codec, &w.wire) && p2_session_actions_init(&w.out, TASKS));
    for (uint32_t i = 0; i < LINES; i++) p2_reader_init(&w.lines[i].reader, &w.codec);
    w.s = p2_session_create(&config);
    P2_CHECK(w.s);
    step(&w, (struct session_event){.kind = SESSION_TICK});
    while (w.at < w.end && w.steps < STEPS_MAX) one(&w);
    finish(&w);
    p2_session_actions_deinit(&w.out);
    p2_codec_deinit(&w.codec);
    p2_blob_pool_deinit(&w.wire);
    p2_blob_pool_deinit(&w.pool);
    return 0;
}
