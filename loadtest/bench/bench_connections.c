// What 10,000 connected peers cost a coordinator: memory and processor time, lives, and everybody else's latency.
//
// Three processes beside this one: the coordinator that has them, another with the same limits and without them, and
// the peers. On either coordinator one more peer serves tasks, so that latency is compared in one run.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "loadtest/bench/bench.h"
#include "loadtest/clients.h"
#include "loadtest/process.h"
#include "loadtest/scenario_file.h"
#include "os/os.h"

#define PEERS 10000u
#define DESCRIPTORS (PEERS + 200u)
#define READY_WAIT (120 * P2_SEC)
#define WINDOWS 3u
#define WINDOW_NS (4 * P2_SEC)
#define STOP_NS (2 * P2_SEC)  // less than the three and a half heartbeats that may be missed
#define AFTER_NS (6 * P2_SEC) // whoever is taken for dead is so by then
#define BLOCKS 40u
#define BLOCK_TASKS 150u
#define CORE_PERCENT_MAX 15
#define CONNECTION_KIB_MAX 12
#define LATENCY_RATIO_MAX 1.3

// The mass of peers offers another type than the one that is asked for: which peer a task meets is the same on both.
#define SCENARIO(task, count)                                                                                          \
    "{\"name\": \"connections\", \"clients\": 1, \"closed\": {\"in_flight\": 1, \"count\": 1},"                        \
    " \"tasks\": [" task "], \"peers\": [{\"count\": " count ", \"slots\": 1, \"queue_depth\": 0}]}"
#define ECHO                                                                                                           \
    "{\"type\": \"echo\", \"payload\": \"64B\", \"deadline\": \"5s\", \"service\": \"1us\", \"no_cache\": true}"
#define OTHER                                                                                                          \
    "{\"type\": \"path\", \"payload\": 600, \"params\": {\"map_size\": \"30x20\", \"start\": \"1x2\", \"goal\": "      \
    "\"29x19\"}}"

struct side {
    struct process coordinator, server;
    struct peers_said served;
    struct clients clients;
    char url[128];
    p2_ns spans[BLOCKS * BLOCK_TASKS];
    uint32_t count, failed;
};

struct state {
    struct scenario_file mass_file, server_file;
    struct side full, empty;
    struct process mass;
    struct peers_said said;
};

static void die(const char *what) {
    fprintf(stderr, "bench connections: %s\n", what);
    exit(1); // the processes we started end with us
}

// ---- a turn of everything -------------------------------------------------------------------------------------------

static void hear(struct state *st) {
    bool mass = true, full = true, empty = true;
    if (st->mass.pid > 0) process_hear_peers(&st->mass, &st->said, &mass);
    process_hear_peers(&st->full.server, &st->full.served, &full);
    process_hear_peers(&st->empty.server, &st->empty.served, &empty);
    if (!mass || !full || !empty) die("peers ended: is there memory for them, and descriptors (ulimit -n)?");
}

static void pass_time(struct state *st, p2_ns span) {
    for (p2_ns until = p2_clock_now() + span; p2_clock_now() < until;) {
        hub_turn(&st->full.clients.hub, 10 * P2_MS);
        hub_turn(&st->empty.clients.hub, 10 * P2_MS);
        hear(st);
    }
}

// ---- starting -------------------------------------------------------------------------------------------------------

static void raise_descriptors(void) {
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0) return;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
    if (l.rlim_cur < DESCRIPTORS) die("fewer than 10,200 descriptors may be open here (ulimit -Hn)");
}

static void parse(const char *text, struct scenario_file *out) {
    char words[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, words, sizeof words);
    if (!scenario_file_parse(text, strlen(text), out, &why)) die(words);
}

static void on_end(void *context, p2_ns meant_ns, const struct report_end *e) {
    struct side *s = context;
    (void)meant_ns;
    s->failed += e->ending != ENDED_DONE || e->wrong;
    if (s->count < BLOCKS * BLOCK_TASKS) s->spans[s->count++] = e->latency_ns;
}

static void start_side(struct state *st, struct side *s, const char *program) {
    char words[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, words, sizeof words);
    if (!process_coordinator(&s->coordinator, program, &st->mass_file.scenario, s->url, sizeof s->url, &why))
        die(words);
    if (!process_peers(&s->server, &st->server_file.scenario, s->url)) die("no memory for a process");
}

static void start_client(struct state *st, struct side *s) {
    if (!clients_init(&s->clients, &st->server_file.scenario, s->url)) die("no memory for a client");
    s->clients.ended = on_end;
    s->clients.context = s;
    s->clients.verify = true;
}

static void await_servers(struct state *st) {
    p2_ns until = p2_clock_now() + READY_WAIT;
    while (st->full.served.ready == 0 || st->empty.served.ready == 0) {
        if (p2_clock_now() > until) die("peers do not connect in two minutes");
        struct pollfd words = {.fd = st->full.served.ready ? st->empty.server.words : st->full.server.words,
                               .events = POLLIN};
        (void)poll(&words, 1, 1000);
        hear(st);
    }
}

static void await_mass(struct state *st) {
    p2_ns until = p2_clock_now() + READY_WAIT;
    while (st->said.ready < PEERS || clients_serving(&st->full.clients) + clients_serving(&st->empty.clients) < 2) {
        if (p2_clock_now() > until) die("10,000 peers do not connect in two minutes");
        pass_time(st, P2_MS);
    }
}

// ---- rows -----------------------------------------------------------------------------------------------------------

