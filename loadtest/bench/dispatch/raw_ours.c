// Our own protocol (proto/PROTOCOL.md) written by hand, so that the coordinator is what is measured: a client that
// submits echo tasks with a class, a deadline and no cache, with sessions or without, and a peer, a quarter of whose
// jobs are in slots and the others taken ahead.
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/raw.h"
#include "loadtest/bench/dispatch/ws.h"
#include "net/net.h"
#include "os/os.h"
#include "wire/wire.h"

#define DEADLINE_US 60000000u
#define HEADER_MAX 96u // of the records that are written here
#define HEARTBEAT (P2_SEC / 2)
#define MESSAGE_BYTES (256u << 10) // a message is sealed from here on

struct ours {
    struct ws ws;
    bool sessions, joined;
    uint32_t sequence, stream;
    struct p2_id id; // of the last task
    uint8_t submit[HEADER_MAX];
    size_t submit_size;
    // Of tasks that leave as one record: how many, and how many are to follow; their headers, their payloads.
    uint32_t together, following;
    size_t headers_size, payloads_size;
    uint8_t headers[P2_BATCH_MAX * HEADER_MAX], payloads[P2_RECORD_PAYLOAD_MAX];
};

// ---- records

static size_t put_varint(uint8_t *out, uint64_t value) {
    size_t n = 0;
    for (; value > 127; value >>= 7) out[n++] = (uint8_t)(value | 128);
    out[n++] = (uint8_t)value;
    return n;
}

static size_t put_number(uint8_t *out, unsigned field, uint64_t value) {
    out[0] = (uint8_t)(field << 3);
    return 1 + put_varint(out + 1, value);
}

static size_t put_bytes(uint8_t *out, unsigned field, const void *bytes, size_t size) {
    out[0] = (uint8_t)(field << 3 | 2);
    out[1] = (uint8_t)size;
    memcpy(out + 2, bytes, size);
    return 2 + size;
}

// The number in a field of a header, which has only numbers and bytes; 0 when it is not there.
static uint64_t number_at(const uint8_t *at, const uint8_t *end, unsigned field) {
    while (at < end) {
        const unsigned key = *at++;
        uint64_t value = 0;
        for (unsigned shift = 0; at < end; shift += 7) {
            value |= (uint64_t)(*at & 127) << shift;
            if (!(*at++ & 128)) break;
        }
        if (key == field << 3) return value;
        if ((key & 7) == 2) at += value;
    }
    return 0;
}

static void put_record(struct ours *o, enum p2_msg_kind kind, uint32_t stream, const uint8_t *header, size_t size) {
    struct p2_prefix prefix = {
        .type = (uint8_t)kind, .header_len = (uint16_t)size, .stream = stream, .seq = o->sequence++};
    uint8_t out[P2_PREFIX_BYTES + HEADER_MAX];
    p2_prefix_put(&prefix, out);
    memcpy(out + P2_PREFIX_BYTES, header, size);
    ws_put(&o->ws, out, P2_PREFIX_BYTES + size);
}

static void put_with_payload(struct ours *o, const struct p2_prefix *prefix, const uint8_t *header,
                             const uint8_t *payload) {
    uint8_t out[P2_PREFIX_BYTES + HEADER_MAX];
    p2_prefix_put(prefix, out);
    memcpy(out + P2_PREFIX_BYTES, header, prefix->header_len);
    ws_put(&o->ws, out, P2_PREFIX_BYTES + prefix->header_len);
    ws_put(&o->ws, payload, prefix->payload_len);
    if (o->ws.size >= MESSAGE_BYTES) ws_seal(&o->ws);
}

// One that is written once in a while.
static void put_message(struct ours *o, const struct p2_msg *m) {
    uint8_t out[1024];
    size_t n = p2_encode(m, out, sizeof out);
    P2_CHECK(n > 0);
    p2_prefix_stamp(out, o->sequence++);
    ws_put(&o->ws, out, n);
}

static void leave(struct raw *r) {
    struct ours *o = r->own;
    ws_seal(&o->ws);
}

