// Reads protobuf straight into our structs, once over the header and driven by the schema's rows. A header is held to
// two kinds of rules. Those of its form (tags, lengths, wire types, repetitions, counts, texts) refuse at once. Those
// of its values are only noted and told after the last byte, so that what is no message of ours is always called that.
// The same refusals and values come from protobuf-c's own unpacking with the checks around it; a test and a fuzz
// target hold the two against each other (tests/unit/wire/by_protobuf.h).
#include <string.h>

#include "base/check.h"
#include "wire/codec_schema.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; // protobuf wire types
enum { HEAD_VARINT_MAX = 5 };                             // bytes of a tag or a length, as protobuf-c takes them

struct walk {
    struct p2_arena *arena;
    enum p2_err why;         // of a NULL that is returned: BadRecord unless said otherwise
    uint32_t items, unknown; // elements of lists, fields we do not know: so far
    bool overlong;           // a tag or a length of more bytes than HEAD_VARINT_MAX
    bool stranger;           // the magic is not ours
    bool wrong;              // a value out of its range
    bool value_wrong;        // the value that the parameter being read has so far
};

static const uint8_t *refuse(struct walk *w, enum p2_err why) {
    w->why = why;
    return NULL;
}

static const uint8_t *get_message(struct walk *w, const struct wire_table *t, const uint8_t *at, const uint8_t *end,
                                  char *out);

// ---- numbers and lengths: each returns what follows, or NULL

// Written out, for a compiler to make one load of each.
static uint32_t get_fixed32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get_fixed64(const uint8_t *at) { return get_fixed32(at) | (uint64_t)get_fixed32(at + 4) << 32; }

static const uint8_t *long_varint(const uint8_t *at, const uint8_t *end, uint64_t *out) {
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 70 && at < end; shift += 7) {
        uint8_t byte = *at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte & 0x80) continue;
        *out = value;
        return shift < 63 || byte <= 1 ? at : NULL;
    }
    return NULL;
}

static inline const uint8_t *varint(const uint8_t *at, const uint8_t *end, uint64_t *out) {
    if (at < end && at[0] < 0x80) {
        *out = at[0];
        return at + 1;
    }
    if (end - at >= 2 && at[1] < 0x80) {
        *out = (uint64_t)(at[0] & 0x7F) | (uint64_t)at[1] << 7;
        return at + 2;
    }
    return long_varint(at, end, out);
}

static inline const uint8_t *head_varint(struct walk *w, const uint8_t *at, const uint8_t *end, uint64_t *out) {
    const uint8_t *next = varint(at, end, out);
    if (next && next - at > HEAD_VARINT_MAX) w->overlong = true;
    return next;
}

static inline const uint8_t *length(struct walk *w, const uint8_t *at, const uint8_t *end, uint64_t *size) {
    at = head_varint(w, at, end, size);
    return at && *size <= (uint64_t)(end - at) ? at : NULL;
}

static const uint8_t *skip(const uint8_t *at, const uint8_t *end, uint64_t size) {
    return size <= (uint64_t)(end - at) ? at + size : NULL;
}

// What follows a tag. Lengths are not looked into, so nothing nests here; groups are refused.
static inline const uint8_t *skip_value(struct walk *w, const uint8_t *at, const uint8_t *end, uint32_t wire_type) {
    uint64_t value;
    switch (wire_type) {
    case VARINT: return varint(at, end, &value);
    case FIXED64: return skip(at, end, 8);
    case FIXED32: return skip(at, end, 4);
    case BYTES: return (at = length(w, at, end, &value)) ? at + value : NULL;
    default: return NULL;
    }
}

// ---- one field

static void put_u32(char *out, uint32_t value) { memcpy(out, &value, sizeof value); }
static void put_u64(char *out, uint64_t value) { memcpy(out, &value, sizeof value); }

static uint32_t u32_at(const char *in) {
    uint32_t value;
    memcpy(&value, in, sizeof value);
    return value;
}

static bool is_finite(uint64_t bits) { return (bits >> 52 & 0x7FF) != 0x7FF; }

static bool within_unit(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value >= 0.0 && value <= 1.0;
}

static uint64_t unzigzag(uint64_t value) { return value >> 1 ^ (0 - (value & 1)); }

