#include "client/core/frames_in.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

// ---- actions

static struct frames_action *act(struct frames *f, enum frames_action_kind kind) {
    P2_CHECK(f->count < f->capacity);
    struct frames_action *a = &f->items[f->count++];
    *a = (struct frames_action){.kind = kind};
    return a;
}

static uint32_t slot_of(const struct frames *f, const struct frame *frame) { return (uint32_t)(frame - f->slots); }

static struct frames_part part_of(const struct frames *f, const struct frame *frame, uint32_t tile, uint32_t copy) {
    return (struct frames_part){slot_of(f, frame), tile, copy};
}

static void act_part(struct frames *f, enum frames_action_kind kind, struct frames_part part) {
    act(f, kind)->u.part = part;
}

// ---- tiles

static void part_move(struct part *p, enum tile_state to) {
    static const bool legal[TILE_STATES][TILE_STATES] = {
        [TILE_NONE] = {[TILE_SENT] = true},
        [TILE_SENT] = {[TILE_WAITING] = true, [TILE_DONE] = true, [TILE_MISSING] = true},
        [TILE_WAITING] = {[TILE_SENT] = true, [TILE_MISSING] = true},
    };
    P2_CHECK(legal[p->state][to]);
    p->state = to;
}

static bool settled(const struct part *p) { return p->state == TILE_DONE || p->state == TILE_MISSING; }

// When a tile sent now is late: later than 95 of 100, or when there is just time for a second copy; not before half of
// them would have come.
static p2_ns late_at(const struct frames *f, const struct frame *frame) {
    if (!f->config.hedge || f->peers == 1) return P2_NEVER;
    if (f->sample_count < FRAMES_SAMPLES_MIN) return f->now_ns + (frame->deadline_ns - f->now_ns) / 2 + 1;
    p2_ns by_siblings = f->now_ns + p2_ns_max(f->late_ns, f->usual_ns + f->usual_ns / 2);
    p2_ns by_deadline = frame->deadline_ns - (f->usual_ns + f->usual_ns / 4);
    return p2_ns_max(p2_ns_min(by_siblings, by_deadline), f->now_ns + f->usual_ns + 1);
}

static void send_copy(struct frames *f, struct frame *frame, uint32_t tile, uint32_t copy) {
    struct part *p = &frame->parts[tile];
    p->out[copy] = true;
    if (copy == 0) p->sent_ns = f->now_ns;
    struct frames_action *a = act(f, FRAMES_DO_SEND);
    a->u.send.part = part_of(f, frame, tile, copy);
    a->u.send.rows = p->rows;
    a->u.send.deadline_ns = frame->deadline_ns - f->now_ns;
    a->u.send.weight_percent = tile == FRAMES_COARSE ? 0 : p2_tiles_weight(&f->map, p->rows);
}

static void send_tile(struct frames *f, struct frame *frame, uint32_t tile) {
    struct part *p = &frame->parts[tile];
    part_move(p, TILE_SENT);
    p->tries++;
    p->due_ns = tile == FRAMES_COARSE ? P2_NEVER : late_at(f, frame);
    send_copy(f, frame, tile, 0);
    uint32_t most = FRAMES_HEDGES_MAX * 10;
    f->tenths = f->tenths + FRAMES_HEDGE_TENTHS < most ? f->tenths + FRAMES_HEDGE_TENTHS : most;
}

static void stop_copies(struct frames *f, struct frame *frame, uint32_t tile) {
    struct part *p = &frame->parts[tile];
    for (uint32_t copy = 0; copy < FRAMES_COPIES; copy++) {
        if (p->out[copy]) act_part(f, FRAMES_DO_STOP, part_of(f, frame, tile, copy));
        p->out[copy] = false;
    }
}

static void send_again_or_hedge(struct frames *f, struct frame *frame, uint32_t tile) {
    struct part *p = &frame->parts[tile];
    if (p->state == TILE_WAITING) {
        send_tile(f, frame, tile);
        return;
    }
    p->due_ns = P2_NEVER; // once
    if (p->out[1] || f->tenths < 10) return;
    f->tenths -= 10;
    frame->hedged++;
    send_copy(f, frame, tile, 1);
}

// ---- what is usual

static int by_span(const void *a, const void *b) {
    p2_ns x = *(const p2_ns *)a, y = *(const p2_ns *)b;
    return (x > y) - (x < y);
}

