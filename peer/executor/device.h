// The OpenCL devices of this machine: what there is, in an order that does not change from start to start, and one of
// them opened. Also the device "fake", which is the references on threads and touches no OpenCL.
#ifndef PEER_EXECUTOR_DEVICE_H
#define PEER_EXECUTOR_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "msg/msg.h"
#include "peer/executor/exec.h"

#define DEVICES_MAX 64 // enumerated; further ones are not looked at

struct device_info {
    enum p2_device_kind kind;
    char name[96], driver[96]; // printable ASCII
    char platform[160];        // platform name and version: part of the program cache's key
    struct exec_device_facts facts;
    // Its memory is the host's: CPUs, and processors with graphics where a trial at device_open gave back the right
    // bytes.
    bool shares_memory;
    uint32_t slots;                // jobs at once that keep it busy
    size_t group_max, item_max[2]; // largest local size: in all, per dimension
    cl_device_id id;               // NULL: fake
    cl_platform_id platform_id;
};

struct device {
    struct device_info info;
    cl_context context; // NULL: fake
};

// Makes CACHE/pocl and names it to PoCL, which otherwise says that there is no device, unless the environment names
// one already. Before the first OpenCL call of the process. P2_ERR_IO when it cannot be written.
enum p2_err device_prepare_cache(const char *cache_dir);

// GPUs first, then others, then CPUs; among these by platform and name. Returns the count, 0 when there is no platform.
uint32_t device_list(struct device_info *out, uint32_t capacity);

void device_fake_info(struct device_info *out);
const char *device_kind_name(enum p2_device_kind kind); // "gpu"

// P2_ERR_NOT_FOUND: no device of that index; P2_ERR_EXECUTION_FAILED: no context. A sentence in why.
enum p2_err device_open(struct device *d, uint32_t index, struct p2_strbuf *why);
void device_open_fake(struct device *d);
void device_close(struct device *d);

#define DEVICE_VIEW_ALIGN 4096 // of host memory that every device which shares it can see; CPUs ask for 64

// The device's own view of host memory, without a copy (clReleaseMemObject before the memory goes); NULL where the
// device does not share memory, or `host` is not aligned, or the size is none or above its limit.
cl_mem device_view(const struct device *d, void *host, size_t size);
// In the queue's order: what the host wrote is the device's from now on; what the device wrote is the host's. On CPUs,
// where both are the same, the first does nothing and the second waits. The memory is of device_view.
cl_int device_view_give(const struct device *d, cl_command_queue queue, cl_mem view, size_t size);
cl_int device_view_take(cl_command_queue queue, cl_mem view, size_t size);
// Whether bytes come through views both ways; asked by device_open of what is no CPU.
bool device_views_work(const struct device *d);

static inline bool device_is_fake(const struct device *d) { return !d->info.id; }

#endif
