// Messages that parse and yet say what may not be said.
#include <math.h>
#include <string.h>

#include "support.h"

static struct bytes b, inner;

static enum p2_err try(struct bench *t, unsigned type) {
    struct p2_msg out;
    return decode(t, type, &b, &out);
}

static void start_hello(void) {
    b.size = 0;
    static const uint8_t magic[] = {0x0d, '2', 'C', '2', 'R'};
    add(&b, magic, sizeof magic);
}

static void hello_says_who_and_which_version(void **state) {
    struct bench *t = *state;
    start_hello();
    add_number(&b, 2, 1);
    add_number(&b, 3, 900); // a future version is the coordinator's to answer
    add_number(&b, 5, P2_ROLE_PEER);
    assert_int_equal(try(t, P2_MSG_HELLO), P2_OK);
    b.data[1] = '3';
    assert_int_equal(try(t, P2_MSG_HELLO), P2_ERR_BAD_MAGIC);
    b.size = 0;
    assert_int_equal(try(t, P2_MSG_HELLO), P2_ERR_BAD_MAGIC);
    static const uint64_t wrong[][3] = {{0, 1, 1}, {2, 1, 1}, {1, 1, 0}, {1, 1, 4}, {1, 1, UINT64_MAX}, {1, 0, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        start_hello();
        add_number(&b, 2, wrong[i][0]);
        add_number(&b, 3, wrong[i][1]);
        add_number(&b, 5, wrong[i][2]);
        assert_int_equal(try(t, P2_MSG_HELLO), P2_ERR_BAD_MESSAGE);
    }
}

static void ids_are_sixteen_bytes(void **state) {
    struct bench *t = *state;
    static const uint8_t bytes[33] = {1};
    for (size_t size = 0; size <= 33; size++) {
        b.size = 0;
        add_field(&b, 1, bytes, size);
        assert_int_equal(try(t, P2_MSG_TASK_CANCEL), size == 16 ? P2_OK : P2_ERR_BAD_MESSAGE);
        assert_int_equal(try(t, P2_MSG_GAMER_REGISTER), size == 16 || size == 0 ? P2_OK : P2_ERR_BAD_MESSAGE);
        assert_int_equal(try(t, P2_MSG_BLOB_WANT), size == 32 ? P2_OK : P2_ERR_BAD_MESSAGE);
    }
    b.size = 0;
    assert_int_equal(try(t, P2_MSG_TASK_CANCEL), P2_ERR_BAD_MESSAGE);
    assert_int_equal(try(t, P2_MSG_BLOB_HAVE), P2_ERR_BAD_MESSAGE); // an empty list says nothing
}

static void loads_are_between_zero_and_one(void **state) {
    struct bench *t = *state;
    static const double good[] = {0.0, -0.0, 0.5, 1.0, 5e-324};
    static const double bad[] = {-1e-9, 1.0000001, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 5; i++) {
        b.size = 0;
        add_double(&b, 1, good[i]);
        assert_int_equal(try(t, P2_MSG_HEARTBEAT), P2_OK);
        b.size = 0;
        add_double(&b, 1, bad[i]);
        assert_int_equal(try(t, P2_MSG_HEARTBEAT), P2_ERR_BAD_MESSAGE);
    }
}

static void numbers_are_not_cut_to_32_bits(void **state) {
    struct bench *t = *state;
    b.size = 0;
    add_id(&b, 1);
    add_number(&b, 2, UINT32_MAX);
    assert_int_equal(try(t, P2_MSG_TASK_CANCEL), P2_OK);
    b.size = 0;
    add_id(&b, 1);
    add_number(&b, 2, UINT64_C(1) << 32);
    assert_int_equal(try(t, P2_MSG_TASK_CANCEL), P2_ERR_BAD_MESSAGE);
}

static void spans_saturate(void **state) {
    struct bench *t = *state;
    struct p2_msg out;
    b.size = 0;
    add_number(&b, 1, UINT64_MAX);
    assert_int_equal(decode(t, P2_MSG_DRAIN, &b, &out), P2_OK);
    assert_true(out.u.drain.grace_ns == P2_NEVER);
    b.size = 0;
    add_id(&b, 1);
    assert_int_equal(try(t, P2_MSG_PEER_REGISTERED), P2_ERR_BAD_MESSAGE); // no heartbeat interval
}

static void codes_are_never_ok_and_unknown_ones_internal(void **state) {
    struct bench *t = *state;
    struct p2_msg out;
    b.size = 0;
    assert_int_equal(try(t, P2_MSG_ERROR), P2_ERR_BAD_MESSAGE);
    static const uint64_t strange[] = {19, 70, 85, 9999, UINT32_MAX};
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        b.size = 0;
        add_number(&b, 1, strange[i]);
        assert_int_equal(decode(t, P2_MSG_ERROR, &b, &out), P2_OK);
        assert_int_equal(out.u.error.code, P2_ERR_INTERNAL);
    }
}

