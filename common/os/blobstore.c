#include "blobstore.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/map.h"
#include "blobdisk.h"

enum { COMES, GOES, LANES };

// A receiving or a reading. Made and freed by the loop's thread, its file touched by its lane's.
struct stream {
    p2_handle self;
    struct p2_id key;
    struct p2_blobfile file;
};

struct item {
    struct item *next;
    p2_handle self;
    struct p2_blob_work work;
    struct stream *stream;
};

struct line { // first in, first out
    struct item *first, **last;
};

struct lane {
    struct p2_blobstore *of;
    pthread_t thread;
    bool started;
    pthread_cond_t wake;
    struct line waiting;
};

struct p2_blobstore {
    struct p2_blobdisk disk;
    struct p2_blobstore_found *found;
    uint32_t found_count;
    struct p2_slab streams, items;
    struct p2_map by_token;
    uint32_t works_max;
    pthread_mutex_t lock; // of what follows
    struct lane lanes[LANES];
    struct line done;
    bool closing;
    int fd;
};

static void line_init(struct line *l) {
    l->first = NULL;
    l->last = &l->first;
}

static void line_push(struct line *l, struct item *i) {
    i->next = NULL;
    *l->last = i;
    l->last = &i->next;
}

static struct item *line_pop(struct line *l) {
    struct item *i = l->first;
    if (!i) return NULL;
    l->first = i->next;
    if (!l->first) l->last = &l->first;
    return i;
}

// ---- the threads ----------------------------------------------------------------------------------------------------

static enum p2_err carry_out(struct p2_blobstore *s, struct item *i) {
    struct p2_blob_work *w = &i->work;
    struct p2_blobfile *f = i->stream ? &i->stream->file : NULL;
    uint8_t *bytes = w->slice.blob ? w->slice.blob->data + w->slice.offset : NULL;
    enum p2_err e = P2_OK;
    switch (w->what) {
    case P2_BLOB_BEGIN:
        e = p2_blobdisk_begin(&s->disk, f, w->fresh);
        w->offset = f->have;
        return e;
    case P2_BLOB_WRITE:
        e = p2_blobdisk_write(f, bytes, w->slice.size);
        w->offset = f->have;
        return e;
    case P2_BLOB_COMMIT: return p2_blobdisk_commit(&s->disk, f);
    case P2_BLOB_OPEN: return p2_blobdisk_open(&s->disk, f, w->prove);
    case P2_BLOB_READ: return bytes ? p2_blobdisk_read(f, w->offset, bytes, w->slice.size) : P2_ERR_NO_MEMORY;
    case P2_BLOB_LEAVE:
    case P2_BLOB_CLOSE: p2_blobdisk_close(f); return P2_OK;
    case P2_BLOB_REMOVE: p2_blobdisk_remove(&s->disk, &w->digest, w->size); return P2_OK;
    case P2_BLOB_NONE: break;
    }
    P2_UNREACHABLE();
}

