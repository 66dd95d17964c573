// The store of blobs beside the core.
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "os/log.h"
#include "os/os.h"
#include "peer/shell/supervisor.h"

#define PEERS_MAX 16 // of one user on one machine, each with a folder of its own
#define WORKS_MAX 8192

static struct p2_blobstore *open_at(const char *dir, enum p2_err *e) {
    struct p2_blobstore_config c = {
        .dir = dir, .streams_max = 2 * WORKER_BLOBS_MAX, .works_max = WORKS_MAX, .make = true};
    p2_entropy(c.seed, sizeof c.seed);
    return p2_blobstore_open(&c, e);
}

// The first folder that no other peer has.
static bool open_own(struct supervisor *s, enum p2_err *e) {
    char cache[P2_CHILD_PATH_MAX - 64];
    if (!p2_cache_dir(cache, sizeof cache)) return false;
    for (unsigned i = 0; i < PEERS_MAX && !s->blobs; i++) {
        snprintf(s->blob_dir, sizeof s->blob_dir, "%s/peer-%u/blobs", cache, i);
        s->blobs = open_at(s->blob_dir, e);
    }
    return s->blobs != NULL;
}

static void on_answers(void *context, int fd) {
    struct supervisor *s = context;
    (void)fd;
    struct p2_blob_work answer;
    while (p2_blobstore_answer(s->blobs, &answer)) {
        struct worker_event ev = {.kind = WORKER_BLOB_DONE, .work = &answer};
        supervisor_feed(s, &ev);
        p2_blob_unref(answer.slice.blob);
    }
}

bool supervisor_blobs_open(struct supervisor *s) {
    const char *asked = s->settings.blob_dir;
    enum p2_err e = P2_ERR_IO;
    if (!s->settings.blob_budget) return true;
    if (asked) {
        snprintf(s->blob_dir, sizeof s->blob_dir, "%s", asked);
        s->blobs = strlen(asked) < sizeof s->blob_dir ? open_at(asked, &e) : NULL;
    } else if (!open_own(s, &e)) {
        p2_log(P2_LOG_WARN, "blobs_off", "code=%s", p2_err_name(e));
        return true;
    }
    return s->blobs && p2_loop_watch(s->loop, p2_blobstore_fd(s->blobs), on_answers, s);
}

void supervisor_blobs_found(struct supervisor *s) {
    const struct p2_blobstore_found *all;
    uint32_t count = s->blobs ? p2_blobstore_found(s->blobs, &all) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct p2_blob_work found = {
            .digest = all[i].digest, .size = all[i].size, .offset = all[i].part ? 0 : all[i].size};
        struct worker_event ev = {.kind = WORKER_BLOB_FOUND, .work = &found};
        supervisor_feed(s, &ev);
    }
}

static bool answered(enum p2_blob_what what) {
    return what != P2_BLOB_LEAVE && what != P2_BLOB_CLOSE && what != P2_BLOB_REMOVE;
}

void supervisor_blob(struct supervisor *s, const struct p2_blob_work *work) {
    if (p2_blobstore_do(s->blobs, work) || !answered(work->what)) return;
    P2_CHECK(s->aftermath_count < AFTERMATH_MAX);
    struct p2_blob_work *refused = &s->refused[s->refused_next];
    s->refused_next = (s->refused_next + 1) % AFTERMATH_MAX;
    *refused = *work;
    refused->slice = (struct p2_slice){.blob = NULL};
    refused->why = P2_ERR_OVERLOADED;
    const struct worker_event ev = {.kind = WORKER_BLOB_DONE, .work = refused};
    supervisor_later(s, &ev);
}