static void start_result(uint64_t success, uint64_t payload_size, uint64_t raw_size) {
    b.size = 0;
    add_id(&b, 1);
    add_number(&b, 2, 1);
    add_number(&b, 3, success);
    add_number(&b, 8, payload_size);
    add_number(&b, 9, raw_size);
}

static enum p2_err try_result(struct bench *t, uint64_t whole, uint64_t raw, uint32_t size) {
    static const uint8_t zeroes[P2_RECORD_PAYLOAD_MAX];
    struct p2_msg out;
    start_result(1, whole, raw);
    return decode_with(t, P2_MSG_TASK_RESULT, &b, &(struct body){zeroes, size, 0}, &out);
}

static void payloads_are_as_long_as_announced(void **state) {
    struct bench *t = *state;
    assert_int_equal(try_result(t, 10, 10, 10), P2_OK);
    assert_int_equal(try_result(t, 10, 0, 10), P2_OK); // raw_size needs saying with the flag only
    assert_int_equal(try_result(t, P2_TASK_PAYLOAD_MAX, 0, P2_RECORD_PAYLOAD_MAX), P2_OK);
    assert_int_equal(try_result(t, P2_TASK_PAYLOAD_MAX + 1, 0, 10), P2_ERR_BAD_MESSAGE);
    assert_int_equal(try_result(t, 10, 9, 10), P2_ERR_BAD_MESSAGE);
    assert_int_equal(try_result(t, 9, 0, 10), P2_ERR_BAD_MESSAGE); // a first part beyond the whole
    assert_int_equal(try_result(t, 10, P2_RECORD_PAYLOAD_MAX + 1, 10), P2_ERR_BAD_MESSAGE);
    start_result(0, 0, 0);
    assert_int_equal(try(t, P2_MSG_TASK_RESULT), P2_ERR_BAD_MESSAGE); // a failure has a message of its own
}

static void compressed_payloads_say_their_size(void **state) {
    struct bench *t = *state;
    // 100 times 'A' in one frame.
    uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 100, 0x23, 0x03, 0x00, 'A'};
    struct p2_msg out;
    start_result(1, 100, 100);
    assert_int_equal(decode_with(t, P2_MSG_TASK_RESULT, &b, &(struct body){frame, sizeof frame, P2_FLAG_ZSTD}, &out),
                     P2_OK);
    assert_int_equal(out.u.result.raw_size, 100);
    assert_true(out.u.result.payload_zstd);
    start_result(1, 100, 99);
    assert_int_equal(decode_with(t, P2_MSG_TASK_RESULT, &b, &(struct body){frame, sizeof frame, P2_FLAG_ZSTD}, &out),
                     P2_ERR_BAD_MESSAGE);
    frame[0] = 0;
    start_result(1, 100, 100);
    assert_int_equal(decode_with(t, P2_MSG_TASK_RESULT, &b, &(struct body){frame, sizeof frame, P2_FLAG_ZSTD}, &out),
                     P2_ERR_BAD_MESSAGE);
}

