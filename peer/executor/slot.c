#include "peer/executor/slot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "os/os.h"

#define AHEAD_NS (40 * P2_MS) // how far the queue may run ahead of the device
#define SHARE_NS (10 * P2_MS) // aimed at by exec_share: half of what a launch may take
#define LEARN_NS_MIN (1 * P2_MS)
#define FLUSH_EVERY 8                // launches
#define LAUNCH_NS_FIRST (10 * P2_MS) // taken for a launch until one was measured

enum p2_err slot_init(struct exec_slot *s, struct residents *residents, struct p2_strbuf *why) {
    const struct device *device = residents->device;
    *s = (struct exec_slot){.device = device, .residents = residents};
    p2_strbuf_init(&s->why, s->why_text, sizeof s->why_text);
    pool_init(&s->pool, residents);
    if (device_is_fake(device)) return P2_OK;
    cl_int e = CL_SUCCESS;
    s->queue = clCreateCommandQueue(device->context, device->info.id, CL_QUEUE_PROFILING_ENABLE, &e);
    if (s->queue) return P2_OK;
    p2_strbuf_printf(why, "no command queue (OpenCL error %d)", e);
    return P2_ERR_EXECUTION_FAILED;
}

void slot_deinit(struct exec_slot *s) {
    if (s->queue) clFinish(s->queue);
    for (uint32_t i = 0; i < SLOT_TYPES_MAX; i++) slot_drop_type(s, i);
    pool_deinit(&s->pool);
    if (s->queue) clReleaseCommandQueue(s->queue);
    s->queue = NULL;
}

void slot_drop_type(struct exec_slot *s, uint32_t index) {
    struct slot_type *t = &s->types[index];
    for (uint32_t i = 0; i < t->count; i++)
        if (t->kernels[i].kernel) clReleaseKernel(t->kernels[i].kernel);
    free(t->kernels);
    *t = (struct slot_type){0};
}

enum p2_err slot_add_type(struct exec_slot *s, uint32_t index, const struct exec_type *type, cl_program program,
                          struct p2_strbuf *why) {
    P2_CHECK(index < SLOT_TYPES_MAX && !s->types[index].kernels);
    uint32_t count = 0;
    while (type->kernels && type->kernels[count]) count++;
    if (!program || count == 0) return P2_OK;
    struct slot_type *t = &s->types[index];
    t->kernels = calloc(count, sizeof *t->kernels);
    if (!t->kernels) return P2_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        struct slot_kernel *k = &t->kernels[i];
        cl_int e = CL_SUCCESS;
        k->kernel = clCreateKernel(program, type->kernels[i], &e);
        t->count = i + 1;
        if (e == CL_INVALID_KERNEL_NAME && type->kernels_by_device) continue;
        if (k->kernel) {
            e = clGetKernelWorkGroupInfo(k->kernel, s->device->info.id, CL_KERNEL_WORK_GROUP_SIZE, sizeof k->group_max,
                                         &k->group_max, NULL);
        }
        if (e != CL_SUCCESS) {
            p2_strbuf_printf(why, "no kernel %s (OpenCL error %d)", type->kernels[i], e);
            slot_drop_type(s, index);
            return P2_ERR_EXECUTION_FAILED;
        }
        if (k->group_max == 0 || k->group_max > s->device->info.group_max) k->group_max = s->device->info.group_max;
    }
    return P2_OK;
}

