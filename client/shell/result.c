// Records: a ticket's place in the library, its result's memory, and how both are given and taken back.
#include "client/shell/io.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "os/os.h"

void p2_record_move(struct p2c2r_client *c, struct record *r, enum record_state to) {
    static const enum record_state next[RECORD_STATES] = {
        [RECORD_FREE] = RECORD_OPEN, [RECORD_OPEN] = RECORD_ENDED, [RECORD_ENDED] = RECORD_LENT};
    P2_CHECK(r->state < RECORD_LENT && next[r->state] == to);
    if (to == RECORD_LENT) p2_list_remove(&r->link);
    if (to == RECORD_ENDED && !r->owner) p2_list_push_back(&c->ended, &r->link);
    r->state = to;
}

// One message touches one ticket, so one drop waits at most.
static void drop(struct p2c2r_client *c, const struct record *r, enum p2_err why) {
    c->drop_waits = r->ticket;
    c->drop_why = why;
}

static void forget_data(struct record *r) {
    p2_blob_unref(r->blob);
    r->blob = NULL;
    r->data = NULL;
}

bool p2_record_room(struct p2c2r_client *c, struct record *r, uint64_t size) {
    forget_data(r);
    if (size == 0 || r->forgotten) return true;
    if (r->out && size <= r->out_capacity) {
        r->data = r->out;
        return true;
    }
    r->blob = p2_blob_new(&c->results, (uint32_t)size);
    if (r->blob) r->data = r->blob->data;
    return r->blob != NULL;
}

void p2_record_begin(struct p2c2r_client *c, p2c2r_ticket ticket, uint32_t attempt, uint64_t size) {
    struct record *r = p2_record_get(c, ticket);
    if (!r) return;
    r->attempt = attempt;
    r->no_memory = r->broken = false;
    if (r->window.to && size && !r->forgotten) {
        forget_data(r);
        r->data = r->window.to;
        r->broken = size != r->window.total;
        if (r->broken) drop(c, r, P2_ERR_BAD_PAYLOAD);
        return;
    }
    r->no_memory = !p2_record_room(c, r, size);
    if (r->no_memory) drop(c, r, P2_ERR_NO_MEMORY);
}

// Bytes from `offset` of a result, as far as its window wants them.
static void store_seen(struct record *r, uint64_t offset, const uint8_t *bytes, uint64_t size) {
    const struct window *w = &r->window;
    uint64_t from = offset > w->first ? offset : w->first;
    uint64_t end = offset + size < w->first + w->size ? offset + size : w->first + w->size;
    if (from < end) memcpy(w->to + (from - w->first), bytes + (from - offset), (size_t)(end - from));
}

static void store_window(struct p2c2r_client *c, struct record *r, const struct session_action *a) {
    const struct p2_slice *slice = &a->u.store.slice;
    if (!a->u.store.zstd) {
        store_seen(r, a->u.store.offset, p2_slice_data(slice), slice->size);
        return;
    }
    struct p2_blob *raw = p2_blob_new(&c->wire, a->u.store.raw_size);
    r->no_memory = !raw;
    r->broken =
        raw && p2_body_inflate(&c->codec, p2_slice_data(slice), slice->size, raw->data, a->u.store.raw_size) != P2_OK;
    if (!raw || r->broken)
        drop(c, r, raw ? P2_ERR_BAD_PAYLOAD : P2_ERR_NO_MEMORY);
    else
        store_seen(r, a->u.store.offset, raw->data, a->u.store.raw_size);
    p2_blob_unref(raw);
}

// What a peer compressed reaches us as it is: that it does not unpack concerns this ticket, not the connection.
void p2_record_store(struct p2c2r_client *c, const struct session_action *a) {
    struct record *r = p2_record_get(c, a->u.store.ticket);
    if (!r || !r->data || r->broken || r->no_memory || r->attempt != a->u.store.attempt) return;
    if (r->window.to) {
        store_window(c, r, a);
        return;
    }
    const struct p2_slice *slice = &a->u.store.slice;
    uint8_t *to = r->data + a->u.store.offset;
    if (!a->u.store.zstd) {
        memcpy(to, p2_slice_data(slice), slice->size);
        return;
    }
    r->broken = p2_body_inflate(&c->codec, p2_slice_data(slice), slice->size, to, a->u.store.raw_size) != P2_OK;
    if (r->broken) drop(c, r, P2_ERR_BAD_PAYLOAD);
}

void p2_record_say(struct p2c2r_client *c, struct record *r, struct p2_str sentence) {
    uint32_t n = sentence.n < P2_TEXT_MAX ? sentence.n : P2_TEXT_MAX;
    r->reason = "";
    if (n == 0) return;
    char *to = c->reasons[(uint32_t)r->ticket];
    memcpy(to, sentence.p, n);
    to[n] = 0;
    r->reason = to;
}

