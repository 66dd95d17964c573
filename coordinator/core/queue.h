// Tasks of one type that wait for a peer. Order: class, then arrival. The order lives in queue_key alone.
#ifndef COORDINATOR_CORE_QUEUE_H
#define COORDINATOR_CORE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "msg/msg.h"

struct task;

struct queue {
    struct p2_heap waiting;
    struct p2_list stranded; // nobody present can do them; longest first
    uint32_t count[P2_CLASSES];
};

bool queue_init(struct queue *q, uint32_t capacity);
void queue_deinit(struct queue *q);

void queue_push(struct queue *q, struct task *t);
void queue_remove(struct queue *q, struct task *t);            // from wherever it waits
void queue_wait_again(struct queue *q, struct task *t);        // counted here, but taken out of `waiting` for a while
struct task *queue_first(const struct queue *q);               // NULL when none waits (stranded ones do not)
void queue_strand(struct queue *q, struct task *t, p2_ns now); // t waits
void queue_rescue(struct queue *q, uint64_t device_bytes);     // stranded ones that need no more wait again
struct task *queue_first_stranded(const struct queue *q);
bool queue_before(const struct task *a, const struct task *b); // a goes first, also across types

uint32_t queue_size(const struct queue *q);
uint32_t queue_ahead(const struct queue *q, const struct task *t); // tasks of its class or better, itself not counted

#endif