// The next record, its header and its payload; PINGs are answered, refusals end the process.
static bool next(struct ours *o, struct p2_prefix *p, const uint8_t **header, const uint8_t **payload) {
    const uint8_t *at;
    size_t size;
    while ((at = ws_record(&o->ws, &size))) {
        if (p2_prefix_get(at, p) != P2_OK) drive_fail("a broken record");
        *header = at + P2_PREFIX_BYTES;
        *payload = *header + p->header_len;
        if (p->type == P2_MSG_PING)
            put_record(o, P2_MSG_PONG, 0, *header, p->header_len);
        else if (p->type == P2_MSG_ERROR || p->type == P2_MSG_TASK_ENDED || p->type == P2_MSG_TASK_TIMEOUT)
            drive_fail("the coordinator says %s, code %u", p2_msg_name(p->type),
                       (unsigned)number_at(*header, *payload, p->type == P2_MSG_ERROR ? 1 : 3));
        else
            return true;
    }
    return false;
}

static void greet(struct raw *r, const struct p2_msg *registers, uint64_t features, enum p2_role role) {
    struct ours *o = r->own;
    struct p2_msg hello = {.kind = P2_MSG_HELLO};
    hello.u.hello = (struct p2_msg_hello){.magic = P2_PROTOCOL_MAGIC,
                                          .version_min = 1,
                                          .version_max = 1,
                                          .features = features,
                                          .role = role,
                                          .agent = p2_str("bench")};
    put_message(o, &hello);
    put_message(o, registers);
    ws_seal(&o->ws);
    link_flush(&r->links[0], true);
    struct p2_prefix p = {0};
    const uint8_t *header, *payload;
    while (p.type != P2_MSG_GAMER_REGISTERED && p.type != P2_MSG_PEER_REGISTERED) {
        if (!next(o, &p, &header, &payload)) link_fill(&r->links[0], true);
    }
}

static struct ours *open_ws(struct raw *r) {
    struct ours *o = r->own = calloc(1, sizeof *o);
    P2_CHECK(o);
    ws_open(&o->ws, &r->links[0], r->port, P2_SUBPROTOCOL);
    return o;
}

// ---- client

static void join_client(struct raw *r, bool sessions) {
    struct ours *o = open_ws(r);
    o->sessions = sessions;
    o->id = p2_id_random();
    uint8_t *h = o->submit; // the same in all tasks, but for the id
    size_t n = put_bytes(h, 1, o->id.b, sizeof o->id.b);
    n += put_bytes(h + n, 2, "echo", 4);
    n += put_number(h + n, 4, P2_CLASS_INTERACTIVE);
    n += put_number(h + n, 5, DEADLINE_US);
    n += put_number(h + n, 6, r->drive->plan.payload_bytes);
    n += put_number(h + n, 8, true); // no_cache
    o->submit_size = n;
    const struct p2_msg registers = {.kind = P2_MSG_GAMER_REGISTER};
    greet(r, &registers, sessions ? P2_FEATURE_SESSIONS : 0, P2_ROLE_CLIENT);
}

static void client_join(struct raw *r) { join_client(r, false); }
static void session_join(struct raw *r) { join_client(r, true); }

// The next task's header.
static const uint8_t *next_submit(struct ours *o) {
    uint64_t count;
    memcpy(&count, o->id.b, sizeof count); // half of the id counts, the other is random
    count++;
    memcpy(o->id.b, &count, sizeof count);
    memcpy(o->submit + 2, o->id.b, sizeof o->id.b);
    return o->submit;
}

static void submit(struct raw *r, const uint8_t *payload, size_t size) {
    struct ours *o = r->own;
    const struct p2_prefix p = {.type = P2_MSG_TASK_SUBMIT,
                                .header_len = (uint16_t)o->submit_size,
                                .stream = ++o->stream,
                                .payload_len = (uint32_t)size,
                                .seq = o->sequence++};
    put_with_payload(o, &p, next_submit(o), payload);
}

static void batch(struct raw *r, uint32_t tasks) { ((struct ours *)r->own)->following = tasks; }

static void put_together(struct ours *o) {
    const struct p2_prefix p = {.type = P2_MSG_TASK_SUBMIT_BATCH,
                                .header_len = (uint16_t)o->headers_size,
                                .stream = o->stream + 1,
                                .payload_len = (uint32_t)o->payloads_size,
                                .seq = o->sequence++};
    uint8_t prefix[P2_PREFIX_BYTES];
    p2_prefix_put(&p, prefix);
    ws_put(&o->ws, prefix, sizeof prefix);
    ws_put(&o->ws, o->headers, o->headers_size);
    ws_put(&o->ws, o->payloads, o->payloads_size);
    o->stream += o->together;
    o->together = 0;
    o->headers_size = o->payloads_size = 0;
}

