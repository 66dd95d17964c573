// A payload put together from chunks, by whatever a sender may do. The input is a list of steps; the first byte of each
// says which:
//   0 begin    size (3 bytes), window (2), attempt (1)
//   1 chunk    attempt (1), offset (3), stored bytes (2), raw size (2), then the bytes: a zstd frame, or raw when both
//              sizes are equal
//   2 consume  bytes (2)
//   3 honest   a sender that does what it should: next chunk of its own outflow, with windows passed on
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "msg/flow.h"
#include "wire/wire.h"

#define PAYLOAD_MAX (1u << 20)

struct input {
    const uint8_t *at, *end;
};

struct both {
    struct p2_inflow in;
    struct p2_outflow out;
    uint8_t *payload;
    struct p2_codec codec;
    uint64_t consumed;
    uint32_t window;
};

static uint32_t number(struct input *i, unsigned bytes) {
    uint32_t value = 0;
    for (unsigned n = 0; n < bytes && i->at < i->end; n++) value |= (uint32_t)*i->at++ << (8 * n);
    return value;
}

static void check(const struct both *b) {
    P2_CHECK(b->in.have <= b->in.granted && b->in.granted <= b->in.size);
    P2_CHECK(b->out.sent <= b->out.limit && b->out.limit <= b->out.size);
    P2_CHECK(p2_inflow_whole(&b->in) == (b->in.have == b->in.size));
    P2_CHECK(p2_outflow_next(&b->out) <= P2_RECORD_PAYLOAD_MAX);
}

static void begin(struct both *b, struct input *i) {
    uint32_t size = number(i, 3) % (PAYLOAD_MAX + 1), attempt;
    b->window = number(i, 2) + 1;
    attempt = number(i, 1);
    b->consumed = 0;
    p2_inflow_begin(&b->in, attempt, size, b->window);
    p2_outflow_begin(&b->out, attempt, size, b->window);
}

static void chunk(struct both *b, struct input *i) {
    uint32_t attempt = number(i, 1), offset = number(i, 3), stored = number(i, 2), raw = number(i, 2);
    if (stored > (size_t)(i->end - i->at)) stored = (uint32_t)(i->end - i->at);
    const uint8_t *bytes = i->at;
    i->at += stored;
    uint64_t before = b->in.have;
    if (p2_inflow_take(&b->in, attempt, offset, raw) != P2_OK) {
        P2_CHECK(b->in.have == before);
        return;
    }
    P2_CHECK(b->in.have == before + raw && before + raw <= PAYLOAD_MAX);
    if (stored == raw) {
        memcpy(b->payload + before, bytes, raw);
    } else {
        p2_body_inflate(&b->codec, bytes, stored, b->payload + before, raw);
    }
}

static void consume(struct both *b, uint64_t bytes) {
    b->consumed += bytes;
    if (b->consumed > b->in.have) b->consumed = b->in.have;
    uint64_t before = b->in.granted, limit = p2_inflow_grant(&b->in, b->consumed, b->window);
    P2_CHECK(limit == 0 || (limit > before && limit == b->in.granted && limit <= b->consumed + b->window));
    if (limit) p2_outflow_window(&b->out, b->in.attempt, limit);
}

// Sender and receiver that both keep to the rules: every chunk is taken, and it ends.
static void honest(struct both *b) {
    p2_inflow_begin(&b->in, b->in.attempt, b->in.size, b->window);
    p2_outflow_begin(&b->out, b->in.attempt, b->in.size, b->window);
    b->consumed = 0;
    while (!p2_outflow_done(&b->out)) {
        uint32_t n = p2_outflow_next(&b->out);
        P2_CHECK(n > 0); // or it would wait forever
        P2_CHECK(p2_inflow_take(&b->in, b->out.attempt, b->out.sent, n) == P2_OK);
        b->out.sent += n;
        consume(b, n);
        check(b);
    }
    P2_CHECK(p2_inflow_whole(&b->in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct both b = {.payload = malloc(PAYLOAD_MAX), .window = 1};
    P2_CHECK(b.payload && p2_codec_init(&b.codec, NULL)); // nothing is compressed here
    struct input i = {data, data + size};
    unsigned honest_left = 4; // a run of its own; many in one input teach nothing more
    while (i.at < i.end) {
        switch (number(&i, 1) & 3) {
        case 0: begin(&b, &i); break;
        case 1: chunk(&b, &i); break;
        case 2: consume(&b, number(&i, 2)); break;
        default:
            if (honest_left && b.window >= 64) honest_left--, honest(&b);
        }
        check(&b);
    }
    p2_codec_deinit(&b.codec);
    free(b.payload);
    return 0;
}
