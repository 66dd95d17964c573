#include "loadtest/bench/bench_kernels.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/bench_overlap.h"
#include "os/os.h"
#include "peer/executor/program.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
#define PAIRS 41
#define WARM_UP 5
#define LAUNCH_MS_MAX 20.0

static _Noreturn void fail(const char *what, const char *why) {
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

// ---- tasks ----

uint8_t *bench_bytes(size_t size) {
    uint8_t *bytes = aligned_alloc(4096, (size / 4096 + 1) * 4096);
    P2_CHECK(bytes);
    memset(bytes, 0, size);
    return bytes;
}

static void prepare(struct bench_task *t, const char *params, uint64_t payload_size) {
    const struct p2_task_type *type = exec_types[t->type_index]->type;
    char text[1024], reason[256] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, reason, sizeof reason);
    P2_CHECK((size_t)snprintf(text, sizeof text, "%s", params) < sizeof text);
    struct p2_param items[P2_PARAMS_MAX];
    struct p2_params list = {.items = items};
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        P2_CHECK(value && list.count < P2_PARAMS_MAX);
        *value++ = 0;
        const struct p2_param_spec *spec = type->params;
        while (spec->name && strcmp(spec->name, word) != 0) spec++;
        struct p2_param *p = &items[list.count++];
        *p = (struct p2_param){.name = p2_str(word)};
        if (!spec->name || p2_param_parse(spec, value, p, &why) != P2_OK) fail(params, reason);
    }
    if (type->prepare(&list, payload_size, t->block, &t->cost, &why) != P2_OK) fail(params, reason);
}

void bench_task_init(struct bench_task *t, struct bench_kernels *k, const char *type, const char *params,
                     const struct exec_blob *payload) {
    *t = (struct bench_task){.k = k};
    while (t->type_index < exec_type_count && strcmp(exec_types[t->type_index]->type->name, type) != 0) t->type_index++;
    P2_CHECK(t->type_index < exec_type_count);
    prepare(t, params, payload->size);
    size_t out_size = (size_t)t->cost.result_bytes_max;
    t->in = bench_bytes(payload->size);
    t->out = bench_bytes(out_size);
    if (payload->size) memcpy(t->in, payload->bytes, payload->size);
    t->job = (struct slot_job){
        .job = {.block = t->block, .in = t->in, .in_size = payload->size, .out = t->out, .out_capacity = out_size},
        .in_view = device_view(&k->device, t->in, payload->size),
        .out_view = device_view(&k->device, t->out, out_size),
        .in_capacity = payload->size,
        .deadline_ns = P2_NEVER};
}

void bench_task_add_blob(struct bench_task *t, const void *bytes, size_t size) {
    P2_CHECK(t->blob_count < P2_TASK_BLOBS_MAX);
    struct exec_blob *b = &t->blobs[t->blob_count++];
    *b = (struct exec_blob){.bytes = bytes, .size = size};
    p2_sha256(bytes, size, &b->digest);
}

void bench_task_deinit(struct bench_task *t) {
    if (t->runs) {
        uint32_t kept = t->runs < BENCH_REPETITIONS_MAX ? t->runs : BENCH_REPETITIONS_MAX;
        p2_ns middle = (p2_ns)(bench_spread(t->launch_ns_max, kept).median_us * 1e3);
        t->k->launch_ns_max = p2_ns_max(t->k->launch_ns_max, middle);
    }
    if (t->job.in_view) clReleaseMemObject(t->job.in_view);
    if (t->job.out_view) clReleaseMemObject(t->job.out_view);
    free(t->in);
    free(t->out);
}

void bench_task_run(struct bench_task *t) {
    const struct exec_type *type = exec_types[t->type_index];
    struct slot_outcome outcome;
    t->job.job.blobs = t->blobs;
    t->job.job.blob_count = t->blob_count;
    slot_run(&t->k->slot, t->type_index, type, &t->job, &outcome);
    if (outcome.code != P2_OK) fail(type->type->name, outcome.why);
    t->out_size = outcome.result_size;
    if (t->kernel_ns_least == 0 || outcome.kernel_ns < t->kernel_ns_least) t->kernel_ns_least = outcome.kernel_ns;
    t->launch_ns_max[t->runs++ % BENCH_REPETITIONS_MAX] = outcome.launch_ns_max;
}

// ---- rows ----

