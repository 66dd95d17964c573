// Clients and workers of relay.h.
#include <string.h>

#include "loadtest/bench/dispatch/raw.h"
#include "loadtest/bench/dispatch/relay.h"

static void put_head(struct link *l, size_t size, uint32_t tag) {
    const struct relay_head h = {(uint32_t)size, tag};
    link_put(l, &h, sizeof h);
}

static const uint8_t *next_record(struct link *l, struct relay_head *h) {
    if (link_read(l) < sizeof *h) return NULL;
    memcpy(h, link_at(l), sizeof *h);
    if (link_read(l) - sizeof *h < h->size) return NULL;
    l->in_at += sizeof *h + h->size;
    return l->in + l->in_at - h->size;
}

static void join(struct raw *r) {
    put_head(&r->links[0], 0, r->ahead);
    link_flush(&r->links[0], true);
}

static void submit(struct raw *r, const uint8_t *payload, size_t size) {
    put_head(&r->links[0], size, 0); // the payload says which task it is
    link_put_large(&r->links[0], payload, size, false);
}

static void client_take(struct raw *r, struct link *l) {
    struct relay_head h;
    const uint8_t *payload;
    while ((payload = next_record(l, &h))) drive_done(r->drive, payload, h.size);
}

static void worker_take(struct raw *r, struct link *l) {
    struct relay_head h;
    const uint8_t *payload;
    (void)r;
    while ((payload = next_record(l, &h))) {
        put_head(l, h.size, h.tag);
        link_put_large(l, payload, h.size, true);
    }
}

const struct raw_protocol raw_relay_client = {.links = 1, .join = join, .submit = submit, .take = client_take};
const struct raw_protocol raw_relay_worker = {.links = 1, .join = join, .take = worker_take};
