// `./run bench beside`: what a realtime task waits while 100 MB are on their way on the same connection, up and then
// down, over a link of 1 Gbit/s. Client and coordinator are in network namespaces of their own, joined by a pair of
// interfaces that each send at that rate and hold 5 ms at most, as a router's do.
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/bench.h"
#include "loadtest/bench/dispatch/lib.h"
#include "loadtest/bench/dispatch/stage.h"
#include "os/conf.h"
#include "os/os.h"
#include "p2c2r/p2c2r.h"

#define RATE "1gbit"
#define HERE "10.222.5.1" // the coordinator's end
#define THERE "10.222.5.2"
#define SMALL_BYTES 64u
#define LARGE_BYTES 50000000u
#define LARGE_TOGETHER 2u
#define TRANSFERS 8u
#define ALONE_NS (3 * P2_SEC)
#define SAMPLES_MAX 100000u
#define JOBS_AHEAD 8u
#define BAR_MS 10.0
#define PATIENCE_US 1000000
#define READY_WAIT (10 * P2_SEC)
#define RUN_WAIT (120 * P2_SEC)

struct samples {
    p2_ns took[SAMPLES_MAX];
    uint32_t count;
};

enum situation { ALONE, UP, DOWN, SITUATIONS };

struct figures {
    struct bench_spread spread[SITUATIONS];
    uint32_t counts[SITUATIONS];
    double megabits; // each way, while it was used
};

// ---- the link

// Everything up to NULL. False: it says why itself.
static bool run_tool(const char *const *arguments) {
    pid_t pid = fork();
    P2_CHECK(pid >= 0);
    if (pid == 0) {
        execvp(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#define TOOL(...) run_tool((const char *const[]){__VA_ARGS__, NULL})

static bool set_up_end(const char *name, const char *address) {
    char network[32];
    snprintf(network, sizeof network, "%s/30", address);
    return TOOL("ip", "address", "add", network, "dev", name) && TOOL("ip", "link", "set", name, "up") &&
           TOOL("tc", "qdisc", "add", "dev", name, "root", "tbf", "rate", RATE, "burst", "128kb", "latency", "5ms");
}

static bool make_link(pid_t other) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)other);
    return TOOL("ip", "link", "add", "p2here", "type", "veth", "peer", "name", "p2there", "netns", pid) &&
           set_up_end("p2here", HERE);
}

// ---- the client

struct player {
    p2c2r_client *client;
    uint8_t *payload, *results[LARGE_TOGETHER];
    uint8_t small[SMALL_BYTES];
    uint32_t large_open;
};

static void submit(struct player *p, p2c2r_class priority, const void *payload, size_t size, void *out) {
    const p2c2r_task task = {.size = sizeof task,
                             .type = "echo",
                             .priority = priority,
                             .deadline_ms = 60000,
                             .payload = payload,
                             .payload_size = size,
                             .out = out,
                             .out_capacity = out ? size : 0,
                             .user = out,
                             .cache = P2C2R_CACHE_BYPASS};
    p2c2r_ticket ticket;
    if (p2c2r_submit(p->client, &task, &ticket) != P2C2R_OK) drive_fail("submit: %s", p2c2r_last_error(p->client));
}

// Small tasks one after the other, until `until` or, when transfers are open, until they have ended.
static void play(struct player *p, struct samples *out, p2_ns begun[static SAMPLES_MAX], p2_ns until) {
    p2c2r_result r = {.size = sizeof r};
    bool small_open = false;
    p2_ns sent = 0;
    while (small_open || p->large_open || p2_clock_now() < until) {
        if (!small_open && (p->large_open || p2_clock_now() < until)) {
            sent = p2_clock_now();
            submit(p, P2C2R_REALTIME, p->small, sizeof p->small, NULL);
            small_open = true;
        }
        if (p2c2r_poll(p->client, &r, 1, PATIENCE_US) == 0) continue;
        if (r.outcome != P2C2R_DONE) drive_fail("%s: %s", r.code_name, r.reason);
        if (r.user) {
            if (memcmp(r.data, p->payload, LARGE_BYTES) != 0) drive_fail("a transfer came back as something else");
            p->large_open--;
        } else {
            P2_CHECK(out->count < SAMPLES_MAX);
            begun[out->count] = sent;
            out->took[out->count++] = p2_clock_now() - sent;
            small_open = false;
        }
        p2c2r_release(p->client, &r);
    }
}

