// Writes canonical proto3 (fields in order of their numbers, zeroes left out) straight from our structs into the
// caller's buffer: the same bytes protobuf-c would pack, without building its structs first. A test holds the two
// equal.
#include <string.h>

#include "base/check.h"
#include "wire/codec_schema.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; // protobuf wire types

static void put_raw(struct wire_out *o, const void *bytes, size_t size) {
    if (size > (size_t)(o->end - o->at)) {
        o->full = true;
        o->end = o->at;
        return;
    }
    if (size) memcpy(o->at, bytes, size);
    o->at += size;
}

static void put_varint(struct wire_out *o, uint64_t value) {
    uint8_t bytes[10];
    size_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    put_raw(o, bytes, n);
}

static void put_tag(struct wire_out *o, uint32_t number, uint32_t wire_type) { put_varint(o, number << 3 | wire_type); }

static void put_number(struct wire_out *o, uint32_t number, uint64_t value) {
    if (value == 0) return;
    put_tag(o, number, VARINT);
    put_varint(o, value);
}

static void put_fixed(struct wire_out *o, uint64_t value, size_t size) {
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    put_raw(o, bytes, size);
}

static void put_real(struct wire_out *o, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_fixed(o, bits, 8);
}

static void put_bytes(struct wire_out *o, uint32_t number, const void *bytes, size_t size) {
    put_tag(o, number, BYTES);
    put_varint(o, size);
    put_raw(o, bytes, size);
}

// A name a driver gave its device may be of any length and in any encoding; what leaves is a text.
static void put_text(struct wire_out *o, uint32_t number, struct p2_str text, uint64_t max) {
    const uint8_t *bytes = (const uint8_t *)text.p;
    uint8_t clean[P2_TEXT_MAX];
    P2_CHECK(max <= sizeof clean);
    if (text.n <= max && p2_wire_utf8(bytes, text.n)) {
        put_bytes(o, number, bytes, text.n);
    } else {
        put_bytes(o, number, clean, p2_wire_utf8_clean(bytes, text.n, clean, max));
    }
}

// A length-delimited field whose length is known once it is written.
static uint8_t *begin(struct wire_out *o, uint32_t number) {
    put_tag(o, number, BYTES);
    put_raw(o, "", 1);
    return o->at;
}

static void end(struct wire_out *o, uint8_t *start) {
    if (o->full) return;
    size_t size = (size_t)(o->at - start);
    uint8_t length[10];
    struct wire_out l = {length, length + sizeof length, false};
    put_varint(&l, size);
    size_t n = (size_t)(l.at - length);
    put_raw(o, "\0\0\0\0", n - 1); // makes room, or finds none
    if (o->full) return;
    if (n > 1) memmove(start + n - 1, start, size);
    memcpy(start - 1, length, n);
}

static uint64_t us_of(p2_ns span) { return span == P2_NEVER ? UINT64_MAX : p2_ns_to_us(span); }

static void put_param(struct wire_out *o, const struct p2_param *p) {
    P2_CHECK(p->kind < P2_PARAM_INTS || (p->count >= 1 && p->count <= P2_PARAM_ITEMS_MAX));
    put_text(o, 1, p->name, P2_PARAM_NAME_MAX);
    if (p->kind == P2_PARAM_INT) {
        put_tag(o, 2, VARINT);
        put_varint(o, (uint64_t)p->value.ints[0] << 1 ^ (uint64_t)(p->value.ints[0] >> 63));
    } else if (p->kind == P2_PARAM_REAL) {
        put_tag(o, 3, FIXED64);
        put_real(o, p->value.reals[0]);
    } else if (p->kind == P2_PARAM_TEXT) {
        put_text(o, 4, p->value.text, P2_PARAM_TEXT_MAX);
    } else {
        bool ints = p->kind == P2_PARAM_INTS;
        uint8_t *message = begin(o, ints ? 5 : 6), *values = begin(o, 1);
        for (uint32_t i = 0; i < p->count; i++) {
            if (ints) {
                put_varint(o, (uint64_t)p->value.ints[i] << 1 ^ (uint64_t)(p->value.ints[i] >> 63));
            } else {
                put_real(o, p->value.reals[i]);
            }
        }
        end(o, values);
        end(o, message);
    }
}