static void chunks_stay_within_the_largest_blob(void **state) {
    struct bench *t = *state;
    struct p2_msg out;
    static const struct {
        uint64_t offset;
        uint32_t size;
        enum p2_err expected;
    } cases[] = {{0, 1, P2_OK},
                 {P2_BLOB_BYTES_MAX - 1, 1, P2_OK},
                 {P2_BLOB_BYTES_MAX, 1, P2_ERR_BAD_MESSAGE},
                 {UINT64_MAX, 1, P2_ERR_BAD_MESSAGE},
                 {0, 0, P2_ERR_BAD_MESSAGE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        b.size = 0;
        add_number(&b, 1, cases[i].offset);
        assert_int_equal(decode_with(t, P2_MSG_CHUNK, &b, &(struct body){"x", cases[i].size, 0}, &out),
                         cases[i].expected);
    }
}

static void batches_share_one_payload_exactly(void **state) {
    struct bench *t = *state;
    struct p2_msg out;
    static const uint64_t sizes[] = {3, 0, 4};
    b.size = 0;
    for (size_t i = 0; i < 3; i++) {
        inner.size = 0;
        add_id(&inner, 1);
        add_text(&inner, 2, "echo");
        add_number(&inner, 6, sizes[i]);
        add_field(&b, 1, inner.data, inner.size);
    }
    assert_int_equal(decode_with(t, P2_MSG_TASK_SUBMIT_BATCH, &b, &(struct body){"abcdefg", 7, 0}, &out), P2_OK);
    const struct p2_msg_task_submit *tasks = out.u.submit_batch.tasks;
    assert_int_equal(tasks[0].payload.offset, 0);
    assert_int_equal(tasks[0].payload.size, 3);
    assert_null(tasks[1].payload.blob);
    assert_int_equal(tasks[2].payload.offset, 3);
    assert_int_equal(tasks[2].raw_size, 4);
    assert_int_equal(decode_with(t, P2_MSG_TASK_SUBMIT_BATCH, &b, &(struct body){"abcdefgh", 8, 0}, &out),
                     P2_ERR_BAD_MESSAGE);
    assert_int_equal(decode_with(t, P2_MSG_TASK_SUBMIT_BATCH, &b, &(struct body){"abcdef", 6, 0}, &out),
                     P2_ERR_BAD_MESSAGE);
    b.size = 0;
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT_BATCH), P2_ERR_BAD_MESSAGE);

    inner.size = 0;
    add_id(&inner, 1);
    add_text(&inner, 2, "echo");
    for (int i = 0; i < 2; i++) add_field(&b, 1, inner.data, inner.size);
    struct p2_prefix p = {.type = P2_MSG_TASK_SUBMIT_BATCH, .header_len = (uint16_t)b.size, .stream = UINT32_MAX};
    assert_int_equal(p2_decode(&t->codec, &p, b.data, (struct p2_slice){0}, &out),
                     P2_ERR_BAD_MESSAGE); // no stream left
    p.stream--;
    assert_int_equal(p2_decode(&t->codec, &p, b.data, (struct p2_slice){0}, &out), P2_OK);
}

static enum p2_err try_param(struct bench *t) {
    b.size = 0;
    add_id(&b, 1);
    add_text(&b, 2, "echo");
    add_field(&b, 9, inner.data, inner.size);
    return try(t, P2_MSG_TASK_SUBMIT);
}

