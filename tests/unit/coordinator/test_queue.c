// The order inside a class, alone and against a model that looks at everything.
#include <string.h>

#include "base/rng.h"
#include "coordinator/core/share.h"
#include "rig.h"

#define TASKS 64
#define CLIENTS 5
#define TYPES 2

static struct p2_slab slab;
static struct task *tasks; // in it, taken for good
static struct account all_accounts[CLIENTS * P2_CLASSES];
static struct flow flows[CLIENTS][TYPES]; // all of one class
static struct queue queues[TYPES];
static p2_ns class_clock;

static struct account *account(unsigned client) { return &all_accounts[client * P2_CLASSES + P2_CLASS_BATCH]; }

static int setup(void **state) {
    class_clock = 0;
    for (unsigned t = 0; t < TYPES; t++) queue_init(&queues[t], &slab, all_accounts);
    for (unsigned i = 0; i < CLIENTS; i++) {
        *account(i) = (struct account){.clock = &class_clock, .flows = flows[i], .flow_count = TYPES, .weight = 1};
        for (unsigned t = 0; t < TYPES; t++) {
            flows[i][t] = (struct flow){.queue = &queues[t], .account = account(i), .class_ = P2_CLASS_BATCH};
        }
    }
    (void)state;
    return 0;
}

static struct task *make(unsigned i, unsigned client, unsigned type, p2_ns deadline_ns) {
    struct task *t = &tasks[i];
    *t = (struct task){
        .class_ = P2_CLASS_BATCH, .type = (uint8_t)type, .client = client, .arrival = i, .deadline_ns = deadline_ns};
    return t;
}

static struct task *push(unsigned i, unsigned client, unsigned type, p2_ns deadline_ns) {
    struct task *t = make(i, client, type, deadline_ns);
    queue_push(&queues[type], t);
    return t;
}

static struct task *first(unsigned type) {
    struct flow *f = queue_turn(&queues[type], P2_CLASS_BATCH, false);
    return f ? flow_first(f) : NULL;
}

static void test_earliest_deadline_then_arrival(void **state) {
    (void)state;
    struct task *c = push(0, 0, 0, 300), *b = push(1, 0, 0, 200), *b2 = push(2, 0, 0, 200), *a = push(3, 1, 0, 100);
    assert_int_equal(queues[0].count[P2_CLASS_BATCH], 4);
    assert_int_equal(queues[0].flows[P2_CLASS_BATCH], 2);
    assert_int_equal(flows[0][0].last_deadline_ns, 300);
    struct task *const order[] = {a, b, b2, c};
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(first(0), order[i]);
        queue_remove(&queues[0], order[i]);
    }
    assert_null(first(0));
}

static void test_beyond_a_quantum_who_has_had_less(void **state) {
    (void)state;
    struct task *greedy = push(0, 0, 0, 100), *modest = push(1, 1, 0, 900);
    assert_ptr_equal(first(0), greedy);
    account_charge(account(0), FLOW_QUANTUM_NS - 1);
    assert_ptr_equal(first(0), greedy); // still the same quantum: the earlier deadline
    account_charge(account(0), 1);
    assert_ptr_equal(first(0), modest);
    push(2, 0, 1, 50); // what it has had counts in all types
    push(3, 1, 1, 950);
    assert_ptr_equal(first(1), &tasks[3]);
}

static void test_weights(void **state) {
    (void)state;
    account(0)->weight = 3;
    unsigned served[2] = {0, 0};
    push(0, 0, 0, 100);
    push(1, 1, 0, 100);
    for (unsigned i = 0; i < 400; i++) { // both always have something to do
        unsigned who = first(0) == &tasks[0] ? 0 : 1;
        served[who]++;
        account_charge(account(who), FLOW_QUANTUM_NS);
    }
    assert_in_range(served[0], 297, 303);
}

static void test_unused_share_is_not_saved_up(void **state) {
    (void)state;
    push(0, 0, 0, 100);
    for (unsigned i = 0; i < 50; i++) account_charge(account(0), P2_SEC);
    push(1, 1, 0, 900); // comes now: behind by nothing
    assert_true(account(1)->served_ns >= 49 * P2_SEC);
    account_charge(account(1), 2 * P2_SEC);
    assert_ptr_equal(first(0), &tasks[0]);
}

static void test_stranded_ones_count_but_do_not_wait(void **state) {
    (void)state;
    struct queue *q = &queues[0];
    struct task *a = push(0, 0, 0, 100), *b = push(1, 0, 0, 200);
    queue_strand(q, a, 50);
    assert_ptr_equal(first(0), b);
    assert_ptr_equal(queue_first_stranded(q), a);
    assert_int_equal(queue_size(q), 2);
    queue_rescue(q, P2_DEVICE_CPU, UINT64_MAX);
    assert_ptr_equal(first(0), a); // its place is its own
    assert_null(queue_first_stranded(q));
    queue_strand(q, b, 60);
    queue_remove(q, b);
    queue_remove(q, a);
    assert_int_equal(queue_size(q), 0);
}

