// p2c2r-sim: a cluster from a seed. README.md
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/canary.h"
#include "sim.h"

enum p2_canary p2_canary_on;

static const struct {
    const char *name, *doc;
} canaries[P2_CANARY_COUNT] = {[P2_CANARY_none] = {"none", "nothing is wrong"},
#define ENTRY(name, doc) [P2_CANARY_##name] = {#name, doc},
                               P2_CANARY_LIST(ENTRY)};

struct options {
    uint64_t first, last, minutes;
    bool trace, all_canaries, doubles, frames;
};

#define EARLY_PERCENT_MAX 0.5   // of tasks
#define TIMEOUT_LATENCIES_MAX 6 // timeouts that were learned, on average

static char repeat[256]; // what to type to see the failure again

// ---- a failure says how to repeat it -----------------------------------------------------------------------------

static void on_abort(int number) {
    (void)number;
    (void)!write(2, repeat, strlen(repeat));
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void remember(uint64_t seed, const struct options *o) {
    const char *name = canaries[p2_canary_on].name;
    snprintf(repeat, sizeof repeat,
             "seed %" PRIu64 " failed; again: p2c2r-sim --seed %" PRIu64 " --minutes %" PRIu64 "%s%s%s\n", seed, seed,
             o->minutes, o->doubles ? " --doubles" : "", p2_canary_on ? " --canary " : "", p2_canary_on ? name : "");
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// ---- seeds ---------------------------------------------------------------------------------------------------------

static void add(struct sim_result *sum, const struct sim_result *r) {
    sum->tasks += r->tasks;
    sum->accepted += r->accepted;
    sum->done += r->done;
    sum->failed += r->failed;
    sum->expired += r->expired;
    sum->cancelled += r->cancelled;
    sum->refused += r->refused;
    sum->lost += r->lost;
    sum->retried += r->retried;
    sum->hedged += r->hedged;
    sum->events += r->events;
    sum->steps += r->steps;
    sum->checks += r->checks;
    sum->messages += r->messages;
    sum->faults += r->faults;
    sum->simulated += r->simulated;
    sum->learned += r->learned;
    sum->early += r->early;
    sum->soon += r->soon;
    sum->soon_early += r->soon_early;
    sum->given_ns += r->given_ns;
    sum->took_ns += r->took_ns;
}

static void print_result(const struct sim_result *r) {
    printf("tasks %" PRIu64 " accepted %" PRIu64 " done %" PRIu64 " failed %" PRIu64 " expired %" PRIu64
           " cancelled %" PRIu64 " refused %" PRIu64 " lost %" PRIu64 " retried %" PRIu64 " hedged %" PRIu64 "\n",
           r->tasks, r->accepted, r->done, r->failed, r->expired, r->cancelled, r->refused, r->lost, r->retried,
           r->hedged);
    printf("events %" PRIu64 " steps %" PRIu64 " checks %" PRIu64 " messages %" PRIu64 " faults %" PRIu64 "\n",
           r->events, r->steps, r->checks, r->messages, r->faults);
}

static double percent(uint64_t part, uint64_t of) { return of ? 100 * (double)part / (double)of : 0; }

// Learned timeouts where round trips double: few are too short, and they are not so for being very long.
static bool doubling_is_borne(const struct sim_result *sum, double worst) {
    double times = sum->took_ns > 0 ? sum->given_ns / sum->took_ns : 0;
    printf("given up though the result would have come: %" PRIu64 " of %" PRIu64 " tasks, %.3f %%, worst seed %.3f %%, "
           "around the doubling %.3f %%\n",
           sum->early, sum->tasks, percent(sum->early, sum->tasks), worst, percent(sum->soon_early, sum->soon));
    printf("learned timeouts: %.1f %% of tasks, %.2f times the latency on average\n", percent(sum->learned, sum->tasks),
           times);
    return worst < EARLY_PERCENT_MAX && 2 * sum->learned > sum->tasks && times < TIMEOUT_LATENCIES_MAX;
}

// False: the figures are not what they should be.
static bool run_seeds(const struct options *o, uint64_t *at) {
    struct sim_result sum = {0};
    const struct sim_wish wish = {.span = (p2_ns)o->minutes * 60 * P2_SEC, .trace = o->trace, .doubles = o->doubles};
    double worst = 0;
    double begun = seconds_now();
    for (uint64_t seed = o->first; seed <= o->last; seed++) {
        struct sim_result r;
        if (at) *at = seed;
        remember(seed, o);
        sim_run(seed, &wish, &r);
        add(&sum, &r);
        if (percent(r.early, r.tasks) > worst) worst = percent(r.early, r.tasks);
    }
    if (at) return true;
    double took = seconds_now() - begun, simulated = (double)sum.simulated / (double)P2_SEC;
    print_result(&sum);
    printf("%" PRIu64 " seeds, %.0f simulated seconds in %.1f s: %.0f times faster than real time\n",
           o->last - o->first + 1, simulated, took, simulated / took);
    return !o->doubles || doubling_is_borne(&sum, worst);
}

// ---- canaries ------------------------------------------------------------------------------------------------------

// Runs the seeds in a process of its own until one fails. False: none did.
static bool hunt(enum p2_canary canary, const struct options *o, uint64_t *at) {
    int ends[2];
    P2_CHECK(pipe(ends) == 0);
    fflush(NULL);
    pid_t child = fork();
    P2_CHECK(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        dup2(ends[1], 2);
        close(ends[0]);
        p2_canary_on = canary;
        run_seeds(o, at);
        _exit(0);
    }
    close(ends[1]);
    char text[2048];
    size_t used = 0;
    ssize_t n;
    while ((n = read(ends[0], text + used, sizeof text - 1 - used)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0 && used < sizeof text - 1) used += (size_t)n;
    }
    text[used] = 0;
    close(ends[0]);
    int status = 0;
    P2_CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("%-20s not found in seeds %" PRIu64 "..%" PRIu64 "\n", canaries[canary].name, o->first, o->last);
        return false;
    }
    printf("%-20s seed %3" PRIu64 ": %.*s\n", canaries[canary].name, *at, (int)strcspn(text, "\n"), text);
    return true;
}

static int hunt_all(const struct options *o) {
    uint64_t *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    P2_CHECK(at != MAP_FAILED);
    int missed = 0;
    for (int k = P2_CANARY_none + 1; k < P2_CANARY_COUNT; k++) missed += !hunt((enum p2_canary)k, o, at);
    printf("%d of %d planted bugs found\n", P2_CANARY_COUNT - 1 - missed, P2_CANARY_COUNT - 1);
    return missed ? 1 : 0;
}

// ---- options -------------------------------------------------------------------------------------------------------

static int usage(void) {
    fputs("usage: p2c2r-sim [--seed N | --seeds A..B] [--minutes M] [--trace]\n"
          "                 [--doubles | --frames | --canary NAME | --canaries | --list-canaries]\n"
          "  --seed N        one run from this seed (1)\n"
          "  --seeds A..B    one run from each\n"
          "  --minutes M     simulated minutes before faults stop (10)\n"
          "  --trace         print what happens\n"
          "  --doubles       deadlines are learned, and half way through all round trips double; exit 1 when that is "
          "not\n"
          "                  borne\n"
          "  --frames        frames of a stream on 1, 2, 4 and 8 peers, as a table; exit 1 when they are too slow\n"
          "  --canary NAME   with this bug planted\n"
          "  --canaries      each planted bug in turn, until a seed finds it; exit 1 when one is not found\n",
          stderr);
    return 2;
}

static bool pick_canary(const char *name) {
    for (int k = 0; k < P2_CANARY_COUNT; k++) {
        if (strcmp(name, canaries[k].name) != 0) continue;
        p2_canary_on = (enum p2_canary)k;
        return true;
    }
    return false;
}

static bool number(const char *text, char stop, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == stop;
}

static bool range(const char *text, struct options *o) {
    const char *dots = strstr(text, "..");
    return dots && number(text, '.', &o->first) && number(dots + 2, 0, &o->last) && o->first <= o->last;
}

static bool take(struct options *o, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        bool flag = true;
        if (strcmp(name, "--trace") == 0)
            o->trace = true;
        else if (strcmp(name, "--doubles") == 0)
            o->doubles = true;
        else if (strcmp(name, "--frames") == 0)
            o->frames = true;
        else if (strcmp(name, "--canaries") == 0)
            o->all_canaries = true;
        else if (strcmp(name, "--seed") == 0 && number(value, 0, &o->first))
            o->last = o->first, flag = false;
        else if ((strcmp(name, "--seeds") == 0 && range(value, o)) ||
                 (strcmp(name, "--minutes") == 0 && number(value, 0, &o->minutes)) ||
                 (strcmp(name, "--canary") == 0 && pick_canary(value)))
            flag = false;
        else
            return false;
        if (!flag) i++;
    }
    return o->minutes > 0 && o->minutes <= 1000000;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list-canaries") == 0) {
        for (int k = 1; k < P2_CANARY_COUNT; k++) printf("%-20s %s\n", canaries[k].name, canaries[k].doc);
        return 0;
    }
    struct options o = {.first = 1, .last = 1, .minutes = 10};
    if (!take(&o, argc, argv)) return usage();
    signal(SIGABRT, on_abort);
    if (o.trace) setvbuf(stdout, NULL, _IOLBF, 0); // so that nothing is missing before a failure
    if (o.all_canaries) return hunt_all(&o);
    if (o.frames) return stream_table() ? 0 : 1;
    return run_seeds(&o, NULL) ? 0 : 1;
}
