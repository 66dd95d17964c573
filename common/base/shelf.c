#include "shelf.h"

#include "check.h"

#define TO(s) (1u << (s))

static const uint8_t legal[P2_SHELF_STATES] = {
    [P2_SHELF_COMING] = TO(P2_SHELF_COMING) | TO(P2_SHELF_PART) | TO(P2_SHELF_HERE),
    [P2_SHELF_PART] = TO(P2_SHELF_COMING),
    [P2_SHELF_HERE] = TO(P2_SHELF_HERE) | TO(P2_SHELF_LOST) | TO(P2_SHELF_COMING),
};

bool p2_shelf_init(struct p2_shelf *s, const struct p2_shelf_limits *limits, const uint64_t seed[static 2]) {
    *s = (struct p2_shelf){.bytes_max = limits->bytes_max};
    p2_list_init(&s->idle);
    return p2_slab_init(&s->entries, limits->entry_bytes, limits->entries_max) &&
           p2_map_init(&s->by_digest, limits->entries_max, seed);
}

void p2_shelf_deinit(struct p2_shelf *s) {
    p2_slab_deinit(&s->entries);
    p2_map_deinit(&s->by_digest);
}

size_t p2_shelf_memory_bytes(const struct p2_shelf *s) {
    return p2_slab_bytes(&s->entries) + ((size_t)s->by_digest.mask + 1) * sizeof *s->by_digest.entries;
}

void *p2_shelf_get(const struct p2_shelf *s, p2_handle h) { return p2_slab_get(&s->entries, h); }

void *p2_shelf_find(const struct p2_shelf *s, const struct p2_digest *digest) {
    struct p2_id key = p2_digest_half(digest);
    struct p2_shelf_entry *e = p2_shelf_get(s, p2_map_get(&s->by_digest, &key));
    return e && p2_digest_equal(&e->digest, digest) ? e : NULL;
}

// ---- room -----------------------------------------------------------------------------------------------------------

enum p2_err p2_shelf_room(const struct p2_shelf *s, uint64_t size) {
    if (size > s->bytes_max) return P2_ERR_TOO_LARGE;
    bool place = s->entries.live < s->entries.capacity;
    if (place && size <= s->bytes_max - s->bytes) return P2_OK;
    bool enough = size <= s->bytes_max - (s->bytes - s->idle_bytes);
    return enough && (place || !p2_list_empty(&s->idle)) ? P2_ERR_AGAIN : P2_ERR_OVERLOADED;
}

void *p2_shelf_victim(const struct p2_shelf *s) {
    if (p2_list_empty(&s->idle)) return NULL;
    return P2_CONTAINER_OF(s->idle.next, struct p2_shelf_entry, idle);
}

static bool is_idle(const struct p2_shelf_entry *e) {
    return e->pins == 0 && (e->state == P2_SHELF_PART || e->state == P2_SHELF_HERE);
}

// After any change of pins or state. What became idle just now is the last to go.
static void settle(struct p2_shelf *s, struct p2_shelf_entry *e) {
    if (is_idle(e) == p2_list_linked(&e->idle)) return;
    if (is_idle(e)) {
        p2_list_push_back(&s->idle, &e->idle);
        s->idle_bytes += e->size;
    } else {
        p2_list_remove(&e->idle);
        s->idle_bytes -= e->size;
    }
}

// ---- life -----------------------------------------------------------------------------------------------------------

void *p2_shelf_add(struct p2_shelf *s, const struct p2_digest *digest, uint64_t size, enum p2_shelf_state state) {
    P2_CHECK(p2_shelf_room(s, size) == P2_OK && state != P2_SHELF_LOST);
    struct p2_id key = p2_digest_half(digest);
    if (p2_map_get(&s->by_digest, &key) != P2_NO_HANDLE) return NULL;
    p2_handle h;
    struct p2_shelf_entry *e = p2_slab_alloc(&s->entries, &h);
    e->self = h;
    e->digest = *digest;
    e->size = size;
    e->state = state;
    p2_list_init(&e->idle);
    P2_CHECK(p2_map_put(&s->by_digest, &key, h));
    s->bytes += size;
    settle(s, e);
    return e;
}

static void forget(struct p2_shelf *s, struct p2_shelf_entry *e) {
    struct p2_id key = p2_digest_half(&e->digest);
    P2_CHECK(p2_map_remove(&s->by_digest, &key));
    s->bytes -= e->size;
}

void p2_shelf_remove(struct p2_shelf *s, struct p2_shelf_entry *e) {
    P2_CHECK(e->pins == 0);
    if (p2_list_linked(&e->idle)) s->idle_bytes -= e->size;
    p2_list_remove(&e->idle);
    if (e->state != P2_SHELF_LOST) forget(s, e);
    p2_slab_free(&s->entries, e->self);
}

void p2_shelf_move(struct p2_shelf *s, struct p2_shelf_entry *e, enum p2_shelf_state state) {
    P2_CHECK(legal[e->state] & TO(state));
    if (state == P2_SHELF_LOST) {
        if (p2_list_linked(&e->idle)) s->idle_bytes -= e->size;
        p2_list_remove(&e->idle);
        forget(s, e);
    }
    e->state = state;
    settle(s, e);
}

void p2_shelf_resize(struct p2_shelf *s, struct p2_shelf_entry *e, uint64_t size) {
    P2_CHECK(e->state == P2_SHELF_COMING && size <= s->bytes_max - (s->bytes - e->size));
    s->bytes = s->bytes - e->size + size;
    e->size = size;
}

void p2_shelf_pin(struct p2_shelf *s, struct p2_shelf_entry *e) {
    e->pins++;
    settle(s, e);
}

bool p2_shelf_unpin(struct p2_shelf *s, struct p2_shelf_entry *e) {
    P2_CHECK(e->pins > 0);
    e->pins--;
    settle(s, e);
    return e->pins == 0 && e->state == P2_SHELF_LOST;
}

// ---- invariants -----------------------------------------------------------------------------------------------------

void p2_shelf_check(const struct p2_shelf *s) {
    uint64_t bytes = 0, idle_bytes = 0;
    uint32_t known = 0, idle = 0, listed = 0;
    for (uint32_t i = 0; i < s->entries.capacity; i++) {
        p2_handle h;
        const struct p2_shelf_entry *e = p2_slab_at(&s->entries, i, &h);
        if (!e) continue;
        P2_CHECK(e->self == h && p2_list_linked(&e->idle) == is_idle(e));
        P2_CHECK(e->state != P2_SHELF_LOST || e->pins > 0);
        P2_CHECK((p2_shelf_find(s, &e->digest) == e) == (e->state != P2_SHELF_LOST));
        if (e->state == P2_SHELF_LOST) continue;
        known++;
        bytes += e->size;
        idle += is_idle(e);
        if (is_idle(e)) idle_bytes += e->size;
    }
    P2_LIST_EACH (it, next, &s->idle) listed++;
    P2_CHECK(known == s->by_digest.count && idle == listed);
    P2_CHECK(bytes == s->bytes && idle_bytes == s->idle_bytes && bytes <= s->bytes_max);
}