// The value of the parameter being read is this one now: of several the last one counts.
static void begin_value(struct walk *w, char *param, enum p2_param_kind kind, uint32_t count, bool wrong) {
    put_u32(param + offsetof(struct p2_param, kind), kind);
    put_u32(param + offsetof(struct p2_param, count), count);
    w->value_wrong = wrong;
}

static const uint8_t *get_text(struct walk *w, const struct wire_field *f, const uint8_t *at, const uint8_t *end,
                               char *out) {
    uint64_t size;
    if (!(at = length(w, at, end, &size))) return NULL;
    if (size > f->max || !p2_wire_utf8(at, (size_t)size)) return refuse(w, P2_ERR_BAD_MESSAGE);
    w->wrong |= size < f->min;
    const struct p2_str text = {(const char *)at, (uint32_t)size};
    memcpy(out + f->at, &text, sizeof text);
    return at + size;
}

static const uint8_t *get_id(struct walk *w, const struct wire_field *f, const uint8_t *at, const uint8_t *end,
                             char *out) {
    uint64_t size;
    if (!(at = length(w, at, end, &size))) return NULL;
    if (size == sizeof(struct p2_id)) {
        memcpy(out + f->at, at, sizeof(struct p2_id));
    } else {
        w->wrong |= size != 0 || f->min != 0; // the struct is zero already
    }
    return at + size;
}

static const uint8_t *get_digest(struct walk *w, const uint8_t *at, const uint8_t *end, char *out) {
    uint64_t size;
    if (!(at = length(w, at, end, &size))) return NULL;
    if (size == sizeof(struct p2_digest)) {
        memcpy(out, at, sizeof(struct p2_digest));
    } else {
        w->wrong = true;
    }
    return at + size;
}

// ---- lists

static bool may_count(const struct walk *w, const struct wire_field *f, const char *out, uint64_t n) {
    return n <= f->max - u32_at(out + f->at_count) && n <= WIRE_ITEMS_MAX - w->items;
}

static void count(struct walk *w, const struct wire_field *f, char *out, uint32_t n) {
    put_u32(out + f->at_count, u32_at(out + f->at_count) + n);
    w->items += n;
}

// How often a field stands in what is left of its message, behind the tag of the first one. What is malformed ends the
// count: it is refused when the walk comes to it.
static uint32_t count_ahead(const struct wire_field *f, const uint8_t *at, const uint8_t *end, uint64_t first) {
    struct walk unused = {.why = P2_OK};
    uint32_t n = 1;
    for (uint64_t tag = first; n < f->max; n += tag == first) {
        if (!(at = skip_value(&unused, at, end, tag & 7)) || !(at = varint(at, end, &tag))) break;
    }
    return n;
}

// The list so far, or room for `n` elements; NULL when the arena is full.
static char *list_of(struct walk *w, const struct wire_field *f, char *out, uint32_t n, size_t each) {
    char *list;
    memcpy(&list, out + f->at, sizeof list);
    if (!list) {
        list = p2_arena_alloc(w->arena, n * each);
        memcpy(out + f->at, &list, sizeof list);
    }
    return list;
}

// One element, of a message or a digest.
static const uint8_t *get_element(struct walk *w, const struct wire_field *f, const uint8_t *at, const uint8_t *end,
                                  uint64_t tag, char *out) {
    if (!may_count(w, f, out, 1)) return refuse(w, P2_ERR_BAD_MESSAGE);
    uint32_t before = u32_at(out + f->at_count);
    size_t each = f->items ? f->items->struct_bytes : sizeof(struct p2_digest);
    char *list = list_of(w, f, out, before ? 0 : count_ahead(f, at, end, tag), each);
    if (!list) return refuse(w, P2_ERR_TOO_LARGE);
    char *element = list + before * each;
    count(w, f, out, 1);
    if (f->as == WIRE_DIGESTS) return get_digest(w, at, end, element);
    uint64_t size;
    if (!(at = length(w, at, end, &size))) return NULL;
    if (f->as == WIRE_LIST) {
        memset(element, 0, each);
        return get_message(w, f->items, at, at + size, element);
    }
    struct p2_param *param = (void *)element; // its value is written whole or not looked at
    param->name = (struct p2_str){NULL, 0};
    begin_value(w, element, 0, 0, true);
    at = get_message(w, f->items, at, at + size, element);
    w->wrong |= w->value_wrong;
    return at;
}

