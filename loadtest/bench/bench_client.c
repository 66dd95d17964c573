// `./run bench client`: what the library's calls cost a game's thread, against a coordinator on loopback that echoes
// (echo.h), with the connection served by those calls themselves and by the library's own thread.
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "loadtest/bench/bench.h"
#include "loadtest/bench/echo.h"
#include "os/os.h"
#include "p2c2r/memory.h"
#include "p2c2r/p2c2r.h"

#define PAYLOAD 65536u
#define SUBMITS 4000u
#define POLLS 200000u
#define IN_FLIGHT 4096u
#define LENT 1024u // results kept at once where memory is measured
#define PATIENCE_US 60000000

// ---- the library's memory

static atomic_uint_least64_t calls, bytes; // calls of the allocator so far; what is out now

static void *counted(void *p) {
    calls++;
    bytes += malloc_usable_size(p);
    return p;
}

static void *allocate(void *context, size_t size) {
    (void)context;
    return counted(malloc(size));
}

static void *allocate_zeroed(void *context, size_t count, size_t size) {
    (void)context;
    return counted(calloc(count, size));
}

static void release(void *context, void *old) {
    (void)context;
    bytes -= malloc_usable_size(old);
    free(old);
}

static void *reallocate(void *context, void *old, size_t size) {
    (void)context;
    bytes -= malloc_usable_size(old);
    return counted(realloc(old, size));
}

// ---- what a game does

static uint8_t payload[PAYLOAD];
static const char *const served[] = {"served by the calls", "served by io_thread"};

static p2c2r_client *connect_to(const struct echo *e, int32_t io_thread) {
    const p2c2r_options o = {.size = sizeof o, .coordinator = e->url, .tasks_max = IN_FLIGHT, .io_thread = io_thread};
    p2c2r_client *c = p2c2r_create(&o);
    P2_CHECK(c);
    p2_ns until = p2_clock_now() + 10 * P2_SEC;
    while (!p2c2r_connected(c)) {
        P2_CHECK(p2_clock_now() < until);
        p2c2r_poll(c, NULL, 0, 1000);
    }
    return c;
}

static p2c2r_task echo_of(size_t size) {
    return (p2c2r_task){.size = sizeof(p2c2r_task),
                        .type = "echo",
                        .payload = payload,
                        .payload_size = size,
                        .deadline_ms = 60000,
                        .cache = P2C2R_CACHE_BYPASS};
}

static void submit(p2c2r_client *c, const p2c2r_task *task) {
    p2c2r_ticket ticket;
    P2_CHECK(p2c2r_submit(c, task, &ticket) == P2C2R_OK);
}

static p2c2r_result next_result(p2c2r_client *c) {
    p2c2r_result r = {.size = sizeof r};
    P2_CHECK(p2c2r_poll(c, &r, 1, PATIENCE_US) == 1 && r.outcome == P2C2R_DONE);
    return r;
}

// ---- the rows

static void at_most(struct bench *b, const char *measure, double value, const char *unit, double bar,
                    const char *against) {
    struct bench_row row = {.value = value, .bar = bar, .kind = BENCH_AT_MOST};
    snprintf(row.measure, sizeof row.measure, "%s", measure);
    snprintf(row.unit, sizeof row.unit, "%s", unit);
    snprintf(row.against, sizeof row.against, "%s", against);
    bench_row(b, &row);
}

// Handed over one after the other, as many at a time as given; what comes back is taken in between, untimed.
static void submits(struct bench *b, const struct echo *e, int32_t io_thread, uint32_t window) {
    static p2_ns spans[SUBMITS];
    p2c2r_client *c = connect_to(e, io_thread);
    const p2c2r_task task = echo_of(PAYLOAD);
    uint64_t calls_before = 0;
    for (uint32_t i = 0, open = 0; i < SUBMITS + SUBMITS / 10; i++) { // the first are warming up
        if (i == SUBMITS / 10) calls_before = calls;
        p2_ns before = p2_clock_now();
        submit(c, &task);
        if (i >= SUBMITS / 10) spans[i - SUBMITS / 10] = p2_clock_now() - before;
        if (++open < window) continue;
        p2c2r_result r = next_result(c);
        p2c2r_release(c, &r);
        open--;
    }
    double allocations = (double)(calls - calls_before) / SUBMITS;
    p2c2r_destroy(&c);
    struct bench_spread s = bench_spread(spans, SUBMITS);
    char measure[64], against[160];
    snprintf(measure, sizeof measure, "submit of 64 KiB, %u in flight, p99", window);
    snprintf(against, sizeof against, "%s; median %.2f us, %.2f allocations a task", served[io_thread], s.median_us,
             allocations);
    at_most(b, measure, s.p99_us, "us", 50, against);
}

