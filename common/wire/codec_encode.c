// Writes canonical proto3 (fields in order of their numbers, zeroes left out) straight from our structs into the
// caller's buffer: the same bytes protobuf-c would pack, without building its structs first. A test holds the two
// equal. Each function that writes returns where it stopped, or NULL when the room was short.
#include <string.h>

#include "base/check.h"
#include "wire/codec_schema.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; // protobuf wire types

// A field that is no text and no list is written without looking at the room, where there is as much as any may need:
// a tag of two bytes, a length, a digest.
#define FIELD_ROOM 40

static uint32_t u32_at(const char *in) {
    uint32_t v;
    memcpy(&v, in, sizeof v);
    return v;
}

static uint64_t u64_at(const char *in) {
    uint64_t v;
    memcpy(&v, in, sizeof v);
    return v;
}

static uint64_t us_of(p2_ns span) { return span == P2_NEVER ? UINT64_MAX : p2_ns_to_us(span); }
static uint64_t zigzag(int64_t value) { return (uint64_t)value << 1 ^ (uint64_t)(value >> 63); }

// ---- without looking at the room

static inline uint8_t *put_varint(uint8_t *at, uint64_t value) {
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *put_tag(uint8_t *at, uint32_t number, uint32_t wire_type) {
    return put_varint(at, number << 3 | wire_type);
}

static inline uint8_t *put_number(uint8_t *at, uint32_t number, uint64_t value) {
    return value ? put_varint(put_tag(at, number, VARINT), value) : at;
}

// Written out, for a compiler to make one store of each.
static uint8_t *put_fixed32(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    at[2] = (uint8_t)(value >> 16);
    at[3] = (uint8_t)(value >> 24);
    return at + 4;
}

static uint8_t *put_fixed64(uint8_t *at, uint64_t value) {
    return put_fixed32(put_fixed32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

static inline uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size) {
    if (size >= 4 && size <= 8) { // as names are: two words that overlap
        uint32_t first, last;
        memcpy(&first, bytes, sizeof first);
        memcpy(&last, (const uint8_t *)bytes + size - sizeof last, sizeof last);
        memcpy(at, &first, sizeof first);
        memcpy(at + size - sizeof last, &last, sizeof last);
    } else if (size) {
        memcpy(at, bytes, size);
    }
    return at + size;
}

static inline uint8_t *put_id(uint8_t *at, uint32_t number, const char *id) {
    at = put_varint(put_tag(at, number, BYTES), sizeof(struct p2_id));
    memcpy(at, id, sizeof(struct p2_id));
    return at + sizeof(struct p2_id);
}

static uint8_t *put_digest(uint8_t *at, uint32_t number, const char *digest) {
    at = put_varint(put_tag(at, number, BYTES), sizeof(struct p2_digest));
    return put_bytes(at, digest, sizeof(struct p2_digest));
}

static inline __attribute__((always_inline)) uint8_t *put_field(uint8_t *at, const struct wire_table *t,
                                                                uint32_t number, const char *in) {
    const struct wire_field *f = &t->fields[number - 1];
    const char *m = in + f->at;
    switch ((enum wire_as)f->as) {
    case WIRE_U32:
    case WIRE_ENUM: return put_number(at, number, u32_at(m));
    case WIRE_U64: return put_number(at, number, u64_at(m));
    case WIRE_US: return put_number(at, number, us_of((p2_ns)u64_at(m)));
    case WIRE_BOOL: return put_number(at, number, *m != 0);
    case WIRE_TRUE: return put_number(at, number, 1);
    case WIRE_CODE: // local codes stay here
        return put_number(at, number, u32_at(m) == 0 && f->min == 0 ? 0 : p2_err_from_wire(u32_at(m)));
    case WIRE_RAW: // says something only of compressed bytes
        return in[t->body->zstd] ? put_number(at, number, u32_at(m)) : at;
    case WIRE_MAGIC: return put_fixed32(put_tag(at, number, FIXED32), u32_at(m));
    case WIRE_TOKEN:
    case WIRE_UNIT: return u64_at(m) ? put_fixed64(put_tag(at, number, FIXED64), u64_at(m)) : at;
    case WIRE_ID_OPT: return u64_at(m) | u64_at(m + 8) ? put_id(at, number, m) : at;
    case WIRE_ID: return put_id(at, number, m);
    case WIRE_DIGEST: return put_digest(at, number, m);
    default: P2_UNREACHABLE(); // texts, lists, and what put_param writes
    }
}

// ---- what may be of any size

static bool fits(const uint8_t *at, const uint8_t *end, size_t size) { return size <= (size_t)(end - at); }

static uint32_t varint_size(uint64_t value) { return (uint32_t)(63 - __builtin_clzll(value | 1)) / 7 + 1; }

static uint32_t tag_size(uint32_t number) { return number < 16 ? 1 : 2; }

// What a text has to be to leave as it is.
static bool is_clean(const struct p2_str *text, uint64_t max) {
    return text->n <= max && p2_wire_utf8((const uint8_t *)text->p, text->n);
}

static struct p2_str clean(struct p2_str text, uint64_t max, uint8_t out[static P2_TEXT_MAX]) {
    P2_CHECK(max <= P2_TEXT_MAX);
    return (struct p2_str){(const char *)out, (uint32_t)p2_wire_utf8_clean((const uint8_t *)text.p, text.n, out, max)};
}

static uint8_t *put_text(uint8_t *at, const uint8_t *end, uint32_t number, const struct p2_str *text) {
    if (!fits(at, end, tag_size(number) + varint_size(text->n) + (size_t)text->n)) return NULL;
    return put_bytes(put_varint(put_tag(at, number, BYTES), text->n), text->p, text->n);
}

// A name a driver gave its device may be of any length and in any encoding; what leaves is a text.
static __attribute__((noinline)) uint8_t *put_dirty_text(uint8_t *at, const uint8_t *end, uint32_t number,
                                                         const struct p2_str *text, uint64_t max) {
    uint8_t bytes[P2_TEXT_MAX];
    const struct p2_str cleaned = clean(*text, max, bytes);
    return put_text(at, end, number, &cleaned);
}

static inline uint8_t *put_text_field(uint8_t *at, const uint8_t *end, uint32_t number, const char *in, uint64_t max) {
    struct p2_str text;
    memcpy(&text, in, sizeof text);
    if (text.n == 0) return at;
    return is_clean(&text, max) ? put_text(at, end, number, &text) : put_dirty_text(at, end, number, &text, max);
}

// Numbers of a parameter, packed.
static uint32_t packed_size(const struct p2_param *p) {
    if (p->kind == P2_PARAM_REALS) return 8 * p->count;
    uint32_t size = 0;
    for (uint32_t i = 0; i < p->count; i++) size += varint_size(zigzag(p->value.ints[i]));
    return size;
}

static uint8_t *put_packed(uint8_t *at, const struct p2_param *p) {
    for (uint32_t i = 0; i < p->count; i++) {
        uint64_t bits;
        memcpy(&bits, &p->value.reals[i], sizeof bits);
        at = p->kind == P2_PARAM_REALS ? put_fixed64(at, bits) : put_varint(at, zigzag(p->value.ints[i]));
    }
    return at;
}

// A Param behind its name.
static uint8_t *put_value(uint8_t *at, const struct p2_param *p, uint32_t packed) {
    const struct p2_str *text = &p->value.text;
    uint64_t bits;
    switch (p->kind) {
    case P2_PARAM_INT: return put_varint(put_tag(at, 2, VARINT), zigzag(p->value.ints[0]));
    case P2_PARAM_REAL: memcpy(&bits, p->value.reals, sizeof bits); return put_fixed64(put_tag(at, 3, FIXED64), bits);
    case P2_PARAM_TEXT: return put_bytes(put_varint(put_tag(at, 4, BYTES), text->n), text->p, text->n);
    default:
        at = put_varint(put_tag(at, p->kind == P2_PARAM_INTS ? 5 : 6, BYTES), 1 + varint_size(packed) + packed);
        return put_packed(put_varint(put_tag(at, 1, BYTES), packed), p);
    }
}

// Its texts are clean.
static uint8_t *put_clean_param(uint8_t *at, const uint8_t *end, uint32_t number, const struct p2_param *p) {
    uint32_t value, packed = 0;
    switch (p->kind) {
    case P2_PARAM_INT: value = varint_size(zigzag(p->value.ints[0])); break;
    case P2_PARAM_REAL: value = 8; break;
    case P2_PARAM_TEXT: value = varint_size(p->value.text.n) + p->value.text.n; break;
    default:
        P2_CHECK(p->count >= 1 && p->count <= P2_PARAM_ITEMS_MAX);
        packed = packed_size(p);
        value = 1 + varint_size(packed) + packed;
        value += varint_size(value);
    }
    uint32_t size = 1 + varint_size(p->name.n) + p->name.n + 1 + value; // with two tags
    if (!fits(at, end, tag_size(number) + varint_size(size) + (size_t)size)) return NULL;
    at = put_varint(put_tag(at, number, BYTES), size);
    at = put_bytes(put_varint(put_tag(at, 1, BYTES), p->name.n), p->name.p, p->name.n);
    return put_value(at, p, packed);
}

static __attribute__((noinline)) uint8_t *put_dirty_param(uint8_t *at, const uint8_t *end, uint32_t number,
                                                          const struct p2_param *p) {
    uint8_t name[P2_TEXT_MAX], text[P2_TEXT_MAX];
    struct p2_param cleaned = *p;
    cleaned.name = clean(p->name, P2_PARAM_NAME_MAX, name);
    if (p->kind == P2_PARAM_TEXT) cleaned.value.text = clean(p->value.text, P2_PARAM_TEXT_MAX, text);
    return put_clean_param(at, end, number, &cleaned);
}

static inline uint8_t *put_param(uint8_t *at, const uint8_t *end, uint32_t number, const struct p2_param *p) {
    bool clean_name = is_clean(&p->name, P2_PARAM_NAME_MAX);
    bool clean_text = p->kind != P2_PARAM_TEXT || is_clean(&p->value.text, P2_PARAM_TEXT_MAX);
    return clean_name && clean_text ? put_clean_param(at, end, number, p) : put_dirty_param(at, end, number, p);
}

static uint8_t *put_spans(uint8_t *at, const uint8_t *end, uint32_t number, const p2_ns *spans, uint32_t count) {
    uint32_t size = 0;
    for (uint32_t i = 0; i < count; i++) size += varint_size(us_of(spans[i]));
    if (size == 0) return at;
    if (!fits(at, end, tag_size(number) + varint_size(size) + (size_t)size)) return NULL;
    at = put_varint(put_tag(at, number, BYTES), size);
    for (uint32_t i = 0; i < count; i++) at = put_varint(at, us_of(spans[i]));
    return at;
}

// A message in a list. Its length is written when it is known, into as many bytes as the last one's took: elements of a
// list are of a size, so that they are seldom moved.
static uint8_t *put_element(uint8_t *at, const uint8_t *end, uint32_t number, const struct wire_table *t,
                            const char *in, uint32_t *width) {
    if (!fits(at, end, tag_size(number) + *width)) return NULL;
    uint8_t *head = put_tag(at, number, BYTES), *start = head + *width;
    uint8_t *stop = p2_wire_put_message(start, end, t, in);
    if (!stop) return NULL;
    size_t size = (size_t)(stop - start);
    uint32_t wanted = varint_size(size);
    if (wanted != *width) {
        if (wanted > *width && !fits(stop, end, wanted - *width)) return NULL;
        memmove(head + wanted, start, size);
        *width = wanted;
    }
    return put_varint(head, size) + size;
}

static uint8_t *put_list(uint8_t *at, const uint8_t *end, const struct wire_field *f, uint32_t number, const char *in) {
    const char *items;
    uint32_t count = u32_at(in + f->at_count), width = 1;
    memcpy(&items, in + f->at, sizeof items);
    P2_CHECK(count <= f->max);
    if (f->as == WIRE_SPANS) return put_spans(at, end, number, (const void *)items, count);
    for (uint32_t i = 0; i < count && at; i++) {
        const char *item = items + i * (f->items ? f->items->struct_bytes : sizeof(struct p2_digest));
        if (f->as == WIRE_PARAMS) {
            at = put_param(at, end, number, (const void *)item);
        } else if (f->as == WIRE_DIGESTS) {
            at = fits(at, end, tag_size(number) + 1 + sizeof(struct p2_digest)) ? put_digest(at, number, item) : NULL;
        } else {
            uint8_t *next = put_element(at, end, number, f->items, item, &width);
            if (!next && width > 1) { // it may be shorter than the last one, and just fit
                width = 1;
                next = put_element(at, end, number, f->items, item, &width);
            }
            at = next;
        }
    }
    return at;
}

// Where there is less room than any field may need.
static uint8_t *put_field_tight(uint8_t *at, const uint8_t *end, const struct wire_table *t, uint32_t number,
                                const char *in) {
    uint8_t field[FIELD_ROOM];
    size_t size = (size_t)(put_field(field, t, number, in) - field);
    return fits(at, end, size) ? put_bytes(at, field, size) : NULL;
}

uint8_t *p2_wire_put_message(uint8_t *at, const uint8_t *end, const struct wire_table *t, const void *in) {
    for (uint32_t number = 1; number <= t->field_count; number++) {
        const struct wire_field *f = &t->fields[number - 1];
        if (f->as >= WIRE_LIST) {
            if (u32_at((const char *)in + f->at_count)) at = put_list(at, end, f, number, in);
        } else if (f->as == WIRE_TEXT) {
            at = put_text_field(at, end, number, (const char *)in + f->at, f->max);
        } else if (fits(at, end, FIELD_ROOM)) {
            at = put_field(at, t, number, in);
        } else {
            at = put_field_tight(at, end, t, number, in);
        }
        if (!at) return NULL;
    }
    return at;
}
