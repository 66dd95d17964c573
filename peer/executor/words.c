#include "peer/executor/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os.h"
#include "peer/executor/builds.h"
#include "peer/executor/run.h"

enum phase { PHASE_SETUP, PHASE_PROVING, PHASE_READY };

struct child {
    struct serve_options o;
    _Atomic enum phase phase;
    struct word_setup setup;
    uint8_t *memory;
    struct device device;
    struct proof *proofs;
    uint32_t proving, proved; // index of the type; how many were before it
    pthread_mutex_t progress_lock;
    float progress; // said last
    struct runner runner;
};

// One word, whole. When the supervisor is gone there is nobody to work for.
static void say(struct child *c, const struct word *w) {
    for (;;) {
        ssize_t n = send(c->o.words_fd, w, sizeof *w, MSG_NOSIGNAL);
        if (n == (ssize_t)sizeof *w) return;
        if (n < 0 && errno == EINTR) continue;
        _exit(0);
    }
}

static void word_init(struct word *w, enum word_kind kind) {
    memset(w, 0, sizeof *w); // also the padding: it goes to another process
    w->kind = kind;
}

static _Noreturn void fail(struct child *c, const char *why) {
    struct word w;
    word_init(&w, WORD_FAILED);
    snprintf(w.text, sizeof w.text, "%s", why);
    say(c, &w);
    _exit(1);
}

static void on_done(void *arg, const struct word_done *done, const char *why) {
    struct word w;
    word_init(&w, WORD_DONE);
    w.u.done = *done;
    snprintf(w.text, sizeof w.text, "%s", why);
    say(arg, &w);
}

static void on_runs(void *arg, uint32_t cell) {
    struct word w;
    word_init(&w, WORD_RUNS);
    w.u.cell = cell;
    say(arg, &w);
}

static void on_lost(void *arg, const char *why) { fail(arg, why); }

static void say_device(struct child *c) {
    const struct device_info *info = &c->device.info;
    struct word w;
    word_init(&w, WORD_DEVICE);
    w.u.device.kind = info->kind;
    w.u.device.index = c->o.fake ? 0 : c->o.device;
    w.u.device.compute_units = info->facts.compute_units;
    w.u.device.memory_bytes = info->facts.memory_bytes;
    w.u.device.buffer_bytes_max = info->facts.buffer_bytes_max;
    memcpy(w.u.device.name, info->name, sizeof w.u.device.name);
    memcpy(w.u.device.driver, info->driver, sizeof w.u.device.driver);
    say(c, &w);
}

static void say_proof(struct child *c, const struct proof *p) {
    struct word w;
    word_init(&w, p->offered ? WORD_OFFER : WORD_WITHHELD);
    snprintf(w.u.offer.type, sizeof w.u.offer.type, "%s", p->type->type->name);
    w.u.offer.version = p->type->type->version;
    w.u.offer.units_per_second = p->units_per_second;
    snprintf(w.text, sizeof w.text, "%.*s", WORD_TEXT - 1, p->offered ? "" : p->why);
    say(c, &w);
}

// How far all types are; programs are built ahead of the type that is being proved, so it never goes back. New: what
// follows was not on the disk.
static void say_progress(struct child *c, const struct exec_type *type, const char *step, float progress, bool is_new) {
    struct word w;
    word_init(&w, WORD_PROGRESS);
    w.u.is_new = is_new ? 1 : 0;
    snprintf(w.text, sizeof w.text, "%s%s%s", type ? type->type->name : "", *step ? ": " : "", step);
    pthread_mutex_lock(&c->progress_lock);
    if (progress > c->progress) c->progress = progress;
    w.progress = c->progress;
    say(c, &w);
    pthread_mutex_unlock(&c->progress_lock);
}

static void on_step(void *arg, const char *step, float part) {
    struct child *c = arg;
    say_progress(c, c->o.types[c->proving], step, ((float)c->proved + part) / (float)c->o.type_count, true);
}

