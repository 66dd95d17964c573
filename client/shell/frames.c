// Streams of frames: the options, the tickets of their tiles, and frames that have ended until they are polled. What is
// done when is decided by client/core/frames.c.
#include "p2c2r/frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "client/shell/stream.h"
#include "os/os.h"

#define FRAMES_UNDER_WAY 3
#define DEADLINE_MS 100
#define STATUS_NS P2_SEC         // between questions for the number of peers
#define SERIES_FIRST 0x80000000u // away from those a game counts

_Static_assert(P2C2R_FRAMES_UNDER_WAY_MAX == FRAMES_MAX && P2C2R_TILES_MAX == TILES_MAX, "as the header says");

static void step(struct p2c2r_stream *s, struct frames_event *ev, const struct stream_slot *fresh);

// ---- actions

static struct frames_part part_of(uint64_t tag) {
    return (struct frames_part){(uint32_t)(tag >> 16), tag >> 8 & 0xff, tag & 0xff};
}

static void note_reason(struct stream_slot *slot, struct frames_part part, const char *text) {
    if (slot->reason[0] || part.tile == FRAMES_COARSE) return;
    snprintf(slot->reason, sizeof slot->reason, "%.*s", (int)sizeof slot->reason - 1, text);
}

static void send(struct p2c2r_stream *s, const struct frames_action *a) {
    struct frames_part part = a->u.send.part;
    p2c2r_ticket *ticket = &s->slots[part.slot].tickets[part.tile][part.copy];
    p2c2r_status status = p2_tile_send(s, a, ticket);
    s->sent = true;
    if (status == P2C2R_OK) return;
    *ticket = status == P2C2R_EINVAL ? TICKET_IMPOSSIBLE : TICKET_UNSENT;
    if (status == P2C2R_EINVAL) note_reason(&s->slots[part.slot], part, p2_client_why(s->client));
    s->unsent++;
}

static void stop(struct p2c2r_stream *s, struct frames_part part) {
    p2c2r_ticket *at = &s->slots[part.slot].tickets[part.tile][part.copy], ticket = *at;
    *at = 0;
    if (ticket == TICKET_UNSENT || ticket == TICKET_IMPOSSIBLE) {
        s->unsent--;
        return;
    }
    struct record *r = p2_record_get(s->client, ticket);
    if (r) p2_record_forget(s->client, r);
    s->sent = true;
}

static void free_ticket(struct p2c2r_stream *s, p2c2r_ticket *ticket) {
    struct record *r = *ticket ? p2_record_get(s->client, *ticket) : NULL;
    if (r) p2_record_free(s->client, r);
    *ticket = 0;
}

static p2c2r_frame_done done_of(const struct stream_slot *slot, const struct frames_end *e) {
    p2c2r_frame_done done = {.size = sizeof done,
                             .number = e->number,
                             .user = slot->frame.user,
                             .out = slot->frame.out,
                             .outcome = (p2c2r_outcome)e->outcome,
                             .code = (uint32_t)e->code,
                             .code_name = p2_err_name(e->code),
                             .dropped = e->dropped,
                             .tiles = e->tiles,
                             .tiles_hedged = e->hedged,
                             .tiles_filled = e->filled,
                             .latency_us = e->latency_ns / P2_US,
                             .kernel_us = slot->kernel_ns / P2_US,
                             .missing = (p2c2r_outcome)e->missing,
                             .retryable = e->retryable};
    const char *why = slot->reason[0] ? slot->reason : "its deadline has passed";
    if (e->dropped) why = "a newer frame took its place";
    if (e->missing != SESSION_DONE) snprintf(done.reason, sizeof done.reason, "%s", why);
    return done;
}

static void end_frame(struct p2c2r_stream *s, const struct frames_end *e) {
    struct stream_slot *slot = &s->slots[e->slot];
    free_ticket(s, &slot->coarse);
    p2_client_lock(s->client);
    P2_CHECK(s->end_count < STREAM_ENDS_MAX);
    s->ends[(s->end_first + s->end_count++) % STREAM_ENDS_MAX] = done_of(slot, e);
    p2_io_tell(s->client);
    p2_client_unlock(s->client);
}