static void polls(struct bench *b, const struct echo *silent, int32_t io_thread, uint32_t in_flight) {
    static p2_ns spans[POLLS];
    p2c2r_client *c = connect_to(silent, io_thread);
    const p2c2r_task task = echo_of(1000);
    for (uint32_t i = 0; i < in_flight; i++) submit(c, &task);
    p2c2r_result r = {.size = sizeof r};
    for (uint32_t i = 0; i < POLLS; i++) {
        p2_ns before = p2_clock_now();
        uint32_t n = p2c2r_poll(c, &r, 1, 0);
        spans[i] = p2_clock_now() - before;
        P2_CHECK(n == 0);
    }
    p2c2r_destroy(&c);
    struct bench_spread s = bench_spread(spans, POLLS);
    char measure[64], against[160];
    snprintf(measure, sizeof measure, "poll with nothing there, %u in flight, p99", in_flight);
    snprintf(against, sizeof against, "%s; median %.2f us", served[io_thread], s.median_us);
    at_most(b, measure, s.p99_us, "us", 5, against);
}

// The coordinator says nothing until all are there; one more finds the window full.
static void in_flight(struct bench *b, const struct echo *all, int32_t io_thread) {
    static p2c2r_result results[IN_FLIGHT];
    p2c2r_client *c = connect_to(all, io_thread);
    const p2c2r_task task = echo_of(1000);
    for (uint32_t i = 0; i < IN_FLIGHT; i++) submit(c, &task);
    p2c2r_ticket ticket;
    P2_CHECK(p2c2r_submit(c, &task, &ticket) == P2C2R_EAGAIN);
    uint32_t ended = 0, polled = 0;
    results[0].size = sizeof results[0];
    p2_ns spent = 0;
    while (ended < IN_FLIGHT) {
        p2_ns before = p2_clock_now();
        uint32_t n = p2c2r_poll(c, results, IN_FLIGHT, PATIENCE_US);
        spent += p2_clock_now() - before;
        P2_CHECK(n > 0);
        polled++;
        for (uint32_t i = 0; i < n; i++) {
            P2_CHECK(results[i].outcome == P2C2R_DONE);
            p2c2r_release(c, &results[i]);
        }
        results[0].size = sizeof results[0];
        ended += n;
    }
    p2c2r_destroy(&c);
    struct bench_row row = {.value = ended, .unit = "tasks", .bar = IN_FLIGHT, .kind = BENCH_AT_LEAST};
    snprintf(row.measure, sizeof row.measure, "in flight on one connection, 1,000 bytes each");
    snprintf(row.against, sizeof row.against, "%s; all answered at once, %u polls of %.2f us a result",
             served[io_thread], polled, (double)spent / P2_US / ended);
    bench_row(b, &row);
}

// MiB that the library holds for results which the game has not released.
static double held(const struct echo *e, int32_t io_thread, uint8_t *out) {
    p2c2r_client *c = connect_to(e, io_thread);
    p2c2r_task task = echo_of(PAYLOAD);
    p2c2r_result r;
    uint64_t before = 0;
    for (uint32_t i = 0; i <= LENT; i++) {
        if (i == 1) before = bytes; // the first brought what every exchange needs
        uint8_t *place = out ? out + (size_t)i * PAYLOAD : NULL;
        task.out = place;
        task.out_capacity = place ? PAYLOAD : 0;
        submit(c, &task);
        r = next_result(c);
        P2_CHECK(r.data_size == PAYLOAD && (!place || r.data == place));
    }
    double mib = (double)(bytes - before) / (1 << 20);
    p2c2r_destroy(&c);
    return mib;
}

static void out_buffers(struct bench *b, const struct echo *e, int32_t io_thread) {
    uint8_t *out = malloc((size_t)(LENT + 1) * PAYLOAD);
    P2_CHECK(out);
    double theirs = held(e, io_thread, out), ours = held(e, io_thread, NULL);
    free(out);
    char against[160];
    snprintf(against, sizeof against, "%s; %.1f MiB where it is to keep them", served[io_thread], ours);
    at_most(b, "memory taken for 64 MiB of results in task.out", theirs, "MiB", 1, against);
}

int main(void) {
    struct echo at_once, silent, together;
    echo_start(&at_once, 1);
    echo_start(&silent, 2 * IN_FLIGHT);
    echo_start(&together, IN_FLIGHT);
    P2_CHECK(p2c2r_set_allocator(&(p2c2r_allocator){.size = sizeof(p2c2r_allocator),
                                                    .allocate = allocate,
                                                    .allocate_zeroed = allocate_zeroed,
                                                    .reallocate = reallocate,
                                                    .release = release}) == P2C2R_OK);
    struct bench b;
    bench_begin(&b, "client", "", BENCH_VALUES);
    for (int32_t io_thread = 0; io_thread < 2; io_thread++) {
        submits(&b, &at_once, io_thread, 1);
        submits(&b, &at_once, io_thread, 16);
        polls(&b, &silent, io_thread, 0);
        polls(&b, &silent, io_thread, IN_FLIGHT);
        in_flight(&b, &together, io_thread);
        out_buffers(&b, &at_once, io_thread);
    }
    echo_stop(&at_once);
    echo_stop(&silent);
    echo_stop(&together);
    return bench_end(&b);
}
