#include "base/index.h"

#include "base/hash.h"
#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define OBJECTS 2000
#define KEYS 600

static const uint64_t seed[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

// Where the keys lie. `looks` counts how often one was asked for.
struct objects {
    struct p2_id keys[OBJECTS];
    uint64_t looks;
};

static struct objects objects;

static void key_at(const void *context, uint32_t slot, struct p2_id *out) {
    struct objects *o = (struct objects *)context;
    assert_true(slot < OBJECTS);
    o->looks++;
    *out = o->keys[slot];
}

static struct p2_id key_of(uint32_t i) {
    struct p2_id id = {0}; // neighbours that differ in few bits
    memcpy(id.b, &i, sizeof i);
    id.b[9] = (uint8_t)(i >> 8);
    return id;
}

// A key that was not given out yet, with the home `home` of an index that has as many places.
static struct p2_id key_with_home(const struct p2_index *ix, uint32_t home, uint32_t *tried) {
    for (;;) {
        struct p2_id key = key_of((*tried)++);
        if ((p2_hash_id(&key, ix->seed) >> 32) * ix->places >> 32 == home) return key;
    }
}

// The model: which slot has which key, and which are in.
struct model {
    uint32_t slot_of_key[KEYS]; // P2_NO_SLOT: not in
    uint32_t count;
};

static void compare(const struct p2_index *ix, const struct model *m, const struct p2_id *keys) {
    p2_index_check(ix);
    assert_int_equal(ix->count, m->count);
    for (uint32_t k = 0; k < KEYS; k++) assert_int_equal(p2_index_get(ix, &keys[k]), m->slot_of_key[k]);
}

// Random puts and removals of `keys`, each time in a slot of its own choosing that is free.
static void play(struct p2_index *ix, struct p2_rng *r, const struct p2_id *keys, uint32_t steps) {
    struct model m = {.count = 0};
    bool used[OBJECTS] = {false};
    for (uint32_t k = 0; k < KEYS; k++) m.slot_of_key[k] = P2_NO_SLOT;
    for (uint32_t step = 1; step <= steps; step++) {
        uint32_t k = (uint32_t)p2_rng_below(r, KEYS), slot = m.slot_of_key[k];
        bool grows = step / 1000 % 2 == 0; // full and nearly empty by turns
        if (p2_rng_below(r, 8) < (grows ? 6 : 2)) {
            do {
                slot = (uint32_t)p2_rng_below(r, OBJECTS);
            } while (used[slot]);
            objects.keys[slot] = keys[k];
            bool fits = m.slot_of_key[k] == P2_NO_SLOT && m.count < ix->capacity;
            assert_int_equal(p2_index_put(ix, slot), fits);
            if (!fits) continue;
            m.slot_of_key[k] = slot;
            used[slot] = true;
            m.count++;
        } else if (slot != P2_NO_SLOT && p2_rng_below(r, 4) == 0) {
            uint32_t to = slot;
            while (used[to]) to = (uint32_t)p2_rng_below(r, OBJECTS);
            objects.keys[to] = keys[k];
            assert_true(p2_index_replace(ix, slot, to));
            assert_false(p2_index_replace(ix, slot, to));
            m.slot_of_key[k] = to;
            used[slot] = false;
            used[to] = true;
        } else if (slot != P2_NO_SLOT) {
            assert_true(p2_index_remove(ix, slot));
            assert_false(p2_index_remove(ix, slot));
            m.slot_of_key[k] = P2_NO_SLOT;
            used[slot] = false;
            m.count--;
        }
        if (step % 64 == 0) compare(ix, &m, keys);
    }
}

static void agrees_with_a_model(void **state) {
    (void)state;
    static struct p2_id keys[KEYS];
    for (uint32_t k = 0; k < KEYS; k++) keys[k] = key_of(k);
    for (uint64_t run = 0; run < 8; run++) {
        struct p2_rng r;
        p2_rng_init(&r, run);
        struct p2_index ix;
        const uint64_t own[2] = {p2_rng_next(&r), p2_rng_next(&r)};
        uint32_t capacity = 1 + (uint32_t)p2_rng_below(&r, KEYS);
        assert_true(p2_index_init(&ix, capacity, OBJECTS, own, key_at, &objects));
        assert_true(p2_index_bytes(&ix) <= 8 + capacity * (size_t)16 / 3);
        play(&ix, &r, keys, 6000);
        p2_index_deinit(&ix);
    }
}

// All keys of one home or of two neighbours, near the end of the table so that runs go over it: distances beyond what
// an entry has room for. With slots of every size, so also with no room in an entry for anything but the slot.
static void equal_hashes_are_only_slow(void **state) {
    (void)state;
    static struct p2_id keys[KEYS];
    const uint32_t ends[] = {OBJECTS, 1u << 20, 1u << 26, 1u << 28, 1u << 30, UINT32_MAX};
    for (uint32_t run = 0; run < sizeof ends / sizeof *ends; run++) {
        struct p2_rng r;
        struct p2_index ix;
        uint32_t tried = 0;
        p2_rng_init(&r, run);
        assert_true(p2_index_init(&ix, 200, ends[run], seed, key_at, &objects));
        for (uint32_t k = 0; k < KEYS; k++) keys[k] = key_with_home(&ix, ix.places - 40 + run % 2 * (k & 1), &tried);
        play(&ix, &r, keys, 2500);
        p2_index_deinit(&ix);
    }
}

// At full load an absent key costs hardly a look at an object, and one that is there hardly more than one.
static void few_objects_are_looked_at(void **state) {
    (void)state;
    struct p2_index ix;
    assert_true(p2_index_init(&ix, OBJECTS, OBJECTS, seed, key_at, &objects));
    for (uint32_t slot = 0; slot < OBJECTS; slot++) {
        objects.keys[slot] = key_of(slot);
        assert_true(p2_index_put(&ix, slot));
    }
    p2_index_check(&ix);
    objects.looks = 0;
    for (uint32_t k = 0; k < OBJECTS; k++) {
        struct p2_id absent = key_of(OBJECTS + k);
        assert_int_equal(p2_index_get(&ix, &absent), P2_NO_SLOT);
    }
    assert_true(objects.looks < OBJECTS / 20);
    objects.looks = 0;
    for (uint32_t k = 0; k < OBJECTS; k++) {
        struct p2_id there = key_of(k);
        assert_int_equal(p2_index_get(&ix, &there), k);
    }
    assert_true(objects.looks < OBJECTS + OBJECTS / 20);
    p2_index_deinit(&ix);
}

static void where_keys_go_depends_on_the_seed(void **state) {
    (void)state;
    struct p2_index ix, other;
    const uint64_t other_seed[2] = {seed[0], seed[1] ^ 1};
    assert_true(p2_index_init(&ix, OBJECTS, OBJECTS, seed, key_at, &objects));
    assert_true(p2_index_init(&other, OBJECTS, OBJECTS, other_seed, key_at, &objects));
    for (uint32_t slot = 0; slot < OBJECTS; slot++) {
        objects.keys[slot] = key_of(slot);
        assert_true(p2_index_put(&ix, slot));
        assert_true(p2_index_put(&other, slot));
    }
    uint32_t same = 0;
    for (uint32_t i = 0; i < ix.places; i++) {
        uint32_t a = ix.entries[i], b = other.entries[i];
        same += a != UINT32_MAX && b != UINT32_MAX && (a & ix.slot_mask) == (b & ix.slot_mask);
    }
    assert_true(same < 20);
    p2_index_deinit(&ix);
    p2_index_deinit(&other);
}

static void put_a_slot_beyond(void *arg) { p2_index_put(arg, 3); }

static void check_moved_key(void *arg) {
    objects.keys[0] = key_of(77); // under the index's feet
    p2_index_check(arg);
}

static void edges(void **state) {
    (void)state;
    struct p2_index ix;
    struct p2_id zero = {0};
    assert_true(p2_index_init(&ix, 0, 0, seed, key_at, &objects));
    assert_int_equal(p2_index_get(&ix, &zero), P2_NO_SLOT);
    p2_index_check(&ix);
    p2_index_deinit(&ix);
    objects.keys[0] = objects.keys[1] = zero; // a key of zeros is a key
    assert_true(p2_index_init(&ix, 1, 3, seed, key_at, &objects));
    assert_true(p2_index_put(&ix, 0));
    assert_false(p2_index_put(&ix, 1)); // there is one with this key
    assert_false(p2_index_remove(&ix, 1));
    objects.keys[1] = key_of(1);
    assert_false(p2_index_put(&ix, 1)); // full
    assert_int_equal(p2_index_get(&ix, &zero), 0);
    assert_true(t_aborts(put_a_slot_beyond, &ix));
    p2_index_check(&ix);
    assert_true(t_aborts(check_moved_key, &ix));
    assert_true(p2_index_remove(&ix, 0));
    assert_true(p2_index_put(&ix, 1));
    p2_index_deinit(&ix);
    t_alloc_reset();
    t_alloc_fail_at(1);
    assert_false(p2_index_init(&ix, 8, 8, seed, key_at, &objects));
    assert_true(t_alloc_failed());
    t_alloc_reset();
    assert_false(p2_index_init(&ix, UINT32_MAX, UINT32_MAX, seed, key_at, &objects));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(equal_hashes_are_only_slow),
        cmocka_unit_test(few_objects_are_looked_at),
        cmocka_unit_test(where_keys_go_depends_on_the_seed),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
