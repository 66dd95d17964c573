#include "again.h"

#include <string.h>

#include "base/check.h"
#include "wire/wire.h"

void check_again(const struct p2_msg *m) {
    static uint8_t first[P2_PREFIX_BYTES + P2_HEADER_MAX], second[sizeof first];
    static char line[2048];
    struct p2_strbuf text;
    p2_strbuf_init(&text, line, sizeof line);
    p2_msg_describe(m, &text);
    P2_CHECK(text.size > 0);

    size_t size = p2_encode(m, first, sizeof first);
    P2_CHECK(size >= P2_PREFIX_BYTES);
    struct p2_prefix p;
    P2_CHECK(p2_prefix_get(first, &p) == P2_OK);
    static struct p2_blob_pool pool;
    static struct p2_codec codec; // set up once: most of an input's time would go into it
    if (!codec.pool) {
        p2_blob_pool_init(&pool, 1 << 20, 0);
        P2_CHECK(p2_codec_init(&codec, &pool));
    }
    struct p2_msg out;
    P2_CHECK(p2_decode(&codec, &p, first + P2_PREFIX_BYTES, p2_encode_payload(m), &out) == P2_OK);
    P2_CHECK(p2_encode(&out, second, sizeof second) == size && memcmp(first, second, size) == 0);
}
