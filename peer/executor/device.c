#include "peer/executor/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "peer/executor/sweep.h"

#define PLATFORMS_MAX 16
#define TEMPORARIES_MAX 64 // of PoCL, which leaves one behind in every process; a few may be in use

enum p2_err device_prepare_cache(const char *cache_dir) {
    if (getenv("POCL_CACHE_DIR")) return P2_OK;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/pocl", cache_dir);
    if (n < 0 || (size_t)n >= sizeof path) return P2_ERR_IO;
    if (p2_dir_make(path) != P2_OK || access(path, W_OK | X_OK) != 0) return P2_ERR_IO;
    sweep_oldest(path, "tempfile_", "", TEMPORARIES_MAX);
    return setenv("POCL_CACHE_DIR", path, 0) == 0 ? P2_OK : P2_ERR_NO_MEMORY;
}

// Names come from drivers: blanks around them go, and what is not printable becomes '?'.
static void tidy_text(char *text) {
    size_t start = strspn(text, " \t"), n = strlen(text + start);
    memmove(text, text + start, n + 1);
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t')) text[--n] = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < ' ' || text[i] > '~') text[i] = '?';
    }
}

static void platform_text(cl_platform_id p, cl_platform_info what, char *out, size_t capacity) {
    char buffer[1024] = "";
    if (clGetPlatformInfo(p, what, sizeof buffer - 1, buffer, NULL) != CL_SUCCESS) buffer[0] = 0;
    tidy_text(buffer);
    snprintf(out, capacity, "%.*s", (int)capacity - 1, buffer);
}

static void device_text(cl_device_id d, cl_device_info what, char *out, size_t capacity) {
    char buffer[1024] = "";
    if (clGetDeviceInfo(d, what, sizeof buffer - 1, buffer, NULL) != CL_SUCCESS) buffer[0] = 0;
    tidy_text(buffer);
    snprintf(out, capacity, "%.*s", (int)capacity - 1, buffer);
}

// A CPU runs one job over all its cores, so more slots only overlap codecs with kernels; a GPU wants one job's
// transfers beside another's kernels.
static uint32_t suggest_slots(enum p2_device_kind kind, uint32_t compute_units) {
    if (kind == P2_DEVICE_GPU) return 2;
    if (kind == P2_DEVICE_OTHER) return 1;
    return compute_units < 1 ? 1 : compute_units < 4 ? compute_units : 4;
}

static bool device_describe(cl_platform_id platform, cl_device_id id, struct device_info *out) {
    *out = (struct device_info){.id = id, .platform_id = platform};
    cl_device_type type = 0;
    cl_bool available = CL_FALSE, compiler = CL_FALSE;
    cl_uint units = 0, width = 1;
    cl_ulong memory = 0, buffer = 0;
    size_t items[8] = {1, 1, 1};
    cl_int e = clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof buffer, &buffer, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof out->group_max, &out->group_max, NULL);
    e |= clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof items, items, NULL);
    if (e != CL_SUCCESS || !available || !compiler || type & CL_DEVICE_TYPE_CUSTOM) return false;
    out->kind = type & CL_DEVICE_TYPE_GPU ? P2_DEVICE_GPU : type & CL_DEVICE_TYPE_CPU ? P2_DEVICE_CPU : P2_DEVICE_OTHER;
    out->facts = (struct exec_device_facts){
        .is_cpu = out->kind == P2_DEVICE_CPU,
        .vector_width = width ? width : 1,
        .compute_units = units,
        .memory_bytes = memory,
        .buffer_bytes_max = buffer,
    };
    cl_bool unified = CL_FALSE;
    (void)clGetDeviceInfo(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    out->shares_memory = out->facts.is_cpu || (unified && out->kind == P2_DEVICE_GPU);
    out->item_max[0] = items[0];
    out->item_max[1] = items[1];
    out->slots = suggest_slots(out->kind, units);
    device_text(id, CL_DEVICE_NAME, out->name, sizeof out->name);
    char version[64], platform_name[64], driver[64];
    platform_text(platform, CL_PLATFORM_NAME, platform_name, sizeof platform_name);
    platform_text(platform, CL_PLATFORM_VERSION, version, sizeof version);
    device_text(id, CL_DRIVER_VERSION, driver, sizeof driver);
    snprintf(out->platform, sizeof out->platform, "%s %s", platform_name, version);
    snprintf(out->driver, sizeof out->driver, "%.30s %.60s", platform_name, driver);
    return true;
}

