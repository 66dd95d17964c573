#include "stream.h"

#include <math.h>
#include <string.h>

#include "book.h"
#include "client.h"
#include "client/core/frames.h"

#define BEGINS (10 * P2_SEC) // when the peers have built what they offer
#define WARM 40u             // frames that are not counted
#define COUNTED 80u
#define DEADLINE (5 * P2_SEC)
#define FRAME_US 500000.0 // of one device, without ghosts and launches
#define LAUNCH_US 300.0   // of each tile

// 1280x720 rendered from a scene that is there; 960x540 enlarged to 1920x1080 with a network.
static const struct shape {
    uint32_t steps, ghost, in_bytes, out_bytes, least_bytes; // bytes of a step; of a payload
} shapes[] = {[STREAM_RENDER] = {720, 0, 0, 1280 * 3, 4096}, [STREAM_ENLARGE] = {540, 5, 960 * 3, 2 * 1920 * 3, 0}};

struct pending { // of a ticket, to be told when no step is under way
    struct frames_part part;
    bool unsent;
    struct session_ended end;
};

static struct {
    struct client *client;
    const struct shape *shape;
    struct frames *f;
    struct timer turn;
    struct frames_part parts[TICKETS]; // of tickets
    bool wanted[TICKETS];
    struct pending pending[2 * TICKETS];
    uint32_t pending_count, submitted, ended;
    p2_ns counted_from, latencies;
    struct stream_figures figures;
} stream;

// ---- what a tile is -------------------------------------------------------------------------------------------------

// Sky above, ground below, and something costly that goes up and down once in 120 frames.
static double weight(uint32_t row, uint64_t frame) {
    if (sim.plan->stream->work == STREAM_ENLARGE) return 1;
    double y = (double)row / stream.shape->steps, at = 0.55 + 0.25 * sin(2 * M_PI * (double)frame / 120);
    return (y < 0.4 ? 0.2 : 1) + 3 * exp(-pow((y - at) / 0.08, 2));
}

static double share(uint32_t first, uint32_t end, uint64_t frame) {
    double part = 0, all = 0;
    for (uint32_t row = 0; row < stream.shape->steps; row++) {
        all += weight(row, frame);
        if (row >= first && row < end) part += weight(row, frame);
    }
    return part / all;
}

static uint32_t content_for(struct tile rows, uint64_t frame) {
    const struct shape *s = stream.shape;
    uint32_t first = rows.first > s->ghost ? rows.first - s->ghost : 0, end = rows.first + rows.steps + s->ghost;
    if (end > s->steps) end = s->steps;
    struct content c = {.type = 0,
                        .work_us = (uint32_t)(share(first, end, frame) * FRAME_US + LAUNCH_US),
                        .told_us = (uint32_t)((double)(end - first) * FRAME_US / s->steps), // all that parameters tell
                        .payload_size = (end - first) * s->in_bytes + s->least_bytes,
                        .result_size = (end - first) * s->out_bytes};
    return book_add(&c);
}

// ---- carrying out ---------------------------------------------------------------------------------------------------

static void put_off(struct pending p) {
    P2_CHECK(stream.pending_count < 2 * TICKETS);
    stream.pending[stream.pending_count++] = p;
    timer_at(&stream.turn, sim.now);
}

static void send(const struct frames_action *a) {
    struct frames_part part = a->u.send.part;
    uint32_t content = content_for(a->u.send.rows, p2_frames_number(stream.f, part.slot));
    uint32_t slot = client_free_slot(stream.client);
    if (!slot) {
        put_off((struct pending){.part = part, .unsent = true});
        return;
    }
    stream.parts[slot] = part;
    stream.wanted[slot] = true;
    client_submit_content(stream.client, slot, content, a->u.send.weight_percent, a->u.send.deadline_ns);
}

static void stop(struct frames_part part) {
    for (uint32_t i = 0; i < TICKETS; i++) {
        if (!stream.wanted[i] || memcmp(&stream.parts[i], &part, sizeof part) != 0) continue;
        stream.wanted[i] = false;
        client_cancel(stream.client, i);
    }
}

