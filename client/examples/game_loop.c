// A game that never waits: sixty frames a second, each handed to the cluster at half size, shown enlarged when it comes
// back, enlarged locally when it does not. How well it is enlarged follows how long that takes.
//
//     game_loop [URL [FRAMES]]
//
// Without a coordinator it runs just the same, only that every frame is enlarged here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "p2c2r/p2c2r.h"
#include "p2c2r/quality.h"

#define WIDTH 240 // of what the game renders
#define HEIGHT 136
#define TICK_NS 16666667L

static unsigned char rendered[WIDTH * HEIGHT * 3];
static unsigned char shown[2 * WIDTH * 2 * HEIGHT * 3];
static p2c2r_quality quality = {.size = sizeof quality};

// Where a game would draw its world: here, stripes that move.
static void render(unsigned frame) {
    for (unsigned i = 0; i < sizeof rendered; i++) rendered[i] = (unsigned char)(i / 3 + frame * 4);
}

// What the player gets when the cluster is late: every pixel four times.
static void enlarge_here(void) {
    for (unsigned y = 0; y < 2 * HEIGHT; y++) {
        for (unsigned x = 0; x < 2 * WIDTH; x++)
            memcpy(shown + (y * 2 * WIDTH + x) * 3, rendered + (y / 2 * WIDTH + x / 2) * 3, 3);
    }
}

// False when this frame is not sent.
static int hand_over(p2c2r_client *client) {
    const uint32_t level = p2c2r_quality_level(&quality);
    const p2c2r_param params[] = {
        {"input_res", "240x136"}, {"output_res", "480x272"}, {"quality", p2c2r_quality_name(level)}, {"format", "raw"}};
    const p2c2r_task task = {
        .size = sizeof task,
        .type = "upscale",
        .params = params,
        .param_count = sizeof params / sizeof *params,
        .deadline_ms = 100, // a frame that comes later is of no use
        .payload = rendered,
        .payload_size = sizeof rendered,
        .user = (void *)(uintptr_t)level, // comes back with the result
    };
    p2c2r_ticket ticket;
    if (p2c2r_submit(client, &task, &ticket) == P2C2R_OK) return 1;
    p2c2r_quality_frame(&quality, level, P2C2R_QUALITY_MISSED); // a full window: the game is ahead of the cluster
    return 0;
}

// Takes what has ended since the last tick. 1 when one of them was a picture.
static int collect(p2c2r_client *client, int64_t timeout_us, unsigned *done, unsigned *missed) {
    p2c2r_result results[16] = {{.size = sizeof(p2c2r_result)}};
    int fresh = 0;
    const uint32_t n = p2c2r_poll(client, results, 16, timeout_us);
    for (uint32_t i = 0; i < n; i++) {
        const int came = results[i].outcome == P2C2R_DONE && results[i].data_size == sizeof shown;
        p2c2r_quality_frame(&quality, (uint32_t)(uintptr_t)results[i].user,
                            came ? results[i].total_us : P2C2R_QUALITY_MISSED);
        if (came) {
            memcpy(shown, results[i].data, sizeof shown);
            ++*done;
            fresh = 1;
        } else {
            ++*missed; // refused, expired or lost: results[i].reason says why
        }
        p2c2r_release(client, &results[i]);
    }
    return fresh;
}

// A descriptor that becomes readable sixty times a second. A game has its display for this.
static int start_ticks(void) {
    const struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (fd >= 0) timerfd_settime(fd, 0, &every, NULL);
    return fd;
}

static void next_tick(int fd) {
    uint64_t passed;
    if (read(fd, &passed, sizeof passed) != sizeof passed) exit(1);
}

int main(int argc, char **argv) {
    const unsigned frames = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 600;
    const p2c2r_options options = {
        .size = sizeof options,
        .coordinator = argc > 1 ? argv[1] : NULL, // NULL: the usual address
        .tasks_max = 8,                           // frames under way at once
    };
    p2c2r_client *client = p2c2r_create(&options);
    if (!client) {
        fprintf(stderr, "game_loop: %s is no address of a coordinator.\n", argc > 1 ? argv[1] : "it");
        return 2;
    }
    p2c2r_quality_init(&quality, NULL);
    unsigned sent = 0, done = 0, missed = 0;
    const int ticks = start_ticks();
    for (unsigned frame = 0; frame < frames; frame++) {
        render(frame);
        sent += (unsigned)hand_over(client);
        if (!collect(client, 0, &done, &missed)) enlarge_here(); // 0: a frame waits for nobody
        next_tick(ticks);
    }
    // Nothing is drawn any more: what is still under way may be waited for. Every ticket ends, at its deadline at last.
    while (done + missed < sent) collect(client, 1000000, &done, &missed);
    printf("%u frames: %u enlarged by the cluster, %u too late or refused, %u not handed over; quality: %s\n", frames,
           done, missed, frames - sent, p2c2r_quality_name(p2c2r_quality_level(&quality)));
    close(ticks);
    p2c2r_destroy(&client);
    return 0;
}