// A number of a Param's list, or a span.
static void put_element(struct walk *w, const struct wire_field *f, uint32_t index, uint64_t value, char *out) {
    if (f->as == WIRE_SPANS) {
        char *spans;
        memcpy(&spans, out + f->at, sizeof spans);
        p2_ns span = p2_ns_from_us(value);
        memcpy(spans + index * sizeof span, &span, sizeof span);
        return;
    }
    if (f->wire_type == FIXED64) w->value_wrong |= !is_finite(value);
    put_u64(out + f->at + index * sizeof value, f->wire_type == VARINT ? unzigzag(value) : value);
}

static const uint8_t *get_number(const struct wire_field *f, const uint8_t *at, const uint8_t *end, uint64_t *value) {
    if (f->wire_type == VARINT) return varint(at, end, value);
    const uint8_t *next = skip(at, end, 8);
    if (next) *value = get_fixed64(at);
    return next;
}

// One element of a list of numbers, or with `packed` a run of them.
static const uint8_t *get_numbers(struct walk *w, const struct wire_field *f, const uint8_t *at, const uint8_t *end,
                                  bool packed, char *out) {
    uint64_t n = 0, value = 0;
    uint32_t before = u32_at(out + f->at_count);
    const uint8_t *behind = end;
    if (f->as == WIRE_SPANS && !list_of(w, f, out, (uint32_t)f->max, sizeof(p2_ns))) return refuse(w, P2_ERR_TOO_LARGE);
    if (!packed && !may_count(w, f, out, 1)) return refuse(w, P2_ERR_BAD_MESSAGE);
    if (packed) {
        if (!(at = length(w, at, end, &value))) return NULL;
        behind = at + value;
    }
    for (; packed ? at < behind : n < 1; n++) {
        if (!(at = get_number(f, at, behind, &value))) return NULL;
        if (before + n < f->max) put_element(w, f, (uint32_t)(before + n), value, out);
    }
    if (!may_count(w, f, out, n)) return refuse(w, P2_ERR_BAD_MESSAGE);
    count(w, f, out, (uint32_t)n);
    return at;
}

// A parameter's list of numbers.
static const uint8_t *get_values(struct walk *w, const struct wire_field *f, const uint8_t *at, const uint8_t *end,
                                 char *param) {
    uint64_t size;
    if (!(at = length(w, at, end, &size))) return NULL;
    const struct wire_field *numbers = f->items->fields;
    begin_value(w, param, numbers->wire_type == VARINT ? P2_PARAM_INTS : P2_PARAM_REALS, 0, false);
    bool one_run = size > 1 && size < 0x80 && at[0] == (1 << 3 | BYTES) && at[1] == size - 2; // as nearly always
    at = one_run ? get_numbers(w, numbers, at + 1, at + size, true, param)
                 : get_message(w, f->items, at, at + size, param);
    w->value_wrong |= u32_at(param + numbers->at_count) == 0;
    return at;
}

// Not inlined, nor the next: what the walk over numbers, ids and texts keeps in registers is to be little.
static __attribute__((noinline)) const uint8_t *get_list(struct walk *w, const struct wire_field *f, const uint8_t *at,
                                                         const uint8_t *end, uint32_t tag, char *out) {
    bool packed = (tag & 7) == BYTES, bytes = f->wire_type == BYTES;
    if (!packed && (bytes || (tag & 7) != f->wire_type)) return NULL;
    return bytes ? get_element(w, f, at, end, tag, out) : get_numbers(w, f, at, end, packed, out);
}

// ---- messages

static __attribute__((noinline)) const uint8_t *get_rare(struct walk *w, const struct wire_field *f, const uint8_t *at,
                                                         const uint8_t *end, char *out) {
    uint64_t value;
    const uint8_t *next;
    char *to = out + f->at;
    switch ((enum wire_as)f->as) {
    case WIRE_MAGIC:
        if (!(next = skip(at, end, 4))) return NULL;
        put_u32(to, get_fixed32(at));
        w->stranger = u32_at(to) != f->min;
        return next;
    case WIRE_TOKEN:
        if (!(next = skip(at, end, 8))) return NULL;
        put_u64(to, get_fixed64(at));
        return next;
    case WIRE_UNIT:
        if (!(next = skip(at, end, 8))) return NULL;
        put_u64(to, get_fixed64(at));
        w->wrong |= !within_unit(get_fixed64(at));
        return next;
    case WIRE_INT:
        if (!(at = varint(at, end, &value))) return NULL;
        put_u64(to, unzigzag(value));
        begin_value(w, out, P2_PARAM_INT, 1, false);
        return at;
    case WIRE_REAL:
        if (!(next = skip(at, end, 8))) return NULL;
        put_u64(to, get_fixed64(at));
        begin_value(w, out, P2_PARAM_REAL, 1, !is_finite(get_fixed64(at)));
        return next;
    case WIRE_WORD: begin_value(w, out, P2_PARAM_TEXT, 1, false); return get_text(w, f, at, end, out);
    case WIRE_VALUES: return get_values(w, f, at, end, out);
    default: P2_UNREACHABLE();
    }
}