void exec_why(struct exec_slot *slot, const char *format, ...) {
    char text[WORD_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    // The first cause is the one to tell.
    if (slot->why.size == 0) p2_strbuf_add(&slot->why, text, strlen(text));
}

enum p2_err exec_check(struct exec_slot *slot, cl_int error, const char *what) {
    if (error == CL_SUCCESS) return P2_OK;
    exec_why(slot, "%s: OpenCL error %d", what, error);
    if (error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY ||
        error == CL_INVALID_BUFFER_SIZE) {
        return P2_ERR_DEVICE_MEMORY;
    }
    // A fault on the device poisons its context. -9999 is NVIDIA's for an illegal read or write.
    if (error == CL_OUT_OF_RESOURCES || error == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST ||
        error == CL_INVALID_COMMAND_QUEUE || error == CL_INVALID_CONTEXT || error == -9999) {
        slot->device_lost = true;
    }
    return P2_ERR_EXECUTION_FAILED;
}

const struct exec_device_facts *exec_facts(const struct exec_slot *slot) { return &slot->device->info.facts; }

cl_kernel exec_kernel(struct exec_slot *slot, uint32_t index) {
    const struct slot_type *t = &slot->types[slot->type_index];
    P2_CHECK(index < t->count && t->kernels[index].kernel);
    return t->kernels[index].kernel;
}

cl_command_queue exec_queue(struct exec_slot *slot) { return slot->queue; }

bool exec_cancelled(const struct exec_slot *slot) {
    const struct slot_job *j = slot->job;
    if (j->cancelled && atomic_load_explicit(j->cancelled, memory_order_relaxed)) return true;
    return j->deadline_ns != P2_NEVER && p2_clock_now() >= j->deadline_ns;
}

cl_mem exec_buffer(struct exec_slot *slot, size_t size) { return pool_device(&slot->pool, size, &slot->why); }

uint8_t *exec_host(struct exec_slot *slot, size_t size) { return pool_host(&slot->pool, size, &slot->why); }

static cl_mem view_of(struct exec_slot *slot, const void *host, size_t size) {
    const struct slot_job *j = slot->job;
    if (!slot->device->info.shares_memory || slot->view_count == SLOT_VIEWS_MAX) return NULL;
    cl_mem mem = NULL;
    if (host == j->job.in && size <= j->in_capacity)
        mem = j->in_view;
    else if (host == j->job.out && size <= j->job.out_capacity)
        mem = j->out_view;
    else
        mem = pool_host_view(&slot->pool, host, size);
    if (!mem) return NULL;
    slot->views[slot->view_count].mem = mem;
    slot->views[slot->view_count++].host = host;
    return mem;
}

static bool is_view(const struct exec_slot *slot, cl_mem mem, const void *host) {
    for (uint32_t i = 0; i < slot->view_count; i++) {
        if (slot->views[i].mem == mem && slot->views[i].host == host) return true;
    }
    return false;
}

// The payload where it was sent when the job arrived; launches from now on wait until all of it is there. NULL when it
// was not.
static cl_mem uploaded(struct exec_slot *slot, const void *host, size_t size) {
    const struct upload *u = slot->job->uploaded;
    if (!u || !u->done || host != slot->job->job.in || size > u->size) return NULL;
    cl_int e = clEnqueueBarrierWithWaitList(slot->queue, 1, &u->done, NULL);
    return e == CL_SUCCESS ? u->mem : NULL;
}

cl_mem exec_host_buffer(struct exec_slot *slot, void *host, size_t size, bool write_to_device) {
    cl_mem mem = view_of(slot, host, size);
    if (mem && write_to_device) {
        cl_int e = device_view_give(slot->device, slot->queue, mem, size);
        if (exec_check(slot, e, "view") != P2_OK) return NULL;
    }
    if (!mem && write_to_device) mem = uploaded(slot, host, size);
    if (mem) return mem;
    mem = exec_buffer(slot, size);
    if (mem && write_to_device && exec_upload(slot, mem, host, size) != P2_OK) return NULL;
    return mem;
}

enum p2_err exec_upload(struct exec_slot *slot, cl_mem to, const void *from, size_t size) {
    if (size == 0) return P2_OK;
    if (is_view(slot, to, from)) return exec_check(slot, device_view_give(slot->device, slot->queue, to, size), "view");
    slot->copies++;
    return exec_check(slot, clEnqueueWriteBuffer(slot->queue, to, CL_TRUE, 0, size, from, 0, NULL, NULL), "upload");
}

// Short launches say more of their start than of their work: only that this takes no longer, which brings the kernel
// back when those before were of slow work.
static void learn(const struct slot_launch *launch, p2_ns took) {
    if (!launch->kernel || launch->units == 0) return;
    double rate = (double)p2_ns_max(took, LEARN_NS_MIN) / (double)launch->units, known = launch->kernel->ns_per_unit;
    if (took < LEARN_NS_MIN && rate >= known) return;
    launch->kernel->ns_per_unit = rate > known / 2 ? rate : known / 2;
}

// Takes the oldest launch off the ring: waits for it and adds its time.
static enum p2_err take_oldest(struct exec_slot *slot) {
    struct slot_launch launch = slot->ahead[slot->ahead_first];
    cl_event event = launch.event;
    slot->ahead_first = (slot->ahead_first + 1) % SLOT_AHEAD_MAX;
    slot->ahead_count--;
    cl_int e = clWaitForEvents(1, &event);
    cl_ulong start = 0, end = 0;
    if (e == CL_SUCCESS &&
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) == 0 &&
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) == 0 && end > start) {
        p2_ns took = (p2_ns)(end - start);
        slot->kernel_ns += took;
        slot->launch_ns_max = p2_ns_max(slot->launch_ns_max, took);
        slot->launch_ns = p2_ns_max(took, slot->launch_ns / 2);
        learn(&launch, took);
    }
    clReleaseEvent(event);
    return exec_check(slot, e, "kernel");
}

