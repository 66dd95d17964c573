// The Gearman protocol (its PROTOCOL document, binary packets): SUBMIT_JOB in the foreground on one connection; workers
// keep as many GRAB_JOBs on their way as they may have jobs in hand.
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "loadtest/bench/dispatch/raw.h"

#define HEAD 12u

enum packet {
    CAN_DO = 1,
    PRE_SLEEP = 4,
    NOOP = 6,
    SUBMIT_JOB = 7,
    JOB_CREATED = 8,
    GRAB_JOB = 9,
    NO_JOB = 10,
    JOB_ASSIGN = 11,
    WORK_COMPLETE = 13,
};

struct gearman_worker {
    uint32_t grabs; // on their way
    bool asleep;
};

static void put_head(struct link *l, enum packet kind, size_t body) {
    const uint32_t words[2] = {htonl(kind), htonl((uint32_t)body)};
    link_put(l, "\0REQ", 4);
    link_put(l, words, sizeof words);
}

// The next whole packet: 0 when there is none.
static enum packet next_packet(struct link *l, const uint8_t **body, size_t *size) {
    uint32_t words[2];
    if (link_read(l) < HEAD) return 0;
    memcpy(words, link_at(l) + 4, sizeof words);
    *size = ntohl(words[1]);
    if (link_read(l) - HEAD < *size) return 0;
    *body = link_at(l) + HEAD;
    l->in_at += HEAD + *size;
    return ntohl(words[0]);
}

// Bytes of the text that begins there, its end included.
static size_t text_size(const uint8_t *at, size_t size) {
    const uint8_t *end = memchr(at, 0, size);
    if (!end) drive_fail("gearmand: a packet without its texts");
    return (size_t)(end - at) + 1;
}

// ---- client

static void client_join(struct raw *r) { (void)r; }

static void submit(struct raw *r, const uint8_t *payload, size_t size) {
    struct link *l = &r->links[0];
    put_head(l, SUBMIT_JOB, 6 + size);
    link_put(l, "echo\0", 6); // the function, and no unique id
    link_put_large(l, payload, size, false);
}

static void client_take(struct raw *r, struct link *l) {
    const uint8_t *body;
    size_t size;
    enum packet kind;
    while ((kind = next_packet(l, &body, &size))) {
        if (kind == WORK_COMPLETE) {
            size_t handle = text_size(body, size);
            drive_done(r->drive, body + handle, size - handle);
        } else if (kind != JOB_CREATED) {
            drive_fail("gearmand: packet %u to a client", kind);
        }
    }
}

// ---- worker

static void grab(struct raw *r) {
    struct gearman_worker *w = r->own;
    for (; w->grabs < r->ahead; w->grabs++) put_head(&r->links[0], GRAB_JOB, 0);
}

static void echo(struct link *l, const uint8_t *body, size_t size) {
    size_t handle = text_size(body, size), function = text_size(body + handle, size - handle);
    size_t payload = size - handle - function;
    put_head(l, WORK_COMPLETE, handle + payload);
    link_put(l, body, handle);
    link_put_large(l, body + handle + function, payload, true);
}

static void worker_take(struct raw *r, struct link *l) {
    struct gearman_worker *w = r->own;
    const uint8_t *body;
    size_t size;
    enum packet kind;
    while ((kind = next_packet(l, &body, &size))) {
        if (kind == JOB_ASSIGN) {
            echo(l, body, size);
            put_head(l, GRAB_JOB, 0);
        } else if (kind == NOOP) {
            w->asleep = false;
            grab(r);
        } else if (kind == NO_JOB) {
            w->grabs--;
        }
    }
    if (w->grabs > 0 || w->asleep) return;
    put_head(l, PRE_SLEEP, 0);
    w->asleep = true;
}

static void worker_join(struct raw *r) {
    struct link *l = &r->links[0];
    r->own = calloc(1, sizeof(struct gearman_worker));
    P2_CHECK(r->own);
    put_head(l, CAN_DO, 4);
    link_put(l, "echo", 4);
    grab(r);
    link_flush(l, true);
    const struct gearman_worker *w = r->own;
    while (!w->asleep) { // there are no jobs yet, which it says to each
        link_fill(l, true);
        worker_take(r, l);
    }
    link_flush(l, true);
}

const struct raw_protocol raw_gearman_client = {.links = 1, .join = client_join, .submit = submit, .take = client_take};
const struct raw_protocol raw_gearman_worker = {.links = 1, .join = worker_join, .take = worker_take};
