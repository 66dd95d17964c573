#include "peer/executor/upload.h"

#include "peer/executor/pool.h"

#define SHARE 8 // of the device's memory, at most one part in this many

void uploads_init(struct uploads *u, const struct device *device) {
    *u = (struct uploads){.device = device, .bytes_max = device->info.facts.memory_bytes / SHARE};
    pthread_mutex_init(&u->lock, NULL);
    if (device_is_fake(device) || device->info.shares_memory) return;
    u->queue = clCreateCommandQueue(device->context, device->info.id, 0, NULL);
}

void uploads_deinit(struct uploads *u) {
    if (u->queue) clReleaseCommandQueue(u->queue);
    pthread_mutex_destroy(&u->lock);
}

static void give_back(struct uploads *u, struct upload *one) {
    if (one->mem) clReleaseMemObject(one->mem);
    u->bytes -= one->capacity;
    one->mem = NULL;
    one->capacity = 0;
}

static bool reserve(struct uploads *u, struct upload *one, size_t size) {
    if (size <= one->capacity) return true;
    give_back(u, one);
    size_t capacity = pool_class_size(pool_class(size));
    if (capacity > u->device->info.facts.buffer_bytes_max || capacity > u->bytes_max - u->bytes) return false;
    one->mem = clCreateBuffer(u->device->context, CL_MEM_READ_WRITE, capacity, NULL, NULL);
    if (!one->mem) return false;
    one->capacity = capacity;
    u->bytes += capacity;
    return true;
}

void upload_begin(struct uploads *u, struct upload *one, const void *from, size_t size) {
    if (!u->queue || size == 0) return;
    pthread_mutex_lock(&u->lock);
    if (reserve(u, one, size) &&
        clEnqueueWriteBuffer(u->queue, one->mem, CL_FALSE, 0, size, from, 0, NULL, &one->done) == CL_SUCCESS) {
        one->size = size;
        u->copies++;
        clFlush(u->queue);
    } else {
        one->done = NULL;
    }
    pthread_mutex_unlock(&u->lock);
}

void upload_end(struct uploads *u, struct upload *one) {
    pthread_mutex_lock(&u->lock);
    cl_event done = one->done;
    pthread_mutex_unlock(&u->lock);
    if (!done) return;
    clWaitForEvents(1, &done);
    pthread_mutex_lock(&u->lock);
    one->done = NULL;
    pthread_mutex_unlock(&u->lock);
    clReleaseEvent(done);
}

void upload_drop(struct uploads *u, struct upload *one) {
    pthread_mutex_lock(&u->lock);
    if (!one->done) give_back(u, one);
    pthread_mutex_unlock(&u->lock);
}
