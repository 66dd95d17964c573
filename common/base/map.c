#include "map.h"

#include "check.h"
#include "hash.h"
#include "mem.h"

static uint32_t home_of(const struct p2_map *m, const struct p2_id *key) {
    return (uint32_t)p2_hash_id(key, m->seed) & m->mask;
}

bool p2_map_init(struct p2_map *m, uint32_t capacity, const uint64_t seed[static 2]) {
    *m = (struct p2_map){.capacity = capacity, .seed = {seed[0], seed[1]}};
    uint64_t places = 2; // at least one stays empty, so every search ends
    while (places < 2 * (uint64_t)capacity) places *= 2;
    if (places > UINT32_MAX) return false;
    m->mask = (uint32_t)places - 1;
    m->entries = p2_calloc(places, sizeof *m->entries);
    return m->entries != NULL;
}

void p2_map_deinit(struct p2_map *m) {
    p2_free(m->entries);
    *m = (struct p2_map){0};
}

// The key's place when present, else the empty place where it would go.
static uint32_t find(const struct p2_map *m, const struct p2_id *key) {
    uint32_t at = home_of(m, key);
    while (m->entries[at].value != P2_NO_HANDLE && !p2_id_equal(&m->entries[at].key, key)) at = (at + 1) & m->mask;
    return at;
}

bool p2_map_put(struct p2_map *m, const struct p2_id *key, p2_handle value) {
    P2_CHECK(value != P2_NO_HANDLE);
    uint32_t at = find(m, key);
    if (m->entries[at].value != P2_NO_HANDLE || m->count == m->capacity) return false;
    m->entries[at] = (struct p2_map_entry){*key, value};
    m->count++;
    return true;
}

p2_handle p2_map_get(const struct p2_map *m, const struct p2_id *key) { return m->entries[find(m, key)].value; }

bool p2_map_remove(struct p2_map *m, const struct p2_id *key) {
    uint32_t hole = find(m, key);
    if (m->entries[hole].value == P2_NO_HANDLE) return false;
    // Later entries of the run move back into the hole when that is not before their home, so no tombstone is needed.
    for (uint32_t at = (hole + 1) & m->mask; m->entries[at].value != P2_NO_HANDLE; at = (at + 1) & m->mask) {
        uint32_t distance = (at - home_of(m, &m->entries[at].key)) & m->mask;
        if (distance >= ((at - hole) & m->mask)) {
            m->entries[hole] = m->entries[at];
            hole = at;
        }
    }
    m->entries[hole] = (struct p2_map_entry){.value = P2_NO_HANDLE};
    m->count--;
    return true;
}
