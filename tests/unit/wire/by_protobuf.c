#include "by_protobuf.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "p2c2r.pb-c.h"

static enum p2_err from_pb(struct p2_arena *arena, const struct wire_table *t, const void *pb, void *out);

// Repeated fields of a protobuf-c struct: a count and an array.
struct repeated {
    size_t count;
    const void *items;
};

static struct repeated repeated_of(const ProtobufCFieldDescriptor *d, const void *pb) {
    const char *base = pb;
    struct repeated r;
    memcpy(&r.count, base + d->quantifier_offset, sizeof r.count);
    memcpy(&r.items, base + d->offset, sizeof r.items);
    return r;
}

static struct p2_str text_of(const char *z) { return (struct p2_str){z, (uint32_t)strlen(z)}; }

static enum p2_err get_text(const struct wire_field *f, const char *z, char *out) {
    struct p2_str text = text_of(z);
    if (text.n < f->min || text.n > f->max) return P2_ERR_BAD_MESSAGE;
    memcpy(out + f->at, &text, sizeof text);
    return P2_OK;
}

static enum p2_err get_bytes(const struct wire_field *f, const ProtobufCBinaryData *b, char *out) {
    if (b->len == 0 && f->min == 0) return P2_OK; // the struct is zero already
    if (b->len != f->max) return P2_ERR_BAD_MESSAGE;
    memcpy(out + f->at, b->data, b->len);
    return P2_OK;
}

static enum p2_err get_u32(const struct wire_field *f, uint32_t value, char *out) {
    if (value < f->min || value > f->max) return P2_ERR_BAD_MESSAGE;
    memcpy(out + f->at, &value, sizeof value);
    return P2_OK;
}

static enum p2_err get_u64(const struct wire_field *f, uint64_t value, char *out) {
    if (value < f->min || value > f->max) return P2_ERR_BAD_MESSAGE;
    memcpy(out + f->at, &value, sizeof value);
    return P2_OK;
}

static enum p2_err get_span(const struct wire_field *f, uint64_t us, char *out) {
    if (us < f->min) return P2_ERR_BAD_MESSAGE;
    p2_ns span = p2_ns_from_us(us);
    memcpy(out + f->at, &span, sizeof span);
    return P2_OK;
}

static enum p2_err get_code(const struct wire_field *f, uint32_t number, char *out) {
    if (number < f->min) return P2_ERR_BAD_MESSAGE;
    enum p2_err code = number == 0 ? P2_OK : p2_err_from_wire(number);
    memcpy(out + f->at, &code, sizeof code);
    return P2_OK;
}

static enum p2_err get_unit(const struct wire_field *f, double value, char *out) {
    if (!(value >= 0.0 && value <= 1.0)) return P2_ERR_BAD_MESSAGE;
    memcpy(out + f->at, &value, sizeof value);
    return P2_OK;
}

static void put_list(const struct wire_field *f, const void *items, uint32_t count, char *out) {
    memcpy(out + f->at, &items, sizeof items);
    memcpy(out + f->at_count, &count, sizeof count);
}

static enum p2_err get_list(struct p2_arena *arena, const struct wire_field *f, struct repeated r, char *out) {
    if (r.count < f->min || r.count > f->max) return P2_ERR_BAD_MESSAGE;
    if (r.count == 0) return P2_OK;
    size_t each = f->items->struct_bytes;
    char *list = p2_arena_alloc(arena, r.count * each);
    if (!list) return P2_ERR_TOO_LARGE;
    memset(list, 0, r.count * each);
    const void *const *items = r.items;
    for (size_t i = 0; i < r.count; i++) {
        enum p2_err e = from_pb(arena, f->items, items[i], list + i * each);
        if (e != P2_OK) return e;
    }
    put_list(f, list, (uint32_t)r.count, out);
    return P2_OK;
}

static enum p2_err get_spans(struct p2_arena *arena, const struct wire_field *f, struct repeated r, char *out) {
    if (r.count == 0) return P2_OK;
    p2_ns *spans = p2_arena_alloc(arena, r.count * sizeof *spans);
    if (!spans) return P2_ERR_TOO_LARGE;
    const uint64_t *us = r.items;
    for (size_t i = 0; i < r.count; i++) spans[i] = p2_ns_from_us(us[i]);
    put_list(f, spans, (uint32_t)r.count, out);
    return P2_OK;
}

static enum p2_err get_digests(struct p2_arena *arena, const struct wire_field *f, struct repeated r, char *out) {
    if (r.count < f->min || r.count > f->max) return P2_ERR_BAD_MESSAGE;
    if (r.count == 0) return P2_OK;
    struct p2_digest *digests = p2_arena_alloc(arena, r.count * sizeof *digests);
    if (!digests) return P2_ERR_TOO_LARGE;
    const ProtobufCBinaryData *items = r.items;
    for (size_t i = 0; i < r.count; i++) {
        if (items[i].len != sizeof *digests) return P2_ERR_BAD_MESSAGE;
        memcpy(&digests[i], items[i].data, sizeof *digests);
    }
    put_list(f, digests, (uint32_t)r.count, out);
    return P2_OK;
}

static enum p2_err get_reals(const P2c2r__Reals *reals, struct p2_param *out) {
    if (!reals || reals->n_values < 1 || reals->n_values > P2_PARAM_ITEMS_MAX) return P2_ERR_BAD_MESSAGE;
    out->kind = P2_PARAM_REALS;
    out->count = (uint32_t)reals->n_values;
    for (size_t i = 0; i < reals->n_values; i++) {
        if (!isfinite(reals->values[i])) return P2_ERR_BAD_MESSAGE;
        out->value.reals[i] = reals->values[i];
    }
    return P2_OK;
}

