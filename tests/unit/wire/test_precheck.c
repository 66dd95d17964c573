// Headers that are no message of ours, or too much of one.
#include <string.h>

#include "support.h"

static struct bytes b, inner;

static enum p2_err try(struct bench *t, unsigned type) {
    struct p2_msg out;
    return decode(t, type, &b, &out);
}

static void put_task(struct bytes *to) {
    add_id(to, 1);
    add_text(to, 2, "echo");
}

static void truncations_are_refused(void **state) {
    struct bench *t = *state;
    b.size = 0;
    put_task(&b);
    inner.size = 0;
    add_text(&inner, 1, "name");
    add_number(&inner, 2, 300);
    add_field(&b, 9, inner.data, inner.size);
    size_t whole = b.size, params = whole - inner.size - 2;
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_OK);
    for (size_t size = 0; size < whole; size++) {
        b.size = size;
        // Cut between two fields it is a message still, though perhaps without what is required.
        enum p2_err expected = P2_ERR_BAD_RECORD;
        if (size == 0 || size == 18) expected = P2_ERR_BAD_MESSAGE;
        if (size == params) expected = P2_OK;
        assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), expected);
    }
}

static void lengths_beyond_the_end_are_refused(void **state) {
    struct bench *t = *state;
    static const uint64_t lengths[] = {1, 127, 1u << 20, UINT32_MAX, UINT64_C(1) << 32, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (uint32_t field = 1; field < 40; field += 37) { // one we know, one we do not
            b.size = 0;
            add_varint(&b, field << 3 | 2);
            add_varint(&b, lengths[i]);
            assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_ERR_BAD_RECORD);
        }
    }
}

static void a_message_ends_where_its_parent_says(void **state) {
    struct bench *t = *state;
    b.size = 0;
    put_task(&b);
    inner.size = 0;
    add_text(&inner, 1, "name");
    inner.data[1] = 5; // the name claims one byte more than its Param holds
    add_field(&b, 9, inner.data, inner.size);
    add_number(&b, 3, 1);
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_ERR_BAD_RECORD);
}

static void varints_and_tags_are_checked(void **state) {
    struct bench *t = *state;
    static const uint8_t overlong[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    static const uint8_t endless[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    static const uint8_t field_zero[] = {0x00, 0x01};
    static const uint8_t group[] = {0xa3, 0x06, 0xa4, 0x06};
    static const uint8_t known_group[] = {0x0b, 0x0c};
    static const uint8_t reserved_wire_type[] = {0x0f};
    static const uint8_t wrong_wire_type[] = {0x0d, 0, 0, 0, 0};
    static const struct {
        const uint8_t *bytes;
        size_t size;
    } cases[] = {{overlong, sizeof overlong},
                 {endless, sizeof endless},
                 {field_zero, sizeof field_zero},
                 {group, sizeof group},
                 {known_group, sizeof known_group},
                 {reserved_wire_type, sizeof reserved_wire_type},
                 {wrong_wire_type, sizeof wrong_wire_type}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        b.size = 0;
        add(&b, cases[i].bytes, cases[i].size);
        assert_int_equal(try(t, P2_MSG_DRAIN), P2_ERR_BAD_RECORD);
    }
}

static void ten_thousand_nested_messages_are_bytes_to_us(void **state) {
    struct bench *t = *state;
    // Built from the inside: each level is field 1 of the one around it. The outermost is no field of ours or one
    // whose depth we know; nothing is descended into without a table.
    static uint8_t nest[60000];
    size_t at = sizeof nest;
    for (unsigned i = 0; i < 10000; i++) {
        size_t size = sizeof nest - at;
        uint8_t head[4] = {0x0a, (uint8_t)(size | 0x80), (uint8_t)(size >> 7 | 0x80), (uint8_t)(size >> 14)};
        at -= sizeof head;
        memcpy(nest + at, head, sizeof head);
    }
    b.size = 0;
    put_task(&b);
    add_field(&b, 100, nest + at, sizeof nest - at);
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_OK);
    b.size = 0;
    put_task(&b);
    add_field(&b, 9, nest + at, sizeof nest - at); // a Param, whose name is then not a text
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_ERR_BAD_MESSAGE);
    b.size = 0;
    for (unsigned i = 0; i < 10000; i++) add(&b, "\x0b", 1); // groups in groups
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_ERR_BAD_RECORD);
}

static void unknown_fields_are_ignored_up_to_a_number(void **state) {
    struct bench *t = *state;
    struct p2_msg out;
    b.size = 0;
    add_number(&b, 1, 5000);
    for (uint32_t i = 0; i < 64; i++) {
        if (i % 3 == 0) add_number(&b, 1000 + i, UINT64_MAX);
        if (i % 3 == 1) add_text(&b, 1000 + i, "from a later version");
        if (i % 3 == 2) add_double(&b, 536870911, 1.5);
    }
    assert_int_equal(decode(t, P2_MSG_DRAIN, &b, &out), P2_OK);
    assert_true(out.u.drain.grace_ns == 5 * P2_MS);
    add_number(&b, 1000, 1);
    assert_int_equal(try(t, P2_MSG_DRAIN), P2_ERR_BAD_MESSAGE);
}

static void a_field_may_stand_once(void **state) {
    struct bench *t = *state;
    b.size = 0;
    add_number(&b, 1, 1);
    add_number(&b, 1, 2);
    assert_int_equal(try(t, P2_MSG_DRAIN), P2_ERR_BAD_RECORD);
}

