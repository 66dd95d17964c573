#include "index.h"

#include "check.h"
#include "hash.h"
#include "mem.h"

#define EMPTY UINT32_MAX
#define FAR_BITS 6u // distances at three quarters are far below 63

bool p2_index_init(struct p2_index *ix, uint32_t capacity, uint32_t slots_end, const uint64_t seed[static 2],
                   p2_index_key *key, const void *context) {
    *ix = (struct p2_index){.capacity = capacity, .seed = {seed[0], seed[1]}, .key = key, .context = context};
    uint64_t places = (uint64_t)capacity + capacity / 3 + 1; // at least one stays empty, so every search ends
    if (places > UINT32_MAX) return false;
    ix->places = (uint32_t)places;
    unsigned bits = 1; // slots are less than all ones in them: that is EMPTY
    while (bits < 32 && slots_end > (UINT32_C(1) << bits) - 1) bits++;
    unsigned far_bits = 32 - bits < FAR_BITS ? 32 - bits : FAR_BITS;
    ix->slot_bits = (uint8_t)bits;
    ix->mark_at = (uint8_t)(bits + far_bits);
    ix->slot_mask = UINT32_MAX >> (32 - bits);
    ix->far_max = (UINT32_C(1) << far_bits) - 1;
    ix->mark_mask = (uint32_t)((UINT64_C(1) << (32 - ix->mark_at)) - 1);
    ix->entries = p2_malloc(places * sizeof *ix->entries);
    for (uint64_t i = 0; ix->entries && i < places; i++) ix->entries[i] = EMPTY;
    return ix->entries != NULL;
}

void p2_index_deinit(struct p2_index *ix) {
    p2_free(ix->entries);
    *ix = (struct p2_index){.entries = NULL};
}

size_t p2_index_bytes(const struct p2_index *ix) { return ix->places * sizeof *ix->entries; }

static uint32_t next(const struct p2_index *ix, uint32_t at) { return at + 1 < ix->places ? at + 1 : 0; }

static uint32_t slot_of(const struct p2_index *ix, uint32_t entry) { return entry & ix->slot_mask; }
static uint32_t mark_of(const struct p2_index *ix, uint32_t entry) {
    return (uint32_t)((uint64_t)entry >> ix->mark_at);
}

static uint32_t written_far(const struct p2_index *ix, uint32_t entry) {
    return (uint32_t)((uint64_t)entry >> ix->slot_bits) & ix->far_max;
}

static uint32_t entry_of(const struct p2_index *ix, uint32_t slot, uint32_t far, uint32_t mark) {
    uint64_t kept = far < ix->far_max ? far : ix->far_max;
    return (uint32_t)(slot | kept << ix->slot_bits | (uint64_t)mark << ix->mark_at);
}

static uint32_t moved(const struct p2_index *ix, uint32_t entry, uint32_t far) {
    return entry_of(ix, slot_of(ix, entry), far, mark_of(ix, entry));
}

static uint32_t home_of(const struct p2_index *ix, uint64_t hash) {
    return (uint32_t)((hash >> 32) * ix->places >> 32);
}

static struct p2_id key_of(const struct p2_index *ix, uint32_t slot) {
    struct p2_id key;
    ix->key(ix->context, slot, &key);
    return key;
}

static uint32_t true_far(const struct p2_index *ix, uint32_t at) {
    struct p2_id key = key_of(ix, slot_of(ix, ix->entries[at]));
    uint32_t home = home_of(ix, p2_hash_id(&key, ix->seed));
    return at >= home ? at - home : at + (ix->places - home);
}

// Of the entry at a place. When as much is written as there is room for, it may be more.
static uint32_t far_at(const struct p2_index *ix, uint32_t at) {
    uint32_t far = written_far(ix, ix->entries[at]);
    return far < ix->far_max ? far : true_far(ix, at);
}

// What is searched for, and where the search has come to.
struct search {
    const struct p2_id *key;
    uint32_t slot; // of it; P2_NO_SLOT: whichever has the key
    uint32_t mark, at, far;
};

