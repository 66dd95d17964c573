// Payloads on their way to a device that does not share memory, while the jobs before theirs still compute: a queue
// beside those of the slots, and a buffer for each cell, kept for the next job of it.
#ifndef PEER_EXECUTOR_UPLOAD_H
#define PEER_EXECUTOR_UPLOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "peer/executor/device.h"

// Of one cell. done is NULL when nothing of it is under way or waits to be used.
struct upload {
    cl_mem mem;
    size_t capacity, size;
    cl_event done;
};

struct uploads {
    const struct device *device;
    cl_command_queue queue; // NULL: the device shares memory, or there is none for this
    uint64_t bytes, bytes_max, copies;
    pthread_mutex_t lock; // guards the buffers and what is done
};

void uploads_init(struct uploads *u, const struct device *device); // borrows device until uploads_deinit
void uploads_deinit(struct uploads *u);                            // after upload_drop of each

// Starts it; `from` stays as it is until upload_end. When it cannot, nothing has happened: the job copies its payload.
void upload_begin(struct uploads *u, struct upload *one, const void *from, size_t size);
void upload_end(struct uploads *u, struct upload *one); // waits until `from` is not read any more
// Gives the buffer back unless it is in use.
void upload_drop(struct uploads *u, struct upload *one);

#endif