static void *lane_main(void *arg) {
    struct lane *l = arg;
    struct p2_blobstore *s = l->of;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct item *i = line_pop(&l->waiting);
        if (!i && s->closing) break;
        if (!i) {
            pthread_cond_wait(&l->wake, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        i->work.why = carry_out(s, i);
        pthread_mutex_lock(&s->lock);
        bool first = !s->done.first;
        line_push(&s->done, i);
        if (first) eventfd_write(s->fd, 1);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

// ---- asking ---------------------------------------------------------------------------------------------------------

static unsigned lane_of(enum p2_blob_what what) {
    return what == P2_BLOB_OPEN || what == P2_BLOB_READ || what == P2_BLOB_CLOSE ? GOES : COMES;
}

static struct p2_id token_key(unsigned lane, p2_handle token) {
    struct p2_id key = {{0}};
    memcpy(key.b, &token, sizeof token);
    key.b[sizeof key.b - 1] = (uint8_t)lane;
    return key;
}

static struct stream *stream_new(struct p2_blobstore *s, const struct p2_blob_work *w) {
    p2_handle h;
    struct stream *t = p2_slab_alloc(&s->streams, &h);
    if (!t) return NULL;
    t->self = h;
    t->key = token_key(lane_of(w->what), w->token);
    t->file = (struct p2_blobfile){.fd = -1, .size = w->size, .digest = w->digest};
    P2_CHECK(p2_map_put(&s->by_token, &t->key, h)); // a token is used again only after its end
    return t;
}

static struct stream *stream_of(const struct p2_blobstore *s, const struct p2_blob_work *w) {
    struct p2_id key = token_key(lane_of(w->what), w->token);
    return p2_slab_get(&s->streams, p2_map_get(&s->by_token, &key));
}

static bool is_last(enum p2_blob_what what) {
    return what == P2_BLOB_COMMIT || what == P2_BLOB_LEAVE || what == P2_BLOB_CLOSE;
}

bool p2_blobstore_do(struct p2_blobstore *s, const struct p2_blob_work *work) {
    bool first = work->what == P2_BLOB_BEGIN || work->what == P2_BLOB_OPEN, last = is_last(work->what);
    if (!last && s->items.live >= s->works_max) return false;
    struct stream *t = NULL;
    if (first) {
        if (!(t = stream_new(s, work))) return false;
    } else if (work->what != P2_BLOB_REMOVE && !(t = stream_of(s, work))) {
        return work->what == P2_BLOB_LEAVE || work->what == P2_BLOB_CLOSE; // its first was not taken
    }
    p2_handle h;
    struct item *i = p2_slab_alloc(&s->items, &h);
    P2_CHECK(i); // works_max, and the last of each stream
    i->self = h;
    i->work = *work;
    i->stream = t;
    if (work->slice.blob) p2_blob_ref(work->slice.blob);
    if (last) P2_CHECK(p2_map_remove(&s->by_token, &t->key));
    struct lane *l = &s->lanes[lane_of(work->what)];
    pthread_mutex_lock(&s->lock);
    line_push(&l->waiting, i);
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static bool is_answered(enum p2_blob_what what) {
    return what != P2_BLOB_LEAVE && what != P2_BLOB_CLOSE && what != P2_BLOB_REMOVE;
}

bool p2_blobstore_answer(struct p2_blobstore *s, struct p2_blob_work *out) {
    for (;;) {
        pthread_mutex_lock(&s->lock);
        struct item *i = line_pop(&s->done);
        eventfd_t count;
        if (!i) (void)eventfd_read(s->fd, &count);
        pthread_mutex_unlock(&s->lock);
        if (!i) return false;
        if (is_last(i->work.what)) p2_slab_free(&s->streams, i->stream->self);
        *out = i->work;
        p2_slab_free(&s->items, i->self);
        if (is_answered(out->what)) return true;
    }
}

int p2_blobstore_fd(const struct p2_blobstore *s) { return s->fd; }

uint32_t p2_blobstore_found(const struct p2_blobstore *s, const struct p2_blobstore_found **out) {
    *out = s->found;
    return s->found_count;
}

// ---- life -----------------------------------------------------------------------------------------------------------

static enum p2_err start(struct p2_blobstore *s, const struct p2_blobstore_config *c) {
    int n = snprintf(s->disk.dir, sizeof s->disk.dir, "%s", c->dir);
    if (n < 0 || (size_t)n >= sizeof s->disk.dir) return P2_ERR_IO;
    s->works_max = c->works_max;
    if (!p2_slab_init(&s->streams, sizeof(struct stream), c->streams_max) ||
        !p2_slab_init(&s->items, sizeof(struct item), c->works_max + c->streams_max) ||
        !p2_map_init(&s->by_token, c->streams_max, c->seed))
        return P2_ERR_NO_MEMORY;
    enum p2_err e = p2_blobdisk_take(&s->disk, c->make);
    if (e == P2_OK) e = p2_blobdisk_scan(&s->disk, &s->found, &s->found_count);
    if (e != P2_OK && e != P2_ERR_NOT_FOUND) return e;
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0) return P2_ERR_NO_MEMORY;
    for (unsigned i = 0; i < LANES; i++) {
        struct lane *l = &s->lanes[i];
        l->started = pthread_create(&l->thread, NULL, lane_main, l) == 0;
        if (!l->started) return P2_ERR_NO_MEMORY;
    }
    return P2_OK;
}

struct p2_blobstore *p2_blobstore_open(const struct p2_blobstore_config *config, enum p2_err *error) {
    struct p2_blobstore *s = calloc(1, sizeof *s);
    *error = P2_ERR_NO_MEMORY;
    if (!s) return NULL;
    s->fd = s->disk.lock = -1;
    pthread_mutex_init(&s->lock, NULL);
    line_init(&s->done);
    for (unsigned i = 0; i < LANES; i++) {
        s->lanes[i].of = s;
        pthread_cond_init(&s->lanes[i].wake, NULL);
        line_init(&s->lanes[i].waiting);
    }
    *error = start(s, config);
    if (*error != P2_OK) p2_blobstore_close(&s);
    return s;
}

static void stop(struct p2_blobstore *s) {
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    for (unsigned i = 0; i < LANES; i++) pthread_cond_signal(&s->lanes[i].wake);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < LANES; i++) {
        if (s->lanes[i].started) pthread_join(s->lanes[i].thread, NULL);
        pthread_cond_destroy(&s->lanes[i].wake);
    }
}

void p2_blobstore_close(struct p2_blobstore **at) {
    struct p2_blobstore *s = *at;
    if (!s) return;
    *at = NULL;
    stop(s);
    struct p2_blob_work left;
    while (s->fd >= 0 && p2_blobstore_answer(s, &left)) p2_blob_unref(left.slice.blob);
    for (uint32_t i = 0; i < s->streams.capacity; i++) {
        p2_handle h;
        struct stream *t = p2_slab_at(&s->streams, i, &h);
        if (t) p2_blobdisk_close(&t->file);
    }
    pthread_mutex_destroy(&s->lock);
    p2_slab_deinit(&s->streams);
    p2_slab_deinit(&s->items);
    p2_map_deinit(&s->by_token);
    free(s->found);
    if (s->fd >= 0) close(s->fd);
    if (s->disk.lock >= 0) close(s->disk.lock);
    free(s);
}
