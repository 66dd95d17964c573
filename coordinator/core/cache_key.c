#include "cache_key.h"

#include <string.h>

#include "base/canary.h"

#define WHY_BYTES 256

struct writer {
    uint8_t *out;
    size_t size, capacity;
    bool full;
};

static void put(struct writer *w, const void *bytes, size_t n) {
    if (w->full || n > w->capacity - w->size) {
        w->full = true;
        return;
    }
    if (n) memcpy(w->out + w->size, bytes, n);
    w->size += n;
}

// Little-endian whatever the machine is.
static void put_number(struct writer *w, uint64_t value, unsigned bytes) {
    uint8_t b[8];
    for (unsigned i = 0; i < bytes; i++) b[i] = (uint8_t)(value >> 8 * i);
    put(w, b, bytes);
}

static void put_real(struct writer *w, double value) {
    if (value == 0) value = 0; // -0.0 is the same number
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_number(w, bits, 8);
}

static bool holds_reals(enum p2_param_kind k) { return k == P2_PARAM_REAL || k == P2_PARAM_REALS; }

// The kind a value counts as: what the table says, as long as both are numbers; then 1 and 1.0 are the same.
static enum p2_param_kind kind_of(const struct p2_param *p, const struct p2_param_spec *spec) {
    if (!spec || p->kind == P2_PARAM_TEXT || spec->kind == P2_PARAM_TEXT) return p->kind;
    if (!holds_reals(p->kind)) return spec->kind;
    for (uint32_t i = 0; i < p->count && !holds_reals(spec->kind); i++) {
        double v = p->value.reals[i];
        if (!(v > -9e18 && v < 9e18) || (double)(int64_t)v != v) return p->kind; // not a whole number
    }
    return spec->kind;
}

static void put_param(struct writer *w, const struct p2_param *p, const struct p2_param_spec *spec) {
    enum p2_param_kind kind = kind_of(p, spec);
    put_number(w, p->name.n, 1);
    put(w, p->name.p, p->name.n);
    put_number(w, (uint64_t)kind, 1);
    if (kind == P2_PARAM_TEXT) {
        put_number(w, p->value.text.n, 2);
        put(w, p->value.text.p, p->value.text.n);
        return;
    }
    put_number(w, p->count, 1);
    for (uint32_t i = 0; i < p->count; i++) {
        bool real = holds_reals(p->kind);
        if (holds_reals(kind))
            put_real(w, real ? p->value.reals[i] : (double)p->value.ints[i]);
        else
            put_number(w, (uint64_t)(real ? (int64_t)p->value.reals[i] : p->value.ints[i]), 8);
    }
}

static int compare(struct p2_str a, struct p2_str b) {
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

struct named {
    const struct p2_param *param;
    const struct p2_param_spec *spec;
};

static const struct p2_param_spec *find_spec(const struct p2_param_spec *table, struct p2_str name) {
    for (; table && table->name; table++) {
        if (p2_str_is(name, table->name)) return table;
    }
    return NULL;
}

static void insert(struct named *sorted, uint32_t *count, struct named n) {
    uint32_t at = (*count)++;
    for (; at > 0 && compare(n.param->name, sorted[at - 1].param->name) < 0; at--) sorted[at] = sorted[at - 1];
    sorted[at] = n;
}

size_t cache_key_head(const struct p2_task_type *type, const struct p2_params *params, const struct p2_id *scope,
                      uint8_t *out, size_t capacity) {
    struct named sorted[2 * P2_PARAMS_MAX];
    struct p2_param defaults[P2_PARAMS_MAX];
    uint32_t count = 0, filled = 0;
    char storage[WHY_BYTES];
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, sizeof storage);
    if (params->count > P2_PARAMS_MAX) return 0;
    for (uint32_t i = 0; i < params->count; i++) {
        const struct p2_param *p = &params->items[i];
        insert(sorted, &count, (struct named){p, find_spec(type->params, p->name)});
    }
    for (const struct p2_param_spec *spec = type->params; spec && spec->name; spec++) {
        if (!spec->fallback || p2_params_find(params, spec->name)) continue;
        if (filled == P2_PARAMS_MAX || p2_param_parse(spec, spec->fallback, &defaults[filled], &why) != P2_OK) return 0;
        defaults[filled].name = p2_str(spec->name);
        insert(sorted, &count, (struct named){&defaults[filled++], spec});
    }
    struct writer w = {.out = out, .capacity = capacity};
    size_t name = strlen(type->name);
    put_number(&w, name, 1);
    put(&w, type->name, name);
    put_number(&w, type->version, 4);
    put(&w, scope->b, sizeof scope->b);
    put_number(&w, count, 1);
    for (uint32_t i = 0; i < count && !P2_CANARY(cache_by_payload); i++) put_param(&w, sorted[i].param, sorted[i].spec);
    return w.full ? 0 : w.size;
}