static void on_compile(void *arg, const struct exec_type *type) { say_progress(arg, type, "compiling", 0, true); }

static void prove_types(struct child *c) {
    struct program_cache cache = {""};
    if (!c->o.fake) program_cache_init(&cache, c->o.cache_dir);
    const struct proof_means means = {
        .cache = &cache, .on_compile = on_compile, .on_step = c->o.fake ? NULL : on_step, .arg = c};
    struct exec_slot *slot = runner_first_slot(&c->runner);
    struct builds builds;
    builds_start(&builds, &c->device, c->o.types, c->o.type_count, c->proofs, &means);
    for (c->proved = 0; builds_next(&builds, &c->proving); c->proved++) {
        uint32_t i = c->proving;
        say_progress(c, c->o.types[i], "", (float)c->proved / (float)c->o.type_count, false);
        proof_make(&c->proofs[i], c->o.types[i], i, slot, &means);
        say_proof(c, &c->proofs[i]);
        if (slot->device_lost) fail(c, c->proofs[i].why);
    }
    builds_end(&builds);
    say_progress(c, NULL, "", 1, false);
}

// Opens the device, proves the types, starts the slots. On a thread of its own, so that the words are heard meanwhile.
static void *prepare_main(void *arg) {
    struct child *c = arg;
    char text[WORD_TEXT] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    if (c->o.fake) {
        device_open_fake(&c->device);
    } else {
        if (device_prepare_cache(c->o.cache_dir) != P2_OK) fail(c, "the cache directory cannot be written");
        if (device_open(&c->device, c->o.device, &why) != P2_OK) fail(c, text);
    }
    say_device(c);
    c->proofs = calloc(c->o.type_count + 1, sizeof *c->proofs);
    if (!c->proofs) fail(c, "no memory");
    if (runner_init(&c->runner, &c->device, c->setup.keep_percent, &why) != P2_OK) fail(c, text);
    prove_types(c);
    const struct runner_options options = {
        .device = &c->device,
        .proofs = c->proofs,
        .proof_count = c->o.type_count,
        .setup = c->setup,
        .memory = c->memory,
        .blob_dir = c->o.blob_dir,
        .done = on_done,
        .runs = on_runs,
        .lost = on_lost,
        .arg = c,
    };
    if (runner_start(&c->runner, &options, &why) != P2_OK) fail(c, text);
    atomic_store(&c->phase, PHASE_READY);
    struct word w;
    word_init(&w, WORD_READY);
    say(c, &w);
    return NULL;
}

bool serve_setup_is_good(const struct word_setup *s, uint64_t memory_bytes, struct p2_strbuf *why) {
    uint64_t cell, total;
    if (s->version != WORDS_VERSION) {
        p2_strbuf_printf(why, "words of version %u, not %u", s->version, WORDS_VERSION);
    } else if (s->cells < 1 || s->cells > WORD_CELLS_MAX) {
        p2_strbuf_printf(why, "%u cells, not 1 to %u", s->cells, WORD_CELLS_MAX);
    } else if (s->slots < 1 || s->slots > RUN_SLOTS_MAX || s->slots > s->cells) {
        p2_strbuf_printf(why, "%u slots, not 1 to %u and at most one for each cell", s->slots, RUN_SLOTS_MAX);
    } else if (s->keep_percent > WORD_KEEP_MAX) {
        p2_strbuf_printf(why, "%u percent of the memory to keep things in, not 0 to %u", s->keep_percent,
                         WORD_KEEP_MAX);
    } else if (s->in_bytes == 0 || s->out_bytes == 0 || __builtin_add_overflow(s->in_bytes, s->out_bytes, &cell) ||
               __builtin_mul_overflow(cell, s->cells, &total) || total > SIZE_MAX / 2) {
        p2_strbuf_printf(why, "cells of impossible size");
    } else if (total > memory_bytes) {
        p2_strbuf_printf(why, "cells need %llu bytes, the memory has %llu", (unsigned long long)total,
                         (unsigned long long)memory_bytes);
    } else {
        return true;
    }
    return false;
}