static void spoil(struct p2c2r_client *c, struct record *r, enum p2_err code, const char *sentence) {
    r->end.outcome = SESSION_FAILED;
    r->end.code = code;
    r->end.retryable = true;
    p2_record_say(c, r, p2_str(sentence));
}

// Until it ends, a record is its session's, or this machine's: what is written here is seen when it is moved.
void p2_record_ended(struct p2c2r_client *c, const struct session_ended *e) {
    struct record *r = p2_record_get(c, e->ticket);
    if (c->drop_waits == e->ticket) c->drop_waits = 0;
    if (!r || r->state != RECORD_OPEN || r->origin == P2C2R_ORIGIN_LOCAL) return; // ended here already
    r->end = *e;
    p2_record_say(c, r, e->sentence);
    if (e->outcome == SESSION_DONE && r->no_memory) spoil(c, r, P2_ERR_NO_MEMORY, p2_err_sentence(P2_ERR_NO_MEMORY));
    if (e->outcome == SESSION_DONE && r->broken) spoil(c, r, P2_ERR_BAD_PAYLOAD, SESSION_BROKEN_RESULT);
    if (r->end.outcome != SESSION_DONE) forget_data(r);
    if (!p2_here_holds(c, r)) p2_record_finish(c, r);
}

// Records that carry lent bytes are queued still: after a cancel, say.
static bool still_out(const struct record *r) { return r->lent && r->lent->refs > 1; }

void p2_records_turn(struct p2c2r_client *c) {
    P2_LIST_EACH (node, next, &c->lent) {
        struct record *r = P2_CONTAINER_OF(node, struct record, link);
        if (still_out(r)) continue;
        p2_list_remove(node);
        p2_record_finish(c, r);
    }
}

void p2_record_finish(struct p2c2r_client *c, struct record *r) {
    if (r->end.outcome != SESSION_DONE) {
        forget_data(r);
        r->end.result_size = 0;
    }
    p2_client_lock(c);
    p2_here_drop_job(r);
    if (still_out(r)) {
        p2_list_push_back(&c->lent, &r->link); // it ends when that has left
        p2_client_unlock(c);
        return;
    }
    p2_blob_unref(r->lent);
    r->lent = NULL;
    p2_stats_ended(&c->stats, p2_client_now(c), &r->end);
    p2_record_move(c, r, RECORD_ENDED);
    p2_io_tell(c);
    if (r->owner) r->owner->ended(r->owner, c, r);
    p2_client_unlock(c);
}

struct record *p2_record_get(struct p2c2r_client *c, p2c2r_ticket ticket) {
    p2_client_lock(c);
    struct record *r = p2_slab_get(&c->records, ticket);
    p2_client_unlock(c);
    return r;
}

void p2_record_free(struct p2c2r_client *c, struct record *r) {
    p2_client_lock(c);
    p2_mail_forget(c, r);
    p2_list_remove(&r->link);
    p2_blob_unref(r->blob);
    p2_blob_unref(r->lent);
    p2_here_drop_job(r);
    p2_slab_free(&c->records, r->ticket);
    p2_client_unlock(c);
}

static void free_ended(struct record_owner *owner, struct p2c2r_client *c, struct record *r) {
    (void)owner;
    p2_record_free(c, r);
}

void p2_record_forget(struct p2c2r_client *c, struct record *r) {
    static struct record_owner nobody = {free_ended};
    if (r->state == RECORD_ENDED) {
        p2_record_free(c, r);
        return;
    }
    p2_blob_unref(r->blob);
    r->blob = NULL;
    r->data = NULL;
    r->forgotten = true;
    r->owner = &nobody;
    p2_mail_cancel(c, r);
}

static int64_t us(p2_ns span) { return (int64_t)p2_ns_to_us(span); }

static void lend(struct p2c2r_client *c, struct record *r, p2c2r_result *out) {
    const struct session_ended *e = &r->end;
    p2_record_move(c, r, RECORD_LENT);
    *out = (p2c2r_result){
        .size = sizeof *out,
        .ticket = r->ticket,
        .user = r->user,
        .outcome = (p2c2r_outcome)e->outcome,
        .code = (uint32_t)e->code,
        .code_name = p2_err_name(e->code),
        .reason = r->reason,
        .retryable = e->retryable,
        .retry_after_us = us(e->retry_after_ns),
        .data = r->data,
        .data_size = (size_t)e->result_size,
        .attempts = e->attempts,
        .cached = e->cached,
        .total_us = us(e->total_ns),
        .queue_us = us(e->queue_ns),
        .processing_us = us(e->processing_ns),
        .kernel_us = us(e->kernel_ns),
        .origin = r->origin,
    };
    if (e->outcome == SESSION_DONE && !r->origin) out->origin = e->cached ? P2C2R_ORIGIN_CACHE : P2C2R_ORIGIN_PEER;
    // Of the rounded ones, so that they add up.
    const struct session_ended rounded = {
        .total_ns = out->total_us, .queue_ns = out->queue_us, .processing_ns = out->processing_us};
    out->transfer_us = p2_stats_transfer(&rounded);
    if (!p2_id_is_zero(&e->peer)) p2_id_text(&e->peer, out->peer);
}