static void row(struct bench *b, const char *measure, double value, const char *unit, double bar, const char *against) {
    struct bench_row r = {.value = value, .bar = bar, .kind = BENCH_AT_MOST};
    snprintf(r.measure, sizeof r.measure, "%s", measure);
    snprintf(r.unit, sizeof r.unit, "%s", unit);
    snprintf(r.against, sizeof r.against, "%s", against);
    bench_row(b, &r);
}

static void arrive(struct bench *b, struct state *st) {
    char against[160];
    uint64_t bare = process_resident(st->full.coordinator.pid);
    p2_ns began = p2_clock_now(), cpu = process_cpu(st->full.coordinator.pid);
    if (!process_peers(&st->mass, &st->mass_file.scenario, st->full.url)) die("no memory for a process");
    start_client(st, &st->full); // after the last fork: loops do not survive one
    start_client(st, &st->empty);
    await_mass(st);
    p2_ns span = p2_clock_now() - began;
    cpu = process_cpu(st->full.coordinator.pid) - cpu;
    bench_tell(b, "10,000 peers come: until all are registered", (double)span / P2_SEC, "s",
               "coordinator %.1f us of processor time each; 32 at a time are under way", (double)cpu / P2_US / PEERS);
    pass_time(st, 2 * P2_SEC);
    uint64_t now = process_resident(st->full.coordinator.pid);
    snprintf(against, sizeof against, "%.1f MiB resident with them, %.1f without", (double)now / 1048576,
             (double)bare / 1048576);
    row(b, "memory of a connection", (double)(now - bare) / PEERS / 1024, "KiB", CONNECTION_KIB_MAX, against);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void heartbeats(struct bench *b, struct state *st) {
    double shares[WINDOWS];
    char against[160];
    uint64_t lost = st->said.links_lost;
    for (uint32_t i = 0; i < WINDOWS; i++) {
        p2_ns began = p2_clock_now(), cpu = process_cpu(st->full.coordinator.pid);
        pass_time(st, WINDOW_NS);
        shares[i] = (double)(process_cpu(st->full.coordinator.pid) - cpu) / (double)(p2_clock_now() - began) * 100;
    }
    qsort(shares, WINDOWS, sizeof *shares, by_size);
    snprintf(against, sizeof against, "of a core, median of %u times %.0f s: %.1f to %.1f; %.1f us a heartbeat",
             WINDOWS, (double)WINDOW_NS / P2_SEC, shares[0], shares[WINDOWS - 1],
             shares[WINDOWS / 2] / 100 * 1e6 / PEERS);
    row(b, "10,000 heartbeats a second", shares[WINDOWS / 2], "%", CORE_PERCENT_MAX, against);
    row(b, "taken for dead meanwhile", (double)(st->said.links_lost - lost), "", 0, "");
}

static void stopped(struct bench *b, struct state *st, pid_t pid, const char *measure, const char *against) {
    uint64_t lost = st->said.links_lost;
    kill(pid, SIGSTOP);
    pass_time(st, STOP_NS);
    kill(pid, SIGCONT);
    pass_time(st, AFTER_NS);
    double gone = (double)(st->said.links_lost - lost) + (double)(PEERS - st->said.ready);
    row(b, measure, gone, "", 0, against);
}

static void block(struct side *s) {
    for (uint32_t i = 0; i < BLOCK_TASKS; i++) {
        if (!clients_submit(&s->clients, p2_clock_now())) die("a task is not taken");
        while (s->clients.open) hub_turn(&s->clients.hub, P2_SEC);
    }
}

static void one_in_flight(struct bench *b, struct state *st) {
    char against[160];
    block(&st->full); // what both learn first
    block(&st->empty);
    st->full.count = st->empty.count = 0;
    for (uint32_t i = 0; i < BLOCKS; i++) {
        block(&st->empty);
        block(&st->full);
        hear(st);
    }
    struct bench_spread full = bench_spread(st->full.spans, st->full.count),
                        empty = bench_spread(st->empty.spans, st->empty.count);
    snprintf(against, sizeof against,
             "%.0f us (p99 %.0f) against %.0f us (p99 %.0f) without them, %u tasks each in turn", full.median_us,
             full.p99_us, empty.median_us, empty.p99_us, BLOCKS * BLOCK_TASKS);
    row(b, "one task in flight beside them, p50", full.median_us / empty.median_us, "x", LATENCY_RATIO_MAX, against);
    row(b, "tasks that failed", st->full.failed + st->empty.failed, "", 0, "");
}

int main(int argc, char **argv) {
    static struct state st;
    static struct bench b;
    if (argc != 2) die("takes the coordinator's program");
    raise_descriptors();
    parse(SCENARIO(OTHER, "10000"), &st.mass_file);
    parse(SCENARIO(ECHO, "1"), &st.server_file);
    start_side(&st, &st.full, argv[1]);
    start_side(&st, &st.empty, argv[1]);
    bench_begin(&b, "connections", "", BENCH_VALUES);
    await_servers(&st);
    arrive(&b, &st);
    heartbeats(&b, &st);
    one_in_flight(&b, &st);
    stopped(&b, &st, st.full.coordinator.pid, "taken for dead: coordinator stopped for 2 s", "");
    stopped(&b, &st, st.mass.pid, "taken for dead: all peers silent for 2 s",
            "then 20,000 heartbeats and all answers at once");
    process_end(&st.mass);
    for (struct side *s = &st.full; s; s = s == &st.full ? &st.empty : NULL) {
        process_end(&s->server);
        clients_deinit(&s->clients);
        process_end(&s->coordinator);
    }
    scenario_file_free(&st.mass_file);
    scenario_file_free(&st.server_file);
    return bench_end(&b);
}