static void test_only_who_can_do_them_rescues_stranded_ones(void **state) {
    (void)state;
    struct queue *q = &queues[0];
    struct task *anywhere = push(0, 0, 0, 100), *gpu = push(1, 0, 0, 200), *large = push(2, 0, 0, 300);
    gpu->cost.device_kinds = 1u << P2_DEVICE_GPU;
    large->cost.device_bytes = 1000;
    queue_strand(q, anywhere, 50);
    queue_strand(q, gpu, 51);
    queue_strand(q, large, 52);
    queue_rescue(q, P2_DEVICE_CPU, 999);
    assert_ptr_equal(first(0), anywhere);
    assert_ptr_equal(queue_first_stranded(q), gpu);
    assert_int_equal(gpu->stranded.since_ns, 51); // its grace goes on
    queue_rescue(q, P2_DEVICE_GPU, 1000);
    assert_null(queue_first_stranded(q));
}

static void test_those_over_their_share_have_their_own_turns(void **state) {
    (void)state;
    struct task *a = push(0, 0, 0, 100), *b = push(1, 1, 0, 200);
    flow_set_over(&flows[0][0], true);
    assert_ptr_equal(first(0), b);
    assert_ptr_equal(flow_first(queue_turn(&queues[0], P2_CLASS_BATCH, true)), a);
    queue_remove(&queues[0], a);
    assert_null(queue_turn(&queues[0], P2_CLASS_BATCH, true));
    flow_set_over(&flows[0][0], false);
    queue_push(&queues[0], a);
    assert_ptr_equal(first(0), a);
}

// ---- against a model ------------------------------------------------------------------------------------------------

enum where { OUT, WAITING, ASIDE, STRANDED };

struct model {
    enum where where[TASKS];
    unsigned client[TASKS], type[TASKS];
    p2_ns deadline[TASKS], served[CLIENTS], clock;
    bool over[CLIENTS];
};

static bool goes_first(const struct model *m, unsigned a, unsigned b) {
    p2_ns x = m->served[m->client[a]] / FLOW_QUANTUM_NS, y = m->served[m->client[b]] / FLOW_QUANTUM_NS;
    if (x != y) return x < y;
    return m->deadline[a] != m->deadline[b] ? m->deadline[a] < m->deadline[b] : a < b;
}

static struct task *model_first(const struct model *m, unsigned type, bool over) {
    int best = -1;
    for (unsigned i = 0; i < TASKS; i++) {
        if (m->where[i] != WAITING || m->type[i] != type || m->over[m->client[i]] != over) continue;
        if (best < 0 || goes_first(m, i, (unsigned)best)) best = (int)i;
    }
    return best < 0 ? NULL : &tasks[best];
}

static bool has_none(const struct model *m, unsigned client) {
    for (unsigned i = 0; i < TASKS; i++) {
        if (m->where[i] != OUT && m->client[i] == client) return false;
    }
    return true;
}

static void push_some(struct model *m, struct p2_rng *rng, unsigned i) {
    unsigned client = (unsigned)p2_rng_below(rng, CLIENTS), type = (unsigned)p2_rng_below(rng, TYPES);
    if (has_none(m, client)) m->served[client] = p2_ns_max(m->served[client], m->clock);
    m->client[i] = client;
    m->type[i] = type;
    m->deadline[i] = (p2_ns)p2_rng_below(rng, 20);
    m->where[i] = WAITING;
    push(i, client, type, m->deadline[i]);
}

static void act_on(struct model *m, struct p2_rng *rng, unsigned i) {
    struct queue *q = &queues[m->type[i]];
    if (m->where[i] == OUT) {
        push_some(m, rng, i);
    } else if (m->where[i] == ASIDE) {
        queue_wait_again(q, &tasks[i]);
        m->where[i] = WAITING;
    } else if (m->where[i] == WAITING && p2_rng_below(rng, 4) == 0) {
        queue_set_aside(q, &tasks[i]);
        m->where[i] = ASIDE;
    } else if (m->where[i] == WAITING && p2_rng_below(rng, 4) == 0) {
        queue_strand(q, &tasks[i], 0);
        m->where[i] = STRANDED;
    } else {
        queue_remove(q, &tasks[i]);
        m->where[i] = OUT;
    }
}

static void act(struct model *m, struct p2_rng *rng) {
    unsigned client = (unsigned)p2_rng_below(rng, CLIENTS);
    switch (p2_rng_below(rng, 12)) {
    case 0: {
        p2_ns cost = (p2_ns)p2_rng_below(rng, 250) * P2_MS;
        m->clock = p2_ns_max(m->clock, m->served[client]);
        m->served[client] += cost;
        account_charge(account(client), cost);
        break;
    }
    case 1:
        m->over[client] = !m->over[client];
        for (unsigned t = 0; t < TYPES; t++) flow_set_over(&flows[client][t], m->over[client]);
        break;
    case 2: {
        unsigned type = (unsigned)p2_rng_below(rng, TYPES);
        queue_rescue(&queues[type], P2_DEVICE_CPU, UINT64_MAX);
        for (unsigned i = 0; i < TASKS; i++) {
            if (m->where[i] == STRANDED && m->type[i] == type) m->where[i] = WAITING;
        }
        break;
    }
    default: act_on(m, rng, (unsigned)p2_rng_below(rng, TASKS));
    }
}