enum p2_err exec_finish(struct exec_slot *slot) {
    enum p2_err result = exec_check(slot, clFinish(slot->queue), "finish");
    while (slot->ahead_count) {
        enum p2_err e = take_oldest(slot);
        if (result == P2_OK) result = e;
    }
    return result;
}

enum p2_err exec_download(struct exec_slot *slot, cl_mem from, void *to, size_t size) {
    cl_int e = CL_SUCCESS;
    if (size && is_view(slot, from, to)) {
        e = device_view_take(slot->queue, from, size);
    } else if (size) {
        slot->copies++;
        e = clEnqueueReadBuffer(slot->queue, from, CL_TRUE, 0, size, to, 0, NULL, NULL);
    }
    enum p2_err read = exec_check(slot, e, "download");
    enum p2_err launches = exec_finish(slot);
    return launches != P2_OK ? launches : read;
}

static enum p2_err keep_near(struct exec_slot *slot) {
    p2_ns ahead = AHEAD_NS / p2_ns_max(slot->launch_ns, 1);
    uint32_t limit = ahead < 2 ? 2 : ahead > SLOT_AHEAD_MAX ? SLOT_AHEAD_MAX : (uint32_t)ahead;
    while (slot->ahead_count >= limit) {
        enum p2_err e = take_oldest(slot);
        if (e != P2_OK) return e;
    }
    return P2_OK;
}

static struct slot_kernel *kernel_of(const struct exec_slot *slot, cl_kernel k) {
    const struct slot_type *t = &slot->types[slot->type_index];
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->kernels[i].kernel == k) return &t->kernels[i];
    }
    return NULL;
}

uint64_t exec_share(const struct exec_slot *slot, cl_kernel k, uint64_t usual) {
    const struct slot_kernel *kernel = kernel_of(slot, k);
    double share = kernel && kernel->ns_per_unit > 0 ? (double)SHARE_NS / kernel->ns_per_unit : (double)usual;
    return share < 1 ? 1 : share < (double)usual ? (uint64_t)share : usual;
}

void exec_launch_units(struct exec_slot *slot, uint64_t units) { slot->units = units; }

// Local sizes the device can run; false when a size is zero or the rounded global size overflows.
static bool fit_launch(const struct exec_slot *slot, cl_kernel k, uint32_t dims, size_t *global, size_t *local) {
    const struct slot_kernel *kernel = kernel_of(slot, k);
    size_t group_max = kernel ? kernel->group_max : slot->device->info.group_max;
    for (uint32_t i = 0; i < dims; i++) {
        if (global[i] == 0 || local[i] == 0) return false;
        while (local[i] > slot->device->info.item_max[i] && local[i] > 1) local[i] /= 2;
    }
    while (local[0] * (dims > 1 ? local[1] : 1) > group_max) {
        size_t *shrink = dims > 1 && local[1] > 1 ? &local[1] : &local[0];
        if (*shrink == 1) break;
        *shrink /= 2;
    }
    for (uint32_t i = 0; i < dims; i++) {
        size_t sum;
        if (__builtin_add_overflow(global[i], local[i] - 1, &sum)) return false;
        global[i] = sum - sum % local[i];
    }
    return true;
}

