// A whole core with 1,000,000 tasks waiting: memory for each, where it lies, and what a whole step costs meanwhile.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rng.h"
#include "coordinator/core/state.h"
#include "loadtest/bench/bench_core.h"
#include "loadtest/bench/stand.h"
#include "os/os.h"

#define CLIENTS 64u
#define PEERS 16u
#define JOBS 2u // of each
#define TASKS_MAX (1u << 20)
#define STEPS 20000u
#define SIZE(member) sizeof(((struct task *)0)->member)

// Of this process; what the kernel has given it pages for.
static double resident_bytes(void) {
    unsigned long long all, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    P2_CHECK(file && fscanf(file, "%llu %llu", &all, &resident) == 2);
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void submit(struct stand *s, struct p2_rng *rng) {
    const struct stand_task t = {.client = s->submitted % CLIENTS,
                                 .type = (uint32_t)p2_rng_below(rng, STAND_TYPES),
                                 .class_ = (enum p2_class)p2_rng_below(rng, P2_CLASSES),
                                 .deadline_ns = 1000 * P2_SEC + (p2_ns)p2_rng_below(rng, 1000 * P2_SEC)};
    stand_submit(s, &t);
}

// ---- where the bytes are --------------------------------------------------------------------------------------------

static void part(struct bench *b, double *rest, const char *measure, double bytes, const char *what) {
    *rest -= bytes;
    bench_tell(b, measure, bytes, "bytes", "%s", what);
}

static void tell_struct(struct bench *b) {
    double rest = sizeof(struct task);
    bench_tell(b, "  struct task", rest, "bytes", "all of it, of which:");
    part(b, &rest, "    who and what", SIZE(id) + SIZE(client) + SIZE(stream) + SIZE(series) + SIZE(cargo) + SIZE(cost),
         "id, client, stream, what it brought, cost");
    part(b, &rest, "    its place", SIZE(queued) + SIZE(in_client) + SIZE(in_group) + SIZE(deadline),
         "links: queue, client, class, deadlines");
    part(b, &rest, "    times", SIZE(accepted_ns) + SIZE(deadline_ns) + SIZE(arrival) + SIZE(work_us),
         "accepted, deadline, order, device time");
    bench_tell(b, "    the rest", rest, "bytes", "course, flight, state, attempt, padding");
}

// Of each place, also those that no task has.
static double tables(const struct coord *c) {
    size_t ids = p2_index_bytes(&c->by_id) / c->by_id.capacity * c->tasks.capacity; // recent ones lie there too
    size_t places = CLIENTS * (c->by_stream.mask + (size_t)1) * sizeof *c->by_stream.places;
    return (double)(ids + places + p2_index_bytes(&c->by_stream.rest)) / BENCH_CORE_WAITING;
}

static double free_list(const struct coord *c) {
    return (double)c->tasks.capacity * sizeof *c->tasks.next_free / BENCH_CORE_WAITING;
}

static void tell_tables(struct bench *b, const struct stand *s, double measured) {
    const struct coord *c = s->c;
    double slab = (double)(c->tasks.object_size - sizeof(struct task) + sizeof *c->tasks.generation) + free_list(c);
    bench_tell(b, "  its place in the slab", slab, "bytes", "generation, list of free places");
    bench_tell(b, "  found by id, by stream", tables(c), "bytes",
               "a table of slots; places by number, and a table for the rest");
    double named = sizeof(struct task) + slab + tables(c);
    bench_tell(b, "  not named above", measured - named, "bytes", "pages begun");
    bench_tell(b, "reserved for a task that may come", (double)coord_memory_bytes(c) / TASKS_MAX, "bytes",
               "all tables / tasks_max, with its course (%zu), replica (%zu) and flight (%zu)", sizeof(struct course),
               sizeof(struct replica), sizeof(struct flight));
}

// Of the pool: in powers of two.
static double pooled(const struct p2_blob *blob) { return (double)blob->capacity + sizeof *blob; }

static void tell_cargo(struct bench *b, struct stand *s) {
    struct p2_param one = {.name = p2_str("scale"), .kind = P2_PARAM_INT, .count = 1};
    struct p2_msg_task_submit m = {.payload_size = 1};
    struct cargo *cargo;
    P2_CHECK(cargo_load(s->c, &m, &cargo));
    bench_tell(b, "on top, with a payload", pooled(cargo->memory), "bytes", "its cargo, besides the payload itself");
    cargo_drop(s->c, cargo);
    m.params = (struct p2_params){&one, 1};
    P2_CHECK(cargo_load(s->c, &m, &cargo));
    bench_tell(b, "on top, with a parameter too", pooled(cargo->memory), "bytes", "its cargo");
    cargo_drop(s->c, cargo);
    double flight = (double)(s->c->flights.object_size + sizeof *s->c->flights.generation) +
                    (double)p2_index_bytes(&s->c->by_flight) / TASKS_MAX;
    bench_tell(b, "on top, when its result may be remembered", flight, "bytes", "its flight, which has its key");
}

static void memory(struct bench *b, struct stand *s, double bytes) {
    struct bench_row row = {
        .measure = "memory of a waiting task without payload",
        .value = bytes,
        .unit = "bytes",
        .bar = 200,
        .kind = BENCH_AT_MOST,
        .against = "resident, 1,000,000 waiting less none, and tables that are there before; where they are:"};
    bench_row(b, &row);
    tell_struct(b);
    tell_tables(b, s, bytes);
    tell_cargo(b, s);
}

// ---- whole steps ----------------------------------------------------------------------------------------------------

static void steps(struct bench *b, struct stand *s, struct p2_rng *rng) {
    static p2_ns submits[STEPS], results[STEPS];
    for (uint32_t i = 0; i < STEPS; i++) {
        s->spent_ns = 0;
        submit(s, rng);
        submits[i] = s->spent_ns;
        s->spent_ns = 0;
        stand_answer(s, 0);
        results[i] = s->spent_ns;
    }
    struct bench_spread in = bench_spread(submits, STEPS), out = bench_spread(results, STEPS);
    bench_tell(b, "step, TASK_SUBMIT, 1,000,000 wait, p99", in.p99_us, "us", "median %.2f us; checked to accepted",
               in.median_us);
    bench_tell(b, "step, TASK_RESULT, 1,000,000 wait, p99", out.p99_us, "us",
               "median %.2f us; delivered, ended, the next one placed", out.median_us);
}

void bench_core_waiting(struct bench *b) {
    struct stand s;
    struct p2_rng rng;
    p2_rng_init(&rng, 2);
    stand_init(&s, &(struct stand_config){.tasks_max = TASKS_MAX, .clients = CLIENTS, .peers = PEERS, .jobs = JOBS});
    double before = resident_bytes();
    for (uint32_t i = 0; i < PEERS * JOBS; i++) submit(&s, &rng); // at once with peers
    for (uint32_t i = 0; i < BENCH_CORE_WAITING; i++) submit(&s, &rng);
    double bytes = (resident_bytes() - before) / BENCH_CORE_WAITING + tables(s.c) + free_list(s.c);
    P2_CHECK(s.accepted == s.submitted && s.c->stats.tasks_queued == BENCH_CORE_WAITING);
    memory(b, &s, bytes);
    steps(b, &s, &rng);
    P2_CHECK(s.ended == 0 && s.delivered == STEPS && s.c->stats.tasks_queued == BENCH_CORE_WAITING);
    stand_deinit(&s);
}
