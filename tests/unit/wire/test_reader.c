#include <string.h>

#include "support.h"
#include "tests/vectors/samples.h"

// What came out, in order.
struct seen {
    unsigned count;
    enum p2_msg_kind kinds[64];
    uint32_t payload_sizes[64];
    uint8_t payload_first[64];
    enum p2_err answer; // given back by the callback
};

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    struct seen *s = context;
    assert_true(s->count < 64);
    s->kinds[s->count] = m->kind;
    struct p2_slice payload = p2_encode_payload(m);
    s->payload_sizes[s->count] = payload.size;
    s->payload_first[s->count] = payload.size ? p2_slice_data(&payload)[0] : 0;
    s->count++;
    return s->answer;
}

static struct bytes stream;

// All samples after one another, HELLO first as it is among them.
static void put_samples(void) {
    stream.size = 0;
    for (unsigned i = 0; i < sample_count; i++) add_record(&stream, &samples[i].msg, i);
}

static void check_samples(const struct seen *s) {
    assert_int_equal(s->count, sample_count);
    for (unsigned i = 0; i < sample_count; i++) {
        struct p2_slice payload = p2_encode_payload(&samples[i].msg);
        assert_int_equal(s->kinds[i], samples[i].msg.kind);
        assert_int_equal(s->payload_sizes[i], payload.size);
        if (payload.size) assert_int_equal(s->payload_first[i], p2_slice_data(&payload)[0]);
    }
}

static void pieces_of_any_size_give_the_same_messages(void **state) {
    struct bench *t = *state;
    put_samples();
    for (size_t piece = 1; piece <= 64; piece++) {
        struct p2_reader r;
        struct seen s = {0};
        p2_reader_init(&r, &t->codec);
        for (size_t at = 0; at < stream.size; at += piece) {
            size_t n = stream.size - at < piece ? stream.size - at : piece;
            assert_int_equal(p2_reader_feed(&r, stream.data + at, n, on_msg, &s), P2_OK);
        }
        check_samples(&s);
        assert_null(r.header);
        assert_null(r.payload);
        p2_reader_deinit(&r);
    }
}

// Bytes of a payload are put where the reader wants them, and fed from there.
static void payloads_may_be_put_in_their_place(void **state) {
    struct bench *t = *state;
    uint64_t placed = 0;
    put_samples();
    for (size_t piece = 1; piece <= 64; piece++) {
        struct p2_reader r;
        struct seen s = {0};
        p2_reader_init(&r, &t->codec);
        for (size_t at = 0, n; at < stream.size; at += n) {
            size_t wanted = 0;
            uint8_t *to = p2_reader_place(&r, &wanted);
            n = stream.size - at < piece ? stream.size - at : piece;
            if (to) {
                assert_true(wanted > 0);
                n = n < wanted ? n : wanted;
                memcpy(to, stream.data + at, n);
                placed += n;
            }
            assert_int_equal(p2_reader_feed(&r, to ? to : stream.data + at, n, on_msg, &s), P2_OK);
        }
        check_samples(&s);
        p2_reader_deinit(&r);
    }
    assert_true(placed > 0);
}

static void whole_input_keeps_no_buffer(void **state) {
    struct bench *t = *state;
    put_samples();
    struct p2_reader r;
    struct seen s = {0};
    p2_reader_init(&r, &t->codec);
    assert_int_equal(p2_reader_feed(&r, stream.data, stream.size, on_msg, &s), P2_OK);
    check_samples(&s);
    assert_int_equal(r.partial_size, 0);
    assert_null(r.header);
    assert_true(t->pool.bytes_live == 0);
    p2_reader_deinit(&r);
}

static void a_cut_record_is_given_up_with_its_reader(void **state) {
    struct bench *t = *state;
    put_samples();
    for (size_t size = 0; size < stream.size; size += 7) {
        struct p2_reader r;
        struct seen s = {0};
        p2_reader_init(&r, &t->codec);
        assert_int_equal(p2_reader_feed(&r, stream.data, size, on_msg, &s), P2_OK);
        p2_reader_deinit(&r);
        assert_true(t->pool.bytes_live == 0);
    }
}

static enum p2_err feed(struct bench *t, struct p2_reader *r, struct seen *s) {
    p2_reader_init(r, &t->codec);
    return p2_reader_feed(r, stream.data, stream.size, on_msg, s);
}

// As a coordinator that turns a connection away before any greeting.
static void an_error_may_come_before_the_hello(void **state) {
    struct bench *t = *state;
    struct p2_reader r;
    struct seen s = {0};
    const struct p2_msg error = {.kind = P2_MSG_ERROR, .u.error = {.code = P2_ERR_TOO_MANY_CONNECTIONS}};
    const struct p2_msg ping = {.kind = P2_MSG_PING};
    stream.size = 0;
    add_record(&stream, &error, 0);
    assert_int_equal(feed(t, &r, &s), P2_OK);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.kinds[0], P2_MSG_ERROR);
    p2_reader_deinit(&r);
    add_record(&stream, &ping, 1); // it is no greeting
    assert_int_equal(feed(t, &r, &s), P2_ERR_BAD_MAGIC);
    p2_reader_deinit(&r);
}

