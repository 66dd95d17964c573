#include "cache.h"

#include "base/check.h"

bool cache_init(struct cache *k, uint32_t entries, uint64_t bytes_max, p2_ns ttl_ns, const uint64_t seed[static 2]) {
    p2_list_init(&k->used);
    p2_list_init(&k->age);
    k->bytes_max = bytes_max;
    k->ttl_ns = ttl_ns;
    return entries == 0 ||
           (p2_slab_init(&k->entries, sizeof(struct cache_entry), entries) && p2_map_init(&k->by_key, entries, seed));
}

static struct cache_entry *oldest(struct p2_list *l, bool by_age) {
    struct p2_list *first = p2_list_first(l);
    if (!first) return NULL;
    return by_age ? P2_CONTAINER_OF(first, struct cache_entry, age) : P2_CONTAINER_OF(first, struct cache_entry, used);
}

static void drop(struct cache *k, struct cache_entry *e) {
    struct p2_id half = p2_digest_half(&e->key);
    P2_CHECK(p2_map_remove(&k->by_key, &half));
    p2_list_remove(&e->used);
    p2_list_remove(&e->age);
    spool_clear(&e->result);
    k->bytes -= e->bytes;
    p2_slab_free(&k->entries, e->self);
}

void cache_deinit(struct cache *k) {
    struct cache_entry *e;
    while (k->entries.capacity && (e = oldest(&k->used, false))) drop(k, e);
    p2_slab_deinit(&k->entries);
    p2_map_deinit(&k->by_key);
}

const struct cache_entry *cache_find(struct cache *k, const struct p2_digest *key, p2_ns now) {
    if (!k->entries.capacity) return NULL;
    struct p2_id half = p2_digest_half(key);
    struct cache_entry *e = p2_slab_get(&k->entries, p2_map_get(&k->by_key, &half));
    if (!e || !p2_digest_equal(&e->key, key) || e->expires_ns <= now) return NULL;
    p2_list_remove(&e->used);
    p2_list_push_back(&k->used, &e->used);
    return e;
}

uint64_t cache_piece_bytes(const struct piece *p) { return p->slice.blob->capacity + sizeof *p; }

static uint64_t spool_bytes(const struct spool *s) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < s->count; i++) bytes += cache_piece_bytes(spool_at(s, i));
    return bytes;
}

bool cache_put(struct cache *k, const struct p2_digest *key, struct spool *result, uint64_t size, p2_ns now) {
    uint64_t bytes = spool_bytes(result);
    if (!k->entries.capacity || bytes > k->bytes_max) return false;
    struct p2_id half = p2_digest_half(key);
    struct cache_entry *e = p2_slab_get(&k->entries, p2_map_get(&k->by_key, &half));
    if (e) drop(k, e);
    while (k->entries.live == k->entries.capacity || bytes > k->bytes_max - k->bytes) {
        drop(k, oldest(&k->used, false));
        k->evicted++;
    }
    p2_handle h;
    e = p2_slab_alloc(&k->entries, &h);
    P2_CHECK(e && p2_map_put(&k->by_key, &half, h));
    e->self = h;
    e->key = *key;
    e->expires_ns = p2_ns_add(now, k->ttl_ns);
    e->result = *result;
    *result = (struct spool){.table = NULL};
    e->size = size;
    e->bytes = bytes;
    p2_list_init(&e->used);
    p2_list_init(&e->age);
    p2_list_push_back(&k->used, &e->used);
    p2_list_push_back(&k->age, &e->age);
    k->bytes += bytes;
    return true;
}

void cache_forget(struct cache *k, const struct p2_digest *key) {
    struct p2_id half = p2_digest_half(key);
    struct cache_entry *e = p2_slab_get(&k->entries, p2_map_get(&k->by_key, &half));
    if (e && p2_digest_equal(&e->key, key)) drop(k, e);
}

void cache_tick(struct cache *k, p2_ns now) {
    struct cache_entry *e;
    while ((e = oldest(&k->age, true)) && e->expires_ns <= now) drop(k, e);
}

void cache_check(const struct cache *k, uint32_t entries) {
    uint64_t bytes = 0;
    uint32_t used = 0, aged = 0;
    p2_ns before = INT64_MIN;
    P2_CHECK(k->entries.capacity == entries && k->entries.live == k->by_key.count);
    P2_LIST_EACH (it, next, &k->age) {
        const struct cache_entry *e = P2_CONTAINER_OF(it, struct cache_entry, age);
        struct p2_id half = p2_digest_half(&e->key);
        P2_CHECK(e->expires_ns >= before && p2_map_get(&k->by_key, &half) == e->self && p2_list_linked(&e->used));
        spool_check(&e->result);
        P2_CHECK(e->result.bytes == e->size && spool_bytes(&e->result) == e->bytes);
        before = e->expires_ns;
        bytes += e->bytes;
        aged++;
    }
    P2_LIST_EACH (it, next, &k->used) used++;
    P2_CHECK(used == aged && used == k->entries.live && bytes == k->bytes && bytes <= k->bytes_max);
}
