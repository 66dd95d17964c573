// `./run bench start`: from starting an executor to its first result, cold (nothing compiled yet) and warm (programs,
// verdicts and speeds on the disk), through the words its supervisor says. argv[1] is the executor.
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/bench.h"
#include "os/os.h"
#include "peer/core/words.h"

#define CELLS 2
#define CELL_BYTES ((uint64_t)16 << 20)
#define MEMORY_BYTES ((size_t)(CELLS * 2 * CELL_BYTES))
#define WARM_STARTS 21
#define PATIENCE_MS 300000
#define WARM_MS_MAX 100
#define W 960
#define H 540

struct start {
    p2_ns device, ready, result; // since it was started
    uint32_t progress_words, types;
    p2_ns silence; // the longest time without a word until it was ready
};

struct child {
    pid_t pid;
    int words;
    uint8_t *memory;
};

static char cache[] = "/tmp/p2c2r-bench-XXXXXX";

static _Noreturn void fail(const char *why) {
    fprintf(stderr, "bench: %s\n", why);
    exit(1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void remove_cache(void) { nftw(cache, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void spawn(struct child *c, const char *program) {
    int pair[2], memory = memfd_create("cells", MFD_CLOEXEC);
    P2_CHECK(memory >= 0 && ftruncate(memory, (off_t)MEMORY_BYTES) == 0);
    P2_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    c->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    P2_CHECK(c->memory != MAP_FAILED);
    c->pid = fork();
    P2_CHECK(c->pid >= 0);
    if (c->pid == 0) {
        // Above 4 first, so that neither dup2 overwrites the other's source.
        int words = fcntl(pair[1], F_DUPFD_CLOEXEC, 10), cells = fcntl(memory, F_DUPFD_CLOEXEC, 10);
        if (dup2(words, 3) < 0 || dup2(cells, 4) < 0) _exit(99);
        execl(program, program, "--device", "0", "--cache", cache, (char *)NULL);
        _exit(99);
    }
    close(pair[1]);
    close(memory);
    c->words = pair[0];
}

static void say(const struct child *c, const struct word *w) {
    if (send(c->words, w, sizeof *w, MSG_NOSIGNAL) != (ssize_t)sizeof *w) fail("the executor has gone");
}

static void hear(const struct child *c, struct word *w) {
    struct pollfd p = {.fd = c->words, .events = POLLIN};
    if (poll(&p, 1, PATIENCE_MS) != 1 || recv(c->words, w, sizeof *w, 0) != (ssize_t)sizeof *w)
        fail("the executor has gone or is silent");
    if (w->kind == WORD_FAILED || w->kind == WORD_WITHHELD) fail(w->text);
}

static void hear_until_ready(const struct child *c, struct start *out, p2_ns begin) {
    struct word w = {0};
    p2_ns last = begin;
    while (w.kind != WORD_READY) {
        hear(c, &w);
        p2_ns now = p2_clock_now();
        out->silence = p2_ns_max(out->silence, now - last);
        last = now;
        if (w.kind == WORD_DEVICE) out->device = now - begin;
        out->progress_words += w.kind == WORD_PROGRESS;
        out->types += w.kind == WORD_OFFER;
    }
    out->ready = last - begin;
}

static void run_job(const struct child *c) {
    struct word w = {.kind = WORD_JOB};
    const struct p2_task_type *type = p2_task_type_find(p2_str("upscale"));
    struct p2_param items[] = {
        {.name = p2_str("input_res"), .kind = P2_PARAM_INTS, .count = 2, .value.ints = {W, H}},
        {.name = p2_str("output_res"), .kind = P2_PARAM_INTS, .count = 2, .value.ints = {W * 2, H * 2}},
        {.name = p2_str("quality"), .kind = P2_PARAM_TEXT, .count = 1, .value.text = p2_str("balanced")},
        {.name = p2_str("channels"), .kind = P2_PARAM_INT, .count = 1, .value.ints = {4}},
    };
    const struct p2_params params = {items, sizeof items / sizeof *items};
    struct p2_task_cost cost;
    char text[200];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct word_job *job = &w.u.job;
    *job = (struct word_job){.type_version = type->version, .payload_size = W * H * 4, .deadline_ns = P2_NEVER};
    snprintf(job->type, sizeof job->type, "%s", type->name);
    if (type->prepare(&params, job->payload_size, job->block, &cost, &why) != P2_OK) fail(text);
    memset(c->memory, 0x40, (size_t)job->payload_size);
    say(c, &w);
    while (w.kind != WORD_DONE) hear(c, &w);
    if (w.u.done.code != P2_OK) fail(w.text);
}

static void start_once(const char *program, struct start *out) {
    struct child c;
    *out = (struct start){0};
    p2_ns begin = p2_clock_now();
    spawn(&c, program);
    const struct word setup = {.kind = WORD_SETUP,
                               .u.setup = {WORDS_VERSION, CELLS, CELLS, 25, CELL_BYTES, CELL_BYTES}};
    say(&c, &setup);
    hear_until_ready(&c, out, begin);
    run_job(&c);
    out->result = p2_clock_now() - begin;
    const struct word quit = {.kind = WORD_QUIT};
    say(&c, &quit);
    int status;
    if (waitpid(c.pid, &status, 0) != c.pid || !WIFEXITED(status) || WEXITSTATUS(status)) fail("it did not quit");
    munmap(c.memory, MEMORY_BYTES);
    close(c.words);
}

int main(int argc, char **argv) {
    if (argc != 2) fail("usage: bench_start EXECUTOR");
    unsetenv("POCL_CACHE_DIR"); // the child finds its own
    P2_CHECK(mkdtemp(cache));
    atexit(remove_cache);
    static struct bench b;
    bench_begin(&b, "start", "0", BENCH_VALUES);
    struct start cold, warm;
    start_once(argv[1], &cold);
    bench_tell(&b, "cold, until ready", (double)cold.ready / 1e6, "ms",
               "%u types compiled and proved, %u words of progress", cold.types, cold.progress_words);
    bench_tell(&b, "cold, longest silence", (double)cold.silence / 1e6, "ms", "between words of progress");
    p2_ns device[WARM_STARTS], ready[WARM_STARTS], result[WARM_STARTS];
    for (int i = 0; i < WARM_STARTS; i++) {
        start_once(argv[1], &warm);
        device[i] = warm.device;
        ready[i] = warm.ready;
        result[i] = warm.result;
    }
    bench_tell(&b, "warm, until the device is open", bench_spread(device, WARM_STARTS).median_us / 1e3, "ms",
               "process, driver, context");
    bench_tell(&b, "warm, until ready", bench_spread(ready, WARM_STARTS).median_us / 1e3, "ms",
               "every type's known answers given, every kernel warm");
    struct bench_row row = {.measure = "warm, until the first result",
                            .value = bench_spread(result, WARM_STARTS).median_us / 1e3,
                            .bar = WARM_MS_MAX,
                            .kind = BENCH_AT_MOST,
                            .unit = "ms"};
    snprintf(row.against, sizeof row.against, "%dx%d x2 balanced, median of %d starts", W, H, WARM_STARTS);
    bench_row(&b, &row);
    return bench_end(&b);
}