static struct search begin(const struct p2_index *ix, const struct p2_id *key, uint32_t slot) {
    uint64_t hash = p2_hash_id(key, ix->seed);
    return (struct search){key, slot, (uint32_t)hash & ix->mark_mask, home_of(ix, hash), 0};
}

static bool is_it(const struct p2_index *ix, const struct search *s, uint32_t entry) {
    uint32_t slot = slot_of(ix, entry);
    if (s->slot != P2_NO_SLOT) return slot == s->slot;
    struct p2_id key = key_of(ix, slot);
    return p2_id_equal(&key, s->key);
}

// True: it is at s->at. Else that is where it belongs.
static bool seek(const struct p2_index *ix, struct search *s) {
    for (;; s->at = next(ix, s->at), s->far++) {
        uint32_t entry = ix->entries[s->at];
        if (entry == EMPTY) return false;
        uint32_t far = far_at(ix, s->at);
        if (far < s->far) return false;
        if (far == s->far && mark_of(ix, entry) == s->mark && is_it(ix, s, entry)) return true;
    }
}

bool p2_index_put(struct p2_index *ix, uint32_t slot) {
    P2_CHECK(slot < ix->slot_mask);
    struct p2_id key = key_of(ix, slot);
    struct search s = begin(ix, &key, P2_NO_SLOT);
    if (seek(ix, &s) || ix->count == ix->capacity) return false;
    uint32_t entry = entry_of(ix, slot, s.far, s.mark);
    for (uint32_t at = s.at; entry != EMPTY; at = next(ix, at)) { // what follows moves on by one
        uint32_t out = ix->entries[at];
        ix->entries[at] = entry;
        entry = out == EMPTY ? EMPTY : moved(ix, out, written_far(ix, out) + 1);
    }
    ix->count++;
    return true;
}

uint32_t p2_index_get(const struct p2_index *ix, const struct p2_id *key) {
    struct search s = begin(ix, key, P2_NO_SLOT);
    return seek(ix, &s) ? slot_of(ix, ix->entries[s.at]) : P2_NO_SLOT;
}

bool p2_index_remove(struct p2_index *ix, uint32_t slot) {
    struct p2_id key = key_of(ix, slot);
    struct search s = begin(ix, &key, slot);
    if (!seek(ix, &s)) return false;
    uint32_t hole = s.at;
    for (uint32_t at = next(ix, hole); ix->entries[at] != EMPTY; at = next(ix, at)) {
        uint32_t far = far_at(ix, at);
        if (far == 0) break; // it is at home, and so what follows is not in our run
        ix->entries[hole] = moved(ix, ix->entries[at], far - 1);
        hole = at;
    }
    ix->entries[hole] = EMPTY;
    ix->count--;
    return true;
}

bool p2_index_replace(struct p2_index *ix, uint32_t from, uint32_t to) {
    P2_CHECK(to < ix->slot_mask);
    struct p2_id key = key_of(ix, from);
    struct search s = begin(ix, &key, from);
    if (!seek(ix, &s)) return false;
    ix->entries[s.at] = (ix->entries[s.at] & ~ix->slot_mask) | to;
    return true;
}

void p2_index_prefetch(const struct p2_index *ix, const struct p2_id *key) {
    __builtin_prefetch(&ix->entries[home_of(ix, p2_hash_id(key, ix->seed))]);
}

void p2_index_check(const struct p2_index *ix) {
    uint32_t count = 0, last = ix->places - 1, far_before = ix->entries[last] == EMPTY ? 0 : true_far(ix, last) + 1;
    for (uint32_t at = 0; at < ix->places; at++) {
        uint32_t entry = ix->entries[at];
        if (entry == EMPTY) {
            far_before = 0;
            continue;
        }
        uint32_t far = true_far(ix, at);
        P2_CHECK(far <= far_before && written_far(ix, entry) == (far < ix->far_max ? far : ix->far_max));
        struct p2_id key = key_of(ix, slot_of(ix, entry));
        struct search s = begin(ix, &key, P2_NO_SLOT);
        P2_CHECK(seek(ix, &s) && s.at == at);
        far_before = far + 1;
        count++;
    }
    P2_CHECK(count == ix->count && count <= ix->capacity);
}
