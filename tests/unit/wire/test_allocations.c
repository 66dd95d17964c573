// In steady state records ask the C library for no memory: the codec has its arena, blobs come back to their pool.
#include <string.h>

#include "support.h"
#include "testlib.h"
#include "tests/vectors/samples.h"

static struct bytes stream;

static enum p2_err count(void *context, struct p2_msg *m) {
    (void)m;
    ++*(unsigned *)context;
    return P2_OK;
}

static void make_stream(void) {
    stream.size = 0;
    for (unsigned i = 0; i < sample_count; i++) add_record(&stream, &samples[i].msg, i);
}

// All samples, in pieces of at most so many bytes.
static void feed(struct p2_codec *codec, size_t piece) {
    struct p2_reader r;
    unsigned heard = 0;
    p2_reader_init(&r, codec);
    r.hello_seen = true;
    for (size_t at = 0; at < stream.size; at += piece) {
        size_t left = stream.size - at;
        assert_int_equal(p2_reader_feed(&r, stream.data + at, left < piece ? left : piece, count, &heard), P2_OK);
    }
    assert_int_equal(heard, sample_count);
    p2_reader_deinit(&r);
}

static void records_in_pieces_of(size_t piece) {
    struct p2_blob_pool pool;
    struct p2_codec codec;
    p2_blob_pool_init(&pool, 1 << 20, 1 << 20);
    assert_true(p2_codec_init(&codec, &pool));
    make_stream();
    feed(&codec, piece);
    t_alloc_reset();
    uint64_t blobs = pool.allocations;
    for (int round = 0; round < 100; round++) {
        make_stream(); // encodes them all
        feed(&codec, piece);
    }
    assert_int_equal(t_alloc_count(), 0);
    assert_int_equal(pool.allocations, blobs);
    p2_codec_deinit(&codec);
    p2_blob_pool_deinit(&pool);
}

static void every_kind_is_written_and_read_without_any(void **state) {
    (void)state;
    records_in_pieces_of(RECORD_MAX);
}

static void records_in_pieces_take_none_either(void **state) {
    (void)state;
    records_in_pieces_of(1);
    records_in_pieces_of(100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_written_and_read_without_any),
        cmocka_unit_test(records_in_pieces_take_none_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
