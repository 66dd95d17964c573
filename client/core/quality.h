// Which of several levels of quality the next frame is asked for, so that frames come in time: ten above 33 ms on
// average, and it is one level down (faster); ten below 16 ms, and it is one up (better).
//
// So that it does not swing:
// - between the two averages nothing changes;
// - a change clears the window, and frames of another level do not count: what was on its way when it changed says
//   nothing of the new level, however deep the pipeline is;
// - going down begins a wait of QUALITY_WAIT_MIN frames before the better level is tried again. When that does not last
//   QUALITY_TRIAL frames, the next wait is twice as long, QUALITY_WAIT_MAX at most; each QUALITY_TRIAL frames without a
//   change and without a wait halve it again. So of a level that is always too slow the tries come 2, 4, 8, ... 64 s
//   apart at 60 frames a second;
// - the wait ends after QUALITY_WAIT_MIN frames already when the average has fallen to half of what it was after going
//   down: things have changed.
//
// - a better level that was just tried is left again when its first QUALITY_DOUBT frames are too slow on average: the
//   level before was well, and a try must not cost a second window.
//
// A frame that never came counts as the window's worst, and as twice 33 ms at least; with one in the window there is no
// going up. Going down does not wait for ten frames when those that are there suffice for the ten to be too slow.
//
// No clock and no memory but the struct itself.
#ifndef CLIENT_CORE_QUALITY_H
#define CLIENT_CORE_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

#define QUALITY_WINDOW 10u
#define QUALITY_DOUBT 3u // frames
#define QUALITY_LEVELS_MAX 16u
#define QUALITY_LEVELS_DEFAULT 3u
#define QUALITY_SLOW_US 33000
#define QUALITY_QUICK_US 16000
#define QUALITY_FRAME_US_MAX 10000000 // a frame that took longer counts as that
#define QUALITY_WAIT_MIN 120u         // frames
#define QUALITY_WAIT_MAX 3840u
#define QUALITY_TRIAL 960u

struct quality {
    uint32_t levels, level;
    int64_t slow_us, quick_us;
    int64_t window[QUALITY_WINDOW]; // a ring; below 0: missed
    uint32_t count, next;           // in the window; where the next one goes
    uint32_t wait;                  // frames from going down to going up
    uint32_t left, waited;          // of the present one; frames of it that are over
    uint32_t since;                 // frames since the latest change or wait
    uint32_t went_up;               // 1: that change was to a better level
    int64_t after_us;               // average of the first window after going down; 0: none
};

// levels 1 to QUALITY_LEVELS_MAX, level below it, 0 < quick_us < slow_us.
void p2_quality_init(struct quality *q, uint32_t levels, uint32_t level, int64_t slow_us, int64_t quick_us);
// One frame that was asked for at `level`: how long it took, or below 0: it did not come or came too late. Gives the
// level of the next.
uint32_t p2_quality_frame(struct quality *q, uint32_t level, int64_t took_us);
int64_t p2_quality_mean_us(const struct quality *q); // of the window; 0: empty

#endif