static void learn_latency(struct frames *f, p2_ns took) {
    f->samples[f->sample_at++ % FRAMES_SAMPLES] = took;
    if (f->sample_count < FRAMES_SAMPLES) f->sample_count++;
    p2_ns sorted[FRAMES_SAMPLES];
    memcpy(sorted, f->samples, f->sample_count * sizeof *sorted);
    qsort(sorted, f->sample_count, sizeof *sorted, by_span);
    f->usual_ns = sorted[f->sample_count / 2];
    f->late_ns = sorted[f->sample_count * 95 / 100];
}

// ---- frames

static void frame_move(struct frame *frame, enum frame_state to) {
    static const bool legal[FRAME_STATES][FRAME_STATES] = {
        [FRAME_FREE] = {[FRAME_OPEN] = true},
        [FRAME_OPEN] = {[FRAME_HELD] = true, [FRAME_FREE] = true},
        [FRAME_HELD] = {[FRAME_FREE] = true},
    };
    P2_CHECK(legal[frame->state][to]);
    frame->state = to;
}

static struct frame *oldest(struct frames *f, enum frame_state state) {
    struct frame *first = NULL;
    for (uint32_t i = 0; i <= f->config.frames_max; i++) {
        struct frame *frame = &f->slots[i];
        if (frame->state == state && (!first || frame->number < first->number)) first = frame;
    }
    return first;
}

static void stop_all(struct frames *f, struct frame *frame) {
    for (uint32_t i = 0; i < frame->tiles; i++) stop_copies(f, frame, i);
    stop_copies(f, frame, FRAMES_COARSE);
}

static void give(struct frames *f, struct frame *frame, bool dropped) {
    struct frames_end end = {.slot = slot_of(f, frame),
                             .number = frame->number,
                             .outcome = SESSION_DONE,
                             .missing = SESSION_DONE,
                             .dropped = dropped,
                             .tiles = frame->tiles,
                             .hedged = frame->hedged,
                             .filled = frame->filled,
                             .latency_ns = frame->latency_ns};
    if (dropped) {
        end.missing = SESSION_CANCELLED;
        end.code = P2_ERR_CANCELLED;
    } else if (frame->filled) {
        end.missing = frame->outcome ? frame->outcome : SESSION_EXPIRED;
        end.code = frame->outcome ? frame->code : P2_ERR_DEADLINE_EXCEEDED;
        end.retryable = frame->retryable;
    }
    if (dropped || !frame->done) end.outcome = end.missing;
    if (!dropped) f->given = frame->number;
    frame_move(frame, FRAME_FREE);
    f->live--;
    act(f, FRAMES_DO_END)->u.end = end;
}

static void drop(struct frames *f, struct frame *frame) {
    P2_CHECK(frame->state == FRAME_OPEN);
    stop_all(f, frame);
    frame->latency_ns = f->now_ns - frame->submitted_ns;
    give(f, frame, true);
}

// Held ones that nothing older is under way for.
static void give_held(struct frames *f) {
    struct frame *held, *open;
    while ((held = oldest(f, FRAME_HELD)) != NULL) {
        open = oldest(f, FRAME_OPEN);
        if (open && open->number < held->number) return;
        give(f, held, false);
    }
}

static void finish(struct frames *f, struct frame *frame) {
    stop_all(f, frame);
    for (uint32_t i = 0; i < frame->tiles; i++) {
        if (frame->parts[i].state == TILE_DONE) continue;
        frame->filled++;
        act_part(f, FRAMES_DO_FILL, part_of(f, frame, i, 0));
    }
    frame->latency_ns = f->now_ns - frame->submitted_ns;
    frame_move(frame, FRAME_HELD);
    struct frame *older;
    while (!f->config.ordered && (older = oldest(f, FRAME_OPEN)) != NULL && older->number < frame->number)
        drop(f, older);
    give_held(f);
}

// A picture to fill from may still come when tiles have failed.
static void finish_when_settled(struct frames *f, struct frame *frame) {
    bool fills = frame->done < frame->tiles, coming = frame->parts[FRAMES_COARSE].state == TILE_SENT;
    if (frame->settled == frame->tiles && !(fills && coming)) finish(f, frame);
}

static void miss(struct frame *frame, struct part *p) {
    part_move(p, TILE_MISSING);
    frame->settled++;
}

// ---- events

