#include "base/heap.h"

#include "base/rng.h"
#include "cmocka_all.h"
#include "testlib.h"

#define NODES 200

// The model: which nodes are in, with their keys; the least is found by looking at all.
struct model {
    struct p2_heap_node nodes[NODES];
    bool in[NODES];
    int64_t key[NODES];
    uint64_t tie[NODES];
    uint32_t count;
};

static uint32_t model_least(const struct model *m) {
    uint32_t best = NODES;
    for (uint32_t i = 0; i < NODES; i++) {
        if (!m->in[i]) continue;
        if (best == NODES || m->key[i] < m->key[best] || (m->key[i] == m->key[best] && m->tie[i] < m->tie[best])) {
            best = i;
        }
    }
    return best;
}

static void check_shape(const struct p2_heap *h, const struct model *m) {
    assert_int_equal(h->count, m->count);
    for (uint32_t i = 0; i < h->count; i++) assert_int_equal(h->nodes[i]->at, i);
    for (uint32_t i = 1; i < h->count; i++) assert_true(h->nodes[(i - 1) / 2]->key <= h->nodes[i]->key);
    uint32_t least = model_least(m);
    assert_ptr_equal(p2_heap_peek(h), least == NODES ? NULL : &m->nodes[least]);
}

static void random_step(struct p2_heap *h, struct model *m, struct p2_rng *r, uint64_t step) {
    uint32_t i = (uint32_t)p2_rng_below(r, NODES);
    int64_t key = (int64_t)p2_rng_below(r, 50) - 25; // few keys, so that ties happen
    switch (p2_rng_below(r, 4)) {
    case 0:
    case 1:
        if (m->in[i]) {
            p2_heap_update(h, &m->nodes[i], key);
        } else {
            p2_heap_push(h, &m->nodes[i], key, step);
            m->tie[i] = step;
            m->in[i] = true;
            m->count++;
        }
        m->key[i] = key;
        break;
    case 2:
        p2_heap_remove(h, &m->nodes[i]);
        m->count -= m->in[i];
        m->in[i] = false;
        break;
    default: {
        uint32_t least = model_least(m);
        struct p2_heap_node *n = p2_heap_pop(h);
        assert_ptr_equal(n, least == NODES ? NULL : &m->nodes[least]);
        if (!n) break;
        m->in[least] = false;
        m->count--;
        assert_false(p2_heap_in(n));
    }
    }
}

static void agrees_with_a_model(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct p2_rng r;
        p2_rng_init(&r, seed);
        struct p2_heap h;
        assert_true(p2_heap_init(&h, NODES));
        static struct model m;
        m = (struct model){0};
        for (uint32_t i = 0; i < NODES; i++) p2_heap_node_init(&m.nodes[i]);
        for (uint64_t step = 0; step < 3000; step++) {
            random_step(&h, &m, &r, step);
            check_shape(&h, &m);
        }
        p2_heap_deinit(&h);
    }
}

static void equal_keys_leave_in_order_of_tie(void **state) {
    (void)state;
    struct p2_heap h;
    struct p2_heap_node n[64];
    assert_true(p2_heap_init(&h, 64));
    for (uint32_t i = 0; i < 64; i++) {
        p2_heap_node_init(&n[i]);
        p2_heap_push(&h, &n[i], 7, 63 - i);
    }
    for (uint32_t i = 64; i-- > 0;) assert_ptr_equal(p2_heap_pop(&h), &n[i]);
    assert_null(p2_heap_pop(&h));
    p2_heap_deinit(&h);
}

static void extreme_keys(void **state) {
    (void)state;
    struct p2_heap h;
    struct p2_heap_node n[3];
    assert_true(p2_heap_init(&h, 3));
    const int64_t keys[] = {INT64_MAX, 0, INT64_MIN};
    for (int i = 0; i < 3; i++) {
        p2_heap_node_init(&n[i]);
        p2_heap_push(&h, &n[i], keys[i], 0);
    }
    for (int i = 3; i-- > 0;) assert_ptr_equal(p2_heap_pop(&h), &n[i]);
    p2_heap_deinit(&h);
}

static void push_when_full(void *arg) {
    struct p2_heap_node extra;
    p2_heap_node_init(&extra);
    p2_heap_push(arg, &extra, 1, 1);
}

static void push_again(void *arg) {
    struct p2_heap *h = arg;
    p2_heap_push(h, h->nodes[0], 1, 1);
}

static void misuse_aborts(void **state) {
    (void)state;
    struct p2_heap h;
    struct p2_heap_node n;
    p2_heap_node_init(&n);
    assert_true(p2_heap_init(&h, 1));
    p2_heap_push(&h, &n, 0, 0);
    assert_true(t_aborts(push_when_full, &h));
    h.capacity = 2; // there is room in the array's count, so only being in already is wrong
    assert_true(t_aborts(push_again, &h));
    p2_heap_remove(&h, &n);
    p2_heap_remove(&h, &n);
    assert_int_equal(h.count, 0);
    p2_heap_deinit(&h);
}

static void short_memory(void **state) {
    (void)state;
    struct p2_heap h;
    t_alloc_reset();
    t_alloc_fail_at(1);
    assert_false(p2_heap_init(&h, 8));
    assert_true(t_alloc_failed());
    p2_heap_deinit(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model), cmocka_unit_test(equal_keys_leave_in_order_of_tie),
        cmocka_unit_test(extreme_keys),        cmocka_unit_test(misuse_aborts),
        cmocka_unit_test(short_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