static int kind_rank(enum p2_device_kind kind) { return kind == P2_DEVICE_GPU ? 0 : kind == P2_DEVICE_OTHER ? 1 : 2; }

static bool goes_before(const struct device_info *a, const struct device_info *b) {
    int d = kind_rank(a->kind) - kind_rank(b->kind);
    if (!d) d = strcmp(a->platform, b->platform);
    if (!d) d = strcmp(a->name, b->name);
    return d < 0;
}

uint32_t device_list(struct device_info *out, uint32_t capacity) {
    cl_platform_id platforms[PLATFORMS_MAX];
    cl_uint platform_count = 0;
    if (clGetPlatformIDs(PLATFORMS_MAX, platforms, &platform_count) != CL_SUCCESS) return 0;
    if (platform_count > PLATFORMS_MAX) platform_count = PLATFORMS_MAX;
    uint32_t count = 0;
    for (cl_uint p = 0; p < platform_count; p++) {
        cl_device_id ids[DEVICES_MAX];
        cl_uint n = 0;
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, DEVICES_MAX, ids, &n) != CL_SUCCESS) continue;
        if (n > DEVICES_MAX) n = DEVICES_MAX;
        for (cl_uint i = 0; i < n && count < capacity; i++) {
            struct device_info info;
            if (!device_describe(platforms[p], ids[i], &info)) continue;
            // Insertion keeps equal devices in the driver's order.
            uint32_t at = count++;
            for (; at > 0 && goes_before(&info, &out[at - 1]); at--) out[at] = out[at - 1];
            out[at] = info;
        }
    }
    return count;
}

void device_fake_info(struct device_info *out) {
    uint32_t cpus = p2_cpu_count();
    *out = (struct device_info){
        .kind = P2_DEVICE_FAKE,
        .name = "references on threads",
        .driver = "fake " P2_VERSION,
        .slots = cpus < 1   ? 1
                 : cpus < 4 ? cpus
                            : 4,
        .group_max = 1,
        .item_max = {1, 1},
        .facts = {.is_cpu = true,
                  .vector_width = 1,
                  .compute_units = cpus,
                  .memory_bytes = p2_memory_bytes(),
                  .buffer_bytes_max = p2_memory_bytes() / 4},
    };
}

const char *device_kind_name(enum p2_device_kind kind) {
    switch (kind) {
    case P2_DEVICE_CPU: return "cpu";
    case P2_DEVICE_GPU: return "gpu";
    case P2_DEVICE_FAKE: return "fake";
    case P2_DEVICE_OTHER: break;
    }
    return "other";
}

enum p2_err device_open(struct device *d, uint32_t index, struct p2_strbuf *why) {
    struct device_info *all = calloc(DEVICES_MAX, sizeof *all);
    if (!all) return P2_ERR_NO_MEMORY;
    uint32_t count = device_list(all, DEVICES_MAX);
    *d = (struct device){0};
    if (index < count) d->info = all[index];
    free(all);
    if (index >= count) {
        p2_strbuf_printf(why, "there is no OpenCL device %u; %u found", index, count);
        return P2_ERR_NOT_FOUND;
    }
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)d->info.platform_id, 0};
    cl_int e = CL_SUCCESS;
    d->context = clCreateContext(properties, 1, &d->info.id, NULL, NULL, &e);
    if (d->context) {
        if (d->info.shares_memory && !d->info.facts.is_cpu) d->info.shares_memory = device_views_work(d);
        return P2_OK;
    }
    p2_strbuf_printf(why, "no OpenCL context on %s (error %d)", d->info.name, e);
    return P2_ERR_EXECUTION_FAILED;
}

