#include "digest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "msg/limits.h"
#include "os/os.h"
#include "wire/wire.h"

#define READY_MAX P2_BATCH_MAX // keys made at once in one step of the core

struct stream {
    p2_handle self, task;
    struct p2_sha256 *hash; // the thread's, from the first job to the last
    uint32_t jobs;          // not taken back yet
    bool dropped;
};

struct job {
    p2_handle stream;
    struct p2_sha256 *hash;
    struct p2_slice payload;
    struct p2_blob *head; // of the last job
    uint32_t raw_size;
    bool zstd, last;
    bool broken; // by the thread: not what it claims to be
    struct p2_digest key;
};

struct ready {
    p2_handle task;
    struct p2_digest key;
};

// The ring: [take, done) is finished, [done, put) waits for the thread. Only `done` and `stop` are both sides'.
struct digest {
    struct p2_blob_pool *pool;
    void (*wake)(void *context);
    void *context;
    struct p2_slab streams;
    struct p2_map by_task;
    struct ready ready[READY_MAX];
    uint32_t ready_count;
    struct job jobs[DIGEST_JOBS];
    uint32_t take;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t more;
    uint32_t done, put;
    bool stop;
    uint8_t raw[P2_RECORD_PAYLOAD_MAX]; // the thread's
    struct p2_codec here, there;        // the loop's and the thread's, to inflate with
};

static struct p2_digest key_of(const uint8_t *head, size_t size, const struct p2_digest *payload) {
    struct p2_digest key;
    p2_sha256_of_two(head, size, payload->b, sizeof payload->b, &key);
    return key;
}

// The raw bytes of a piece; NULL when they are not what they claim to be.
static const uint8_t *raw_bytes(struct p2_codec *codec, const struct p2_slice *payload, bool zstd, uint32_t raw_size,
                                uint8_t *scratch) {
    if (!zstd) return p2_slice_data(payload);
    return p2_body_inflate(codec, p2_slice_data(payload), payload->size, scratch, raw_size) == P2_OK ? scratch : NULL;
}

// ---- the thread ---------------------------------------------------------------------------------------------------

static void work(struct digest *d, struct job *j) {
    if (j->payload.blob) {
        const uint8_t *raw = raw_bytes(&d->there, &j->payload, j->zstd, j->raw_size, d->raw);
        j->broken = !raw;
        if (raw) p2_sha256_add(j->hash, raw, j->raw_size);
    }
    if (!j->last) return;
    struct p2_digest payload;
    p2_sha256_end(&j->hash, &payload);
    j->key = key_of(j->head->data, j->head->size, &payload);
}

static void *run(void *context) {
    struct digest *d = context;
    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (!d->stop && d->done == d->put) pthread_cond_wait(&d->more, &d->lock);
        if (d->stop) break;
        struct job *j = &d->jobs[d->done % DIGEST_JOBS];
        pthread_mutex_unlock(&d->lock);
        work(d, j);
        bool last = j->last || j->broken; // others can wait for the next look
        pthread_mutex_lock(&d->lock);
        d->done++;
        if (last || d->done == d->put) d->wake(d->context);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

// ---- the loop's side ----------------------------------------------------------------------------------------------

static struct p2_id map_key(p2_handle task) {
    struct p2_id key = {{0}};
    memcpy(key.b, &task, sizeof task);
    return key;
}

static struct stream *stream_of(const struct digest *d, p2_handle task) {
    struct p2_id key = map_key(task);
    return p2_slab_get(&d->streams, p2_map_get(&d->by_task, &key));
}

static struct stream *open_stream(struct digest *d, p2_handle task) {
    p2_handle h;
    struct stream *s = p2_slab_alloc(&d->streams, &h);
    if (!s) return NULL;
    struct p2_id key = map_key(task);
    s->self = h;
    s->task = task;
    s->hash = p2_sha256_begin();
    p2_map_put(&d->by_task, &key, h);
    return s;
}

static void close_stream(struct digest *d, struct stream *s) {
    struct p2_id key = map_key(s->task);
    p2_map_remove(&d->by_task, &key);
    p2_sha256_end(&s->hash, NULL);
    p2_slab_free(&d->streams, s->self);
}

// What cannot be hashed stays without a key until its task ends.
static bool push(struct digest *d, struct stream *s, const struct coord_hash *h) {
    pthread_mutex_lock(&d->lock);
    uint32_t put = d->put;
    pthread_mutex_unlock(&d->lock);
    if (put - d->take == DIGEST_JOBS || !s->hash) return false;
    struct p2_blob *head = h->last ? p2_blob_new(d->pool, (uint32_t)h->head_size) : NULL;
    if (h->last && !head) return false;
    if (head) memcpy(head->data, h->head, h->head_size);
    if (h->payload.blob) p2_blob_ref(h->payload.blob);
    d->jobs[put % DIGEST_JOBS] = (struct job){.stream = s->self,
                                              .hash = s->hash,
                                              .payload = h->payload,
                                              .head = head,
                                              .raw_size = h->raw_size,
                                              .zstd = h->zstd,
                                              .last = h->last};
    s->jobs++;
    if (h->last) s->hash = NULL; // the thread ends it
    pthread_mutex_lock(&d->lock);
    d->put++;
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->lock);
    return true;
}

