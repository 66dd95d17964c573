// The coordinator's thread of digests: keys of tasks, some time after the last byte of their payload, now and then
// never.
#include "hash.h"

#include <stdlib.h>

#include "os/os.h"

struct stream {
    p2_handle task;
    struct p2_sha256 *sum;
    struct p2_digest key;
    struct timer timer;
};

static struct {
    struct stream *streams;
    uint32_t count;
    p2_handle ready[P2_BATCH_MAX]; // of which the keys are to be told before anything else happens
    uint32_t ready_count;
} hashes;

static void drop(struct stream *s) {
    timer_off(&s->timer);
    p2_sha256_end(&s->sum, NULL);
    s->task = P2_NO_HANDLE;
}

static void on_timer(struct timer *t) {
    struct stream *s = P2_CONTAINER_OF(t, struct stream, timer);
    if (sim.coord_node.frozen_until > sim.now) {
        timer_at(t, sim.coord_node.frozen_until);
        return;
    }
    p2_handle task = s->task;
    s->task = P2_NO_HANDLE;
    coord_hashed(task, &s->key);
}

void hashes_open(uint32_t tasks) {
    hashes.count = tasks;
    hashes.ready_count = 0;
    hashes.streams = calloc(tasks, sizeof *hashes.streams);
    P2_CHECK(hashes.streams);
    for (uint32_t i = 0; i < tasks; i++) timer_init(&hashes.streams[i].timer, on_timer);
}

void hashes_close(void) {
    for (uint32_t i = 0; i < hashes.count; i++) drop(&hashes.streams[i]);
    free(hashes.streams);
}

static struct stream *stream_of(p2_handle task) { return &hashes.streams[(uint32_t)task % hashes.count]; }

static void add(struct stream *s, const struct coord_hash *h) {
    uint8_t plain[P2_RECORD_PAYLOAD_MAX];
    const uint8_t *bytes = h->raw_size ? p2_slice_data(&h->payload) : plain;
    if (h->zstd) {
        P2_CHECK(p2_body_inflate(&sim.coord_codec, bytes, h->payload.size, plain, h->raw_size) == P2_OK);
        bytes = plain;
    }
    p2_sha256_add(s->sum, bytes, h->raw_size);
}

void hash_piece(const struct coord_hash *h) {
    struct stream *s = stream_of(h->task);
    if (s->task != h->task) {
        drop(s);
        s->task = h->task;
        s->sum = p2_sha256_begin();
    }
    add(s, h);
    if (!h->last) return;
    struct p2_digest payload;
    p2_sha256_end(&s->sum, &payload);
    struct p2_sha256 *sum = p2_sha256_begin();
    p2_sha256_add(sum, h->head, h->head_size);
    p2_sha256_add(sum, payload.b, sizeof payload.b);
    p2_sha256_end(&sum, &s->key);
    if (h->at_once)
        hashes.ready[hashes.ready_count++] = h->task;
    else if (!chance(3))
        timer_at(&s->timer, sim.now + between(0, 20 * P2_MS));
}

void hash_drop(p2_handle task) {
    struct stream *s = stream_of(task);
    if (s->task == task) drop(s);
}

bool hash_ready(p2_handle *task, struct p2_digest *key) {
    while (hashes.ready_count) {
        struct stream *s = stream_of(hashes.ready[--hashes.ready_count]);
        if (s->task != hashes.ready[hashes.ready_count]) continue; // it has ended
        *task = s->task;
        *key = s->key;
        s->task = P2_NO_HANDLE;
        return true;
    }
    return false;
}