void bench_figure(struct bench_kernels *k, const struct bench_row *row) {
    struct bench_row r = *row;
    if (!k->bars) r.kind = BENCH_TOLD;
    bench_row(&k->table, &r);
}

static void tell_reached(struct bench_kernels *k, const struct bench_contest *c, const char *what, double amount,
                         double ceiling) {
    char measure[64];
    double rate = amount * 1e9 / (double)p2_ns_max(c->ours_task->kernel_ns_least, 1);
    snprintf(measure, sizeof measure, "%.44s, reached", c->task);
    bench_tell(&k->table, measure, rate / 1e9, what, "%.0f %% of the device's own %.4g %s; kernels alone, %.3f ms",
               100 * rate / ceiling, ceiling / 1e9, what, (double)c->ours_task->kernel_ns_least / 1e6);
}

// All threads of the process on the CPU where this one is; or back where they may be.
static void confine(bool to_one) {
    static cpu_set_t before;
    cpu_set_t wanted = before;
    if (to_one) {
        int cpu = sched_getcpu();
        P2_CHECK(cpu >= 0 && sched_getaffinity(0, sizeof before, &before) == 0);
        CPU_ZERO(&wanted);
        CPU_SET((size_t)cpu, &wanted);
    }
    DIR *threads = opendir("/proc/self/task");
    P2_CHECK(threads);
    for (const struct dirent *d; (d = readdir(threads));) {
        pid_t thread = (pid_t)strtol(d->d_name, NULL, 10); // 0 for "." and ".."
        if (thread && sched_setaffinity(thread, sizeof wanted, &wanted) != 0) fail("sched_setaffinity", d->d_name);
    }
    closedir(threads);
}

void bench_contest(struct bench_kernels *k, const struct bench_contest *c) {
    struct bench_times t;
    uint32_t pairs = c->pairs ? c->pairs : PAIRS;
    P2_CHECK(pairs >= BENCH_PAIRS_MIN);
    if (c->one_cpu) confine(true);
    bench_pairs(&(struct bench_pair){c->ours, c->theirs, c->arg, pairs, WARM_UP, c->one_cpu}, &t);
    if (c->one_cpu) confine(false);
    enum bench_bar kind = c->by_speed ? BENCH_AT_LEAST : BENCH_AT_MOST;
    struct bench_row row = {.value = c->by_speed ? 1 / t.ratio : t.ratio,
                            .bar = c->bar,
                            .kind = c->one_cpu ? BENCH_TOLD : kind,
                            .unit = "x",
                            .ours_ms = t.ours_ms,
                            .theirs_ms = t.theirs_ms};
    snprintf(row.measure, sizeof row.measure, "%s", c->task);
    snprintf(row.against, sizeof row.against, "%s", c->opponent);
    bench_figure(k, &row);
    if (k->bars) return; // caches of a CPU have no part in its ceilings
    if (c->bytes) tell_reached(k, c, "GB/s", (double)c->bytes, k->ceiling.bytes_per_s);
    if (c->flops) tell_reached(k, c, "GFLOP/s", (double)c->flops, k->ceiling.flops);
}

// ---- the device ----

static void build_types(struct bench_kernels *k, struct p2_strbuf *why, const char *text) {
    struct program_cache no_cache = {.folder = ""};
    for (uint32_t i = 0; i < exec_type_count; i++) {
        bool hit;
        enum p2_err err = P2_OK;
        if (exec_types[i]->source) {
            err = program_build(&k->device, &no_cache, exec_types[i]->source, &k->programs[i], &hit, why);
        }
        if (!err) err = slot_add_type(&k->slot, i, exec_types[i], k->programs[i], why);
        if (err) fail(exec_types[i]->type->name, text);
    }
}

static void open_device(struct bench_kernels *k, uint32_t index) {
    char text[4096] = "";
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    enum p2_err err = device_open(&k->device, index, &why);
    if (err || !residents_init(&k->residents, &k->device, &k->allocations, k->device.info.facts.memory_bytes / 4) ||
        slot_init(&k->slot, &k->residents, &why) != P2_OK) {
        fail("the device cannot be opened", text);
    }
    k->bars = k->device.info.kind == P2_DEVICE_CPU;
    if (!bench_ceiling_measure(&k->slot, &k->ceiling, &why)) fail(k->device.info.name, text);
    build_types(k, &why, text);
}

