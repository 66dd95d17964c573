// Redis lists (redis.io, protocol specification): tasks are pushed to one list and results to another, all there are
// with one command, and popped as many at a time as the one who pops may have.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/raw.h"

#define TASKS "tasks"
#define RESULTS "results"

struct redis {
    uint32_t left; // elements of the reply that is being read
    uint32_t count_max;
};

// "*3" and the like: a kind and a number. Bytes of the line; 0: it is not whole.
static size_t read_line(const struct link *l, size_t at, char *kind, int64_t *number) {
    const char *begin = (const char *)link_at(l) + at;
    const char *end = link_read(l) > at ? memchr(begin, '\n', link_read(l) - at) : NULL;
    if (!end) return 0;
    *kind = *begin;
    const bool negative = begin[1] == '-';
    *number = 0;
    for (const char *p = begin + 1 + negative; *p >= '0' && *p <= '9'; p++) *number = *number * 10 + (*p - '0');
    if (negative) *number = -*number;
    if (*kind == '-') drive_fail("redis: %.*s", (int)(end - begin - 1), begin);
    return (size_t)(end - begin) + 1;
}

static void put_value(struct link *l, const void *bytes, size_t size, bool wait) {
    char head[32];
    link_put(l, head, (size_t)snprintf(head, sizeof head, "$%zu\r\n", size));
    link_put_large(l, bytes, size, wait);
    link_put(l, "\r\n", 2);
}

static void begin_push(struct link *l, const char *list, uint32_t values) {
    char head[64];
    snprintf(head, sizeof head, "*%u\r\n$5\r\nRPUSH\r\n", values + 2);
    link_text(l, head);
    put_value(l, list, strlen(list), false);
}

static void pop(struct link *l, const char *list, uint32_t count_max) {
    char command[64];
    link_put(l, command, (size_t)snprintf(command, sizeof command, "BLMPOP 0 1 %s LEFT COUNT %u\r\n", list, count_max));
}

// The head of a popped list, [name, values], behind answers to pushes: false when it is not whole.
static bool next_list(struct redis *s, struct link *l) {
    char kind;
    int64_t number;
    size_t n, at;
    while ((n = read_line(l, 0, &kind, &number)) && kind == ':') l->in_at += n;
    if (!n) return false;
    if (kind != '*' || number != 2) drive_fail("redis: a reply that is no list's");
    at = n;
    if (!(n = read_line(l, at, &kind, &number))) return false;
    at += n + (size_t)number + 2;
    if (!(n = read_line(l, at, &kind, &number))) return false;
    s->left = (uint32_t)number;
    l->in_at += at + n;
    return true;
}

static const uint8_t *next_value(struct redis *s, struct link *l, size_t *size) {
    char kind;
    int64_t number;
    const size_t n = read_line(l, 0, &kind, &number);
    if (!n || link_read(l) < n + (size_t)number + 2) return NULL;
    *size = (size_t)number;
    l->in_at += n + *size + 2;
    s->left--;
    return link_at(l) - 2 - *size;
}

static void join(struct raw *r, struct link *popping, const char *list, uint32_t count_max) {
    struct redis *s = r->own = calloc(1, sizeof *s);
    P2_CHECK(s);
    s->count_max = count_max;
    pop(popping, list, count_max);
    link_flush(popping, true);
}

// ---- client: one connection pushes, one pops

static void client_join(struct raw *r) { join(r, &r->links[1], RESULTS, r->drive->plan.in_flight); }

static void batch(struct raw *r, uint32_t tasks) { begin_push(&r->links[0], TASKS, tasks); }

static void submit(struct raw *r, const uint8_t *payload, size_t size) {
    put_value(&r->links[0], payload, size, false);
}

static void client_take(struct raw *r, struct link *l) {
    struct redis *s = r->own;
    const uint8_t *value;
    size_t size, n;
    char kind;
    int64_t length;
    if (l == &r->links[0]) { // lengths of the list
        while ((n = read_line(l, 0, &kind, &length))) l->in_at += n;
        return;
    }
    while (s->left || next_list(s, l)) {
        if (!(value = next_value(s, l, &size))) return;
        drive_done(r->drive, value, size);
        if (s->left == 0) pop(l, RESULTS, s->count_max);
    }
}

// ---- worker

static void worker_join(struct raw *r) { join(r, &r->links[0], TASKS, r->ahead); }

static void worker_take(struct raw *r, struct link *l) {
    struct redis *s = r->own;
    const uint8_t *value;
    size_t size;
    for (;;) {
        if (s->left == 0) {
            if (!next_list(s, l)) return;
            begin_push(l, RESULTS, s->left);
        }
        if (!(value = next_value(s, l, &size))) return;
        put_value(l, value, size, true);
        if (s->left == 0) pop(l, TASKS, s->count_max);
    }
}

const struct raw_protocol raw_redis_client = {
    .links = 2, .join = client_join, .batch = batch, .submit = submit, .take = client_take};
const struct raw_protocol raw_redis_worker = {.links = 1, .join = worker_join, .take = worker_take};
