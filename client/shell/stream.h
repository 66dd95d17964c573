// What frames.c and frames_tile.c keep behind p2c2r_stream. Not installed.
#ifndef CLIENT_SHELL_STREAM_H
#define CLIENT_SHELL_STREAM_H

#include "client/core/frames.h"
#include "client/shell/client.h"
#include "p2c2r/frames.h"

#define STREAM_TEXT_MAX 1024u // of parameters, with their names
#define STREAM_UNPOLLED_MAX 64u
#define STREAM_ENDS_MAX (STREAM_UNPOLLED_MAX + FRAMES_MAX)
#define STREAM_COARSE_SHARE 8u // of each side: a coarse picture

#define TICKET_UNSENT UINT64_MAX           // there was no room or memory for it
#define TICKET_IMPOSSIBLE (UINT64_MAX - 1) // it cannot be submitted

struct kept_params { // copies, where in text they begin
    struct {
        uint32_t name, value;
    } items[P2_PARAMS_MAX];
    uint32_t count, used;
    char text[STREAM_TEXT_MAX];
};

struct stream_slot { // a frame under way
    p2c2r_frame frame;
    p2c2r_digest scene;
    struct kept_params params;
    p2c2r_ticket tickets[TILES_MAX + 1][FRAMES_COPIES]; // 0: none
    p2c2r_ticket coarse;                                // of the coarse picture that is there; 0: none
    p2_ns kernel_ns;
    char reason[P2_TEXT_MAX + 1]; // of the first band that failed
};

struct p2c2r_stream {
    struct record_owner owner;
    struct p2_list link, ended; // in client->streams; records
    struct p2c2r_client *client;
    struct frames *frames;
    p2c2r_stream_options options;
    struct kept_params params;
    struct p2_task_bands bands;
    uint32_t coarse_width, coarse_height;
    uint32_t series, unsent; // tickets that are UNSENT or IMPOSSIBLE
    bool sent;               // since the last turn
    p2_ns status_due_ns;     // when to ask again how many peers there are
    p2c2r_frame_done ends[STREAM_ENDS_MAX];
    uint32_t end_first, end_count;
    struct stream_slot slots[FRAMES_MAX + 1];
};

// ---- frames_tile.c
// False: too many, too long.
bool p2_stream_keep_params(struct kept_params *to, const p2c2r_param *params, uint32_t count);
// Are such tasks possible? `slot` NULL: with the stream's parameters alone. *out as of p2_task_prepare.
p2c2r_status p2_stream_prepare(struct p2c2r_stream *s, const struct stream_slot *slot, struct prepared *out);
p2c2r_status p2_tile_send(struct p2c2r_stream *s, const struct frames_action *a, p2c2r_ticket *ticket);
uint64_t p2_tile_bytes(const struct p2c2r_stream *s, struct frames_part part); // of its result
void p2_tile_take(struct p2c2r_stream *s, struct frames_part part);
void p2_tile_fill(struct p2c2r_stream *s, struct frames_part part);

#endif