static void strangers_are_told_at_the_first_byte(void **state) {
    struct bench *t = *state;
    static const char *const greetings[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02", "\x00", "\x13"};
    for (size_t i = 0; i < 4; i++) {
        struct p2_reader r;
        struct seen s = {0};
        stream.size = 0;
        add(&stream, greetings[i], 1);
        assert_int_equal(feed(t, &r, &s), P2_ERR_BAD_MAGIC);
        stream.size = 0;
        add(&stream, greetings[i], strlen(greetings[i]) + 1);
        assert_int_equal(feed(t, &r, &s), P2_ERR_BAD_MAGIC);
        p2_reader_deinit(&r);
    }
    struct p2_reader r;
    struct seen s = {0};
    stream.size = 0;
    add_record(&stream, &samples[0].msg, 0);
    stream.data[P2_PREFIX_BYTES + 1] ^= 1; // the magic
    assert_int_equal(feed(t, &r, &s), P2_ERR_BAD_MAGIC);
    assert_int_equal(s.count, 0);
    p2_reader_deinit(&r);
}

static void nothing_is_kept_of_a_refused_prefix(void **state) {
    struct bench *t = *state;
    struct p2_reader r;
    struct seen s = {0};
    stream.size = 0;
    add_record(&stream, &samples[0].msg, 0);
    size_t hello = stream.size;
    struct p2_prefix p = {.type = P2_MSG_CHUNK, .stream = 1, .payload_len = P2_RECORD_PAYLOAD_MAX + 1, .seq = 1};
    uint8_t bytes[P2_PREFIX_BYTES];
    p2_prefix_put(&p, bytes);
    add(&stream, bytes, sizeof bytes);
    assert_int_equal(feed(t, &r, &s), P2_ERR_TOO_LARGE);
    assert_int_equal(r.partial_size, 0);
    assert_int_equal(r.failed, P2_ERR_TOO_LARGE);
    // Whatever follows is dropped.
    assert_int_equal(p2_reader_feed(&r, stream.data, hello, on_msg, &s), P2_ERR_TOO_LARGE);
    assert_int_equal(s.count, 1);
    p2_reader_deinit(&r);

    // The same byte by byte.
    p2_reader_init(&r, &t->codec);
    s.count = 0;
    for (size_t i = 0; i < stream.size; i++) p2_reader_feed(&r, stream.data + i, 1, on_msg, &s);
    assert_int_equal(r.failed, P2_ERR_TOO_LARGE);
    assert_null(r.header);
    assert_true(t->pool.bytes_live == 0);
    p2_reader_deinit(&r);
}

static void sequence_numbers_have_no_gap(void **state) {
    struct bench *t = *state;
    static const uint32_t wrong[] = {0, 2, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        struct p2_reader r;
        struct seen s = {0};
        stream.size = 0;
        add_record(&stream, &samples[0].msg, 0);
        add_record(&stream, &samples[0].msg, wrong[i]);
        assert_int_equal(feed(t, &r, &s), P2_ERR_BAD_RECORD);
        assert_int_equal(s.count, 1);
        p2_reader_deinit(&r);
    }
    struct p2_reader r;
    struct seen s = {0};
    stream.size = 0;
    add_record(&stream, &samples[0].msg, UINT32_MAX);
    add_record(&stream, &samples[0].msg, 0); // it wraps
    p2_reader_init(&r, &t->codec);
    r.seq = UINT32_MAX;
    assert_int_equal(p2_reader_feed(&r, stream.data, stream.size, on_msg, &s), P2_OK);
    p2_reader_deinit(&r);
}

static void the_callback_can_stop_it(void **state) {
    struct bench *t = *state;
    struct p2_reader r;
    struct seen s = {.answer = P2_ERR_WRONG_ROLE};
    put_samples();
    assert_int_equal(feed(t, &r, &s), P2_ERR_WRONG_ROLE);
    assert_int_equal(s.count, 1);
    p2_reader_deinit(&r);
}

static void a_spent_budget_is_an_overload(void **state) {
    struct bench *t = *state;
    for (size_t piece = 10; piece <= 100000; piece *= 100) {
        struct p2_blob_pool small;
        struct p2_codec codec;
        struct p2_reader r;
        struct seen s = {0};
        p2_blob_pool_init(&small, 4, 0);
        assert_true(p2_codec_init(&codec, &small));
        put_samples();
        p2_reader_init(&r, &codec);
        for (size_t at = 0; at < stream.size; at += piece)
            p2_reader_feed(&r, stream.data + at, stream.size - at < piece ? stream.size - at : piece, on_msg, &s);
        assert_int_equal(r.failed, P2_ERR_OVERLOADED);
        p2_reader_deinit(&r);
        p2_codec_deinit(&codec);
        p2_blob_pool_deinit(&small);
    }
    (void)t;
}

static void a_message_ends_with_a_record(void **state) {
    struct bench *t = *state;
    put_samples();
    size_t whole = stream.size;
    add_record(&stream, &samples[0].msg, sample_count);
    for (size_t size = whole; size <= stream.size; size++) {
        struct p2_reader r;
        struct seen s = {0};
        bool cut = size != whole && size != stream.size;
        p2_reader_init(&r, &t->codec);
        assert_int_equal(p2_reader_feed(&r, stream.data, size, on_msg, &s), P2_OK);
        assert_int_equal(p2_reader_message_end(&r), cut ? P2_ERR_BAD_RECORD : P2_OK);
        assert_null(r.header);
        p2_reader_deinit(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_give_the_same_messages),
        cmocka_unit_test(payloads_may_be_put_in_their_place),
        cmocka_unit_test(whole_input_keeps_no_buffer),
        cmocka_unit_test(a_cut_record_is_given_up_with_its_reader),
        cmocka_unit_test(an_error_may_come_before_the_hello),
        cmocka_unit_test(strangers_are_told_at_the_first_byte),
        cmocka_unit_test(nothing_is_kept_of_a_refused_prefix),
        cmocka_unit_test(sequence_numbers_have_no_gap),
        cmocka_unit_test(the_callback_can_stop_it),
        cmocka_unit_test(a_spent_budget_is_an_overload),
        cmocka_unit_test(a_message_ends_with_a_record),
    };
    return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
