// WebSocket frames, read and written.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/ws.h"

static const uint8_t key[P2_WS_KEY_BYTES] = {0x37, 0xfa, 0x21, 0x3d};
static const struct p2_ws_place anywhere = {NULL, SIZE_MAX};

static void masks_as_the_rfc_says(void **state) {
    (void)state;
    uint8_t bytes[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58}; // "Hello", section 5.7
    p2_ws_mask(bytes, bytes, sizeof bytes, key, 0);
    assert_memory_equal(bytes, "Hello", 5);
}

static void masks_in_any_pieces(void **state) {
    (void)state;
    uint8_t plain[100], whole[100], pieces[100];
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)(i * 7);
    p2_ws_mask(whole, plain, sizeof plain, key, 0);
    for (size_t i = 0; i < sizeof plain; i++) assert_int_equal(whole[i], plain[i] ^ key[i % 4]);
    for (size_t by = 1; by < 40; by++) {
        for (size_t at = 0; at < sizeof plain; at += by) {
            size_t n = sizeof plain - at < by ? sizeof plain - at : by;
            p2_ws_mask(pieces + at, plain + at, n, key, at);
        }
        assert_memory_equal(pieces, whole, sizeof whole);
    }
}

static void heads_are_as_short_as_can_be(void **state) {
    (void)state;
    uint8_t head[P2_WS_HEAD_MAX];
    assert_int_equal(p2_ws_head(head, P2_WS_BINARY, 125, NULL), 2);
    assert_memory_equal(head, "\x82\x7d", 2);
    assert_int_equal(p2_ws_head(head, P2_WS_BINARY, 126, NULL), 4);
    assert_memory_equal(head, "\x82\x7e\x00\x7e", 4);
    assert_int_equal(p2_ws_head(head, P2_WS_BINARY, 65535, NULL), 4);
    assert_int_equal(p2_ws_head(head, P2_WS_BINARY, 65536, key), 14);
    assert_memory_equal(head, "\x82\xff\0\0\0\0\0\x01\0\0\x37\xfa\x21\x3d", 14);
    assert_int_equal(p2_ws_head(head, P2_WS_CLOSE, 2, key), 6);
    assert_memory_equal(head, "\x88\x82\x37\xfa\x21\x3d", 6);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 1, 125, 126, 127, 1000, 65535, 65536, 70000};
    static uint8_t frame[P2_WS_HEAD_MAX + 70000], plain[70000];
    for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)(i ^ i >> 8);
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        bool masked = i % 2;
        size_t wanted = (size_t)sizes[i / 2], head = p2_ws_head(frame, P2_WS_BINARY, wanted, masked ? key : NULL);
        memcpy(frame + head, plain, wanted);
        if (masked) p2_ws_mask(frame + head, plain, wanted, key, 0);
        struct p2_ws_in in;
        struct p2_ws_piece piece;
        p2_ws_in_init(&in, masked);
        uint8_t *at = frame;
        size_t size = head + wanted;
        assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_FRAME);
        assert_int_equal(in.left, wanted);
        assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_DATA);
        assert_true(piece.ends && piece.size == wanted && size == 0);
        assert_memory_equal(piece.bytes, plain, wanted);
        assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_MORE);
    }
}

static void payload_goes_where_it_is_wanted(void **state) {
    (void)state;
    uint8_t frame[64], place[20];
    size_t head = p2_ws_head(frame, P2_WS_BINARY, 30, key), size = head + 30;
    for (size_t i = 0; i < 30; i++) frame[head + i] = (uint8_t)i ^ key[i % 4];
    struct p2_ws_in in;
    struct p2_ws_piece piece;
    p2_ws_in_init(&in, true);
    uint8_t *at = frame;
    assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_FRAME);
    const struct p2_ws_place five = {NULL, 5}, there = {place, sizeof place};
    assert_int_equal(p2_ws_next(&in, &at, &size, &five, &piece), P2_WS_DATA);
    assert_ptr_equal(piece.bytes, frame + head);
    assert_true(piece.size == 5 && piece.bytes[4] == 4 && !piece.ends);
    assert_int_equal(p2_ws_next(&in, &at, &size, &there, &piece), P2_WS_DATA);
    assert_ptr_equal(piece.bytes, place);
    assert_int_equal(piece.size, sizeof place);
    for (size_t i = 0; i < sizeof place; i++) assert_int_equal(place[i], 5 + i);
    assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_DATA);
    assert_true(piece.size == 5 && piece.bytes[0] == 25 && piece.ends);
}

