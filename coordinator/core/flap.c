#include "flap.h"

#include <stdlib.h>

#include "base/canary.h"
#include "base/check.h"

bool flap_init(struct flap *f, uint32_t capacity, const uint64_t seed[static 2]) {
    *f = (struct flap){.capacity = capacity, .all = calloc(capacity, sizeof *f->all)};
    p2_list_init(&f->recent);
    return f->all && p2_map_init(&f->by_instance, capacity, seed);
}

void flap_deinit(struct flap *f) {
    p2_map_deinit(&f->by_instance);
    free(f->all);
    f->all = NULL;
}

size_t flap_bytes(const struct flap *f) {
    return f->capacity * sizeof *f->all + ((size_t)f->by_instance.mask + 1) * sizeof *f->by_instance.entries;
}

// A row never used, or that of who joined longest ago.
static struct flapper *take_row(struct flap *f) {
    if (f->used < f->capacity) return &f->all[f->used++];
    struct flapper *oldest = P2_CONTAINER_OF(p2_list_first(&f->recent), struct flapper, recent);
    P2_CHECK(p2_map_remove(&f->by_instance, &oldest->instance));
    p2_list_remove(&oldest->recent);
    return oldest;
}

static struct flapper *find(struct flap *f, const struct p2_id *instance) {
    p2_handle h = p2_map_get(&f->by_instance, instance); // index + 1
    struct flapper *row = h ? &f->all[h - 1] : take_row(f);
    if (h) {
        p2_list_remove(&row->recent);
    } else {
        *row = (struct flapper){.instance = *instance};
        p2_list_init(&row->recent);
        P2_CHECK(p2_map_put(&f->by_instance, instance, (p2_handle)(row - f->all) + 1));
    }
    p2_list_push_back(&f->recent, &row->recent);
    return row;
}

p2_ns flap_joined(struct flap *f, const struct p2_id *instance, p2_ns now) {
    if (p2_id_is_zero(instance)) return now;
    struct flapper *row = find(f, instance);
    p2_ns *oldest = &row->joined_ns[row->joins % FLAP_JOINS];
    bool often = row->joins >= FLAP_JOINS && now - *oldest < FLAP_SPAN_NS;
    *oldest = now;
    row->joins++;
    if (P2_CANARY(flap_ignored)) often = false;
    if (often) {
        bool again = row->backoff_ns && now - row->until_ns < FLAP_BACKOFF_NS_MAX;
        row->backoff_ns = again ? p2_ns_min(2 * row->backoff_ns, FLAP_BACKOFF_NS_MAX) : FLAP_BACKOFF_NS;
        row->until_ns = p2_ns_max(row->until_ns, p2_ns_add(now, row->backoff_ns));
    }
    return p2_ns_max(now, row->until_ns);
}

void flap_check(const struct flap *f) {
    uint32_t listed = 0;
    P2_LIST_EACH (it, next, &f->recent) {
        const struct flapper *row = P2_CONTAINER_OF(it, struct flapper, recent);
        P2_CHECK(p2_map_get(&f->by_instance, &row->instance) == (p2_handle)(row - f->all) + 1);
        listed++;
    }
    P2_CHECK(listed == f->used && listed == f->by_instance.count && f->used <= f->capacity);
}