static void end(const struct frames_end *e) {
    stream.ended++;
    SIM_CHECK(e->outcome == SESSION_DONE && !e->dropped, "frame %llu did not come", (unsigned long long)e->number);
    if (stream.ended == WARM) stream.counted_from = sim.now;
    if (stream.ended <= WARM) return;
    struct stream_figures *f = &stream.figures;
    stream.latencies += e->latency_ns;
    f->frames++;
    f->hedged += e->hedged;
    f->filled += e->filled;
    f->fps = f->frames / ((double)(sim.now - stream.counted_from) / (double)P2_SEC);
    f->latency_ms = (double)stream.latencies / f->frames / (double)P2_MS;
}

static void feed(struct frames_event ev) {
    ev.now_ns = sim.now;
    struct frames_actions out = p2_frames_step(stream.f, &ev);
    p2_frames_check(stream.f);
    for (uint32_t i = 0; i < out.count; i++) {
        const struct frames_action *a = &out.items[i];
        if (a->kind == FRAMES_DO_SEND) send(a);
        if (a->kind == FRAMES_DO_STOP) stop(a->u.part);
        if (a->kind == FRAMES_DO_END) end(&a->u.end);
    }
}

static void tell(const struct pending *p) {
    struct frames_event ev = {.kind = FRAMES_UNSENT, .u.part = p->part};
    if (!p->unsent) {
        ev.kind = FRAMES_ENDED;
        ev.u.ended.part = p->part;
        ev.u.ended.outcome = p->end.outcome;
        ev.u.ended.code = p->end.code;
        ev.u.ended.retryable = p->end.retryable;
        ev.u.ended.retry_after_ns = p->end.retry_after_ns;
        ev.u.ended.device_ns = p->end.kernel_ns;
        memcpy(&ev.u.ended.peer, p->end.peer.b, sizeof ev.u.ended.peer);
    }
    feed(ev);
}

static void on_turn(struct timer *t) {
    struct pending now[2 * TICKETS];
    uint32_t count = stream.pending_count;
    memcpy(now, stream.pending, count * sizeof *now);
    stream.pending_count = 0;
    for (uint32_t i = 0; i < count; i++) tell(&now[i]);
    if (p2_frames_next_ns(stream.f) <= sim.now) feed((struct frames_event){.kind = FRAMES_TICK});
    while (stream.submitted < WARM + COUNTED && !p2_frames_full(stream.f)) {
        stream.submitted++;
        feed((struct frames_event){.kind = FRAMES_SUBMIT, .u.submit.peers = sim.plan->stream->peers});
    }
    timer_at(t, stream.pending_count ? sim.now : p2_frames_next_ns(stream.f));
}

// ---- the door -------------------------------------------------------------------------------------------------------

void stream_ended(uint32_t slot, const struct session_ended *e) {
    if (!stream.wanted[slot]) return;
    stream.wanted[slot] = false;
    put_off((struct pending){.part = stream.parts[slot], .end = *e});
}

void stream_open(struct client *c) {
    memset(&stream, 0, sizeof stream);
    stream.client = c;
    stream.shape = &shapes[sim.plan->stream->work];
    const struct frames_config config = {.frames_max = sim.plan->stream->in_flight,
                                         .steps = stream.shape->steps,
                                         .ghost = stream.shape->ghost,
                                         .deadline_ns = DEADLINE,
                                         .whole = sim.plan->stream->whole,
                                         .ordered = true,
                                         .refuse = true,
                                         .hedge = true};
    stream.f = p2_frames_create(&config);
    P2_CHECK(stream.f);
    timer_init(&stream.turn, on_turn);
    timer_at(&stream.turn, sim.now + BEGINS);
}

void stream_close(struct stream_figures *out) {
    SIM_CHECK(stream.ended == WARM + COUNTED, "%u frames of %u have ended", stream.ended, WARM + COUNTED);
    *out = stream.figures;
    timer_off(&stream.turn);
    p2_frames_destroy(&stream.f);
}