static void perform(struct p2c2r_stream *s, const struct frames_action *a) {
    switch (a->kind) {
    case FRAMES_DO_SEND: send(s, a); break;
    case FRAMES_DO_STOP: stop(s, a->u.part); break;
    case FRAMES_DO_TAKE: p2_tile_take(s, a->u.part); break;
    case FRAMES_DO_FILL: p2_tile_fill(s, a->u.part); break;
    case FRAMES_DO_END: end_frame(s, &a->u.end); break;
    default: P2_UNREACHABLE();
    }
}

// One that did not leave. False: all did.
static bool find_unsent(const struct p2c2r_stream *s, struct frames_part *part) {
    for (*part = (struct frames_part){0}; s->unsent && part->slot <= FRAMES_MAX; part->slot++)
        for (part->tile = 0; part->tile <= TILES_MAX; part->tile++)
            for (part->copy = 0; part->copy < FRAMES_COPIES; part->copy++)
                if (s->slots[part->slot].tickets[part->tile][part->copy] >= TICKET_IMPOSSIBLE) return true;
    return false;
}

static void tell_unsent(struct p2c2r_stream *s) {
    struct frames_part part;
    while (find_unsent(s, &part)) {
        p2c2r_ticket *ticket = &s->slots[part.slot].tickets[part.tile][part.copy];
        struct frames_event ev = {.kind = FRAMES_UNSENT, .u.part = part};
        if (*ticket == TICKET_IMPOSSIBLE) {
            ev.kind = FRAMES_ENDED;
            ev.u.ended.part = part;
            ev.u.ended.outcome = SESSION_FAILED;
            ev.u.ended.code = P2_ERR_BAD_PARAMETER;
        }
        *ticket = 0;
        s->unsent--;
        step(s, &ev, NULL);
    }
}

// `fresh`: the frame that is submitted.
static void step(struct p2c2r_stream *s, struct frames_event *ev, const struct stream_slot *fresh) {
    ev->now_ns = p2_clock_now();
    struct frames_actions actions = p2_frames_step(s->frames, ev);
    if (fresh) s->slots[p2_frames_slot(s->frames)] = *fresh;
    for (uint32_t i = 0; i < actions.count; i++) perform(s, &actions.items[i]);
}

static void feed(struct p2c2r_stream *s, struct frames_event *ev, const struct stream_slot *fresh) {
    step(s, ev, fresh);
    tell_unsent(s);
}

// ---- turns

static void on_ended(struct record_owner *owner, struct p2c2r_client *c, struct record *r) {
    (void)c;
    struct p2c2r_stream *s = P2_CONTAINER_OF(owner, struct p2c2r_stream, owner);
    p2_list_push_back(&s->ended, &r->link);
}

static void take_record(struct p2c2r_stream *s, struct record *r) {
    const struct session_ended *e = &r->end;
    struct frames_part part = part_of(r->tag);
    struct stream_slot *slot = &s->slots[part.slot];
    p2c2r_ticket ticket = r->ticket;
    p2_list_remove(&r->link);
    struct frames_event ev = {.kind = FRAMES_ENDED,
                              .u.ended = {.part = part,
                                          .outcome = e->outcome,
                                          .code = e->code,
                                          .retryable = e->retryable,
                                          .retry_after_ns = e->retry_after_ns}};
    if (e->outcome == SESSION_DONE && e->result_size != p2_tile_bytes(s, part)) {
        ev.u.ended.outcome = SESSION_FAILED;
        ev.u.ended.code = P2_ERR_BAD_PAYLOAD;
    }
    if (e->outcome == SESSION_DONE && !e->cached) {
        ev.u.ended.device_ns = e->kernel_ns > 0 ? e->kernel_ns : e->processing_ns;
        memcpy(&ev.u.ended.peer, e->peer.b, sizeof ev.u.ended.peer);
        slot->kernel_ns += e->kernel_ns;
    }
    if (ev.u.ended.outcome != SESSION_DONE)
        note_reason(slot, part, e->outcome == SESSION_DONE ? "the result has another size" : r->reason);
    feed(s, &ev, NULL);
    if (slot->tickets[part.tile][part.copy] == ticket) free_ticket(s, &slot->tickets[part.tile][part.copy]);
}