static void put_params(struct wire_out *o, uint32_t number, const struct p2_params *ps) {
    P2_CHECK(ps->count <= P2_PARAMS_MAX);
    for (uint32_t i = 0; i < ps->count; i++) {
        uint8_t *start = begin(o, number);
        put_param(o, &ps->items[i]);
        end(o, start);
    }
}

static void put_list(struct wire_out *o, const struct wire_field *f, uint32_t number, const char *in) {
    const char *items;
    uint32_t count;
    memcpy(&items, in + f->at, sizeof items);
    memcpy(&count, in + f->at_count, sizeof count);
    P2_CHECK(count <= f->max);
    if (f->as == WIRE_SPANS) {
        if (count == 0) return;
        const p2_ns *spans = (const void *)items;
        uint8_t *start = begin(o, number);
        for (uint32_t i = 0; i < count; i++) put_varint(o, us_of(spans[i]));
        end(o, start);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (f->as == WIRE_DIGESTS) {
            put_bytes(o, number, items + i * sizeof(struct p2_digest), sizeof(struct p2_digest));
            continue;
        }
        uint8_t *start = begin(o, number);
        p2_wire_put_message(o, f->items, items + i * f->items->struct_bytes);
        end(o, start);
    }
}

static bool all_zero(const char *bytes, size_t size) {
    while (size && *bytes == 0) bytes++, size--;
    return size == 0;
}

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

static void put_field(struct wire_out *o, const struct wire_table *t, uint32_t number, const char *in) {
    const struct wire_field *f = &t->fields[number - 1];
    const char *m = in + f->at;
    switch ((enum wire_as)f->as) {
    case WIRE_U32:
    case WIRE_ENUM: put_number(o, number, u32_at(m)); return;
    case WIRE_U64: put_number(o, number, u64_at(m)); return;
    case WIRE_US: put_number(o, number, us_of((p2_ns)u64_at(m))); return;
    case WIRE_BOOL: put_number(o, number, *m != 0); return;
    case WIRE_TRUE: put_number(o, number, 1); return;
    case WIRE_CODE: // local codes stay here
        put_number(o, number, u32_at(m) == 0 && f->min == 0 ? 0 : p2_err_from_wire(u32_at(m)));
        return;
    case WIRE_RAW: // says something only of compressed bytes
        if (in[t->body->zstd]) put_number(o, number, u32_at(m));
        return;
    case WIRE_MAGIC:
        put_tag(o, number, FIXED32);
        put_fixed(o, u32_at(m), 4);
        return;
    case WIRE_TOKEN:
    case WIRE_UNIT:
        if (u64_at(m) == 0) return;
        put_tag(o, number, FIXED64);
        put_fixed(o, u64_at(m), 8);
        return;
    case WIRE_ID_OPT:
        if (!all_zero(m, f->max)) put_bytes(o, number, m, f->max);
        return;
    case WIRE_ID:
    case WIRE_DIGEST: put_bytes(o, number, m, f->max); return;
    case WIRE_TEXT: {
        struct p2_str text;
        memcpy(&text, m, sizeof text);
        if (text.n) put_text(o, number, text, f->max);
        return;
    }
    case WIRE_PARAMS: {
        struct p2_params params;
        memcpy(&params, m, sizeof params);
        put_params(o, number, &params);
        return;
    }
    case WIRE_LIST:
    case WIRE_SPANS:
    case WIRE_DIGESTS: put_list(o, f, number, in); return;
    case WIRE_INT:
    case WIRE_REAL:
    case WIRE_WORD:
    case WIRE_VALUES:
    case WIRE_NUMBERS: break; // of a Param, which put_param writes
    }
    P2_UNREACHABLE();
}

void p2_wire_put_message(struct wire_out *o, const struct wire_table *t, const void *in) {
    for (uint32_t number = 1; number <= t->field_count; number++) put_field(o, t, number, in);
}