static void on_submit(struct frames *f, uint32_t peers) {
    uint32_t slot = 0;
    while (f->slots[slot].state != FRAME_FREE) slot++; // one more than may be under way: not the one that is dropped
    if (p2_frames_full(f)) {
        if (f->config.refuse) return;
        drop(f, oldest(f, FRAME_OPEN)); // there is one: the oldest of all is never held
        give_held(f);
    }
    struct frame *frame = &f->slots[slot];
    f->peers = peers;
    f->last_slot = slot;
    f->live++;
    *frame = (struct frame){
        .number = ++f->last, .submitted_ns = f->now_ns, .deadline_ns = p2_ns_add(f->now_ns, f->config.deadline_ns)};
    frame_move(frame, FRAME_OPEN);
    struct tile cut[TILES_MAX];
    uint32_t count = f->config.whole ? 1 : f->config.tiles ? f->config.tiles : p2_tiles_worth(&f->map, peers);
    frame->tiles = p2_tiles_cut(&f->map, count, cut);
    if (f->config.coarse) {
        frame->parts[FRAMES_COARSE].rows = (struct tile){0, f->config.steps};
        send_tile(f, frame, FRAMES_COARSE);
    }
    for (uint32_t i = 0; i < frame->tiles; i++) frame->parts[i].rows = cut[i];
    // Another one goes first each time: which machine gets which rows should not follow a habit, or neither this map
    // nor the coordinator could tell slow machines from costly rows.
    for (uint32_t i = 0; i < frame->tiles; i++) send_tile(f, frame, (uint32_t)((frame->number - 1 + i) % frame->tiles));
}

// A part under way of which a copy is no more. NULL: it was of no interest.
static struct part *take_back(struct frames *f, struct frames_part which) {
    P2_CHECK(which.slot <= f->config.frames_max && which.tile <= TILES_MAX && which.copy < FRAMES_COPIES);
    struct frame *frame = &f->slots[which.slot];
    struct part *p = &frame->parts[which.tile];
    if (frame->state != FRAME_OPEN || !p->out[which.copy]) return NULL;
    p->out[which.copy] = false;
    return p;
}

// Where no coordinator could be reached the time for it has been spent.
static void wait_or_miss(struct frames *f, struct frame *frame, struct part *p, const struct frames_event *ev) {
    p2_ns again_ns = p2_ns_add(f->now_ns, p2_ns_max(ev->u.ended.retry_after_ns, FRAMES_RETRY_NS));
    bool worth_it = ev->u.ended.retryable && ev->u.ended.code != P2_ERR_UNREACHABLE;
    bool possible = p->tries < FRAMES_TRIES_MAX && again_ns < frame->deadline_ns - f->usual_ns;
    if (!worth_it || !possible) {
        miss(frame, p);
        return;
    }
    part_move(p, TILE_WAITING);
    p->due_ns = again_ns;
}

static void take_good(struct frames *f, struct frame *frame, struct part *p, const struct frames_event *ev) {
    learn_latency(f, f->now_ns - p->sent_ns);
    if (ev->u.ended.device_ns > 0) p2_tiles_learn(&f->map, p->rows, ev->u.ended.peer, ev->u.ended.device_ns);
    stop_copies(f, frame, ev->u.ended.part.tile);
    part_move(p, TILE_DONE);
    frame->done++;
    frame->settled++;
    act_part(f, FRAMES_DO_TAKE, ev->u.ended.part);
}

static void on_coarse_ended(struct frames *f, struct frame *frame, struct part *p, bool good) {
    part_move(p, good ? TILE_DONE : TILE_MISSING);
    if (good) act_part(f, FRAMES_DO_TAKE, part_of(f, frame, FRAMES_COARSE, 0));
    finish_when_settled(f, frame);
}

static void on_ended(struct frames *f, const struct frames_event *ev) {
    struct frames_part which = ev->u.ended.part;
    struct part *p = take_back(f, which);
    if (!p) return;
    struct frame *frame = &f->slots[which.slot];
    bool good = ev->u.ended.outcome == SESSION_DONE;
    if (which.tile == FRAMES_COARSE) {
        on_coarse_ended(f, frame, p, good);
        return;
    }
    if (good) {
        take_good(f, frame, p, ev);
    } else {
        if (!frame->outcome) {
            frame->outcome = ev->u.ended.outcome;
            frame->code = ev->u.ended.code;
            frame->retryable = ev->u.ended.retryable;
        }
        if (p->out[0] || p->out[1]) return; // the other copy may come
        wait_or_miss(f, frame, p, ev);
    }
    finish_when_settled(f, frame);
}

static void on_unsent(struct frames *f, struct frames_part which) {
    struct part *p = take_back(f, which);
    if (!p) return;
    struct frame *frame = &f->slots[which.slot];
    if (which.tile == FRAMES_COARSE) {
        on_coarse_ended(f, frame, p, false);
        return;
    }
    if (which.copy == 1) { // it was none
        frame->hedged--;
        f->tenths += 10;
    } else {
        p->tries--;
    }
    if (p->out[0] || p->out[1]) return;
    part_move(p, TILE_WAITING);
    p->due_ns = f->now_ns + FRAMES_RETRY_NS;
}