// All of it goes up before any of it can come back: the first half of the time is the one, the second the other.
static p2_ns transfer(struct player *p, struct samples all[static SITUATIONS]) {
    static struct samples mixed;
    static p2_ns begun[SAMPLES_MAX];
    mixed.count = 0;
    const p2_ns begin = p2_clock_now();
    for (uint32_t i = 0; i < LARGE_TOGETHER; i++) submit(p, P2C2R_BATCH, p->payload, LARGE_BYTES, p->results[i]);
    p->large_open = LARGE_TOGETHER;
    play(p, &mixed, begun, 0);
    const p2_ns took = p2_clock_now() - begin;
    for (uint32_t i = 0; i < mixed.count; i++) {
        struct samples *to = &all[begun[i] - begin < took / 2 ? UP : DOWN];
        to->took[to->count++] = mixed.took[i];
    }
    return took;
}

static p2c2r_client *connect_to(uint16_t port) {
    char url[64];
    snprintf(url, sizeof url, "ws://" HERE ":%u", port);
    const p2c2r_options o = {.size = sizeof o, .coordinator = url};
    p2c2r_client *c = p2c2r_create(&o);
    P2_CHECK(c);
    const p2_ns until = p2_clock_now() + READY_WAIT;
    while (!p2c2r_connected(c)) {
        if (p2_clock_now() > until) drive_fail("the coordinator is not reached over the link");
        p2c2r_poll(c, NULL, 0, PATIENCE_US);
    }
    return c;
}

static void player_begin(struct player *p, uint16_t port) {
    p->payload = malloc(LARGE_BYTES);
    P2_CHECK(p->payload);
    p2_entropy(p->payload, LARGE_BYTES); // which nothing makes smaller
    p2_entropy(p->small, sizeof p->small);
    for (uint32_t i = 0; i < LARGE_TOGETHER; i++) P2_CHECK((p->results[i] = malloc(LARGE_BYTES)));
    p->client = connect_to(port);
}

static void player_end(struct player *p) {
    p2c2r_destroy(&p->client);
    for (uint32_t i = 0; i < LARGE_TOGETHER; i++) free(p->results[i]);
    free(p->payload);
}

static void measure(uint16_t port, struct figures *out) {
    static struct samples all[SITUATIONS];
    static p2_ns begun[SAMPLES_MAX];
    struct player p = {.large_open = 0};
    player_begin(&p, port);
    (void)transfer(&p, all); // warms up
    for (unsigned i = 0; i < SITUATIONS; i++) all[i].count = 0;
    p2_ns spent = 0;
    play(&p, &all[ALONE], begun, p2_clock_now() + ALONE_NS);
    for (uint32_t i = 0; i < TRANSFERS; i++) spent += transfer(&p, all);
    player_end(&p);
    for (unsigned i = 0; i < SITUATIONS; i++) {
        out->counts[i] = all[i].count;
        out->spread[i] = bench_spread(all[i].took, all[i].count);
    }
    out->megabits = 2.0 * TRANSFERS * LARGE_TOGETHER * LARGE_BYTES * 8 / 1e6 / ((double)spent / P2_SEC);
}

// ---- the processes

struct cast {
    pid_t coordinator, worker, client;
    int ready[2], go[2], figures[2];
    uint16_t port;
};

static void be_client(const struct cast *k) {
    static struct figures f;
    char byte = 0;
    bool apart = unshare(CLONE_NEWNET) == 0 && write(k->ready[1], &byte, 1) == 1 && read(k->go[0], &byte, 1) == 1;
    if (!apart || !set_up_end("p2there", THERE)) drive_fail("no network of its own for the client");
    measure(k->port, &f);
    _exit(write(k->figures[1], &f, sizeof f) == (ssize_t)sizeof f ? 0 : 1);
}