static void turn(struct p2c2r_stream *s) {
    struct p2_list *first;
    while ((first = p2_list_first(&s->ended)) != NULL) take_record(s, P2_CONTAINER_OF(first, struct record, link));
    if (p2_frames_next_ns(s->frames) > p2_clock_now()) return;
    struct frames_event ev = {.kind = FRAMES_TICK};
    feed(s, &ev, NULL);
}

static struct p2c2r_stream *stream_at(struct p2_list *link) { return P2_CONTAINER_OF(link, struct p2c2r_stream, link); }

void p2_streams_turn(struct p2c2r_client *c) {
    bool sent = false;
    P2_LIST_EACH (it, next, &c->streams) {
        struct p2c2r_stream *s = stream_at(it);
        turn(s);
        sent = sent || s->sent;
        s->sent = false;
    }
    if (!sent) return;
    p2_mail_take(c);
    p2_loop_turn(c->loop, 0); // it leaves now
}

p2_ns p2_streams_next_ns(const struct p2c2r_client *c) {
    p2_ns next = P2_NEVER;
    P2_LIST_EACH (it, after, &c->streams) {
        const struct p2c2r_stream *s = stream_at(it);
        if (p2_list_linked(&s->ended)) return 0;
        next = p2_ns_min(next, p2_frames_next_ns(s->frames));
    }
    return next;
}

bool p2_streams_ended(const struct p2c2r_client *c) {
    P2_LIST_EACH (it, after, &c->streams) {
        if (stream_at(it)->end_count) return true;
    }
    return false;
}

// ---- the door

static bool in_range(const p2c2r_stream_options *o) {
    bool upscale = o->kind == P2C2R_UPSCALE;
    return (upscale || o->kind == P2C2R_RAYTRACE) && o->width && o->height &&
           (!upscale || (o->in_width && o->in_height)) && (o->channels == 3 || o->channels == 4) &&
           o->tiles <= TILES_MAX && o->frames_max <= FRAMES_MAX && o->deadline_ms > 0 &&
           o->deadline_ms <= CLIENT_SPAN_MAX_MS && o->mode <= P2C2R_TEMPORAL;
}

static bool read_options(struct p2c2r_client *c, const p2c2r_stream_options *given, p2c2r_stream_options *o) {
    size_t size;
    memcpy(&size, given, sizeof size);
    if (!p2_client_take(o, sizeof *o, given, size)) {
        p2_client_fail(c, P2C2R_EINVAL, "set options.size to sizeof(p2c2r_stream_options)");
        return false;
    }
    if (!o->channels) o->channels = 3;
    if (!o->frames_max) o->frames_max = FRAMES_UNDER_WAY;
    if (!o->deadline_ms) o->deadline_ms = DEADLINE_MS;
    if (in_range(o)) return true;
    p2_client_fail(c, P2C2R_EINVAL, "an option of the stream is out of its range");
    return false;
}

// How its frames can be cut, from a task that is one as a whole, or as one of the bands there will be at least.
static bool find_bands(struct p2c2r_stream *s) {
    const p2c2r_stream_options *o = &s->options;
    bool upscale = o->kind == P2C2R_UPSCALE;
    const struct p2_task_bands whole = {.in_step = upscale ? o->in_height : 0,
                                        .out_step = upscale ? o->height : 1,
                                        .steps = upscale ? 1 : o->height,
                                        .in_row_bytes = (uint64_t)o->in_width * o->channels,
                                        .out_row_bytes = (uint64_t)o->width * o->channels};
    struct prepared p = {0};
    s->bands = whole;
    if (p2_stream_prepare(s, NULL, &p) != P2C2R_OK) return false;
    if (!p.type->bands(p.block, &s->bands)) s->bands = whole;
    if (!upscale) s->bands.steps = whole.steps;
    return true;
}

