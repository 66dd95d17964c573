#include "base/slot_list.h"

#include <string.h>

#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define ITEMS 40
#define LISTS 3

struct item {
    uint64_t other;
    struct p2_slot_node node;
};

static struct item items[ITEMS];

static struct p2_slots slots_of_items(void) {
    return (struct p2_slots){(unsigned char *)&items[0].node, sizeof *items};
}

// The model: each list as an array in order.
struct model {
    uint32_t order[ITEMS], count;
};

static void insert(struct model *m, uint32_t at, uint32_t slot) {
    memmove(&m->order[at + 1], &m->order[at], (m->count - at) * sizeof *m->order);
    m->order[at] = slot;
    m->count++;
}

static bool take_out(struct model *m, uint32_t slot) {
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->order[i] != slot) continue;
        m->count--;
        memmove(&m->order[i], &m->order[i + 1], (m->count - i) * sizeof *m->order);
        return true;
    }
    return false;
}

static void compare(const struct p2_slots *s, const struct p2_slot_list *l, const struct model *m) {
    uint32_t at = 0;
    assert_int_equal(p2_slot_list_check(s, l), m->count);
    assert_int_equal(p2_slot_list_empty(l), m->count == 0);
    assert_int_equal(p2_slot_list_first(l), m->count ? m->order[0] : P2_NO_SLOT);
    assert_int_equal(p2_slot_list_last(l), m->count ? m->order[m->count - 1] : P2_NO_SLOT);
    P2_SLOT_LIST_EACH (slot, next, s, l) assert_int_equal(slot, m->order[at++]);
    assert_int_equal(at, m->count);
}

static void agrees_with_arrays(void **state) {
    (void)state;
    const struct p2_slots s = slots_of_items();
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct p2_slot_list lists[LISTS] = {{0, 0}};
        static struct model models[LISTS];
        struct p2_rng r;
        p2_rng_init(&r, seed);
        memset(items, 0, sizeof items);
        memset(models, 0, sizeof models);
        for (unsigned step = 0; step < 4000; step++) {
            uint32_t slot = (uint32_t)p2_rng_below(&r, ITEMS), to = (uint32_t)p2_rng_below(&r, LISTS), in = LISTS;
            for (uint32_t i = 0; i < LISTS; i++) {
                if (take_out(&models[i], slot)) in = i;
            }
            assert_int_equal(p2_slot_list_linked(&items[slot].node), in < LISTS);
            p2_slot_list_remove(&s, &lists[in < LISTS ? in : 0], slot); // harmless when in none
            assert_false(p2_slot_list_linked(&items[slot].node));
            switch (p2_rng_below(&r, 3)) {
            case 0:
                p2_slot_list_push_back(&s, &lists[to], slot);
                insert(&models[to], models[to].count, slot);
                break;
            case 1:
                p2_slot_list_push_front(&s, &lists[to], slot);
                insert(&models[to], 0, slot);
                break;
            default: break;
            }
            for (uint32_t i = 0; i < LISTS; i++) compare(&s, &lists[i], &models[i]);
        }
    }
}

static void a_walk_survives_removal(void **state) {
    (void)state;
    struct p2_slab slab;
    assert_true(p2_slab_init(&slab, sizeof(struct item), ITEMS));
    const struct p2_slots s = p2_slots_of(&slab, offsetof(struct item, node));
    struct p2_slot_list l = {0, 0};
    for (uint32_t i = 0; i < ITEMS; i++) {
        p2_handle h;
        struct item *it = p2_slab_alloc(&slab, &h);
        assert_ptr_equal(&it->node, p2_slots_at(&s, (uint32_t)h));
        p2_slot_list_push_back(&s, &l, (uint32_t)h);
    }
    uint32_t met = 0;
    P2_SLOT_LIST_EACH (slot, next, &s, &l) {
        if (met++ % 3) p2_slot_list_remove(&s, &l, slot);
    }
    assert_int_equal(met, ITEMS);
    assert_int_equal(p2_slot_list_check(&s, &l), (ITEMS + 2) / 3);
    uint32_t back = 0;
    for (uint32_t at = p2_slot_list_last(&l); at != P2_NO_SLOT; at = p2_slot_list_before(&s, at)) back++;
    assert_int_equal(back, (ITEMS + 2) / 3);
    P2_SLOT_LIST_EACH (slot, next, &s, &l) p2_slot_list_remove(&s, &l, slot);
    assert_true(p2_slot_list_empty(&l));
    p2_slab_deinit(&slab);
}

static void push_twice(void *arg) {
    const struct p2_slots s = slots_of_items();
    p2_slot_list_push_back(&s, arg, 1);
}

static void push_front_twice(void *arg) {
    const struct p2_slots s = slots_of_items();
    p2_slot_list_push_front(&s, arg, 1);
}

static void remove_from_another(void *arg) {
    const struct p2_slots s = slots_of_items();
    struct p2_slot_list other = {0, 0};
    (void)arg;
    p2_slot_list_remove(&s, &other, 1);
}

static void misuse_aborts(void **state) {
    (void)state;
    const struct p2_slots s = slots_of_items();
    struct p2_slot_list l = {0, 0};
    memset(items, 0, sizeof items);
    p2_slot_list_push_back(&s, &l, 1);
    assert_true(t_aborts(push_twice, &l));
    assert_true(t_aborts(push_front_twice, &l));
    assert_true(t_aborts(remove_from_another, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_arrays),
        cmocka_unit_test(a_walk_survives_removal),
        cmocka_unit_test(misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