// The caller's size of a result, or 0 when it was not set.
static size_t result_size(struct p2c2r_client *c, const p2c2r_result *result) {
    size_t size;
    memcpy(&size, result, sizeof size);
    if (size >= offsetof(p2c2r_result, outcome) && size <= 16 * sizeof *result) return size;
    p2_client_fail(c, P2C2R_EINVAL, "set result.size to sizeof(p2c2r_result)");
    return 0;
}

static void give(struct p2c2r_client *c, struct record *r, p2c2r_result *out, size_t out_size) {
    p2c2r_result whole;
    lend(c, r, &whole);
    p2_client_give(out, out_size, &whole, sizeof whole);
}

static p2_ns from_now(int64_t timeout_us) {
    return p2_ns_add(p2_clock_now(), timeout_us > 0 ? p2_ns_from_us((uint64_t)timeout_us) : 0);
}

// A caller waits for tickets and for frames of streams alike. Under the door.
static bool has_news(const struct p2c2r_client *c) { return !p2_list_empty(&c->ended) || p2_streams_ended(c); }

uint32_t p2c2r_poll(p2c2r_client *c, p2c2r_result *results, uint32_t max, int64_t timeout_us) {
    if (!p2_client_free(c)) return 0;
    size_t size = max && results ? result_size(c, results) : sizeof *results;
    if (!size) return 0;
    p2_ns until = from_now(timeout_us);
    p2_client_lock(c);
    if (!c->io) p2_client_turn(c, has_news(c) ? 0 : p2_ns_max(until - p2_clock_now(), 0));
    while (!has_news(c) && p2_clock_now() < until) p2_io_wait_for_more(c, until);
    uint32_t n = 0;
    struct p2_list *first;
    while (results && n < max && (first = p2_list_first(&c->ended)) != NULL) {
        give(c, P2_CONTAINER_OF(first, struct record, link), (p2c2r_result *)(void *)((char *)results + n * size),
             size);
        n++;
    }
    p2_client_unlock(c);
    return n;
}

// Under the door.
static p2c2r_status wait_until(struct p2c2r_client *c, p2c2r_ticket ticket, p2c2r_result *result, size_t size,
                               p2_ns until) {
    for (bool first = true;; first = false) {
        struct record *r = p2_slab_get(&c->records, ticket);
        if (!r || r->owner || r->state == RECORD_LENT) return p2_client_fail(c, P2C2R_ENOTFOUND, "no such ticket");
        if (r->state == RECORD_ENDED) {
            give(c, r, result, size);
            return P2C2R_OK;
        }
        if (!first && p2_clock_now() >= until)
            return p2_client_fail(c, P2C2R_ETIMEOUT, "the ticket has not ended in that time");
        p2_io_wait_for_more(c, until);
    }
}

static p2c2r_status wait_for(struct p2c2r_client *c, p2c2r_ticket ticket, p2c2r_result *result, size_t size,
                             p2_ns until) {
    p2_client_lock(c);
    p2c2r_status status = wait_until(c, ticket, result, size, until);
    p2_client_unlock(c);
    return status;
}

p2c2r_status p2c2r_wait(p2c2r_client *c, p2c2r_ticket ticket, p2c2r_result *result, int64_t timeout_us) {
    if (!result || !p2_client_free(c)) return P2C2R_EINVAL;
    size_t size = result_size(c, result);
    return size ? wait_for(c, ticket, result, size, from_now(timeout_us)) : P2C2R_EINVAL;
}

p2c2r_status p2c2r_submit_wait(p2c2r_client *c, const p2c2r_task *task, p2c2r_result *result, int64_t timeout_us) {
    if (!result || !p2_client_free(c)) return P2C2R_EINVAL;
    size_t size = result_size(c, result);
    if (!size) return P2C2R_EINVAL;
    p2_ns until = from_now(timeout_us);
    p2c2r_ticket ticket;
    p2c2r_status status = p2c2r_submit(c, task, &ticket);
    if (status != P2C2R_OK) return status;
    status = wait_for(c, ticket, result, size, until);
    if (status == P2C2R_ETIMEOUT) result->ticket = ticket;
    return status;
}

void p2c2r_release(p2c2r_client *c, p2c2r_result *result) {
    if (!result || !p2_client_free(c)) return;
    p2_client_lock(c);
    struct record *r = p2_slab_get(&c->records, result->ticket);
    if (r && r->state == RECORD_LENT) p2_record_free(c, r);
    p2_client_unlock(c);
    result->data = NULL;
    result->data_size = 0;
    result->reason = "";
    result->ticket = 0;
}
