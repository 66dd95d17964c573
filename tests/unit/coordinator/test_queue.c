#include "rig.h"

static struct task tasks[8];

static struct task *make(unsigned i, enum p2_class class_, uint64_t arrival) {
    struct task *t = &tasks[i];
    *t = (struct task){.class_ = class_, .arrival = arrival};
    p2_heap_node_init(&t->queued);
    p2_list_init(&t->stranded);
    return t;
}

static void test_class_then_arrival(void **state) {
    (void)state;
    struct queue q;
    assert_true(queue_init(&q, 8));
    struct task *late = make(0, P2_CLASS_REALTIME, 9), *batch = make(1, P2_CLASS_BATCH, 1);
    struct task *early = make(2, P2_CLASS_REALTIME, 4), *back = make(3, P2_CLASS_BACKGROUND, 0);
    queue_push(&q, late);
    queue_push(&q, batch);
    queue_push(&q, early);
    queue_push(&q, back);
    assert_int_equal(queue_ahead(&q, late), 1);
    assert_int_equal(queue_ahead(&q, back), 3);
    struct task *const order[] = {early, late, batch, back};
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(queue_first(&q), order[i]);
        queue_remove(&q, order[i]);
    }
    assert_null(queue_first(&q));
    queue_deinit(&q);
}

static void test_stranded_ones_count_but_do_not_wait(void **state) {
    (void)state;
    struct queue q;
    assert_true(queue_init(&q, 8));
    struct task *a = make(0, P2_CLASS_REALTIME, 1), *b = make(1, P2_CLASS_REALTIME, 2);
    queue_push(&q, a);
    queue_push(&q, b);
    queue_strand(&q, a, 50);
    assert_ptr_equal(queue_first(&q), b);
    assert_ptr_equal(queue_first_stranded(&q), a);
    assert_int_equal(queue_size(&q), 2);
    queue_rescue(&q, UINT64_MAX);
    assert_ptr_equal(queue_first(&q), a); // its place by arrival is its own
    assert_null(queue_first_stranded(&q));
    queue_strand(&q, b, 60);
    queue_remove(&q, b);
    queue_remove(&q, a);
    assert_int_equal(queue_size(&q), 0);
    queue_deinit(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_class_then_arrival),
        cmocka_unit_test(test_stranded_ones_count_but_do_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
