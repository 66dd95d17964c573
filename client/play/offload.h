// Between the game and the library: what the game asks for becomes tasks, and what comes back events of the game.
// Nothing here waits for the network.
#ifndef CLIENT_PLAY_OFFLOAD_H
#define CLIENT_PLAY_OFFLOAD_H

#include "base/hist.h"
#include "client/play/core/game.h"
#include "client/play/draw/enlarge.h"
#include "client/world/world.h"
#include "p2c2r/quality.h"
#include "p2c2r/stats.h"

#define OFFLOAD_JOBS 48u   // under way at once, of all sorts
#define OFFLOAD_FRAMES 24u // pictures of them, and the one that is shown
#define OFFLOAD_LEVELS 3u

enum offload_sort { OFFLOAD_PICTURE, OFFLOAD_BODIES, OFFLOAD_WAYS, OFFLOAD_SORTS };
#define OFFLOAD_ORIGINS (P2C2R_ORIGIN_LOCAL + 1u)

struct offload_count {
    uint64_t submitted, done, late, lost, refused, failed, cancelled;
    uint64_t origin[OFFLOAD_ORIGINS]; // of those done, by P2C2R_ORIGIN_
    struct p2_hist took;              // of those done, from submission to result
    double recent_us;                 // the same, smoothed
    p2_ns last_ns, gap_ns;            // when the last one came; the longest time between two
};

struct offload_frame {
    bool used;
    uint64_t tick; // of the game, when it was drawn
    uint8_t small[SCENE_BYTES], big[BIG_BYTES];
};

struct offload_job {
    bool used;
    enum offload_sort sort;
    p2c2r_ticket ticket;
    uint32_t number; // picture: index of its frame; bodies: epoch; ways: goal
    uint32_t level;  // picture
    bool again;      // bodies: handed in a second time
};

struct offload_settings {
    const char *coordinator; // borrowed
    int64_t connect_timeout_ms, lag_ms;
    double loss;
    const char *local_executor, *local_device; // as in p2c2r_options; borrowed
};

struct offload {
    struct offload_settings settings;
    p2c2r_client *client;
    struct offload_count counts[OFFLOAD_SORTS];
    struct offload_job jobs[OFFLOAD_JOBS];
    // Pictures.
    struct offload_frame *frames; // OFFLOAD_FRAMES
    struct offload_frame *newest; // that came; NULL: none
    p2c2r_quality quality;
    int32_t level;                   // fixed by the player; -1: as fast as the cluster is
    uint64_t levels[OFFLOAD_LEVELS]; // pictures that came at each
    uint32_t level_changes, level_last;
    double room; // pictures that may be under way: less when they queue, more when they do not
    p2_ns shrunk_ns;
    // Bodies.
    struct p2_world world;
    struct p2_journey journey;
    uint32_t body_steps; // of the task under way
    uint64_t wholes;     // results that brought the whole world
};

// False: no memory, or the coordinator's address is none.
bool offload_open(struct offload *o, const struct offload_settings *settings);
void offload_close(struct offload *o);

// The same with another lag and loss: a new connection. What was under way ends as lost to the game.
bool offload_again(struct offload *o, struct game *g, int64_t lag_ms, double loss);

// Takes what has ended since, as events of the game.
void offload_poll(struct offload *o, struct game *g);
// Hands over what the game asked for after a tick. What cannot be handed over counts as missed at once.
void offload_hand(struct offload *o, struct game *g, const struct game_asks *asks);
// Hands over a picture, unless too many are under way. `tick`: the game's, when it was drawn.
void offload_picture(struct offload *o, const uint8_t small[SCENE_BYTES], uint64_t tick);

bool offload_ready(const struct offload *o); // somebody may be asked
bool offload_connected(const struct offload *o);
uint32_t offload_level(const struct offload *o); // of the next picture
// So many are to come yet.
uint32_t offload_under_way(const struct offload *o);

#endif