static void parameters_have_a_name_and_a_value(void **state) {
    struct bench *t = *state;
    inner.size = 0;
    add_number(&inner, 2, 1);
    assert_int_equal(try_param(t), P2_ERR_BAD_MESSAGE); // no name
    inner.size = 0;
    add_text(&inner, 1, "n");
    assert_int_equal(try_param(t), P2_ERR_BAD_MESSAGE); // no value
    add_double(&inner, 3, NAN);
    assert_int_equal(try_param(t), P2_ERR_BAD_MESSAGE);
    inner.size = 0;
    add_text(&inner, 1, "n");
    add_field(&inner, 5, NULL, 0);
    assert_int_equal(try_param(t), P2_ERR_BAD_MESSAGE); // an empty list
    inner.size = 0;
    add_text(&inner, 1, "n");
    static const uint8_t infinite[] = {0x0a, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f};
    add_field(&inner, 6, infinite, sizeof infinite);
    assert_int_equal(try_param(t), P2_ERR_BAD_MESSAGE);
    inner.size = 0;
    add_text(&inner, 1, "a name of thirty-three characters");
    add_number(&inner, 2, 1);
    assert_int_equal(try_param(t), P2_ERR_BAD_MESSAGE);
    inner.size = 0;
    add_text(&inner, 1, "a name of thirty-two characters.");
    add_number(&inner, 2, 1);
    assert_int_equal(try_param(t), P2_OK);
    uint8_t seventeen[19] = {0x0a, 17};
    inner.size = 0;
    add_text(&inner, 1, "n");
    add_field(&inner, 5, seventeen, sizeof seventeen);
    assert_int_equal(try_param(t), P2_ERR_BAD_MESSAGE);
}

static void classes_types_and_devices_exist(void **state) {
    struct bench *t = *state;
    b.size = 0;
    add_id(&b, 1);
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_ERR_BAD_MESSAGE); // no type
    add_text(&b, 2, "echo");
    add_number(&b, 4, 4); // no such class
    assert_int_equal(try(t, P2_MSG_TASK_SUBMIT), P2_ERR_BAD_MESSAGE);

    b.size = inner.size = 0;
    add_text(&inner, 1, "echo");
    add_number(&inner, 2, 1);
    add_field(&b, 6, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_PEER_REGISTER), P2_ERR_BAD_MESSAGE); // offered on a device that is not there
    inner.size = 0;
    add_number(&inner, 1, P2_DEVICE_FAKE);
    add_field(&b, 5, inner.data, inner.size);
    assert_int_equal(try(t, P2_MSG_PEER_REGISTER), P2_OK);
    add_number(&b, 3, 257);
    assert_int_equal(try(t, P2_MSG_PEER_REGISTER), P2_ERR_BAD_MESSAGE);
}

static void streams_fit_their_kind(void **state) {
    struct bench *t = *state;
    struct p2_msg out;
    struct p2_prefix ping = {.type = P2_MSG_PING, .stream = 1}, window = {.type = P2_MSG_WINDOW};
    assert_int_equal(p2_decode(&t->codec, &ping, b.data, (struct p2_slice){0}, &out), P2_ERR_BAD_MESSAGE);
    assert_int_equal(p2_decode(&t->codec, &window, b.data, (struct p2_slice){0}, &out), P2_ERR_BAD_MESSAGE);
    ping.stream = 0;
    window.stream = UINT32_MAX;
    assert_int_equal(p2_decode(&t->codec, &ping, b.data, (struct p2_slice){0}, &out), P2_OK);
    assert_int_equal(p2_decode(&t->codec, &window, b.data, (struct p2_slice){0}, &out), P2_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_says_who_and_which_version),
        cmocka_unit_test(ids_are_sixteen_bytes),
        cmocka_unit_test(loads_are_between_zero_and_one),
        cmocka_unit_test(numbers_are_not_cut_to_32_bits),
        cmocka_unit_test(spans_saturate),
        cmocka_unit_test(codes_are_never_ok_and_unknown_ones_internal),
        cmocka_unit_test(payloads_are_as_long_as_announced),
        cmocka_unit_test(compressed_payloads_say_their_size),
        cmocka_unit_test(chunks_stay_within_the_largest_blob),
        cmocka_unit_test(batches_share_one_payload_exactly),
        cmocka_unit_test(parameters_have_a_name_and_a_value),
        cmocka_unit_test(classes_types_and_devices_exist),
        cmocka_unit_test(streams_fit_their_kind),
    };
    return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
