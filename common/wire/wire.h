// Records to messages and back. Pure of sockets: bytes in, messages out; the shells carry bytes to and from
// common/net. protobuf-c and zstd are known here and nowhere else.
//
// `./run bench codec` on an AMD EPYC core, 21 November 2026: the six records of an echo task are written and read in
// 0.31 us together (with three parameters 0.57 us), for which JSON through jansson needs 78 (48) times as long; they
// are 71 % (64 %: names are text in both) smaller. The reader takes 44 ns a record, payloads of 64 bytes copied.
#ifndef P2_WIRE_WIRE_H
#define P2_WIRE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/blob.h"
#include "base/err.h"
#include "msg/msg.h"

// ---- frame: the 16-byte prefix, little-endian ------------------------------------------------------------------
//   0 type u8 | 1 flags u8 | 2 header_len u16 | 4 stream u32 | 8 payload_len u32 | 12 seq u32
#define P2_PREFIX_BYTES 16u
#define P2_FLAG_ZSTD 0x01u // payload is one zstd frame with its content size, at most 64 KiB raw

struct p2_prefix {
    uint8_t type, flags;
    uint16_t header_len;
    uint32_t stream, payload_len;
    uint32_t seq; // counts up from 0 per direction and connection, wraps
};

void p2_prefix_put(const struct p2_prefix *p, uint8_t out[static P2_PREFIX_BYTES]);
// Checks lengths, type and flags against the limits: P2_ERR_TOO_LARGE or P2_ERR_BAD_RECORD.
enum p2_err p2_prefix_get(const uint8_t in[static P2_PREFIX_BYTES], struct p2_prefix *out);

// ---- codec: header bytes <-> message ---------------------------------------------------------------------------

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

// Scratch for decoding, shared by all connections of one loop. Allocated by init whole, about 1.3 MiB of which only
// what is used takes memory; no record allocates afterwards, but its blob.
struct p2_codec {
    struct p2_arena arena;          // of one message's lists
    struct p2_blob_pool *pool;      // borrows
    struct ZSTD_CCtx_s *deflate[2]; // for small payloads, for larger ones
    struct ZSTD_DCtx_s *inflate;
};

bool p2_codec_init(struct p2_codec *c, struct p2_blob_pool *pool); // false when memory is short; deinit all the same
void p2_codec_deinit(struct p2_codec *c);                          // fine with zeroes

// Decodes one record, in one pass over its header: a whole protobuf message with every field in range, every text valid
// UTF-8, counts within limits. The message borrows `header` (texts), the codec's arena until the next decode (lists),
// and `payload`.
enum p2_err p2_decode(struct p2_codec *c, const struct p2_prefix *p, const uint8_t *header, struct p2_slice payload,
                      struct p2_msg *out);

// Prefix (seq 0) and header of a message into out; the payload (p2_msg_payload) follows them on the wire as it is.
// Returns bytes written, 0 when capacity is short; P2_PREFIX_BYTES + P2_HEADER_MAX suffices for all but a batch of more
// parameters than a header can hold, which its sender then splits. Texts are cut to their limit at a character, and
// what is not UTF-8 in them leaves as '?'. No heap allocation.
size_t p2_encode(const struct p2_msg *m, uint8_t *out, size_t capacity);

// The payload that follows the header; empty for kinds without. A batch's tasks must have theirs in order, one right
// after the other, in one blob. Borrows the message's reference.
struct p2_slice p2_encode_payload(const struct p2_msg *m);

// Writes the sequence number into an encoded prefix: done as the record leaves, since lanes reorder what is queued.
void p2_prefix_stamp(uint8_t prefix[static P2_PREFIX_BYTES], uint32_t seq);

// ---- reader: a connection's bytes to messages, whatever pieces they come in --------------------------------------

struct p2_reader {
    struct p2_codec *codec;          // borrows
    uint8_t prefix[P2_PREFIX_BYTES]; // of a record not yet whole
    struct p2_blob *header;          // its header so far; NULL while none: an idle connection keeps nothing
    struct p2_blob *payload;         // the same of its payload
    uint32_t partial_size;           // bytes of the record that were taken, prefix included
    uint32_t seq;                    // expected next
    bool hello_seen;
    enum p2_err failed; // once set, all further bytes are dropped
};

// Called for each message, which is lent for the call; return other than P2_OK stops the reader with that error. Must
// not deinit the reader.
typedef enum p2_err p2_on_msg(void *context, struct p2_msg *m);

void p2_reader_init(struct p2_reader *r, struct p2_codec *codec);
void p2_reader_deinit(struct p2_reader *r);

// Feeds bytes. Payloads are copied once, into blobs of the codec's pool; so are headers that come in pieces. The first
// record must be a HELLO with our magic (P2_ERR_BAD_MAGIC); only ERRORs may stand before it. Nothing is kept of a
// record refused by its prefix. P2_ERR_OVERLOADED: no memory, or none in the pool's budget, for a record. Returns
// r->failed.
enum p2_err p2_reader_feed(struct p2_reader *r, const uint8_t *bytes, size_t size, p2_on_msg *on_msg, void *context);

// Where the next bytes go, and how many, when a payload has begun; else NULL. They may be written there before they are
// fed, from there.
uint8_t *p2_reader_place(const struct p2_reader *r, size_t *size_out);

// A WebSocket message ended here: records do not span messages. P2_ERR_BAD_RECORD within one. Returns r->failed.
enum p2_err p2_reader_message_end(struct p2_reader *r);

// ---- body: zstd on a record's payload ----------------------------------------------------------------------------

// A compressed copy of `in` when it is larger than 1 KiB and shrinks by at least a sixth, else NULL. Gives a reference
// to a blob of the codec's pool.
struct p2_blob *p2_body_deflate(struct p2_codec *c, const uint8_t *in, uint32_t size);

// Decompresses into out, which must come out exactly raw_size long; P2_ERR_BAD_RECORD otherwise. Never writes more.
enum p2_err p2_body_inflate(struct p2_codec *c, const uint8_t *in, uint32_t size, uint8_t *out, uint32_t raw_size);

#endif