static bool start(const struct stage *s, const char *program, struct cast *k) {
    char listen[32], byte;
    snprintf(listen, sizeof listen, "0.0.0.0:%u", k->port);
    const char *const arguments[] = {
        program, "--listen",      listen, "--log-level", "error", "--client-bytes-rate", "0", "--client-tasks-rate",
        "0",     "--blob-budget", "0",    NULL};
    k->coordinator = stage_spawn(s, arguments, "broker.log");
    if (!stage_await_port(k->port, k->coordinator)) return false;
    k->worker = stage_fork(s, STAGE_LOAD, "bench-worker");
    if (k->worker == 0) lib_ours_work(k->port, JOBS_AHEAD, LARGE_BYTES, k->ready[1]);
    if (!stage_await(k->ready[0], &byte, 1, READY_WAIT)) return false;
    k->client = stage_fork(s, STAGE_LOAD, "bench-load");
    if (k->client == 0) be_client(k);
    return stage_await(k->ready[0], &byte, 1, READY_WAIT) && make_link(k->client) && write(k->go[1], "", 1) == 1;
}

static bool run(const struct stage *s, const char *program, struct figures *out) {
    struct cast k = {.port = stage_port()};
    P2_CHECK(pipe2(k.ready, O_CLOEXEC) == 0 && pipe2(k.go, O_CLOEXEC) == 0 && pipe2(k.figures, O_CLOEXEC) == 0);
    stage_enter(s);
    bool ran = start(s, program, &k) && stage_await(k.figures[0], out, sizeof *out, RUN_WAIT);
    stage_stop(&k.client);
    stage_stop(&k.worker);
    stage_stop(&k.coordinator);
    stage_leave(s);
    return ran;
}

static void report(struct bench *b, const struct figures *f) {
    static const char *const names[SITUATIONS] = {"alone", "beside 100 MB up", "beside 100 MB down"};
    for (unsigned i = 0; i < SITUATIONS; i++)
        bench_tell(b, names[i], f->spread[i].p99_us / 1000, "ms", "p50 %.2f ms, of %u tasks of 64 bytes one at a time",
                   f->spread[i].median_us / 1000, f->counts[i]);
    for (unsigned i = UP; i < SITUATIONS; i++) {
        struct bench_row row = {.value = (f->spread[i].p99_us - f->spread[ALONE].p99_us) / 1000,
                                .bar = BAR_MS,
                                .kind = BENCH_AT_MOST,
                                .unit = "ms"};
        snprintf(row.measure, sizeof row.measure, "added at p99, 100 MB %s", i == UP ? "up" : "down");
        snprintf(row.against, sizeof row.against, "nothing beside it; " RATE " each way");
        bench_row(b, &row);
    }
    bench_tell(b, "the transfers", f->megabits, "Mbit/s", "of 1,000 that the link carries, headers included");
}

int main(int argc, char **argv) {
    char here[400], program[512];
    P2_CHECK(p2_program_dir(here, sizeof here));
    snprintf(program, sizeof program, "%s/../../../coordinator/p2c2r-coordinator", here);
    if (argc > 1) snprintf(program, sizeof program, "%s", argv[1]);
    struct stage stage;
    struct figures f;
    if (!stage_begin(&stage, false)) return P2_EXIT_FAILED;
    if (!stage.own_network) {
        fprintf(stderr, "bench: it takes the right to make networks (root)\n");
        stage_end(&stage);
        return P2_EXIT_FAILED;
    }
    bool ran = run(&stage, program, &f);
    stage_end(&stage);
    if (!ran) {
        fprintf(stderr, "bench: it did not come to its end\n");
        return P2_EXIT_FAILED;
    }
    struct bench b;
    bench_begin(&b, "beside", "", BENCH_VALUES);
    report(&b, &f);
    return bench_end(&b);
}