static void submit_together(struct raw *r, const uint8_t *payload, size_t size) {
    struct ours *o = r->own;
    o->headers_size += put_bytes(o->headers + o->headers_size, 1, next_submit(o), o->submit_size);
    memcpy(o->payloads + o->payloads_size, payload, size);
    o->payloads_size += size;
    o->together++;
    o->following--;
    if (!o->following || o->together == P2_BATCH_MAX || sizeof o->payloads - o->payloads_size < size) put_together(o);
}

static void acknowledge(struct ours *o, uint32_t stream, uint64_t attempt) {
    uint8_t header[16];
    put_record(o, P2_MSG_RESULT_ACK, stream, header, put_number(header, 1, attempt));
}

static void client_take(struct raw *r, struct link *l) {
    struct ours *o = r->own;
    struct p2_prefix p;
    const uint8_t *header, *payload;
    (void)l;
    while (next(o, &p, &header, &payload)) {
        if (p.type == P2_MSG_TASK_ACCEPTED) continue;
        if (p.type != P2_MSG_RESULT_DELIVERY) drive_fail("%s to a client", p2_msg_name(p.type));
        drive_done(r->drive, payload, p.payload_len);
        if (o->sessions) acknowledge(o, p.stream, number_at(header, payload, 2));
    }
}

// ---- worker

static void worker_join(struct raw *r) {
    const uint32_t slots = (r->ahead + 3) / 4;
    const struct p2_msg_device device = {.kind = P2_DEVICE_FAKE, .slots = slots};
    const struct p2_msg_offer offer = {.type = p2_str("echo"), .version = 1};
    struct p2_msg m = {.kind = P2_MSG_PEER_REGISTER};
    m.u.peer_register = (struct p2_msg_peer_register){.slots = slots,
                                                      .queue_depth = r->ahead - slots,
                                                      .devices = &device,
                                                      .device_count = 1,
                                                      .offers = &offer,
                                                      .offer_count = 1};
    m.u.peer_register.instance = p2_id_random();
    // What is recalled has always been computed: its result is on the way, and no answer is needed.
    open_ws(r);
    greet(r, &m, P2_FEATURE_RECALL, P2_ROLE_PEER);
}

static void echo(struct ours *o, const struct p2_prefix *job, const uint8_t *header, const uint8_t *payload) {
    uint8_t out[HEADER_MAX];
    size_t n = put_bytes(out, 1, header + 2, 16); // the id is every TASK_ASSIGN's first field
    n += put_number(out + n, 2, number_at(header, payload, 2));
    n += put_number(out + n, 3, true); // success
    n += put_number(out + n, 4, 1);    // processing_us
    n += put_number(out + n, 8, job->payload_len);
    const struct p2_prefix p = {.type = P2_MSG_TASK_RESULT,
                                .header_len = (uint16_t)n,
                                .stream = job->stream,
                                .payload_len = job->payload_len,
                                .seq = o->sequence++};
    put_with_payload(o, &p, out, payload);
}

static void worker_take(struct raw *r, struct link *l) {
    struct ours *o = r->own;
    struct p2_prefix p;
    const uint8_t *header, *payload;
    (void)l;
    while (next(o, &p, &header, &payload)) {
        if (p.type == P2_MSG_TASK_ASSIGN) echo(o, &p, header, payload);
    }
}

static void heartbeat(struct raw *r) { put_record(r->own, P2_MSG_HEARTBEAT, 0, (const uint8_t *)"", 0); }

const struct raw_protocol raw_ours_client = {
    .links = 1, .join = client_join, .submit = submit, .take = client_take, .leave = leave};
const struct raw_protocol raw_ours_batch_client = {
    .links = 1, .join = client_join, .batch = batch, .submit = submit_together, .take = client_take, .leave = leave};
const struct raw_protocol raw_ours_session_client = {
    .links = 1, .join = session_join, .submit = submit, .take = client_take, .leave = leave};
const struct raw_protocol raw_ours_worker = {
    .links = 1, .join = worker_join, .take = worker_take, .leave = leave, .tick = heartbeat, .tick_ns = HEARTBEAT};