static void control_frames_stand_between_fragments(void **state) {
    (void)state;
    uint8_t bytes[] = "\x02\x03one\x89\x02hi\x00\x00\x80\x03two\x88\x02\x03\xe8";
    static const enum p2_ws_event expected[] = {P2_WS_FRAME, P2_WS_DATA, P2_WS_CONTROL, P2_WS_FRAME, P2_WS_DATA,
                                                P2_WS_FRAME, P2_WS_DATA, P2_WS_CONTROL, P2_WS_MORE};
    struct p2_ws_in in;
    struct p2_ws_piece piece;
    p2_ws_in_init(&in, false);
    uint8_t *at = bytes;
    size_t size = sizeof bytes - 1;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), expected[i]);
        if (i == 1) assert_true(piece.size == 3 && !piece.ends);
        if (i == 2) assert_true(piece.op == P2_WS_PING && piece.size == 2 && memcmp(piece.bytes, "hi", 2) == 0);
        if (i == 4) assert_true(piece.size == 0 && !piece.ends);
        if (i == 6) assert_true(piece.size == 3 && piece.ends);
        if (i == 7) assert_true(piece.op == P2_WS_CLOSE && piece.bytes[1] == 0xe8);
    }
}

static void text_is_refused_and_read_over(void **state) {
    (void)state;
    uint8_t bytes[] = "\x01\x02hi\x80\x02ho\x82\x01x";
    struct p2_ws_in in;
    struct p2_ws_piece piece;
    p2_ws_in_init(&in, false);
    uint8_t *at = bytes;
    size_t size = sizeof bytes - 1;
    assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_REFUSED);
    assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_REFUSED); // its continuation
    assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_FRAME);
    assert_int_equal(p2_ws_next(&in, &at, &size, &anywhere, &piece), P2_WS_DATA);
}

static void broken_frames_are_seen_at_once(void **state) {
    (void)state;
    static const struct {
        bool masked;
        const char *bytes;
        size_t size; // the last of which tells
    } broken[] = {
        {true, "\x82\x01", 2},                      // a client's, without a mask
        {false, "\x82\x81", 2},                     // a server's, with one
        {true, "\xc2\x81", 2},                      // a reserved bit
        {true, "\x83\x81", 2},                      // an opcode that does not exist
        {true, "\x8b\x80", 2},                      // likewise, of a control frame
        {true, "\x80\x81", 2},                      // continues nothing
        {false, "\x02\x01x\x82\x01", 5},            // begins within a message
        {true, "\x09\x80", 2},                      // a control frame in pieces
        {true, "\x88\xfe", 2},                      // a control frame too long
        {true, "\x82\xfe\x00\x7d", 4},              // 125 in 16 bits
        {true, "\x82\xff\0\0\0\0\0\0\xff\xff", 10}, // 65,535 in 64 bits
        {true, "\x82\xff\x80\0\0\0\0\0\0\0", 10},   // a length with the top bit set
        {false, "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct p2_ws_in in;
        struct p2_ws_piece piece;
        p2_ws_in_init(&in, broken[i].masked);
        enum p2_ws_event e = P2_WS_MORE;
        for (size_t at = 0; at < broken[i].size; at++) {
            uint8_t byte = (uint8_t)broken[i].bytes[at], *p = &byte;
            size_t size = 1;
            do e = p2_ws_next(&in, &p, &size, &anywhere, &piece);
            while (e == P2_WS_FRAME || e == P2_WS_DATA);
            assert_int_equal(e, at + 1 < broken[i].size ? P2_WS_MORE : P2_WS_BROKEN);
        }
        uint8_t more[] = "\x82\x80\0\0\0\0", *p = more;
        size_t size = sizeof more - 1;
        assert_int_equal(p2_ws_next(&in, &p, &size, &anywhere, &piece), P2_WS_BROKEN); // for good
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_as_the_rfc_says),           cmocka_unit_test(masks_in_any_pieces),
        cmocka_unit_test(heads_are_as_short_as_can_be),    cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(payload_goes_where_it_is_wanted), cmocka_unit_test(control_frames_stand_between_fragments),
        cmocka_unit_test(text_is_refused_and_read_over),   cmocka_unit_test(broken_frames_are_seen_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