static void test_against_a_model(void **state) {
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct p2_rng rng;
        struct model m;
        memset(&m, 0, sizeof m);
        setup(state);
        p2_rng_init(&rng, seed);
        for (unsigned n = 0; n < 2000; n++) {
            act(&m, &rng);
            for (unsigned type = 0; type < TYPES; type++) {
                for (unsigned over = 0; over < 2; over++) {
                    struct flow *f = queue_turn(&queues[type], P2_CLASS_BATCH, over);
                    assert_ptr_equal(f ? flow_first(f) : NULL, model_first(&m, type, over));
                }
            }
            if (n % 20) continue;
            for (unsigned i = 0; i < CLIENTS * TYPES; i++) flow_check(&flows[i / TYPES][i % TYPES]);
            for (unsigned i = 0; i < TASKS; i++) {
                if (m.where[i] == WAITING) queue_check_task(&queues[m.type[i]], &tasks[i]);
            }
        }
    }
}

// ---- shares of classes ----------------------------------------------------------------------------------------------

static void test_the_floor_is_one_in_twenty(void **state) {
    (void)state;
    const struct coord_limits l = coord_limits_default();
    struct queue *q = &queues[0];
    unsigned placed[P2_CLASSES] = {0};
    for (unsigned k = 0; k < P2_CLASSES; k++) q->count[k] = 1; // all always wait
    for (unsigned n = 1; n <= 2000; n++) {
        unsigned best = P2_CLASS_REALTIME;
        for (unsigned k = 1; k < P2_CLASSES; k++) {
            if (share_due(q, &l, k) && (best == 0 || q->debt[k] > q->debt[best])) best = k;
        }
        placed[best]++;
        share_placed(q, &l, best);
        for (unsigned k = 1; k < P2_CLASSES; k++) assert_true((placed[k] + 1) * 20 + 2 * 20 > n);
    }
    assert_in_range(placed[0], 1690, 1710);
    for (unsigned k = 1; k < P2_CLASSES; k++) assert_in_range(placed[k], 98, 101);
}

static void test_the_reserve(void **state) {
    (void)state;
    const struct coord_limits l = coord_limits_default();
    struct queue *q = &queues[0];
    const uint32_t slots[] = {0, 1, 2, 5, 6, 10}, reserve[] = {0, 0, 1, 1, 2, 2};
    for (unsigned i = 0; i < 6; i++) {
        q->supply.slots = slots[i];
        assert_int_equal(share_reserve(q, &l), reserve[i]);
    }
    q->supply = (struct supply){.slots = 10, .free = 3, .lower = 7};
    assert_true(share_may_take(q, &l, P2_CLASS_BATCH));
    q->supply = (struct supply){.slots = 10, .free = 2, .lower = 7};
    assert_false(share_may_take(q, &l, P2_CLASS_BATCH));
    assert_true(share_may_take(q, &l, P2_CLASS_INTERACTIVE));
    q->debt[P2_CLASS_BATCH] = 95; // due: one more, but never into more than its part
    assert_true(share_may_take(q, &l, P2_CLASS_BATCH));
    q->supply.lower = 8;
    assert_false(share_may_take(q, &l, P2_CLASS_BATCH));
}

static void test_the_share_of_a_client(void **state) {
    (void)state;
    struct coord_limits l = coord_limits_default();
    assert_int_equal(share_of_client(0, &l), 1);
    assert_int_equal(share_of_client(3, &l), 1);
    assert_int_equal(share_of_client(10, &l), 5);
    l.client_share_percent = 100;
    assert_int_equal(share_of_client(10, &l), UINT32_MAX);
}

static int take_tasks(void **state) {
    (void)state;
    if (!p2_slab_init(&slab, sizeof(struct task), TASKS)) return -1;
    _Static_assert(sizeof(struct task) % 16 == 0, "a slab of tasks is an array of them");
    tasks = (struct task *)(void *)slab.objects;
    p2_handle h;
    for (unsigned i = 0; i < TASKS; i++) assert_ptr_equal(p2_slab_alloc(&slab, &h), &tasks[i]);
    return 0;
}

static int drop_tasks(void **state) {
    (void)state;
    p2_slab_deinit(&slab);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void) {
    const struct CMUnitTest cases[] = {
        TEST(test_earliest_deadline_then_arrival),
        TEST(test_beyond_a_quantum_who_has_had_less),
        TEST(test_weights),
        TEST(test_unused_share_is_not_saved_up),
        TEST(test_stranded_ones_count_but_do_not_wait),
        TEST(test_only_who_can_do_them_rescues_stranded_ones),
        TEST(test_those_over_their_share_have_their_own_turns),
        TEST(test_against_a_model),
        TEST(test_the_floor_is_one_in_twenty),
        TEST(test_the_reserve),
        TEST(test_the_share_of_a_client),
    };
    return cmocka_run_group_tests(cases, take_tasks, drop_tasks);
}
