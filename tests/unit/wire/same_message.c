#include <string.h>

#include "base/check.h"
#include "by_protobuf.h"

static uint32_t u32_at(const char *in) {
    uint32_t value;
    memcpy(&value, in, sizeof value);
    return value;
}

static const char *list_at(const char *in) {
    const char *list;
    memcpy(&list, in, sizeof list);
    return list;
}

static bool same_text(const void *a, const void *b) {
    struct p2_str x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x.n == y.n && (x.n == 0 || memcmp(x.p, y.p, x.n) == 0);
}

static bool same_param(const struct p2_param *a, const struct p2_param *b) {
    if (!same_text(&a->name, &b->name) || a->kind != b->kind || a->count != b->count) return false;
    if (a->kind == P2_PARAM_TEXT) return same_text(&a->value.text, &b->value.text);
    P2_CHECK(a->count >= 1 && a->count <= P2_PARAM_ITEMS_MAX);
    return memcmp(&a->value, &b->value, a->count * sizeof(int64_t)) == 0; // doubles by their bits
}

static bool same_list(const struct wire_field *f, const char *a, const char *b) {
    uint32_t n = u32_at(a + f->at_count);
    if (n != u32_at(b + f->at_count)) return false;
    const char *x = list_at(a + f->at), *y = list_at(b + f->at);
    if (f->as == WIRE_SPANS || f->as == WIRE_DIGESTS)
        return n == 0 || memcmp(x, y, n * (f->as == WIRE_SPANS ? sizeof(p2_ns) : sizeof(struct p2_digest))) == 0;
    for (uint32_t i = 0; i < n; i++) {
        size_t at = (size_t)i * f->items->struct_bytes;
        bool same = f->as == WIRE_PARAMS ? same_param((const void *)(x + at), (const void *)(y + at))
                                         : same_message(f->items, x + at, y + at);
        if (!same) return false;
    }
    return true;
}

static size_t width(const struct wire_field *f) {
    switch ((enum wire_as)f->as) {
    case WIRE_U32:
    case WIRE_ENUM:
    case WIRE_RAW:
    case WIRE_CODE:
    case WIRE_MAGIC: return 4;
    case WIRE_U64:
    case WIRE_US:
    case WIRE_TOKEN:
    case WIRE_UNIT: return 8;
    case WIRE_BOOL: return 1;
    case WIRE_TRUE: return 0;
    case WIRE_ID:
    case WIRE_ID_OPT:
    case WIRE_DIGEST: return f->max;
    default: P2_UNREACHABLE();
    }
}

bool same_message(const struct wire_table *t, const void *a, const void *b) {
    for (uint32_t i = 0; i < t->field_count; i++) {
        const struct wire_field *f = &t->fields[i];
        const char *x = (const char *)a + f->at, *y = (const char *)b + f->at;
        bool same = f->as == WIRE_TEXT   ? same_text(x, y)
                    : f->as >= WIRE_LIST ? same_list(f, a, b)
                                         : memcmp(x, y, width(f)) == 0;
        if (!same) return false;
    }
    return true;
}
