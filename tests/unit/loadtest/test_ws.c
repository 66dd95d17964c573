// Records in WebSocket messages by hand: what is put comes out masked and framed, what arrives is read whatever way it
// is cut.
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "cmocka_all.h"
#include "loadtest/bench/dispatch/ws.h"
#include "wire/wire.h"

#define BYTES (1u << 20)

struct place {
    struct ws ws;
    struct link link;
};

static struct place *place_create(void) {
    struct place *p = calloc(1, sizeof *p);
    p->link.in = malloc(p->link.in_capacity = BYTES);
    p->link.out = malloc(p->link.out_capacity = 64); // grows
    p->ws.link = &p->link;
    p2_rng_init(&p->ws.keys, 1);
    return p;
}

static void place_destroy(struct place *p) {
    free(p->link.in);
    free(p->link.out);
    free(p);
}

static void arrive(struct place *p, const void *bytes, size_t size) {
    memcpy(p->link.in + p->link.in_end, bytes, size);
    p->link.in_end += size;
}

// The payload of the one frame that is queued, unmasked; its size.
static size_t unframe(const struct place *p, uint8_t *out) {
    const uint8_t *at = p->link.out + p->link.out_at;
    size_t n = at[1] & 127, head = 2;
    assert_int_equal(at[0], 0x82);
    assert_true(at[1] & 128);
    unsigned lengths = n == 126 ? 2 : n == 127 ? 8 : 0;
    if (lengths) n = 0;
    while (lengths--) n = n << 8 | at[head++];
    assert_int_equal(link_queued(&p->link), head + 4 + n);
    for (size_t i = 0; i < n; i++) out[i] = at[head + 4 + i] ^ at[head + i % 4];
    return n;
}

static void what_is_put_is_one_masked_message(void **state) {
    (void)state;
    static uint8_t sent[BYTES / 4], got[BYTES / 4];
    struct p2_rng rng;
    p2_rng_init(&rng, 2);
    for (size_t i = 0; i < sizeof sent; i++) sent[i] = (uint8_t)p2_rng_next(&rng);
    const size_t sizes[] = {1, 125, 126, 127, 65535, 65536, 200000};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        struct place *p = place_create();
        for (size_t at = 0; at < sizes[k];) { // in odd pieces, so that the mask goes on where it was
            size_t n = 1 + p2_rng_below(&rng, sizes[k] / 3 + 1);
            if (n > sizes[k] - at) n = sizes[k] - at;
            ws_put(&p->ws, sent + at, n);
            at += n;
        }
        ws_seal(&p->ws);
        ws_seal(&p->ws); // nothing is open any more
        assert_int_equal(unframe(p, got), sizes[k]);
        assert_memory_equal(got, sent, sizes[k]);
        place_destroy(p);
    }
}

static size_t put_record(uint8_t *out, uint32_t stream, uint16_t header, uint32_t payload) {
    const struct p2_prefix prefix = {
        .type = P2_MSG_CHUNK, .header_len = header, .stream = stream, .payload_len = payload};
    p2_prefix_put(&prefix, out);
    for (uint32_t i = 0; i < header + payload; i++) out[P2_PREFIX_BYTES + i] = (uint8_t)(i * stream);
    return P2_PREFIX_BYTES + header + payload;
}

// As a server sends it: without a mask.
static size_t put_frame(uint8_t *out, uint8_t first, const uint8_t *bytes, size_t size) {
    size_t n = 0;
    out[n++] = first;
    if (size < 126) {
        out[n++] = (uint8_t)size;
    } else {
        out[n++] = 126;
        out[n++] = (uint8_t)(size >> 8);
        out[n++] = (uint8_t)size;
    }
    memcpy(out + n, bytes, size);
    return n + size;
}

// Five records in a message of three frames, a ping between them, and a second message: in pieces of any size.
static void records_are_read_however_they_are_cut(void **state) {
    (void)state;
    static uint8_t records[8192], wire[8300], want[8192];
    size_t size = 0, n = 0;
    for (uint32_t i = 1; i <= 5; i++) size += put_record(records + size, i, (uint16_t)(3 * i), 90 * i * i);
    n += put_frame(wire, 0x02, records, 10);
    n += put_frame(wire + n, 0x89, (const uint8_t *)"here?", 5);
    n += put_frame(wire + n, 0x00, records + 10, 1000);
    n += put_frame(wire + n, 0x80, records + 1010, size - 1010);
    const size_t last = put_record(records + size, 6, 0, 0);
    n += put_frame(wire + n, 0x82, records + size, last);
    struct p2_rng rng;
    p2_rng_init(&rng, 3);
    for (int round = 0; round < 200; round++) {
        struct place *p = place_create();
        uint32_t count = 0;
        for (size_t at = 0; at < n;) {
            size_t piece = 1 + p2_rng_below(&rng, round < 100 ? 20 : 3000), got;
            if (piece > n - at) piece = n - at;
            arrive(p, wire + at, piece);
            at += piece;
            const uint8_t *record;
            while ((record = ws_record(&p->ws, &got))) {
                count++;
                const size_t expected = count < 6 ? put_record(want, count, (uint16_t)(3 * count), 90 * count * count)
                                                  : put_record(want, 6, 0, 0);
                assert_int_equal(got, expected);
                assert_memory_equal(record, want, expected);
            }
        }
        assert_int_equal(count, 6);
        assert_int_equal(link_queued(&p->link), 2 + 4 + 5); // the pong
        assert_int_equal(p->link.out[0], 0x8a);
        place_destroy(p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_one_masked_message),
        cmocka_unit_test(records_are_read_however_they_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