static void close_device(struct bench_kernels *k) {
    slot_deinit(&k->slot);
    residents_deinit(&k->residents);
    for (uint32_t i = 0; i < exec_type_count; i++) {
        if (k->programs[i]) clReleaseProgram(k->programs[i]);
        k->programs[i] = NULL;
    }
    device_close(&k->device);
}

static void run_rows(struct bench_kernels *k, const struct bench_kernels_rows *rows) {
    k->launch_ns_max = 0;
    rows->run(k);
    struct bench_row row = {
        .value = (double)k->launch_ns_max / 1e6, .bar = LAUNCH_MS_MAX, .kind = BENCH_AT_MOST, .unit = "ms"};
    snprintf(row.measure, sizeof row.measure, "%s, longest launch", rows->type);
    snprintf(row.against, sizeof row.against, "what a cancel waits for, in the middle of a job's runs");
    bench_figure(k, &row);
}

static void run_device(struct bench_kernels *k, uint32_t index, const char *only) {
    open_device(k, index);
    const struct device_info *info = &k->device.info;
    printf("device %s (%s), %s\n", info->name, device_kind_name(info->kind), info->driver);
    bench_tell(&k->table, "the device copies", k->ceiling.bytes_per_s / 1e9, "GB/s",
               "read and written, its own ceiling");
    bench_tell(&k->table, "the device computes", k->ceiling.flops / 1e9, "GFLOP/s",
               "multiply-adds as two, its own ceiling");
    for (uint32_t i = 0; i < bench_kernels_count; i++) {
        if (!*only || strcmp(bench_kernels_all[i]->type, only) == 0) run_rows(k, bench_kernels_all[i]);
    }
    bool upscales = !*only || strcmp(only, "upscale") == 0;
    if (upscales && !k->device.info.shares_memory) bench_overlap(k);
    close_device(k);
}

// The first CPU, for the bars, then the first GPU. Returns their count, indices in devices.
static uint32_t choose_devices(uint32_t devices[2], char *names, size_t capacity) {
    struct device_info *all = calloc(DEVICES_MAX, sizeof *all);
    P2_CHECK(all);
    uint32_t listed = device_list(all, DEVICES_MAX), count = 0;
    static const enum p2_device_kind kinds[] = {P2_DEVICE_CPU, P2_DEVICE_GPU};
    struct p2_strbuf text;
    p2_strbuf_init(&text, names, capacity);
    for (uint32_t k = 0; k < 2; k++) {
        uint32_t i = 0;
        while (i < listed && all[i].kind != kinds[k]) i++;
        if (i == listed) continue;
        p2_strbuf_printf(&text, "%s%s", count ? " and " : "", all[i].name);
        devices[count++] = i;
    }
    free(all);
    return count;
}

// Some libraries read these when they are loaded, before main.
static void restart_without_presets(char **argv) {
    static const char *const names[] = {"OPENBLAS_CORETYPE",        "OPENBLAS_L2_SIZE",   "OPENBLAS_NUM_THREADS",
                                        "NVPL_BLAS_DEBUG_CPU_TYPE", "MKL_DEBUG_CPU_TYPE", "OMP_NUM_THREADS"};
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        any |= getenv(names[i]) != NULL;
        unsetenv(names[i]);
    }
    if (any) execv("/proc/self/exe", argv);
}

int main(int argc, char **argv) {
    const char *only = argc == 2 ? argv[1] : "";
    bool known = argc <= 2 && (!*only || strstr(bench_kernels_missing, only));
    for (uint32_t i = 0; i < bench_kernels_count; i++) known |= strcmp(bench_kernels_all[i]->type, only) == 0;
    if (!known) {
        fprintf(stderr, "usage: bench_kernels [TYPE]\n");
        return 2;
    }
    restart_without_presets(argv);
    setenv("POCL_MAX_PTHREAD_COUNT", TEXT_OF(BENCH_THREADS), 1);
    static struct bench_kernels k;
    uint32_t devices[2];
    char names[160] = "";
    uint32_t count = choose_devices(devices, names, sizeof names);
    if (count == 0) fail("there is nothing to measure on", "no OpenCL device");
    bench_begin(&k.table, *only ? only : "kernels", names, BENCH_VERSUS);
    for (uint32_t i = 0; i < count; i++) run_device(&k, devices[i], only);
    if (*bench_kernels_missing) printf("left out, their opponents are not installed:%s\n", bench_kernels_missing);
    return bench_end(&k.table);
}
