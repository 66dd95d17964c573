#include "by_protobuf.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; // protobuf wire types

// One message being walked; the messages it stands in are below it on the stack.
struct level {
    const struct wire_table *table;
    const uint8_t *end;
    uint32_t seen;                      // bit i: field i + 1 was there
    uint16_t elements[WIRE_FIELDS_MAX]; // of repeated fields; valid where seen
};

struct walk {
    const uint8_t *at;
    uint32_t items, unknown;
    uint32_t depth;
    struct level levels[P2_NESTING_MAX];
};

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *out) {
    const uint8_t *p = *at;
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte & 0x80) continue;
        *at = p;
        *out = value;
        return shift < 63 || byte <= 1;
    }
    return false;
}

static bool skip(const uint8_t **at, const uint8_t *end, size_t size) {
    if (size > (size_t)(end - *at)) return false;
    *at += size;
    return true;
}

// What follows a tag we do not know. Lengths are not looked into, so nothing nests here; groups are refused.
static bool skip_value(const uint8_t **at, const uint8_t *end, uint32_t wire_type) {
    uint64_t value;
    switch (wire_type) {
    case VARINT: return varint(at, end, &value);
    case FIXED64: return skip(at, end, 8);
    case FIXED32: return skip(at, end, 4);
    case BYTES: return varint(at, end, &value) && value <= (uint64_t)(end - *at) && skip(at, end, (size_t)value);
    default: return false;
    }
}

static bool is_repeated(const struct wire_field *f) { return f->as >= WIRE_LIST; }

static enum p2_err count(struct walk *w, struct level *l, const struct wire_field *f, uint64_t n) {
    uint32_t index = (uint32_t)(f - l->table->fields);
    uint32_t before = l->seen & (1u << index) ? l->elements[index] : 0;
    if (n > f->max - before || n > WIRE_ITEMS_MAX - w->items) return P2_ERR_BAD_MESSAGE;
    l->elements[index] = (uint16_t)(before + n);
    l->seen |= 1u << index;
    w->items += (uint32_t)n;
    return P2_OK;
}

// Numbers of a repeated field in one run of bytes.
static enum p2_err packed(struct walk *w, struct level *l, const struct wire_field *f, size_t size) {
    const uint8_t *end = w->at + size;
    uint64_t n = 0, value;
    if (f->wire_type == FIXED64) {
        if (size % 8) return P2_ERR_BAD_RECORD;
        n = size / 8;
        w->at = end;
    }
    for (; w->at < end; n++)
        if (!varint(&w->at, end, &value)) return P2_ERR_BAD_RECORD;
    return count(w, l, f, n);
}

static enum p2_err enter(struct walk *w, const struct wire_table *table, size_t size) {
    if (w->depth == P2_NESTING_MAX) return P2_ERR_BAD_RECORD;
    struct level *l = &w->levels[w->depth++];
    l->table = table;
    l->end = w->at + size;
    l->seen = 0;
    return P2_OK;
}

static enum p2_err bytes_field(struct walk *w, struct level *l, const struct wire_field *f) {
    uint64_t size;
    if (!varint(&w->at, l->end, &size) || size > (uint64_t)(l->end - w->at)) return P2_ERR_BAD_RECORD;
    if (f->wire_type != BYTES) return packed(w, l, f, (size_t)size);
    if (f->items) return enter(w, f->items, (size_t)size);
    const uint8_t *bytes = w->at;
    w->at += size;
    if ((f->as == WIRE_TEXT || f->as == WIRE_WORD) && (size > f->max || !p2_wire_utf8(bytes, (size_t)size)))
        return P2_ERR_BAD_MESSAGE;
    return P2_OK;
}

static enum p2_err number_field(struct walk *w, struct level *l, const struct wire_field *f) {
    if (f->wire_type != VARINT)
        return skip(&w->at, l->end, f->wire_type == FIXED32 ? 4 : 8) ? P2_OK : P2_ERR_BAD_RECORD;
    uint64_t value;
    if (!varint(&w->at, l->end, &value)) return P2_ERR_BAD_RECORD;
    // Unpacking would cut these to 32 bits and lose what is out of range.
    bool narrow = f->as == WIRE_U32 || f->as == WIRE_RAW || f->as == WIRE_ENUM || f->as == WIRE_CODE;
    return narrow && value > UINT32_MAX ? P2_ERR_BAD_MESSAGE : P2_OK;
}

static enum p2_err known_field(struct walk *w, struct level *l, const struct wire_field *f, uint32_t wire_type) {
    uint32_t bit = 1u << (f - l->table->fields);
    bool repeated = is_repeated(f);
    if (wire_type != f->wire_type && !(repeated && wire_type == BYTES)) return P2_ERR_BAD_RECORD;
    if (!repeated && (l->seen & bit)) return P2_ERR_BAD_RECORD;
    if (repeated && (wire_type != BYTES || f->wire_type == BYTES)) {
        enum p2_err e = count(w, l, f, 1);
        if (e != P2_OK) return e;
    }
    if (!repeated) l->seen |= bit;
    return wire_type == BYTES ? bytes_field(w, l, f) : number_field(w, l, f);
}

enum p2_err precheck(const struct wire_table *t, const uint8_t *header, uint32_t size) {
    struct walk w;
    w.at = header;
    w.items = w.unknown = w.depth = 0;
    enum p2_err e = enter(&w, t, size);
    while (e == P2_OK && w.depth > 0) {
        struct level *l = &w.levels[w.depth - 1];
        if (w.at == l->end) {
            w.depth--;
            continue;
        }
        uint64_t tag;
        if (!varint(&w.at, l->end, &tag) || tag > UINT32_MAX || tag >> 3 == 0) return P2_ERR_BAD_RECORD;
        uint32_t number = (uint32_t)tag >> 3, wire_type = tag & 7;
        if (number <= l->table->field_count) {
            e = known_field(&w, l, &l->table->fields[number - 1], wire_type);
        } else if (!skip_value(&w.at, l->end, wire_type)) {
            e = P2_ERR_BAD_RECORD;
        } else if (++w.unknown > WIRE_UNKNOWN_MAX) {
            e = P2_ERR_BAD_MESSAGE;
        }
    }
    return e;
}