static bool set_up(struct p2c2r_stream *s) {
    const p2c2r_stream_options *o = &s->options;
    if (!p2_stream_keep_params(&s->params, o->params, o->param_count)) {
        p2_client_fail(s->client, P2C2R_EINVAL, "a stream takes at most %d parameters of %u bytes in all",
                       P2_PARAMS_MAX, STREAM_TEXT_MAX);
        return false;
    }
    if (!find_bands(s)) return false;
    s->coarse_width = (o->width + STREAM_COARSE_SHARE - 1) / STREAM_COARSE_SHARE;
    s->coarse_height = (o->height + STREAM_COARSE_SHARE - 1) / STREAM_COARSE_SHARE;
    struct frames_config config = {.frames_max = o->frames_max,
                                   .tiles = o->tiles,
                                   .steps = s->bands.steps,
                                   .ghost = s->bands.ghost,
                                   .deadline_ns = o->deadline_ms * P2_MS,
                                   .whole = o->mode == P2C2R_TEMPORAL,
                                   .ordered = o->ordered != 0,
                                   .hedge = !o->no_hedge,
                                   .refuse = o->refuse != 0,
                                   .coarse = o->kind == P2C2R_RAYTRACE && !o->no_coarse};
    s->frames = p2_frames_create(&config);
    if (!s->frames) p2_client_fail(s->client, P2C2R_ENOMEM, "memory is short");
    return s->frames != NULL;
}

static struct p2c2r_stream *create(struct p2c2r_client *c, const p2c2r_stream_options *options) {
    p2c2r_stream_options o;
    if (!options) p2_client_fail(c, P2C2R_EINVAL, "a stream needs options");
    if (!options || !read_options(c, options, &o)) return NULL;
    struct p2c2r_stream *s = p2_calloc(1, sizeof *s);
    if (!s) {
        p2_client_fail(c, P2C2R_ENOMEM, "memory is short");
        return NULL;
    }
    s->owner.ended = on_ended;
    s->client = c;
    s->options = o;
    s->series = SERIES_FIRST + c->streams_made;
    p2_list_init(&s->ended);
    if (!set_up(s)) {
        p2_free(s);
        return NULL;
    }
    c->streams_made++;
    p2_list_push_back(&c->streams, &s->link);
    p2_status_ask(c, 0);
    s->status_due_ns = p2_ns_add(p2_clock_now(), STATUS_NS);
    return s;
}

p2c2r_stream *p2c2r_stream_create(p2c2r_client *c, const p2c2r_stream_options *options) {
    if (!p2_client_enter(c)) return NULL;
    struct p2c2r_stream *s = create(c, options);
    p2_client_leave(c, P2C2R_OK);
    return s;
}

static void destroy(struct p2c2r_stream *s) {
    p2_list_remove(&s->link);
    for (uint32_t i = 0; i <= FRAMES_MAX; i++) {
        free_ticket(s, &s->slots[i].coarse);
        for (uint32_t tile = 0; tile <= TILES_MAX; tile++)
            for (uint32_t copy = 0; copy < FRAMES_COPIES; copy++)
                if (s->slots[i].tickets[tile][copy]) stop(s, (struct frames_part){i, tile, copy});
    }
    p2_frames_destroy(&s->frames);
    p2_free(s);
}

void p2c2r_stream_destroy(p2c2r_stream **stream) {
    struct p2c2r_stream *s = stream ? *stream : NULL;
    struct p2c2r_client *c = s ? s->client : NULL;
    if (!p2_client_enter(c)) return;
    *stream = NULL;
    destroy(s);
    p2_client_leave(c, P2C2R_OK);
}

void p2_streams_end(struct p2c2r_client *c) {
    P2_LIST_EACH (it, next, &c->streams) destroy(stream_at(it));
}

