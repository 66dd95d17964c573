// Sixty times a second, on time: the beat of the game. A timer's descriptor; what is missed is counted, not made up.
#ifndef CLIENT_PLAY_TICKS_H
#define CLIENT_PLAY_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define TICKS_NS (P2_SEC / 60)

struct ticks {
    int fd;
    p2_ns began_ns;
    uint64_t count;
};

bool ticks_begin(struct ticks *t); // false: no timer to be had
void ticks_end(struct ticks *t);
// Waits for the next, and gives when it was due. *passed: how many ticks that was since the last one, 1 when on time.
p2_ns ticks_wait(struct ticks *t, uint64_t *passed);

#endif
