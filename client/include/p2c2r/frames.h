// P2C2R streams: the frames of a game, each computed by several machines at once. Link libp2c2r; p2c2r.h's rules hold.
//
// Spatial (the default): a frame is cut into bands of rows of equal predicted cost, scattered, and gathered straight
// into your buffer. Where devices round alike they are byte for byte what one machine would have computed. A band that
// is late is sent to a second machine; what is missing at the deadline is filled: of an upscaled frame with plain
// bilinear rows, made here; of a ray traced one from a coarse picture of an eighth of each side, asked for first.
// Temporal: each frame is one task; frames after one another go to different machines. A longer way for each, and
// as many frames a second.
//
// Either way a frame ends at its deadline at the latest, frames are given in the order of their numbers, and what is
// stale is dropped, never queued behind.
#ifndef P2C2R_FRAMES_H
#define P2C2R_FRAMES_H

#include "p2c2r.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2c2r_stream p2c2r_stream;

typedef uint32_t p2c2r_kind;
enum { P2C2R_UPSCALE = 1, P2C2R_RAYTRACE = 2 };

typedef uint32_t p2c2r_mode;
enum { P2C2R_SPATIAL = 0, P2C2R_TEMPORAL = 1 };

#define P2C2R_FRAMES_UNDER_WAY_MAX 16
#define P2C2R_TILES_MAX 64

// Pictures are rows of 8-bit pixels without gaps, from the top.
typedef struct p2c2r_stream_options {
    size_t size;
    p2c2r_kind kind;
    uint32_t width, height;       // px of a frame as it comes back
    uint32_t in_width, in_height; // upscale: as it is sent
    uint32_t channels;            // 3 (default) or 4
    // The type's other parameters for all frames ("quality", "mode", ...); sizes, formats and regions are the stream's.
    // Copied; at most 1 KiB of text.
    const p2c2r_param *params;
    uint32_t param_count;
    // Bands of a frame, at most P2C2R_TILES_MAX; 0: as many as there are peers, fewer when frames are cheap. Upscale:
    // in and out heights must have a common divisor to be cut at (540 to 1080: 540 places, 540 to 1081: none).
    uint32_t tiles;
    uint32_t frames_max; // under way at once, 1 to P2C2R_FRAMES_UNDER_WAY_MAX; default 3
    int64_t deadline_ms; // of each frame, from its submission; default 100
    p2c2r_mode mode;
    int32_t ordered;   // 1: a frame waits for older ones until they end; 0: they are dropped then
    int32_t refuse;    // 1: a frame beyond frames_max is refused; 0: the oldest one is dropped for it
    int32_t no_hedge;  // 1: no band is sent twice
    int32_t no_coarse; // 1: no coarse picture is asked for (upscale never does)
    p2c2r_class priority;
    uint32_t cache; // bits of p2c2r_cache
} p2c2r_stream_options;

typedef struct p2c2r_frame {
    size_t size;
    const void *pixels;        // upscale: in_width x in_height. Lent until the frame has ended
    const p2c2r_digest *scene; // raytrace: the scene as a blob (p2c2r_blob_put_wait); or
    const void *scene_bytes;   // itself, sent with every band. Lent until the frame has ended
    size_t scene_size;
    const p2c2r_param *params; // of this frame: "position", "direction", ... Copied; at most 1 KiB of text
    uint32_t param_count;
    void *out; // width x height; not to be read or written by others until the frame has ended
    void *user;
} p2c2r_frame;

// How a frame ended.
typedef struct p2c2r_frame_done {
    size_t size;
    uint64_t number; // as p2c2r_stream_submit said
    void *user, *out;
    // DONE: at least one band was computed there. CANCELLED: it was dropped. Else how the first band that failed ended.
    // `out` is a whole picture unless it was dropped; where no coarse picture of a ray traced one came either, bands
    // are made of the rows next to them, or if none came are as `out` was, or partly new.
    p2c2r_outcome outcome;
    uint32_t code;                              // of the first band that failed when some were filled; else 0
    const char *code_name;                      // static
    int32_t dropped;                            // stale: a newer frame took its place
    uint32_t tiles, tiles_hedged, tiles_filled; // bands; those sent twice; those filled
    int64_t latency_us;                         // from its submission to its end
    int64_t kernel_us;                          // on devices, all bands together
    p2c2r_outcome missing;                      // how that first band ended; DONE: none was filled
    int32_t retryable;                          // the same frame might be whole if it were submitted again
    char reason[257];                           // one sentence, "" when none was filled
} p2c2r_frame_done;

// NULL and p2c2r_last_error when an option is out of range or memory is short. Never blocks. A client may have
// several streams.
P2C2R_API p2c2r_stream *p2c2r_stream_create(p2c2r_client *client, const p2c2r_stream_options *options);
// Frames under way are dropped and not reported; their buffers are yours again. Sets *stream to NULL. Fine with NULL.
// p2c2r_destroy does it for streams that are left; they must not be used after it.
P2C2R_API void p2c2r_stream_destroy(p2c2r_stream **stream);

// P2C2R_OK and *number (1, 2, ...); P2C2R_EAGAIN: frames_max are under way and `refuse` is set, or 64 frames have
// ended and were not polled; P2C2R_EINVAL, P2C2R_ENOMEM. Never blocks; its bands leave at once.
P2C2R_API p2c2r_status p2c2r_stream_submit(p2c2r_stream *stream, const p2c2r_frame *frame, uint64_t *number);

// Frames that have ended, at most `max`. Sends, receives, and waits at most timeout_us for the first (0: not at all).
// Every submitted frame is reported once, and none that was not dropped after a newer one. done[0].size as in
// p2c2r_poll. Results of the client's own tickets stay for p2c2r_poll, which keeps streams going as well and does not
// wait while one of them has a frame to give.
P2C2R_API uint32_t p2c2r_stream_poll(p2c2r_stream *stream, p2c2r_frame_done *done, uint32_t max, int64_t timeout_us);

#ifdef __cplusplus
}
#endif

#endif
