// The opponent of the one-pass decoder: a walk over the header that checks its form, protobuf-c's unpacking, and a copy
// into our structs that checks the values. Slower and in three separate steps, with the same refusals and the same
// messages; the decoder is held against it by a unit test and a fuzz target.
#ifndef TESTS_UNIT_WIRE_BY_PROTOBUF_H
#define TESTS_UNIT_WIRE_BY_PROTOBUF_H

#include "wire/codec_schema.h"

// What p2_wire_get_message promises, except that texts are copies in the arena, which is reset.
enum p2_err by_protobuf(struct p2_arena *arena, const struct wire_table *t, const uint8_t *header, uint32_t size,
                        void *out);
#define BY_PROTOBUF_ARENA ((size_t)1536 << 10) // holds the largest header, both unpacked and copied

// Tags and lengths consistent, wire types as declared, nesting, counts, texts and repetitions within limits.
enum p2_err precheck(const struct wire_table *t, const uint8_t *header, uint32_t size);

// Are two messages of a table equal, what they point to included?
bool same_message(const struct wire_table *t, const void *a, const void *b);

#endif