// A field that is no list, behind its tag, of the wire type that its row says.
static inline const uint8_t *get_field(struct walk *w, const struct wire_field *f, const uint8_t *at,
                                       const uint8_t *end, char *out) {
    uint64_t value;
    char *to = out + f->at;
    switch ((enum wire_as)f->as) {
    case WIRE_U32:
    case WIRE_ENUM:
    case WIRE_RAW:
        if (!(at = varint(at, end, &value))) return NULL;
        if (value > UINT32_MAX) return refuse(w, P2_ERR_BAD_MESSAGE);
        w->wrong |= value < f->min || value > f->max;
        put_u32(to, (uint32_t)value);
        return at;
    case WIRE_US:
        if (!(at = varint(at, end, &value))) return NULL;
        w->wrong |= value < f->min;
        put_u64(to, (uint64_t)p2_ns_from_us(value));
        return at;
    case WIRE_U64:
        if (!(at = varint(at, end, &value))) return NULL;
        w->wrong |= value < f->min || value > f->max;
        put_u64(to, value);
        return at;
    case WIRE_BOOL:
        if (!(at = varint(at, end, &value))) return NULL;
        *to = value != 0;
        return at;
    case WIRE_TRUE:
        if (!(at = varint(at, end, &value))) return NULL;
        w->wrong |= value == 0;
        return at;
    case WIRE_CODE:
        if (!(at = varint(at, end, &value))) return NULL;
        if (value > UINT32_MAX) return refuse(w, P2_ERR_BAD_MESSAGE);
        w->wrong |= value < f->min;
        put_u32(to, value ? p2_err_from_wire((uint32_t)value) : P2_OK);
        return at;
    case WIRE_ID:
    case WIRE_ID_OPT: return get_id(w, f, at, end, out);
    case WIRE_TEXT: return get_text(w, f, at, end, out);
    case WIRE_DIGEST: return get_digest(w, at, end, to);
    default: return get_rare(w, f, at, end, out);
    }
}

static const uint8_t *get_message(struct walk *w, const struct wire_table *t, const uint8_t *at, const uint8_t *end,
                                  char *out) {
    uint32_t seen = 0;
    while (at != end) {
        uint64_t tag;
        if (!(at = head_varint(w, at, end, &tag)) || tag > UINT32_MAX || tag >> 3 == 0) return NULL;
        uint32_t index = (uint32_t)(tag >> 3) - 1, wire_type = tag & 7;
        if (index >= t->field_count) {
            if (!(at = skip_value(w, at, end, wire_type))) return NULL;
            if (++w->unknown > WIRE_UNKNOWN_MAX) return refuse(w, P2_ERR_BAD_MESSAGE);
            continue;
        }
        const struct wire_field *f = &t->fields[index];
        uint32_t bit = UINT32_C(1) << index;
        if (f->as >= WIRE_LIST) {
            at = get_list(w, f, at, end, (uint32_t)tag, out);
        } else {
            if (wire_type != f->wire_type || (seen & bit)) return NULL;
            at = get_field(w, f, at, end, out);
        }
        if (!at) return NULL;
        seen |= bit;
    }
    w->wrong |= (t->required & ~seen) != 0;
    return at;
}

enum p2_err p2_wire_get_message(struct p2_arena *arena, const struct wire_table *t, const uint8_t *header,
                                uint32_t size, void *out) {
    struct walk w = {.arena = arena, .why = P2_ERR_BAD_RECORD, .stranger = t->fields->as == WIRE_MAGIC};
    memset(out, 0, t->struct_bytes);
    if (!get_message(&w, t, header, header + size, out)) return w.why;
    if (w.overlong) return P2_ERR_BAD_RECORD;
    if (w.stranger) return P2_ERR_BAD_MAGIC;
    return w.wrong ? P2_ERR_BAD_MESSAGE : P2_OK;
}
