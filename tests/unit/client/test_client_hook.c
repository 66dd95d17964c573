// A whole life of a client on an allocator of the game's own, that says no to each call in turn, once or from then on
// for a while: no crash, no hang, no block left over, and every ticket ends once. The coordinator, on a thread of its
// own, always gets what it asks for.
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "client_rig.h"
#include "p2c2r/memory.h"
#include "p2c2r/stats.h"

#define TICKETS 6
#define BIG 100000u

static _Thread_local bool ours; // this thread's calls count
// This thread's alone.
static unsigned calls, fail_from, fail_to; // calls so far; those that fail, both included
static unsigned blocks;                    // that have not come back

struct block {
    _Alignas(16) bool ours;
    uint8_t bytes[];
};

static bool refuses(void) { return ours && ++calls >= fail_from && calls <= fail_to; }

static void *allocate(void *context, size_t size) {
    assert_ptr_equal(context, &blocks);
    struct block *b = refuses() ? NULL : malloc(sizeof *b + size);
    if (!b) return NULL;
    b->ours = ours;
    if (ours) blocks++;
    return b->bytes;
}

static void *allocate_zeroed(void *context, size_t count, size_t size) {
    void *p = allocate(context, count * size);
    return p ? memset(p, 0, count * size) : NULL;
}

static struct block *block_of(void *p) {
    return (struct block *)(void *)((uint8_t *)p - offsetof(struct block, bytes));
}

static void release(void *context, void *old) {
    assert_ptr_equal(context, &blocks);
    assert_non_null(old);
    struct block *b = block_of(old);
    assert_true(!b->ours || ours); // no thread frees what another has
    if (b->ours) blocks--;
    free(b);
}

static void *reallocate(void *context, void *old, size_t size) {
    assert_ptr_equal(context, &blocks);
    if (!old) return allocate(context, size);
    struct block *b = refuses() ? NULL : realloc(block_of(old), sizeof(struct block) + size);
    return b ? b->bytes : NULL;
}

struct life {
    p2c2r_client *client;
    p2c2r_ticket tickets[TICKETS];
    uint32_t taken, ended, done, cancelled;
};

static void submit_some(struct life *l) {
    static uint8_t payload[BIG];
    p2c2r_task tasks[TICKETS];
    p2c2r_status statuses[TICKETS];
    for (unsigned i = 0; i < TICKETS; i++) tasks[i] = echo_task(payload, i % 2 ? BIG : i * 10);
    p2c2r_submit_batch(l->client, tasks, TICKETS - 1, l->tickets, statuses);
    statuses[TICKETS - 1] = p2c2r_submit(l->client, &tasks[TICKETS - 1], &l->tickets[TICKETS - 1]);
    for (unsigned i = 0; i < TICKETS; i++) {
        if (statuses[i] != P2C2R_OK) assert_int_equal(statuses[i], P2C2R_ENOMEM);
        l->taken += statuses[i] == P2C2R_OK;
    }
    if (statuses[0] == P2C2R_OK) assert_int_equal(p2c2r_cancel(l->client, l->tickets[0]), P2C2R_OK);
}

static void collect(struct life *l) {
    for (unsigned turns = 0; l->ended < l->taken; turns++) {
        p2c2r_result results[4] = {{.size = sizeof *results}};
        uint32_t n = p2c2r_poll(l->client, results, 4, PATIENCE_US);
        assert_true(n > 0); // else a ticket hangs
        for (uint32_t i = 0; i < n; i++) {
            l->ended++;
            l->done += results[i].outcome == P2C2R_DONE;
            l->cancelled += results[i].outcome == P2C2R_CANCELLED;
            p2c2r_release(l->client, &results[i]);
        }
    }
    p2c2r_stats s = {.size = sizeof s};
    assert_int_equal(p2c2r_stats_get(l->client, &s), P2C2R_OK);
    assert_int_equal(s.in_flight, 0);
    assert_int_equal(s.submitted, l->taken);
}
//  Allocations `from` to `to` of a life fail; when these are many, until all is submitted. True when it was long enough
// to
// meet the first.
static bool live(const char *url, unsigned from, unsigned to) {
    struct life l = {0};
    assert_int_equal(blocks, 0);
    calls = 0;
    fail_from = from;
    fail_to = to;
    ours = true;
    p2c2r_options o = {.size = sizeof o, .coordinator = url, .tasks_max = 64, .connect_timeout_ms = 2000};
    l.client = p2c2r_create(&o);
    if (l.client) {
        p2c2r_task task = echo_task(NULL, 10);
        p2c2r_forecast forecast = {.size = sizeof forecast};
        p2c2r_status asked = p2c2r_can_meet_wait(l.client, &task, &forecast, from == to ? PATIENCE_US : 60000);
        assert_true(asked == P2C2R_OK || from < to);
        submit_some(&l);
        if (from < to) fail_to = 0; // there is memory again
        collect(&l);
        p2c2r_destroy(&l.client);
    } else {
        assert_true(calls >= from);
    }
    ours = false;
    if (from > calls) assert_int_equal(l.done + l.cancelled, TICKETS);
    assert_int_equal(blocks, 0);
    return calls >= from;
}

static void each_allocation_may_fail_once(void **state) {
    const char *url = *state;
    unsigned n = 1;
    while (live(url, n, n)) n++;
    assert_true(n > 50); // ours and those of libuv, libwebsockets and zstd
}

static void memory_may_be_short_for_a_while(void **state) {
    const char *url = *state;
    for (unsigned n = 1; live(url, n, UINT_MAX); n++) continue;
}

static void the_allocator_is_set_once_and_whole(void **state) {
    (void)state;
    p2c2r_allocator a = {sizeof a, &blocks, allocate, allocate_zeroed, reallocate, release};
    assert_int_equal(p2c2r_set_allocator(NULL), P2C2R_EINVAL);
    a.release = NULL;
    assert_int_equal(p2c2r_set_allocator(&a), P2C2R_EINVAL);
    a.release = release;
    a.size = 0;
    assert_int_equal(p2c2r_set_allocator(&a), P2C2R_EINVAL);
    a.size = sizeof a;
    assert_int_equal(p2c2r_set_allocator(&a), P2C2R_OK);
    assert_int_equal(p2c2r_set_allocator(&a), P2C2R_EINVAL);
}

int main(void) {
    const struct CMUnitTest first[] = {cmocka_unit_test(the_allocator_is_set_once_and_whole)};
    int failed = cmocka_run_group_tests(first, NULL, NULL);
    if (failed) return failed;
    static struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(each_allocation_may_fail_once, f.url),
        cmocka_unit_test_prestate(memory_may_be_short_for_a_while, f.url),
    };
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_stop(&f);
    return failed;
}