static void on_time(struct frames *f) {
    for (uint32_t i = 0; i <= f->config.frames_max; i++) {
        struct frame *frame = &f->slots[i];
        if (frame->state == FRAME_OPEN && frame->deadline_ns <= f->now_ns) finish(f, frame);
        for (uint32_t k = 0; frame->state == FRAME_OPEN && k < frame->tiles; k++) {
            struct part *p = &frame->parts[k];
            if (!settled(p) && p->due_ns <= f->now_ns) send_again_or_hedge(f, frame, k);
        }
    }
}

static p2_ns next_of(const struct frames *f) {
    p2_ns next = P2_NEVER;
    for (uint32_t i = 0; f->live && i <= f->config.frames_max; i++) {
        const struct frame *frame = &f->slots[i];
        if (frame->state != FRAME_OPEN) continue;
        next = p2_ns_min(next, frame->deadline_ns);
        for (uint32_t k = 0; k < frame->tiles; k++)
            if (!settled(&frame->parts[k])) next = p2_ns_min(next, frame->parts[k].due_ns);
    }
    return next;
}

// ---- the door

struct frames_actions p2_frames_step(struct frames *f, const struct frames_event *ev) {
    P2_CHECK(ev->now_ns >= f->now_ns);
    f->now_ns = ev->now_ns;
    f->count = 0;
    switch (ev->kind) {
    case FRAMES_SUBMIT: on_submit(f, ev->u.submit.peers); break;
    case FRAMES_ENDED: on_ended(f, ev); break;
    case FRAMES_UNSENT: on_unsent(f, ev->u.part); break;
    case FRAMES_TICK: break;
    default: P2_UNREACHABLE();
    }
    on_time(f);
    f->next_ns = next_of(f);
    return (struct frames_actions){f->items, f->count};
}

p2_ns p2_frames_next_ns(const struct frames *f) { return f->next_ns; }

bool p2_frames_full(const struct frames *f) { return f->live == f->config.frames_max; }

uint64_t p2_frames_number(const struct frames *f, uint32_t slot) {
    return slot <= f->config.frames_max && f->slots[slot].state != FRAME_FREE ? f->slots[slot].number : 0;
}

uint64_t p2_frames_submitted(const struct frames *f) { return f->last; }

uint32_t p2_frames_slot(const struct frames *f) { return f->last_slot; }

struct tile p2_frames_rows(const struct frames *f, struct frames_part part) {
    return f->slots[part.slot].parts[part.tile].rows;
}

bool p2_frames_gap(const struct frames *f, struct frames_part part, struct fill_gap *out) {
    const struct frame *frame = &f->slots[part.slot];
    const struct tile rows = frame->parts[part.tile].rows;
    *out = (struct fill_gap){rows.first, rows.steps, FILL_NONE, FILL_NONE};
    for (uint32_t i = 0; i < frame->tiles; i++) {
        const struct part *p = &frame->parts[i];
        if (p->state != TILE_DONE) continue;
        if (i < part.tile) out->above = p->rows.first + p->rows.steps - 1;
        if (i > part.tile && out->below == FILL_NONE) out->below = p->rows.first;
    }
    return out->above != FILL_NONE || out->below != FILL_NONE;
}

const struct tiles *p2_frames_map(const struct frames *f) { return &f->map; }

struct frames *p2_frames_create(const struct frames_config *config) {
    P2_CHECK(config->frames_max >= 1 && config->frames_max <= FRAMES_MAX && config->tiles <= TILES_MAX);
    struct frames *f = p2_calloc(1, sizeof *f);
    if (!f) return NULL;
    // Each part of each frame may be sent twice, stopped twice, taken and filled in one step; and a frame may end.
    f->capacity = (config->frames_max + 1) * ((TILES_MAX + 1) * 6 + 1);
    f->items = p2_calloc(f->capacity, sizeof *f->items);
    if (!f->items) {
        p2_free(f);
        return NULL;
    }
    f->config = *config;
    f->next_ns = P2_NEVER;
    f->tenths = 10; // the first may be
    p2_tiles_init(&f->map, config->steps, config->ghost);
    return f;
}

void p2_frames_destroy(struct frames **f) {
    if (!*f) return;
    p2_free((*f)->items);
    p2_free(*f);
    *f = NULL;
}
