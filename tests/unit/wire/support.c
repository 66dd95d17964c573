#include "support.h"

#include <stdlib.h>
#include <string.h>

int bench_setup(void **state) {
    struct bench *t = calloc(1, sizeof *t);
    if (!t) return -1;
    p2_blob_pool_init(&t->pool, 4 << 20, 0);
    *state = t;
    return p2_codec_init(&t->codec, &t->pool) ? 0 : -1;
}

int bench_teardown(void **state) {
    struct bench *t = *state;
    int status = t->pool.bytes_live == 0 ? 0 : -1;
    p2_codec_deinit(&t->codec);
    p2_blob_pool_deinit(&t->pool);
    free(t->header);
    free(t);
    return status;
}

void add(struct bytes *b, const void *bytes, size_t size) {
    assert_true(size <= sizeof b->data - b->size);
    if (size) memcpy(b->data + b->size, bytes, size);
    b->size += size;
}

void add_varint(struct bytes *b, uint64_t value) {
    for (; value >= 0x80; value >>= 7) add(b, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    add(b, &(uint8_t){(uint8_t)value}, 1);
}

void add_number(struct bytes *b, uint32_t field, uint64_t value) {
    add_varint(b, field << 3);
    add_varint(b, value);
}

void add_field(struct bytes *b, uint32_t field, const void *bytes, size_t size) {
    add_varint(b, field << 3 | 2);
    add_varint(b, size);
    add(b, bytes, size);
}

void add_text(struct bytes *b, uint32_t field, const char *text) { add_field(b, field, text, strlen(text)); }

void add_id(struct bytes *b, uint32_t field) {
    uint8_t id[16];
    memset(id, 0x11, sizeof id);
    add_field(b, field, id, sizeof id);
}

void add_double(struct bytes *b, uint32_t field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_varint(b, field << 3 | 1);
    for (int i = 0; i < 8; i++) add(b, &(uint8_t){(uint8_t)(bits >> (8 * i))}, 1);
}

static uint32_t stream_of(unsigned type) {
    switch (type) {
    case P2_MSG_TASK_SUBMIT:
    case P2_MSG_TASK_SUBMIT_BATCH:
    case P2_MSG_TASK_ACCEPTED:
    case P2_MSG_TASK_ASSIGN:
    case P2_MSG_TASK_RESULT:
    case P2_MSG_TASK_FAILURE:
    case P2_MSG_RESULT_DELIVERY:
    case P2_MSG_TASK_ENDED:
    case P2_MSG_TASK_TIMEOUT:
    case P2_MSG_TASK_CANCEL:
    case P2_MSG_CHUNK:
    case P2_MSG_WINDOW:
    case P2_MSG_RESEND:
    case P2_MSG_BLOB_PUT: return 1;
    default: return 0;
    }
}

enum p2_err decode_with(struct bench *t, unsigned type, const struct bytes *header, const struct body *payload,
                        struct p2_msg *out) {
    struct p2_prefix p = {.type = (uint8_t)type,
                          .flags = (uint8_t)payload->flags,
                          .header_len = (uint16_t)header->size,
                          .stream = stream_of(type),
                          .payload_len = payload->size};
    assert_true(header->size <= P2_HEADER_MAX);
    struct p2_blob *blob = payload->size ? p2_blob_new(&t->pool, payload->size) : NULL;
    if (blob) memcpy(blob->data, payload->data, payload->size);
    // A copy of exactly that size: a sanitizer sees any step beyond it.
    free(t->header);
    t->header = malloc(header->size ? header->size : 1);
    assert_non_null(t->header);
    memcpy(t->header, header->data, header->size);
    enum p2_err e = p2_decode(&t->codec, &p, t->header, (struct p2_slice){blob, 0, payload->size}, out);
    p2_blob_unref(blob);
    return e;
}

enum p2_err decode(struct bench *t, unsigned type, const struct bytes *header, struct p2_msg *out) {
    return decode_with(t, type, header, &(struct body){NULL, 0, 0}, out);
}

size_t add_record(struct bytes *b, const struct p2_msg *m, uint32_t seq) {
    uint8_t *at = b->data + b->size;
    size_t n = p2_encode(m, at, sizeof b->data - b->size);
    assert_true(n >= P2_PREFIX_BYTES);
    p2_prefix_stamp(at, seq);
    b->size += n;
    struct p2_slice payload = p2_encode_payload(m);
    add(b, p2_slice_data(&payload), payload.size);
    return n + payload.size;
}