void device_open_fake(struct device *d) {
    *d = (struct device){0};
    device_fake_info(&d->info);
}

void device_close(struct device *d) {
    if (d->context) clReleaseContext(d->context);
    d->context = NULL;
}

cl_mem device_view(const struct device *d, void *host, size_t size) {
    uintptr_t align = d->info.facts.is_cpu ? 64 : DEVICE_VIEW_ALIGN;
    if (device_is_fake(d) || !d->info.shares_memory || (uintptr_t)host % align != 0) return NULL;
    if (size == 0 || size > d->info.facts.buffer_bytes_max) return NULL;
    return clCreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, size, host, NULL);
}

static cl_int map_and_unmap(cl_command_queue queue, cl_mem view, cl_map_flags flags, size_t size) {
    cl_int e = CL_SUCCESS;
    void *mapped = clEnqueueMapBuffer(queue, view, CL_TRUE, flags, 0, size, 0, NULL, NULL, &e);
    return mapped ? clEnqueueUnmapMemObject(queue, view, mapped, 0, NULL, NULL) : e;
}

// The map does not fetch, the unmap hands over what lies there: on memory that is one, that is a flush of caches.
cl_int device_view_give(const struct device *d, cl_command_queue queue, cl_mem view, size_t size) {
    if (d->info.facts.is_cpu) return CL_SUCCESS;
    return map_and_unmap(queue, view, CL_MAP_WRITE_INVALIDATE_REGION, size);
}

cl_int device_view_take(cl_command_queue queue, cl_mem view, size_t size) {
    return map_and_unmap(queue, view, CL_MAP_READ, size);
}

#define TRIAL_BYTES 8192

// There and back through a view, in the ways that jobs take: the driver may say what it does not do.
static bool trial(const struct device *d, uint8_t *host, cl_command_queue queue, cl_mem view, cl_mem other) {
    static const uint8_t sign[2] = {0x5a, 0xc3};
    uint8_t back[TRIAL_BYTES];
    bool good = true;
    for (int i = 0; i < 4 && good; i++) {
        memset(host, sign[i % 2], TRIAL_BYTES);
        good = device_view_give(d, queue, view, TRIAL_BYTES) == CL_SUCCESS &&
               clEnqueueCopyBuffer(queue, view, other, 0, 0, TRIAL_BYTES, 0, NULL, NULL) == CL_SUCCESS &&
               clEnqueueReadBuffer(queue, other, CL_TRUE, 0, TRIAL_BYTES, back, 0, NULL, NULL) == CL_SUCCESS &&
               memcmp(back, host, TRIAL_BYTES) == 0;
        memset(back, ~sign[i % 2], TRIAL_BYTES);
        good = good && clEnqueueWriteBuffer(queue, other, CL_TRUE, 0, TRIAL_BYTES, back, 0, NULL, NULL) == CL_SUCCESS &&
               clEnqueueCopyBuffer(queue, other, view, 0, 0, TRIAL_BYTES, 0, NULL, NULL) == CL_SUCCESS &&
               device_view_take(queue, view, TRIAL_BYTES) == CL_SUCCESS && memcmp(back, host, TRIAL_BYTES) == 0;
    }
    return good;
}

bool device_views_work(const struct device *d) {
    uint8_t *host = aligned_alloc(DEVICE_VIEW_ALIGN, TRIAL_BYTES);
    cl_command_queue queue = clCreateCommandQueue(d->context, d->info.id, 0, NULL);
    cl_mem view = host ? device_view(d, host, TRIAL_BYTES) : NULL;
    cl_mem other = clCreateBuffer(d->context, CL_MEM_READ_WRITE, TRIAL_BYTES, NULL, NULL);
    bool good = queue && view && other && trial(d, host, queue, view, other);
    if (queue) clFinish(queue);
    if (other) clReleaseMemObject(other);
    if (view) clReleaseMemObject(view);
    if (queue) clReleaseCommandQueue(queue);
    free(host);
    return good;
}