static void on_setup(struct child *c, const struct word_setup *s) {
    char text[WORD_TEXT];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    struct stat st;
    if (fstat(c->o.memory_fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0) fail(c, "no shared memory");
    if (!serve_setup_is_good(s, (uint64_t)st.st_size, &why)) fail(c, text);
    size_t size = (size_t)((s->in_bytes + s->out_bytes) * s->cells);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, c->o.memory_fd, 0);
    if (memory == MAP_FAILED) fail(c, "the shared memory cannot be mapped");
    c->memory = memory;
    c->setup = *s;
    atomic_store(&c->phase, PHASE_PROVING);
    pthread_t thread;
    if (pthread_create(&thread, NULL, prepare_main, c) != 0) fail(c, "no thread to prepare the device on");
    pthread_detach(thread);
}

static void on_job(struct child *c, const struct word_job *job) {
    if (job->cell >= c->setup.cells) fail(c, "a job for a cell that there is not");
    if (job->payload_size > c->setup.in_bytes) fail(c, "a payload larger than its cell");
    if (job->blob_count > P2_TASK_BLOBS_MAX) fail(c, "a job with more blobs than one may have");
    if (!memchr(job->type, 0, sizeof job->type)) fail(c, "a job of a type without end");
    if (runner_submit(&c->runner, job, p2_clock_now()) != P2_OK) fail(c, "a job for a cell whose job has not ended");
}

static _Noreturn void on_quit(struct child *c) {
    if (atomic_load(&c->phase) == PHASE_READY) runner_stop(&c->runner);
    _exit(0);
}

static void on_word(struct child *c, const struct word *w) {
    enum phase phase = atomic_load(&c->phase);
    if (w->kind == WORD_QUIT) on_quit(c);
    if (w->kind == WORD_SETUP && phase == PHASE_SETUP) {
        on_setup(c, &w->u.setup);
    } else if (w->kind == WORD_JOB && phase == PHASE_READY) {
        on_job(c, &w->u.job);
    } else if (w->kind == WORD_CANCEL && phase == PHASE_READY) {
        if (w->u.cell >= c->setup.cells) fail(c, "a cancel for a cell that there is not");
        runner_cancel(&c->runner, w->u.cell);
    } else if (w->kind == WORD_RECALL && phase == PHASE_READY) {
        if (w->u.cell >= c->setup.cells) fail(c, "a recall for a cell that there is not");
        runner_recall(&c->runner, w->u.cell);
    } else {
        fail(c, "a word that is not expected now");
    }
}

// Milliseconds until a waiting job expires, rounded up; -1 for no need to wake.
static int next_wake(struct child *c) {
    if (atomic_load(&c->phase) != PHASE_READY) return -1;
    p2_ns now = p2_clock_now(), next = runner_expire(&c->runner, now);
    if (next == P2_NEVER) return -1;
    p2_ns ms = (next - now + P2_MS - 1) / P2_MS;
    return ms > 60000 ? 60000 : (int)ms;
}

_Noreturn void serve(const struct serve_options *options) {
    P2_CHECK(options->type_count <= SLOT_TYPES_MAX);
    // Never freed: threads look at it until the process ends.
    static struct child child;
    struct child *c = &child;
    c->o = *options;
    pthread_mutex_init(&c->progress_lock, NULL);
    // PoCL starts a linker, which must not hold the supervisor's end of us open.
    fcntl(c->o.words_fd, F_SETFD, FD_CLOEXEC);
    fcntl(c->o.memory_fd, F_SETFD, FD_CLOEXEC);
    for (;;) {
        struct pollfd p = {.fd = c->o.words_fd, .events = POLLIN};
        int ready = poll(&p, 1, next_wake(c));
        if (ready <= 0) continue;
        struct word w;
        ssize_t n = recv(c->o.words_fd, &w, sizeof w, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n <= 0) _exit(0);
        if (n != (ssize_t)sizeof w) fail(c, "a word of wrong size");
        on_word(c, &w);
    }
}
