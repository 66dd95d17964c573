// One picture cut into bands that several peers compute at once (p2c2r/frames.h): it comes whole or not at all.
#ifndef CLIENT_CLI_BANDS_H
#define CLIENT_CLI_BANDS_H

#include "cli.h"
#include "p2c2r/frames.h"

#define CLI_BANDS_MAX P2C2R_TILES_MAX
#define CLI_BANDS_TICKETS(count) (3 * (uint32_t)(count)) // a client needs for so many, sent twice and stopped

struct cli_bands {
    p2c2r_stream_options options; // but deadline_ms and what concerns several frames
    p2c2r_frame frame;
    p2_ns deadline_ns;
    const struct common_settings *common;
    // What has come of it.
    p2c2r_frame_done done;
    uint32_t again; // times handed in after the first
};

// Until every band has come, or trying again makes no sense. P2C2R_OK: *result is as that of one task, its reason lent
// by *b; else it could not be handed in (p2c2r_last_error).
p2c2r_status cli_bands_run(p2c2r_client *client, struct cli_bands *b, p2c2r_result *result);

#endif
