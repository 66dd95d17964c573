#include <string.h>

#include "support.h"

static enum p2_err get(unsigned type, unsigned flags, uint32_t payload_len) {
    struct p2_prefix in = {.type = (uint8_t)type, .flags = (uint8_t)flags, .payload_len = payload_len}, out;
    uint8_t bytes[P2_PREFIX_BYTES];
    p2_prefix_put(&in, bytes);
    return p2_prefix_get(bytes, &out);
}

static void layout_is_little_endian(void **state) {
    (void)state;
    struct p2_prefix in = {P2_MSG_CHUNK, P2_FLAG_ZSTD, 0x0201, 0x06050403, 0x00000807, 0x0c0b0a09}, out;
    uint8_t bytes[P2_PREFIX_BYTES];
    static const uint8_t expected[] = {16, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 9, 10, 11, 12};
    p2_prefix_put(&in, bytes);
    assert_memory_equal(bytes, expected, sizeof expected);
    assert_int_equal(p2_prefix_get(bytes, &out), P2_OK);
    assert_int_equal(out.type, in.type);
    assert_int_equal(out.flags, in.flags);
    assert_int_equal(out.header_len, in.header_len);
    assert_int_equal(out.stream, in.stream);
    assert_int_equal(out.payload_len, in.payload_len);
    assert_int_equal(out.seq, in.seq);
}

static void lengths_are_refused_from_the_prefix(void **state) {
    (void)state;
    assert_int_equal(get(P2_MSG_CHUNK, 0, P2_RECORD_PAYLOAD_MAX), P2_OK);
    assert_int_equal(get(P2_MSG_CHUNK, 0, P2_RECORD_PAYLOAD_MAX + 1), P2_ERR_TOO_LARGE);
    assert_int_equal(get(P2_MSG_CHUNK, 0, UINT32_MAX), P2_ERR_TOO_LARGE);
    assert_int_equal(get(P2_MSG_PING, 0, 1), P2_ERR_BAD_RECORD); // carries none
}

static void unknown_types_are_refused(void **state) {
    (void)state;
    assert_int_equal(get(0, 0, 0), P2_ERR_BAD_RECORD);
    for (unsigned type = P2_MSG_KINDS; type < 256; type++) assert_int_equal(get(type, 0, 0), P2_ERR_BAD_RECORD);
    for (unsigned type = 1; type < P2_MSG_KINDS; type++) {
        bool unused = type == 34 || type == 35;
        assert_int_equal(get(type, 0, 0), unused ? P2_ERR_BAD_RECORD : P2_OK);
    }
}

static void flags_are_refused_where_they_mean_nothing(void **state) {
    (void)state;
    assert_int_equal(get(P2_MSG_CHUNK, P2_FLAG_ZSTD, 10), P2_OK);
    assert_int_equal(get(P2_MSG_CHUNK, P2_FLAG_ZSTD, 0), P2_ERR_BAD_RECORD); // nothing to decompress
    assert_int_equal(get(P2_MSG_PING, P2_FLAG_ZSTD, 0), P2_ERR_BAD_RECORD);
    assert_int_equal(get(P2_MSG_TASK_SUBMIT_BATCH, P2_FLAG_ZSTD, 10), P2_ERR_BAD_RECORD);
    for (unsigned bit = 1; bit < 8; bit++) assert_int_equal(get(P2_MSG_CHUNK, 1u << bit, 10), P2_ERR_BAD_RECORD);
}

static void stamp_changes_the_sequence_alone(void **state) {
    (void)state;
    uint8_t bytes[P2_PREFIX_BYTES], before[P2_PREFIX_BYTES];
    p2_prefix_put(&(struct p2_prefix){.type = P2_MSG_PING, .stream = 5}, bytes);
    memcpy(before, bytes, sizeof before);
    p2_prefix_stamp(bytes, 0xdeadbeef);
    struct p2_prefix out;
    assert_int_equal(p2_prefix_get(bytes, &out), P2_OK);
    assert_int_equal(out.seq, 0xdeadbeef);
    assert_memory_equal(bytes, before, 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_little_endian),          cmocka_unit_test(lengths_are_refused_from_the_prefix),
        cmocka_unit_test(unknown_types_are_refused),        cmocka_unit_test(flags_are_refused_where_they_mean_nothing),
        cmocka_unit_test(stamp_changes_the_sequence_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
