#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY // for the contexts' allocator: Debian's shared library exports that too
#include <zstd.h>

#include "base/mem.h"

#include "wire/codec_schema.h"

#define DEFLATE_FROM 1025u // bytes; below, the frame's own bytes and the time outweigh the gain
#define WINDOW_LOG_MAX 23u // what a receiver that decompresses as a stream has to keep
#define LEVEL 1            // a payload is looked at for far less time than a frame lasts

bool p2_wire_zstd_frame(const uint8_t *in, uint32_t size, uint32_t raw_size) {
    if (size < 6 || ZSTD_getFrameContentSize(in, size) != raw_size) return false; // unknown sizes are not equal to any
    bool single_segment = in[4] & 0x20; // then the window is the content (RFC 8878, 3.1.1.1.1.2)
    return single_segment || 10u + (in[5] >> 3) <= WINDOW_LOG_MAX;
}

// A context's tables grow to its largest payload, and shrink again when a hundred in a row need less than a third of
// them. With one context for each half of the sizes none does, so that what init has grown stays.
#define SMALL_MAX (8u << 10)

// Has a context grow to what payloads of `size` need.
static bool grow(struct ZSTD_CCtx_s *z, struct p2_arena *scratch, uint32_t size) {
    p2_arena_reset(scratch);
    uint8_t *in = p2_arena_alloc(scratch, size), *out = p2_arena_alloc(scratch, size);
    if (!z || !in || !out) return false;
    memset(in, 0, size);
    return !ZSTD_isError(ZSTD_compressCCtx(z, out, size, in, size, LEVEL));
}

static void *take(void *unused, size_t size) {
    (void)unused;
    return p2_malloc(size);
}

static void give_back(void *unused, void *p) {
    (void)unused;
    p2_free(p);
}

static const ZSTD_customMem memory = {take, give_back, NULL};

bool p2_body_init(struct p2_codec *c) {
    for (int i = 0; i < 2; i++) {
        c->deflate[i] = ZSTD_createCCtx_advanced(memory);
        if (!grow(c->deflate[i], &c->arena, i ? P2_RECORD_PAYLOAD_MAX : SMALL_MAX)) return false;
    }
    c->inflate = ZSTD_createDCtx_advanced(memory);
    return c->inflate != NULL;
}

void p2_body_deinit(struct p2_codec *c) {
    for (int i = 0; i < 2; i++) {
        ZSTD_freeCCtx(c->deflate[i]);
        c->deflate[i] = NULL;
    }
    ZSTD_freeDCtx(c->inflate);
    c->inflate = NULL;
}

struct p2_blob *p2_body_deflate(struct p2_codec *c, const uint8_t *in, uint32_t size) {
    if (size < DEFLATE_FROM || size > P2_RECORD_PAYLOAD_MAX) return NULL;
    uint32_t room = size - (size + 5) / 6; // at most what is worth sending
    struct p2_blob *b = p2_blob_new(c->pool, room);
    if (!b) return NULL;
    size_t n = ZSTD_compressCCtx(c->deflate[size > SMALL_MAX], b->data, room, in, size, LEVEL);
    if (ZSTD_isError(n)) {
        p2_blob_unref(b);
        return NULL;
    }
    b->size = (uint32_t)n;
    return b;
}

enum p2_err p2_body_inflate(struct p2_codec *c, const uint8_t *in, uint32_t size, uint8_t *out, uint32_t raw_size) {
    if (raw_size > P2_RECORD_PAYLOAD_MAX || !p2_wire_zstd_frame(in, size, raw_size)) return P2_ERR_BAD_RECORD;
    if (ZSTD_findFrameCompressedSize(in, size) != size) return P2_ERR_BAD_RECORD; // one frame and nothing after it
    size_t n = ZSTD_decompressDCtx(c->inflate, out, raw_size, in, size);
    return !ZSTD_isError(n) && n == raw_size ? P2_OK : P2_ERR_BAD_RECORD;
}
