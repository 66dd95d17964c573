#include "slot_heap.h"

#include "check.h"
#include "mem.h"

#define CHILDREN 4u

bool p2_slot_heap_init(struct p2_slot_heap *h, uint32_t capacity, struct p2_slots nodes, p2_slot_heap_tie *tie) {
    *h = (struct p2_slot_heap){.capacity = capacity, .nodes = nodes, .tie = tie};
    size_t places = capacity ? capacity : 1;
    h->keys = p2_calloc(places, sizeof *h->keys);
    h->slots = p2_calloc(places, sizeof *h->slots);
    if (h->keys && h->slots) return true;
    p2_slot_heap_deinit(h);
    return false;
}

void p2_slot_heap_deinit(struct p2_slot_heap *h) {
    p2_free(h->keys);
    p2_free(h->slots);
    *h = (struct p2_slot_heap){.keys = NULL};
}

size_t p2_slot_heap_bytes(const struct p2_slot_heap *h) { return h->capacity * (sizeof *h->keys + sizeof *h->slots); }

static struct p2_slot_heap_node *node(const struct p2_slot_heap *h, uint32_t slot) {
    return (struct p2_slot_heap_node *)p2_slots_at(&h->nodes, slot);
}

// What is on its way to a place.
struct item {
    int64_t key;
    uint32_t slot;
};

static struct item item_at(const struct p2_slot_heap *h, uint32_t at) {
    return (struct item){h->keys[at], h->slots[at]};
}

static bool before(const struct p2_slot_heap *h, struct item a, struct item b) {
    return a.key != b.key ? a.key < b.key : h->tie(node(h, a.slot), node(h, b.slot));
}

static void place(struct p2_slot_heap *h, struct item it, uint32_t at) {
    h->keys[at] = it.key;
    h->slots[at] = it.slot;
    node(h, it.slot)->at = at + 1;
}

static void sift_up(struct p2_slot_heap *h, struct item it, uint32_t at) {
    while (at > 0) {
        uint32_t parent = (at - 1) / CHILDREN;
        struct item above = item_at(h, parent);
        if (!before(h, it, above)) break;
        place(h, above, at);
        at = parent;
    }
    place(h, it, at);
}

static void sift_down(struct p2_slot_heap *h, struct item it, uint32_t at) {
    for (;;) {
        uint64_t child = CHILDREN * (uint64_t)at + 1; // 64 bits: it must not wrap
        if (child >= h->count) break;
        uint32_t end = child + CHILDREN < h->count ? (uint32_t)child + CHILDREN : h->count;
        uint32_t best = (uint32_t)child;
        struct item least = item_at(h, best);
        for (uint32_t i = best + 1; i < end; i++) {
            if (h->keys[i] > least.key) continue;
            struct item other = item_at(h, i);
            if (!before(h, other, least)) continue;
            least = other;
            best = i;
        }
        if (!before(h, least, it)) break;
        place(h, least, at);
        at = best;
    }
    place(h, it, at);
}

// Puts it where it belongs, given that everything but the place `at` is in order.
static void settle(struct p2_slot_heap *h, struct item it, uint32_t at) {
    if (at > 0 && before(h, it, item_at(h, (at - 1) / CHILDREN)))
        sift_up(h, it, at);
    else
        sift_down(h, it, at);
}

static uint32_t place_of(const struct p2_slot_heap *h, uint32_t slot) {
    uint32_t at = node(h, slot)->at - 1;
    P2_CHECK(at < h->count && h->slots[at] == slot);
    return at;
}

void p2_slot_heap_push(struct p2_slot_heap *h, uint32_t slot, int64_t key) {
    P2_CHECK(!p2_slot_heap_in(node(h, slot)));
    P2_CHECK(h->count < h->capacity);
    sift_up(h, (struct item){key, slot}, h->count++);
}

uint32_t p2_slot_heap_peek(const struct p2_slot_heap *h) { return h->count ? h->slots[0] : P2_NO_SLOT; }

int64_t p2_slot_heap_key(const struct p2_slot_heap *h, uint32_t slot) { return h->keys[place_of(h, slot)]; }

void p2_slot_heap_remove(struct p2_slot_heap *h, uint32_t slot) {
    if (!p2_slot_heap_in(node(h, slot))) return;
    uint32_t at = place_of(h, slot);
    h->count--;
    if (at != h->count) settle(h, item_at(h, h->count), at);
    node(h, slot)->at = 0;
}

void p2_slot_heap_check(const struct p2_slot_heap *h) {
    P2_CHECK(h->count <= h->capacity);
    for (uint32_t i = 0; i < h->count; i++) {
        P2_CHECK(node(h, h->slots[i])->at == i + 1);
        P2_CHECK(i == 0 || before(h, item_at(h, (i - 1) / CHILDREN), item_at(h, i)));
    }
}