static enum p2_err get_ints(const P2c2r__Ints *ints, struct p2_param *out) {
    if (!ints || ints->n_values < 1 || ints->n_values > P2_PARAM_ITEMS_MAX) return P2_ERR_BAD_MESSAGE;
    out->kind = P2_PARAM_INTS;
    out->count = (uint32_t)ints->n_values;
    memcpy(out->value.ints, ints->values, ints->n_values * sizeof *ints->values);
    return P2_OK;
}

static enum p2_err get_param(const P2c2r__Param *pb, struct p2_param *out) {
    out->name = text_of(pb->name);
    if (out->name.n < 1 || out->name.n > P2_PARAM_NAME_MAX) return P2_ERR_BAD_MESSAGE;
    out->count = 1;
    switch (pb->value_case) {
    case P2C2R__PARAM__VALUE_INT:
        out->kind = P2_PARAM_INT;
        out->value.ints[0] = pb->int_;
        return P2_OK;
    case P2C2R__PARAM__VALUE_REAL:
        out->kind = P2_PARAM_REAL;
        out->value.reals[0] = pb->real;
        return isfinite(pb->real) ? P2_OK : P2_ERR_BAD_MESSAGE;
    case P2C2R__PARAM__VALUE_TEXT:
        out->kind = P2_PARAM_TEXT;
        out->value.text = text_of(pb->text);
        return out->value.text.n <= P2_PARAM_TEXT_MAX ? P2_OK : P2_ERR_BAD_MESSAGE;
    case P2C2R__PARAM__VALUE_INTS: return get_ints(pb->ints, out);
    case P2C2R__PARAM__VALUE_REALS: return get_reals(pb->reals, out);
    default: return P2_ERR_BAD_MESSAGE;
    }
}

static enum p2_err get_params(struct p2_arena *arena, const struct wire_field *f, struct repeated r, char *out) {
    if (r.count == 0) return P2_OK;
    if (r.count > f->max) return P2_ERR_BAD_MESSAGE;
    struct p2_param *list = p2_arena_alloc(arena, r.count * sizeof *list);
    if (!list) return P2_ERR_TOO_LARGE;
    const P2c2r__Param *const *items = r.items;
    for (size_t i = 0; i < r.count; i++) {
        enum p2_err e = get_param(items[i], &list[i]);
        if (e != P2_OK) return e;
    }
    struct p2_params params = {list, (uint32_t)r.count};
    memcpy(out + f->at, &params, sizeof params);
    return P2_OK;
}

static enum p2_err get_field(struct p2_arena *arena, const struct wire_field *f, const ProtobufCFieldDescriptor *d,
                             const void *pb, void *out) {
    const void *in = (const char *)pb + d->offset;
    switch ((enum wire_as)f->as) {
    case WIRE_U32:
    case WIRE_ENUM:
    case WIRE_RAW:
    case WIRE_MAGIC: return get_u32(f, *(const uint32_t *)in, out);
    case WIRE_U64:
    case WIRE_TOKEN: return get_u64(f, *(const uint64_t *)in, out);
    case WIRE_US: return get_span(f, *(const uint64_t *)in, out);
    case WIRE_BOOL: *((bool *)out + f->at) = *(const protobuf_c_boolean *)in != 0; return P2_OK;
    case WIRE_TRUE: return *(const protobuf_c_boolean *)in ? P2_OK : P2_ERR_BAD_MESSAGE;
    case WIRE_CODE: return get_code(f, *(const uint32_t *)in, out);
    case WIRE_UNIT: return get_unit(f, *(const double *)in, out);
    case WIRE_ID:
    case WIRE_ID_OPT:
    case WIRE_DIGEST: return get_bytes(f, in, out);
    case WIRE_TEXT: return get_text(f, *(const char *const *)in, out);
    case WIRE_LIST: return get_list(arena, f, repeated_of(d, pb), out);
    case WIRE_PARAMS: return get_params(arena, f, repeated_of(d, pb), out);
    case WIRE_SPANS: return get_spans(arena, f, repeated_of(d, pb), out);
    case WIRE_DIGESTS: return get_digests(arena, f, repeated_of(d, pb), out);
    case WIRE_INT:
    case WIRE_REAL:
    case WIRE_WORD:
    case WIRE_VALUES:
    case WIRE_NUMBERS: break; // of a Param, which get_param reads
    }
    P2_UNREACHABLE();
}

static enum p2_err from_pb(struct p2_arena *arena, const struct wire_table *t, const void *pb, void *out) {
    for (uint32_t i = 0; i < t->field_count; i++) {
        enum p2_err e = get_field(arena, &t->fields[i], &t->pb->fields[i], pb, out);
        if (e != P2_OK) return t->fields[i].as == WIRE_MAGIC ? P2_ERR_BAD_MAGIC : e;
    }
    return P2_OK;
}

static void *arena_alloc(void *arena, size_t size) { return p2_arena_alloc(arena, size); }

static void arena_free(void *arena, void *p) { // everything goes at the next reset
    (void)arena;
    (void)p;
}

enum p2_err by_protobuf(struct p2_arena *arena, const struct wire_table *t, const uint8_t *header, uint32_t size,
                        void *out) {
    enum p2_err e = precheck(t, header, size);
    if (e != P2_OK) return e;
    p2_arena_reset(arena);
    ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
    const ProtobufCMessage *pb = protobuf_c_message_unpack(t->pb, &allocator, size, header);
    if (!pb) return P2_ERR_BAD_RECORD;
    memset(out, 0, t->struct_bytes);
    return from_pb(arena, t, pb, out);
}
