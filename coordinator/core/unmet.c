#include "unmet.h"

#include "coordinator/core/state.h"

struct unmet_row unmet_of(const struct coord *c, uint32_t type, const struct p2_task_cost *cost) {
    const struct pick_index *x = &c->types[type].pick;
    struct unmet_row row = {.type = type, .version = c->types[type].type->version};
    if (pick_capable(x, cost->device_kinds, cost->device_bytes)) return row;
    if (!x->offers) {
        row.missing = P2_MISSING_TYPE;
    } else if (!pick_memory_max(x, cost->device_kinds)) {
        row.missing = P2_MISSING_KIND;
        row.kinds = cost->device_kinds;
    } else {
        row.missing = P2_MISSING_MEMORY;
        row.memory_bytes = 1;
        while (row.memory_bytes < cost->device_bytes && row.memory_bytes <= UINT64_MAX / 2) row.memory_bytes <<= 1;
    }
    return row;
}

const char *unmet_sentence(struct coord *c, const struct unmet_row *what, uint64_t device_bytes) {
    const char *name = c->types[what->type].type->name;
    switch (what->missing) {
    case P2_MISSING_KIND:
        return p2_arena_printf(&c->out->texts, "no peer offers %s on a device of the kind it needs", name);
    case P2_MISSING_MEMORY:
        return p2_arena_printf(&c->out->texts, "no peer offers %s with %llu bytes of device memory", name,
                               (unsigned long long)device_bytes);
    default: return p2_arena_printf(&c->out->texts, "no peer offers %s version %u", name, (unsigned)what->version);
    }
}

static bool same(const struct unmet_row *a, const struct unmet_row *b) {
    return a->type == b->type && a->version == b->version && a->missing == b->missing &&
           a->memory_bytes == b->memory_bytes && a->kinds == b->kinds;
}

static struct unmet_row *row_for(struct coord *c, const struct unmet_row *what) {
    struct unmet *u = &c->unmet;
    struct unmet_row *oldest = &u->rows[0];
    for (uint32_t i = 0; i < u->count; i++) {
        if (same(&u->rows[i], what)) return &u->rows[i];
        if (u->rows[i].last_ns < oldest->last_ns) oldest = &u->rows[i];
    }
    struct unmet_row *row = u->count < P2_UNMET_MAX ? &u->rows[u->count++] : oldest;
    u->forgotten += row->count;
    *row = *what;
    row->count = 0;
    return row;
}

void unmet_add(struct coord *c, const struct unmet_row *what) {
    if (what->missing == P2_MISSING_NONE) return;
    struct unmet_row *row = row_for(c, what);
    row->count++;
    row->last_ns = c->now;
    c->unmet.total++;
}

uint32_t unmet_list(const struct coord *c, struct p2_msg_unmet out[P2_UNMET_MAX]) {
    const struct unmet_row *sorted[P2_UNMET_MAX];
    for (uint32_t n = 0; n < c->unmet.count; n++) {
        uint32_t at = n;
        for (; at > 0 && sorted[at - 1]->last_ns < c->unmet.rows[n].last_ns; at--) sorted[at] = sorted[at - 1];
        sorted[at] = &c->unmet.rows[n];
    }
    for (uint32_t i = 0; i < c->unmet.count; i++) {
        const struct unmet_row *r = sorted[i];
        out[i] = (struct p2_msg_unmet){.type = p2_str(c->types[r->type].type->name),
                                       .version = r->version,
                                       .missing = r->missing,
                                       .memory_bytes = r->memory_bytes,
                                       .kinds = r->kinds,
                                       .count = r->count,
                                       .last_ns = c->now - r->last_ns};
    }
    return c->unmet.count;
}

void unmet_check(const struct coord *c) {
    const struct unmet *u = &c->unmet;
    uint64_t sum = u->forgotten;
    P2_CHECK(u->count <= P2_UNMET_MAX);
    for (uint32_t i = 0; i < u->count; i++) {
        const struct unmet_row *r = &u->rows[i];
        P2_CHECK(r->type < c->type_count && r->missing != P2_MISSING_NONE && r->count > 0 && r->last_ns <= c->now);
        for (uint32_t k = 0; k < i; k++) P2_CHECK(!same(r, &u->rows[k]));
        sum += r->count;
    }
    P2_CHECK(sum == u->total);
}