static void counts_are_limited(void **state) {
    struct bench *t = *state;
    b.size = inner.size = 0;
    put_task(&b);
    add_text(&inner, 1, "n");
    add_number(&inner, 2, 1);
    for (unsigned i = 0; i < P2_PARAMS_MAX; i++) add_field(&b, 9, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_OK);
    add_field(&b, 9, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_ERR_BAD_MESSAGE);

    b.size = inner.size = 0;
    put_task(&inner);
    for (unsigned i = 0; i < P2_BATCH_MAX; i++) add_field(&b, 1, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT_BATCH), P2_OK);
    add_field(&b, 1, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT_BATCH), P2_ERR_BAD_MESSAGE);

    b.size = inner.size = 0;
    add_number(&inner, 1, P2_DEVICE_CPU);
    for (unsigned i = 0; i < P2_DEVICES_MAX; i++) add_field(&b, 5, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_PEER_REGISTER), P2_OK);
    add_field(&b, 5, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_PEER_REGISTER), P2_ERR_BAD_MESSAGE);

    b.size = 0;
    static const uint8_t digest[32];
    for (unsigned i = 0; i < P2_DIGESTS_MAX; i++) add_field(&b, 1, digest, sizeof digest);
    assert_int_equal(try(t, P2_MSG_BLOB_HAVE), P2_OK);
    add_field(&b, 1, digest, sizeof digest);
    assert_int_equal(try(t, P2_MSG_BLOB_HAVE), P2_ERR_BAD_MESSAGE);
}

static void packed_and_unpacked_numbers_count_alike(void **state) {
    struct bench *t = *state;
    static uint8_t ones[257];
    memset(ones, 1, sizeof ones);
    struct p2_msg out;
    b.size = 0;
    add_field(&b, 6, ones, 200);
    for (unsigned i = 0; i < 56; i++) add_number(&b, 6, 2);
    assert_int_equal(decode(t, P2_MSG_HEARTBEAT, &b, &out), P2_OK);
    assert_int_equal(out.u.heartbeat.slot_count, 256);
    assert_true(out.u.heartbeat.slot_busy_ns[199] == P2_US && out.u.heartbeat.slot_busy_ns[255] == 2 * P2_US);
    add_number(&b, 6, 2);
    assert_int_equal(try(t, P2_MSG_HEARTBEAT), P2_ERR_BAD_MESSAGE);
    b.size = 0;
    add_field(&b, 6, ones, 257);
    assert_int_equal(try(t, P2_MSG_HEARTBEAT), P2_ERR_BAD_MESSAGE);
    b.size = 0;
    add_field(&b, 6, "\x81", 1); // a number that does not end
    assert_int_equal(try(t, P2_MSG_HEARTBEAT), P2_ERR_BAD_RECORD);
}

static void texts_must_be_utf8(void **state) {
    struct bench *t = *state;
    static const char *const good[] = {"", "plain, longer than eight bytes", "\xc2\x80 \xe2\x82\xac \xf0\x9f\x8e\xae",
                                       "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {
        "\x80",         "eight ok\xff",     "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82",
        "\xc2\x20"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        b.size = 0;
        add_text(&b, 1, good[i]);
        assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        b.size = 0;
        add_text(&b, 1, bad[i]);
        assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_ERR_BAD_MESSAGE);
    }
    b.size = 0;
    add_field(&b, 1, "a\0b", 3);
    assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_ERR_BAD_MESSAGE);
    b.size = 0;
    add_field(&b, 1, "12345678\0abcdefgh", 17);
    assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_ERR_BAD_MESSAGE);
    static char longest[P2_TEXT_MAX + 1];
    memset(longest, 'x', sizeof longest);
    b.size = 0;
    add_field(&b, 1, longest, P2_TEXT_MAX);
    assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_OK);
    b.size = 0;
    add_field(&b, 1, longest, P2_TEXT_MAX + 1);
    assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_ERR_BAD_MESSAGE);
}

// Every byte of a text is looked at, however long it is.
static void texts_are_read_to_the_last_byte(void **state) {
    struct bench *t = *state;
    static const char bad[] = {'\0', '\x80', '\xff'};
    char text[41];
    for (size_t size = 0; size < sizeof text; size++) {
        memset(text, 'x', sizeof text);
        b.size = 0;
        add_field(&b, 1, text, size);
        assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_OK);
        for (size_t at = 0; at < size; at++) {
            for (size_t i = 0; i < sizeof bad; i++) {
                memset(text, 'x', sizeof text);
                text[at] = bad[i];
                b.size = 0;
                add_field(&b, 1, text, size);
                assert_int_equal(try(t, P2_MSG_PEER_DISCONNECT), P2_ERR_BAD_MESSAGE);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncations_are_refused),
        cmocka_unit_test(lengths_beyond_the_end_are_refused),
        cmocka_unit_test(a_message_ends_where_its_parent_says),
        cmocka_unit_test(varints_and_tags_are_checked),
        cmocka_unit_test(ten_thousand_nested_messages_are_bytes_to_us),
        cmocka_unit_test(unknown_fields_are_ignored_up_to_a_number),
        cmocka_unit_test(a_field_may_stand_once),
        cmocka_unit_test(counts_are_limited),
        cmocka_unit_test(packed_and_unpacked_numbers_count_alike),
        cmocka_unit_test(texts_must_be_utf8),
        cmocka_unit_test(texts_are_read_to_the_last_byte),
    };
    return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