static p2c2r_status read_frame(struct p2c2r_stream *s, const p2c2r_frame *given, struct stream_slot *slot) {
    struct p2c2r_client *c = s->client;
    size_t size = 0;
    if (given) memcpy(&size, given, sizeof size);
    *slot = (struct stream_slot){.coarse = 0};
    p2c2r_frame *f = &slot->frame;
    if (!given || !p2_client_take(f, sizeof *f, given, size))
        return p2_client_fail(c, P2C2R_EINVAL, "set frame.size to sizeof(p2c2r_frame)");
    bool upscale = s->options.kind == P2C2R_UPSCALE, by_bytes = f->scene_bytes && f->scene_size;
    if (!f->out || (upscale ? !f->pixels : !f->scene == !by_bytes))
        return p2_client_fail(c, P2C2R_EINVAL, "a frame needs out, and pixels or one scene");
    if (f->scene) slot->scene = *f->scene;
    if (!p2_stream_keep_params(&slot->params, f->params, f->param_count))
        return p2_client_fail(c, P2C2R_EINVAL, "a frame takes at most %d parameters of %u bytes in all", P2_PARAMS_MAX,
                              STREAM_TEXT_MAX);
    struct prepared p = {0};
    return p2_stream_prepare(s, slot, &p);
}

static p2c2r_status submit(struct p2c2r_stream *s, const p2c2r_frame *frame, uint64_t *number) {
    struct p2c2r_client *c = s->client;
    if (!number) return p2_client_fail(c, P2C2R_EINVAL, "number is NULL");
    if (s->end_count >= STREAM_UNPOLLED_MAX)
        return p2_client_fail(c, P2C2R_EAGAIN, "%u frames have ended and were not polled", s->end_count);
    if (s->options.refuse && p2_frames_full(s->frames))
        return p2_client_fail(c, P2C2R_EAGAIN, "frames_max frames are under way");
    struct stream_slot slot;
    p2c2r_status status = read_frame(s, frame, &slot);
    if (status != P2C2R_OK) return status;
    if (s->status_due_ns <= p2_clock_now()) {
        p2_status_ask(c, 0);
        s->status_due_ns = p2_ns_add(p2_clock_now(), STATUS_NS);
    }
    struct frames_event ev = {.kind = FRAMES_SUBMIT, .u.submit.peers = c->status.peers_ready};
    feed(s, &ev, &slot);
    *number = p2_frames_submitted(s->frames);
    p2_client_turn(c, 0);
    return P2C2R_OK;
}

p2c2r_status p2c2r_stream_submit(p2c2r_stream *s, const p2c2r_frame *frame, uint64_t *number) {
    if (!s || !p2_client_enter(s->client)) return P2C2R_EINVAL;
    return p2_client_leave(s->client, submit(s, frame, number));
}

// The caller's size of one, or 0 when it was not set.
static size_t done_size(struct p2c2r_client *c, const p2c2r_frame_done *done) {
    size_t size;
    memcpy(&size, done, sizeof size);
    if (size >= offsetof(p2c2r_frame_done, code) && size <= 16 * sizeof *done) return size;
    p2_client_fail(c, P2C2R_EINVAL, "set done.size to sizeof(p2c2r_frame_done)");
    return 0;
}

uint32_t p2c2r_stream_poll(p2c2r_stream *s, p2c2r_frame_done *done, uint32_t max, int64_t timeout_us) {
    if (!s || !p2_client_free(s->client)) return 0;
    struct p2c2r_client *c = s->client;
    size_t size = max && done ? done_size(c, done) : sizeof *done;
    if (!size) return 0;
    p2_ns now = p2_clock_now();
    p2_ns until = p2_ns_add(now, timeout_us > 0 ? p2_ns_from_us((uint64_t)timeout_us) : 0);
    p2_client_lock(c);
    if (!c->io) p2_client_turn(c, s->end_count ? 0 : until - now);
    while (!s->end_count && p2_clock_now() < until) p2_io_wait_for_more(c, until);
    uint32_t n = 0;
    for (; done && n < max && s->end_count; n++, s->end_count--) {
        p2_client_give((char *)done + n * size, size, &s->ends[s->end_first], sizeof *s->ends);
        s->end_first = (s->end_first + 1) % STREAM_ENDS_MAX;
    }
    p2_client_unlock(c);
    return n;
}
