// Adaptive quality: which of several levels the next frame should be asked for, so that frames keep coming in time.
//
// Tell it of each frame how long it took and at which level it was asked for; it answers with the level of the next.
// Ten frames above 33 ms on average: one level down (faster). Ten below 16 ms: one up (better). In between nothing
// changes; but three above 33 ms suffice to leave a better level that was just tried. Frames of another level than the
// present one do not count, so that results still on their way at a change do no harm. Going down begins a wait of 120
// frames before the better level is tried again; each try that fails within 960 frames doubles the wait, up to 3840.
//
// It knows no client, no clock and no network, and takes no memory: everything is in the struct, which may be copied.
// Calls for one struct belong to one thread at a time; they cost well under a microsecond and never block.
#ifndef P2C2R_QUALITY_H
#define P2C2R_QUALITY_H

#include <stddef.h>
#include <stdint.h>

#include "p2c2r/p2c2r.h"

#ifdef __cplusplus
extern "C" {
#endif

#define P2C2R_QUALITY_MISSED (-1) // instead of a time: the frame did not come, or too late to be shown

// Levels when there are three, the names those of the parameter `quality` of upscale.
enum { P2C2R_LEVEL_FAST = 0, P2C2R_LEVEL_BALANCED = 1, P2C2R_LEVEL_QUALITY = 2 };

typedef struct p2c2r_quality_options {
    size_t size;
    uint32_t levels;   // 1 to 16, 0 is the fastest; default 3
    uint32_t level;    // to begin with; default 0
    int64_t slower_us; // above this on average: one level down; default 33,000
    int64_t better_us; // below this: one up; default 16,000. Less than slower_us
} p2c2r_quality_options;

typedef struct p2c2r_quality {
    size_t size; // set it to sizeof before p2c2r_quality_init
    uint64_t state[31];
} p2c2r_quality;

// Begins anew. options may be NULL. P2C2R_EINVAL: a size is not set, or an option is out of its range; the struct is
// untouched then.
P2C2R_API p2c2r_status p2c2r_quality_init(p2c2r_quality *quality, const p2c2r_quality_options *options);

// One frame that was asked for at `level` (as this gave it then): microseconds from handing it over to its result, or
// P2C2R_QUALITY_MISSED. A missed frame counts as the worst of the ten, and as twice slower_us at least; while one of
// them is missed there is no going up. Gives the level of the next frame; 0 for a struct that was not begun.
P2C2R_API uint32_t p2c2r_quality_frame(p2c2r_quality *quality, uint32_t level, int64_t took_us);

// The present level, and the average of the frames that count at present (0: none yet), for an overlay.
P2C2R_API uint32_t p2c2r_quality_level(const p2c2r_quality *quality);
P2C2R_API int64_t p2c2r_quality_mean_us(const p2c2r_quality *quality);

P2C2R_API const char *p2c2r_quality_name(uint32_t level); // "fast", "balanced", "quality"; "" above

#ifdef __cplusplus
}
#endif

#endif
