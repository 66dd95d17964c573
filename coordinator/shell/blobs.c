#include "blobs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "coordinator/core/fetch.h"
#include "coordinator/core/upload.h"
#include "msg/limits.h"
#include "os/blobstore.h"
#include "os/log.h"
#include "os/os.h"

#define REFUSED_MAX 64u // of one step: a few for each upload of one client

struct blob_keeper {
    struct p2_blobstore *store;
    struct p2_blob_pool *pool;
    struct p2_blob_work refused[REFUSED_MAX];
    uint32_t refused_count;
};

static bool own_dir(uint16_t port, char out[static PATH_MAX]) {
    char cache[PATH_MAX];
    if (!p2_cache_dir(cache, sizeof cache)) return false;
    int n = snprintf(out, PATH_MAX, "%s/coordinator-%u/blobs", cache, (unsigned)port);
    return n > 0 && n < PATH_MAX;
}

struct blob_keeper *blob_keeper_open(const char *dir, uint16_t port, const struct coord_limits *limits,
                                     struct p2_blob_pool *pool) {
    char own[PATH_MAX] = "";
    if (!dir && own_dir(port, own)) dir = own;
    struct p2_blobstore_config c = {.dir = dir};
    uint32_t fetches = limits->peers_max * FETCHES_PER_PEER;
    uint32_t writes = UPLOAD_WRITES_FREE + P2_STREAM_WINDOW / UPLOAD_WRITE_BYTES;
    c.streams_max = 2 * limits->blob_uploads_max + fetches; // uploads that ended may still be written
    c.works_max = limits->blob_uploads_max * (writes + 2) + 2 * fetches + 1024;
    p2_entropy(c.seed, sizeof c.seed);
    enum p2_err e = P2_ERR_IO;
    struct blob_keeper *k = calloc(1, sizeof *k);
    if (k && dir) k->store = p2_blobstore_open(&c, &e);
    if (k && k->store) {
        k->pool = pool;
        return k;
    }
    p2_log(P2_LOG_WARN, "blobs_off", "code=%s dir=\"%s\"", p2_err_name(k ? e : P2_ERR_NO_MEMORY), dir ? dir : "");
    free(k);
    return NULL;
}

void blob_keeper_close(struct blob_keeper **k) {
    if (!*k) return;
    p2_blobstore_close(&(*k)->store);
    free(*k);
    *k = NULL;
}

bool blob_keeper_found(const struct blob_keeper *k, uint32_t i, struct p2_blob_work *out) {
    const struct p2_blobstore_found *all;
    if (i >= p2_blobstore_found(k->store, &all)) return false;
    *out = (struct p2_blob_work){.digest = all[i].digest, .size = all[i].size, .offset = all[i].part ? 0 : all[i].size};
    return true;
}

static bool answered(enum p2_blob_what what) {
    return what == P2_BLOB_BEGIN || what == P2_BLOB_WRITE || what == P2_BLOB_COMMIT || what == P2_BLOB_OPEN ||
           what == P2_BLOB_READ;
}

void blob_keeper_do(struct blob_keeper *k, const struct p2_blob_work *work) {
    struct p2_blob_work w = *work;
    if (w.what == P2_BLOB_READ) w.slice.blob = p2_blob_new(k->pool, w.slice.size);
    bool taken = p2_blobstore_do(k->store, &w);
    if (w.what == P2_BLOB_READ) p2_blob_unref(w.slice.blob);
    if (taken || !answered(w.what)) return; // a file that is not removed now is found at the next start
    w.slice = (struct p2_slice){.blob = NULL};
    w.why = P2_ERR_OVERLOADED;
    P2_CHECK(k->refused_count < REFUSED_MAX);
    k->refused[k->refused_count++] = w;
}

bool blob_keeper_refused(struct blob_keeper *k, struct p2_blob_work *out) {
    if (!k->refused_count) return false;
    *out = k->refused[--k->refused_count];
    return true;
}

bool blob_keeper_answer(struct blob_keeper *k, struct p2_blob_work *out) { return p2_blobstore_answer(k->store, out); }

int blob_keeper_fd(const struct blob_keeper *k) { return p2_blobstore_fd(k->store); }
