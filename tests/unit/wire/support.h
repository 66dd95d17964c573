// What the wire's tests share: a pool and a codec, protobuf written by hand, records put together.
#ifndef TESTS_UNIT_WIRE_SUPPORT_H
#define TESTS_UNIT_WIRE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

#define RECORD_MAX (P2_PREFIX_BYTES + P2_HEADER_MAX + P2_RECORD_PAYLOAD_MAX)

struct bench {
    struct p2_blob_pool pool;
    struct p2_codec codec;
    uint8_t *header; // of the last message decoded, which its texts borrow
};

int bench_setup(void **state);
int bench_teardown(void **state); // every blob must have come back

// Bytes being written.
struct bytes {
    uint8_t data[RECORD_MAX];
    size_t size;
};

void add(struct bytes *b, const void *bytes, size_t size);
void add_varint(struct bytes *b, uint64_t value);
void add_number(struct bytes *b, uint32_t field, uint64_t value);
void add_field(struct bytes *b, uint32_t field, const void *bytes, size_t size);
void add_text(struct bytes *b, uint32_t field, const char *text);
void add_id(struct bytes *b, uint32_t field); // sixteen bytes of 0x11
void add_double(struct bytes *b, uint32_t field, double value);

// A record's payload, as its prefix tells of it.
struct body {
    const void *data;
    uint32_t size;
    unsigned flags;
};

// Decodes `header` as a record of that type on stream 1 (or 0 where it must be), without payload.
enum p2_err decode(struct bench *t, unsigned type, const struct bytes *header, struct p2_msg *out);
// The same with a payload.
enum p2_err decode_with(struct bench *t, unsigned type, const struct bytes *header, const struct body *payload,
                        struct p2_msg *out);

// One whole record of a message, payload included, appended. Returns its size.
size_t add_record(struct bytes *b, const struct p2_msg *m, uint32_t seq);

#endif
