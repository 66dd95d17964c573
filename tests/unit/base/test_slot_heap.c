#include "base/slot_heap.h"

#include <string.h>

#include "base/list.h"
#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define ITEMS 200

struct item {
    uint64_t tie;
    struct p2_slot_heap_node node;
};

static struct item items[ITEMS];

static bool came_before(const struct p2_slot_heap_node *a, const struct p2_slot_heap_node *b) {
    return P2_CONTAINER_OF(a, struct item, node)->tie < P2_CONTAINER_OF(b, struct item, node)->tie;
}

static void begin(struct p2_slot_heap *h, uint32_t capacity) {
    memset(items, 0, sizeof items);
    const struct p2_slots s = {(unsigned char *)&items[0].node, sizeof *items};
    assert_true(p2_slot_heap_init(h, capacity, s, came_before));
}

// The model: which are in, with their keys; the least is found by looking at all.
struct model {
    bool in[ITEMS];
    int64_t key[ITEMS];
    uint32_t count;
};

static uint32_t model_least(const struct model *m) {
    uint32_t best = P2_NO_SLOT;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (!m->in[i]) continue;
        bool equal = best != P2_NO_SLOT && m->key[i] == m->key[best];
        if (best == P2_NO_SLOT || (equal ? items[i].tie < items[best].tie : m->key[i] < m->key[best])) best = i;
    }
    return best;
}

static void compare(const struct p2_slot_heap *h, const struct model *m) {
    p2_slot_heap_check(h);
    assert_int_equal(h->count, m->count);
    assert_int_equal(p2_slot_heap_peek(h), model_least(m));
    for (uint32_t i = 0; i < ITEMS; i++) {
        assert_int_equal(p2_slot_heap_in(&items[i].node), m->in[i]);
        if (m->in[i]) assert_int_equal(p2_slot_heap_key(h, i), m->key[i]);
    }
}

static uint32_t pop(struct p2_slot_heap *h) {
    uint32_t first = p2_slot_heap_peek(h);
    if (first != P2_NO_SLOT) p2_slot_heap_remove(h, first);
    return first;
}

static void random_step(struct p2_slot_heap *h, struct model *m, struct p2_rng *r, uint64_t step) {
    uint32_t i = (uint32_t)p2_rng_below(r, ITEMS);
    int64_t key = (int64_t)p2_rng_below(r, 50) - 25; // few keys, so that ties happen
    switch (p2_rng_below(r, 4)) {
    case 0:
    case 1:
        if (m->in[i]) break;
        items[i].tie = step;
        p2_slot_heap_push(h, i, key);
        m->in[i] = true;
        m->key[i] = key;
        m->count++;
        break;
    case 2:
        p2_slot_heap_remove(h, i);
        m->count -= m->in[i];
        m->in[i] = false;
        break;
    default: {
        uint32_t least = model_least(m);
        assert_int_equal(pop(h), least);
        if (least == P2_NO_SLOT) break;
        m->in[least] = false;
        m->count--;
    }
    }
}

static void agrees_with_a_model(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct p2_rng r;
        struct p2_slot_heap h;
        static struct model m;
        p2_rng_init(&r, seed);
        begin(&h, ITEMS);
        assert_int_equal(p2_slot_heap_bytes(&h), 12 * ITEMS);
        m = (struct model){.count = 0};
        for (uint64_t step = 0; step < 3000; step++) {
            random_step(&h, &m, &r, step);
            compare(&h, &m);
        }
        p2_slot_heap_deinit(&h);
    }
}

static void equal_keys_leave_in_the_owners_order(void **state) {
    (void)state;
    struct p2_slot_heap h;
    begin(&h, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++) {
        items[i].tie = ITEMS - i;
        p2_slot_heap_push(&h, i, 7);
    }
    for (uint32_t i = ITEMS; i-- > 0;) assert_int_equal(pop(&h), i);
    assert_int_equal(pop(&h), P2_NO_SLOT);
    p2_slot_heap_deinit(&h);
}

static void extreme_keys(void **state) {
    (void)state;
    struct p2_slot_heap h;
    const int64_t keys[] = {INT64_MAX, 0, INT64_MIN};
    begin(&h, 3);
    for (uint32_t i = 0; i < 3; i++) p2_slot_heap_push(&h, i, keys[i]);
    for (uint32_t i = 3; i-- > 0;) assert_int_equal(pop(&h), i);
    p2_slot_heap_deinit(&h);
}

static void push_when_full(void *arg) { p2_slot_heap_push(arg, 1, 1); }
static void push_again(void *arg) { p2_slot_heap_push(arg, 0, 1); }
static void key_of_one_that_is_out(void *arg) { p2_slot_heap_key(arg, 1); }

static void misuse_aborts(void **state) {
    (void)state;
    struct p2_slot_heap h;
    begin(&h, 1);
    p2_slot_heap_push(&h, 0, 0);
    assert_true(t_aborts(push_when_full, &h));
    assert_true(t_aborts(key_of_one_that_is_out, &h));
    h.capacity = 2; // there is room in the array's count, so only being in already is wrong
    assert_true(t_aborts(push_again, &h));
    p2_slot_heap_remove(&h, 0);
    p2_slot_heap_remove(&h, 0);
    assert_int_equal(h.count, 0);
    p2_slot_heap_deinit(&h);
}

static void short_memory(void **state) {
    (void)state;
    for (uint64_t n = 1; n <= 2; n++) {
        struct p2_slot_heap h;
        t_alloc_reset();
        t_alloc_fail_at(n);
        assert_false(p2_slot_heap_init(&h, 8, (struct p2_slots){NULL, 0}, came_before));
        assert_true(t_alloc_failed());
        p2_slot_heap_deinit(&h);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model), cmocka_unit_test(equal_keys_leave_in_the_owners_order),
        cmocka_unit_test(extreme_keys),        cmocka_unit_test(misuse_aborts),
        cmocka_unit_test(short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
