// How each protobuf field relates to our message structs: one row per field, in the order of field numbers (which count
// up from 1 without gaps; a test holds this and all else that a row repeats of the proto against protobuf-c's
// descriptors). Decoder and encoder read these rows, so a range is said once.
#ifndef P2_WIRE_CODEC_SCHEMA_H
#define P2_WIRE_CODEC_SCHEMA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "msg/msg.h"
#include "wire/wire.h"

#define WIRE_ITEMS_MAX 4096u // elements of repeated fields in one header, all levels together
#define WIRE_UNKNOWN_MAX 64u // fields we do not know in one header
#define WIRE_FIELDS_MAX 24u  // fields of one message of ours; bits of a uint32_t
#define WIRE_SLOTS_MAX 256u  // slots of one peer
#define WIRE_NONE UINT16_MAX // no such member

enum wire_as {
    WIRE_U32,    // uint32 <-> uint32_t, within min..max
    WIRE_U64,    // uint64 <-> uint64_t, within min..max
    WIRE_US,     // uint64 microseconds <-> p2_ns, at least min microseconds
    WIRE_BOOL,   // bool
    WIRE_TRUE,   // bool that is always true and has no member
    WIRE_ENUM,   // enum <-> enum within min..max
    WIRE_CODE,   // enum <-> enum p2_err, OK only when min is 0
    WIRE_MAGIC,  // fixed32, P2_PROTOCOL_MAGIC
    WIRE_TOKEN,  // fixed64 <-> uint64_t
    WIRE_UNIT,   // double <-> double, 0..1
    WIRE_ID,     // bytes <-> struct p2_id
    WIRE_ID_OPT, // the same, empty for zero
    WIRE_DIGEST, // bytes <-> struct p2_digest
    WIRE_TEXT,   // string <-> struct p2_str of min..max bytes
    WIRE_RAW,    // uint32 <-> raw_size of the table's body
    // Within a Param only: its value, of which the last one counts.
    WIRE_INT,    // sint64 <-> value.ints[0]
    WIRE_REAL,   // double, finite <-> value.reals[0]
    WIRE_WORD,   // string <-> value.text
    WIRE_VALUES, // message Ints or Reals
    // From here on repeated.
    WIRE_LIST,    // message <-> array of structs, min..max of them
    WIRE_PARAMS,  // Param <-> struct p2_params
    WIRE_SPANS,   // uint64 microseconds <-> array of p2_ns
    WIRE_DIGESTS, // bytes <-> array of struct p2_digest
    WIRE_NUMBERS, // sint64 or double <-> value.ints or value.reals, min..max of them
};

struct wire_table;

struct wire_field {
    uint8_t as; // enum wire_as
    uint8_t wire_type;
    uint16_t at;                    // offset of the member; of the pointer for lists; WIRE_NONE
    uint16_t at_count;              // of the number of elements, for lists
    uint64_t min, max;              // of the value, of bytes of a text, of elements of a list
    const struct wire_table *items; // of messages
};

// Members by which a record's payload is described.
struct wire_body {
    uint16_t payload, raw_size, zstd;
    uint16_t payload_size; // WIRE_NONE when the message has none
};

struct wire_table {
    const ProtobufCMessageDescriptor *pb;
    const struct wire_field *fields;
    uint32_t field_count;
    uint32_t struct_bytes; // of our struct
    uint32_t required;     // bit i: field i + 1 may not be absent, since zero is not in its range
    const struct wire_body *body;
};

enum wire_stream { WIRE_STREAM_ZERO, WIRE_STREAM_TASK, WIRE_STREAM_ANY };

struct p2_wire_kind {
    const struct wire_table *table; // NULL: no such record
    enum wire_stream stream;
    bool payload; // may carry one
    bool zstd;    // and may compress it
};

extern const struct p2_wire_kind p2_wire_kinds[P2_MSG_KINDS];

static inline const struct p2_wire_kind *p2_wire_kind(unsigned type) { // NULL for a type that does not exist
    return type < P2_MSG_KINDS && p2_wire_kinds[type].table ? &p2_wire_kinds[type] : NULL;
}

// Reads a header into our struct (struct_bytes, overwritten). Texts borrow the header, lists go to the arena.
// BadRecord: no protobuf message of ours. BadMessage: too many or too long, not UTF-8, or a value out of its range.
// BadMagic: in place of the latter where the magic is not ours. TooLarge: the arena is full.
enum p2_err p2_wire_get_message(struct p2_arena *arena, const struct wire_table *t, const uint8_t *header,
                                uint32_t size, void *out);

// Writes a message's header into [at, end); returns where it stopped, or NULL when that is too little.
uint8_t *p2_wire_put_message(uint8_t *at, const uint8_t *end, const struct wire_table *t, const void *in);

// zstd's part of a codec whose arena is there.
bool p2_body_init(struct p2_codec *c);
void p2_body_deinit(struct p2_codec *c);

// One zstd frame that says it holds exactly raw_size bytes and asks for no more window than we allow.
bool p2_wire_zstd_frame(const uint8_t *in, uint32_t size, uint32_t raw_size);

// Valid UTF-8 without U+0000.
bool p2_wire_utf8_any(const uint8_t *text, size_t size);

// Eight bytes of ASCII, none of them zero?
static inline bool p2_wire_plain(uint64_t w) {
    return (((w - UINT64_C(0x0101010101010101)) | w) & UINT64_C(0x8080808080808080)) == 0;
}

// The same for plain short texts, which most are, without a call.
static inline bool p2_wire_utf8(const uint8_t *text, size_t size) {
    uint32_t first, last;
    uint64_t head, tail;
    if (size >= 4 && size <= 8) {
        memcpy(&first, text, sizeof first);
        memcpy(&last, text + size - sizeof last, sizeof last);
        if (p2_wire_plain((uint64_t)first << 32 | last)) return true;
    } else if (size > 8 && size <= 16) {
        memcpy(&head, text, sizeof head);
        memcpy(&tail, text + size - sizeof tail, sizeof tail);
        if (p2_wire_plain(head) && p2_wire_plain(tail)) return true;
    }
    return p2_wire_utf8_any(text, size);
}
// Copies what is valid, with '?' for each byte that is not, cut to `max` bytes at a character. Returns bytes written.
size_t p2_wire_utf8_clean(const uint8_t *text, size_t size, uint8_t *out, size_t max);

#endif
