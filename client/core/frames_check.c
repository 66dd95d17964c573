// What must be true of frames between two steps.
#include "base/check.h"
#include "client/core/frames_in.h"

static bool ended_part(const struct part *p) { return p->state == TILE_DONE || p->state == TILE_MISSING; }

static void check_frame(const struct frames *f, const struct frame *frame) {
    uint32_t done = 0, ended = 0, at = 0;
    for (uint32_t i = 0; i < frame->tiles; i++) {
        const struct part *p = &frame->parts[i];
        P2_CHECK(p->state != TILE_NONE && p->rows.first == at && p->rows.steps > 0);
        P2_CHECK((p->state == TILE_SENT) == (p->out[0] || p->out[1]) || frame->state == FRAME_HELD);
        P2_CHECK(p->tries <= FRAMES_TRIES_MAX);
        P2_CHECK(ended_part(p) || frame->state == FRAME_HELD || f->next_ns <= p->due_ns);
        at += p->rows.steps;
        done += p->state == TILE_DONE;
        ended += ended_part(p);
    }
    P2_CHECK(at == f->config.steps && done == frame->done && ended == frame->settled);
    if (frame->state == FRAME_HELD) {
        P2_CHECK(f->config.ordered && frame->done + frame->filled == frame->tiles);
        return;
    }
    P2_CHECK(frame->deadline_ns > f->now_ns && f->next_ns <= frame->deadline_ns && frame->filled == 0);
    P2_CHECK(frame->settled < frame->tiles || frame->parts[FRAMES_COARSE].state == TILE_SENT);
}

void p2_frames_check(const struct frames *f) {
    uint32_t live = 0;
    uint64_t open = UINT64_MAX, held = UINT64_MAX;
    for (uint32_t i = 0; i <= f->config.frames_max; i++) {
        const struct frame *frame = &f->slots[i];
        if (frame->state == FRAME_FREE) continue;
        live++;
        P2_CHECK(frame->number > f->given && frame->number <= f->last);
        uint64_t *least = frame->state == FRAME_OPEN ? &open : &held;
        if (frame->number < *least) *least = frame->number;
        check_frame(f, frame);
    }
    P2_CHECK(live == f->live && (held == UINT64_MAX || open < held));
    P2_CHECK(f->next_ns > f->now_ns && f->tenths <= FRAMES_HEDGES_MAX * 10 + 10);
}