static void hash_now(struct digest *d, const struct coord_hash *h) {
    uint8_t scratch[P2_RECORD_PAYLOAD_MAX];
    const uint8_t *raw = raw_bytes(&d->here, &h->payload, h->zstd, h->raw_size, scratch);
    if ((!raw && h->raw_size) || d->ready_count == READY_MAX) return;
    struct p2_digest payload;
    p2_sha256(raw ? raw : scratch, h->raw_size, &payload);
    d->ready[d->ready_count++] = (struct ready){h->task, key_of(h->head, h->head_size, &payload)};
}

void digest_put(struct digest *d, const struct coord_hash *h) {
    if (h->at_once) {
        hash_now(d, h);
        return;
    }
    struct stream *s = stream_of(d, h->task);
    if (!s) s = open_stream(d, h->task);
    if (s && !s->dropped && !push(d, s, h)) s->dropped = true;
}

void digest_drop(struct digest *d, p2_handle task) {
    struct stream *s = stream_of(d, task);
    if (!s) return;
    s->dropped = true;
    if (!s->jobs) close_stream(d, s);
}

// Takes one finished job back. True when it brought a key.
static bool take_job(struct digest *d, p2_handle *task, struct p2_digest *key) {
    struct job *j = &d->jobs[d->take++ % DIGEST_JOBS];
    struct stream *s = p2_slab_get(&d->streams, j->stream);
    p2_blob_unref(j->payload.blob);
    p2_blob_unref(j->head);
    s->dropped |= j->broken;
    s->jobs--;
    bool known = j->last && !s->dropped;
    *task = s->task;
    *key = j->key;
    if ((j->last || s->dropped) && !s->jobs) close_stream(d, s);
    return known;
}

bool digest_take(struct digest *d, p2_handle *task, struct p2_digest *key) {
    if (d->ready_count) {
        const struct ready *r = &d->ready[--d->ready_count];
        *task = r->task;
        *key = r->key;
        return true;
    }
    if (d->take == d->put) return false; // which only this side writes
    pthread_mutex_lock(&d->lock);
    uint32_t done = d->done;
    pthread_mutex_unlock(&d->lock);
    while (d->take != done) {
        if (take_job(d, task, key)) return true;
    }
    return false;
}

// ---- life ---------------------------------------------------------------------------------------------------------

struct digest *digest_create(struct p2_blob_pool *pool, void (*wake)(void *context), void *context) {
    struct digest *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    uint64_t seed[2];
    p2_entropy(seed, sizeof seed);
    d->pool = pool;
    d->wake = wake;
    d->context = context;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->more, NULL);
    if (p2_codec_init(&d->here, pool) && p2_codec_init(&d->there, pool) &&
        p2_slab_init(&d->streams, sizeof(struct stream), DIGEST_STREAMS) &&
        p2_map_init(&d->by_task, DIGEST_STREAMS, seed))
        d->running = pthread_create(&d->thread, NULL, run, d) == 0;
    if (!d->running) digest_destroy(&d);
    return d;
}

void digest_destroy(struct digest **at) {
    struct digest *d = *at;
    if (!d) return;
    *at = NULL;
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_signal(&d->more);
    pthread_mutex_unlock(&d->lock);
    if (d->running) pthread_join(d->thread, NULL);
    for (; d->take != d->put; d->take++) {
        struct job *j = &d->jobs[d->take % DIGEST_JOBS];
        p2_blob_unref(j->payload.blob);
        p2_blob_unref(j->head);
        if (j->last) p2_sha256_end(&j->hash, NULL);
    }
    for (uint32_t i = 0; i < d->streams.capacity; i++) {
        p2_handle h;
        struct stream *s = p2_slab_at(&d->streams, i, &h);
        if (s) p2_sha256_end(&s->hash, NULL);
    }
    p2_map_deinit(&d->by_task);
    p2_slab_deinit(&d->streams);
    p2_codec_deinit(&d->here);
    p2_codec_deinit(&d->there);
    pthread_cond_destroy(&d->more);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
