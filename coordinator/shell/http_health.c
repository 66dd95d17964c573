#include "http_health.h"

#include <jansson.h>
#include <string.h>

#include "coordinator/shell/serve.h"

// {"upscale": {"hits": 3, "misses": 1, "ratio": 0.75}}, of types that were asked for
static json_t *cache(struct serve *s) {
    json_t *all = json_object();
    struct coord_cache_status st;
    for (uint32_t i = 0; i < serve_cache_status(s, i, &st); i++) {
        uint64_t asked = st.hits + st.misses;
        if (!asked) continue;
        json_object_set_new(all, st.type,
                            json_pack("{s:I s:I s:f}", "hits", (json_int_t)st.hits, "misses", (json_int_t)st.misses,
                                      "ratio", (double)st.hits / (double)asked));
    }
    return all;
}

static json_t *blobs(struct serve *s) {
    struct coord_blob_status st;
    serve_blob_status(s, &st);
    return json_pack("{s:I s:I s:I s:I s:I s:I}", "count", (json_int_t)st.blobs, "bytes", (json_int_t)st.bytes,
                     "stored", (json_int_t)st.stored, "sent", (json_int_t)st.sent, "evicted", (json_int_t)st.evicted,
                     "lost", (json_int_t)st.lost);
}

static json_t *health(struct serve *s) {
    struct p2_msg_status st;
    serve_status(s, &st);
    return json_pack("{s:s s:s s:f s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:o s:o}", "status",
                     serve_draining(s) ? "draining" : "ok", "version", P2_VERSION, "uptime_s",
                     (double)st.uptime_ns / (double)P2_SEC, "peers", (json_int_t)st.peers, "peers_ready",
                     (json_int_t)st.peers_ready, "clients", (json_int_t)st.clients, "slots", (json_int_t)st.slots,
                     "slots_busy", (json_int_t)st.slots_busy, "tasks_queued", (json_int_t)st.tasks_queued,
                     "tasks_running", (json_int_t)st.tasks_running, "tasks_accepted", (json_int_t)st.tasks_accepted,
                     "tasks_completed", (json_int_t)st.tasks_completed, "tasks_failed", (json_int_t)st.tasks_failed,
                     "tasks_expired", (json_int_t)st.tasks_expired, "tasks_cancelled", (json_int_t)st.tasks_cancelled,
                     "tasks_refused", (json_int_t)st.tasks_refused, "attempts_retried", (json_int_t)st.attempts_retried,
                     "attempts_hedged", (json_int_t)st.attempts_hedged, "peers_held_back",
                     (json_int_t)st.peers_held_back, "cache", cache(s), "blobs", blobs(s));
}

unsigned http_health(void *serve, char *body_out, size_t capacity, const char **content_type_out) {
    json_t *object = health(serve);
    size_t size = object ? json_dumpb(object, body_out, capacity - 1, JSON_COMPACT) : 0;
    json_decref(object);
    *content_type_out = "application/json";
    if (size == 0 || size > capacity - 1) {
        body_out[0] = 0;
        return 500;
    }
    body_out[size] = 0;
    return serve_draining(serve) ? 503 : 200;
}
