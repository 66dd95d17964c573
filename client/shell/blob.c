// A blob to the coordinator, while the caller waits.
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "client/shell/client.h"
#include "os/os.h"

#define BLOB_LANE 3 // beside payloads of the class batch

void p2_client_send_blob(struct p2c2r_client *c, const struct session_action *a) {
    struct p2_msg m = {.kind = P2_MSG_CHUNK, .stream = a->u.part.stream};
    struct p2_blob *piece = p2_blob_new(&c->wire, a->u.part.size);
    struct p2_slice payload = {piece, 0, a->u.part.size};
    size_t n = 0;
    if (piece) {
        memcpy(piece->data, c->put_bytes + a->u.part.offset, a->u.part.size);
        m.u.chunk.offset = a->u.part.offset;
        m.u.chunk.attempt = 1;
        m.u.chunk.raw_size = a->u.part.size;
        m.u.chunk.payload = payload;
        n = p2_encode(&m, c->head, sizeof c->head);
    }
    enum p2_err e = n ? p2_conn_send(c->loop, c->conn, BLOB_LANE, c->head, n, payload) : P2_ERR_NO_MEMORY;
    p2_blob_unref(piece);
    if (e == P2_ERR_NO_MEMORY) p2_conn_close(c->loop, c->conn, e); // a hole; it goes on with the next connection
}

void p2_client_put_ended(struct p2c2r_client *c, const struct session_action *a) {
    c->put_ended = true;
    c->put_code = a->u.put_ended.code;
    struct p2_str said = a->u.put_ended.sentence;
    snprintf(c->error, sizeof c->error, "%.*s", (int)said.n, said.n ? said.p : "");
}

static p2c2r_status wait_for_it(struct p2c2r_client *c, p2_ns until) {
    while (!c->put_ended) {
        p2_ns now = p2_clock_now();
        if (c->turned_away) return p2_client_fail(c, P2C2R_ECLOSED, "%s", c->away);
        if (now >= until && p2_client_is_up(c))
            return p2_client_fail(c, P2C2R_ETIMEOUT, "the blob was not with the coordinator in that time");
        if (now >= until) return p2_client_fail(c, P2C2R_EUNREACHABLE, "no coordinator answers at %s", c->url);
        p2_client_turn(c, until - now);
    }
    return c->put_code == P2_OK ? P2C2R_OK : P2C2R_EREFUSED; // its sentence is the last error
}

static p2c2r_status put_and_wait(struct p2c2r_client *c, const void *bytes, uint64_t size, p2c2r_digest *digest,
                                 int64_t timeout_us) {
    if (!bytes || !size || size > P2_BLOB_BYTES_MAX)
        return p2_client_fail(c, P2C2R_EINVAL, "a blob has 1 byte to %llu", (unsigned long long)P2_BLOB_BYTES_MAX);
    struct session_event ev = {.kind = SESSION_PUT, .u.put.size = size};
    p2_sha256(bytes, size, &ev.u.put.digest);
    if (digest) memcpy(digest->bytes, ev.u.put.digest.b, sizeof digest->bytes);
    p2_ns until = p2_ns_add(p2_clock_now(), timeout_us > 0 ? p2_ns_from_us((uint64_t)timeout_us) : 0);
    c->put_bytes = bytes;
    c->put_ended = c->turned_away = false;
    p2_client_feed(c, &ev);
    p2c2r_status status = wait_for_it(c, until);
    struct session_event stop = {.kind = SESSION_PUT_STOP};
    if (!c->put_ended) p2_client_feed(c, &stop);
    c->put_bytes = NULL;
    return status;
}

p2c2r_status p2c2r_blob_put_wait(p2c2r_client *c, const void *bytes, uint64_t size, p2c2r_digest *digest,
                                 int64_t timeout_us) {
    return p2_client_enter(c) ? p2_client_leave(c, put_and_wait(c, bytes, size, digest, timeout_us)) : P2C2R_EINVAL;
}
