// The first byte says in what pieces the rest comes (0: all at once).
#include "again.h"
#include "base/check.h"
#include "fuzz.h"
#include "wire/wire.h"

static enum p2_err on_msg(void *context, struct p2_msg *m) {
    unsigned *count = context;
    ++*count;
    check_again(m);
    return P2_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    size_t piece = data[0] ? data[0] : size;
    static struct p2_blob_pool pool;
    static struct p2_codec codec; // set up once: most of an input's time would go into it
    struct p2_reader reader;
    if (!codec.pool) {
        p2_blob_pool_init(&pool, 1 << 20, 0);
        P2_CHECK(p2_codec_init(&codec, &pool));
    }
    p2_reader_init(&reader, &codec);
    unsigned count = 0;
    for (size_t at = 1; at < size; at += piece)
        p2_reader_feed(&reader, data + at, size - at < piece ? size - at : piece, on_msg, &count);
    P2_CHECK(count <= (size - 1) / P2_PREFIX_BYTES);
    if (reader.failed != P2_OK) P2_CHECK(!reader.header && !reader.payload && pool.bytes_live == 0);
    p2_reader_deinit(&reader);
    P2_CHECK(pool.bytes_live == 0);
    return 0;
}