enum p2_err exec_launch(struct exec_slot *slot, cl_kernel k, uint32_t dims, const size_t *global, const size_t *local) {
    P2_CHECK(dims == 1 || dims == 2);
    if (exec_cancelled(slot)) return P2_ERR_CANCELLED;
    enum p2_err e = keep_near(slot);
    if (e != P2_OK) return e;
    if (exec_cancelled(slot)) return P2_ERR_CANCELLED;
    size_t g[2] = {global[0], dims > 1 ? global[1] : 1}, l[2] = {local[0], dims > 1 ? local[1] : 1};
    if (!fit_launch(slot, k, dims, g, l)) {
        exec_why(slot, "a launch of no or too many work-items");
        return P2_ERR_EXECUTION_FAILED;
    }
    struct slot_kernel *kernel = kernel_of(slot, k);
    cl_event event = NULL;
    e = exec_check(slot, clEnqueueNDRangeKernel(slot->queue, k, dims, NULL, g, l, 0, NULL, &event), "launch");
    if (e != P2_OK) return e;
    slot->ahead[(slot->ahead_first + slot->ahead_count++) % SLOT_AHEAD_MAX] =
        (struct slot_launch){event, kernel, slot->units};
    if (kernel) kernel->launches++;
    slot->units = 0;
    // Drivers of GPUs hold commands back until told, or until someone waits; telling costs, so not each time.
    return slot->ahead_count % FLUSH_EVERY == 1 ? exec_check(slot, clFlush(slot->queue), "flush") : P2_OK;
}

static void begin(struct exec_slot *s, uint32_t index, const struct slot_job *job) {
    s->job = job;
    s->type_index = index;
    s->view_count = 0;
    s->kept_count = 0;
    s->kernel_ns = s->launch_ns_max = 0;
    s->units = 0;
    s->launch_ns = LAUNCH_NS_FIRST;
    p2_strbuf_init(&s->why, s->why_text, sizeof s->why_text);
}

static void end(struct exec_slot *s, enum p2_err code, struct slot_outcome *out) {
    // Also after a failure: memory goes back to the pool, so nothing may still run on it.
    if (s->queue) {
        enum p2_err e = exec_finish(s);
        if (code == P2_OK) code = e;
    }
    pool_release(&s->pool);
    slot_release_kept(s, code == P2_OK);
    const struct slot_job *j = s->job;
    bool asked = j->cancelled && atomic_load(j->cancelled);
    if (code == P2_ERR_CANCELLED && !asked) code = P2_ERR_DEADLINE_EXCEEDED;
    out->code = code;
    out->kernel_ns = s->kernel_ns;
    out->launch_ns_max = s->launch_ns_max;
    snprintf(out->why, sizeof out->why, "%s", code == P2_OK ? "" : s->why.size ? s->why_text : p2_err_sentence(code));
    s->job = NULL;
}

static enum p2_err run_once(struct exec_slot *s, const struct exec_type *type, size_t *size) {
    const struct exec_job *job = &s->job->job;
    return device_is_fake(s->device) ? fake_run(s, type, job, size) : type->run(s, job, size);
}

// Some drivers find memory for a buffer only when a command uses it, so that a job may fail where nothing could be
// given back in time. True when that has been done now, and the job may be run again from its start.
static bool made_room(struct exec_slot *s) {
    bool changed_something = false;
    for (uint32_t i = 0; i < s->kept_count; i++) changed_something |= s->kept[i]->key.exclusive;
    if (changed_something || s->device_lost || exec_cancelled(s)) return false;
    if (s->queue) (void)exec_finish(s);
    pool_release(&s->pool);
    slot_release_kept(s, false);
    if (residents_evict(s->residents, UINT64_MAX) == 0) return false;
    pool_trim(&s->pool);
    begin(s, s->type_index, s->job);
    return true;
}

void slot_run(struct exec_slot *s, uint32_t index, const struct exec_type *type, const struct slot_job *job,
              struct slot_outcome *out) {
    size_t size = 0;
    begin(s, index, job);
    enum p2_err e = run_once(s, type, &size);
    if (e == P2_ERR_DEVICE_MEMORY && made_room(s)) e = run_once(s, type, &size);
    if (e == P2_OK && size > job->job.out_capacity) {
        exec_why(s, "%s wrote %zu bytes where %zu were allowed", type->type->name, size, job->job.out_capacity);
        e = P2_ERR_RESULT_TOO_LARGE;
    }
    end(s, e, out);
    out->result_size = out->code == P2_OK ? size : 0;
}

void slot_warm(struct exec_slot *s, uint32_t index, const struct exec_type *type, struct slot_outcome *out) {
    const struct slot_job none = {.deadline_ns = P2_NEVER};
    begin(s, index, &none);
    end(s, type->warm && !device_is_fake(s->device) ? type->warm(s) : P2_OK, out);
    out->result_size = 0;
}
