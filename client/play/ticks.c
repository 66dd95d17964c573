#include "client/play/ticks.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "os/os.h"

static struct timespec spec_of(p2_ns ns) { return (struct timespec){ns / P2_SEC, ns % P2_SEC}; }

bool ticks_begin(struct ticks *t) {
    *t = (struct ticks){.began_ns = p2_clock_now()};
    t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (t->fd < 0) return false;
    const struct itimerspec every = {spec_of(TICKS_NS), spec_of(t->began_ns + TICKS_NS)};
    if (timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &every, NULL) == 0) return true;
    ticks_end(t);
    return false;
}

void ticks_end(struct ticks *t) {
    if (t->fd >= 0) close(t->fd);
    t->fd = -1;
}

p2_ns ticks_wait(struct ticks *t, uint64_t *passed) {
    uint64_t n;
    while (read(t->fd, &n, sizeof n) != sizeof n) continue; // a signal came
    t->count += n;
    *passed = n;
    return t->began_ns + (p2_ns)t->count * TICKS_NS;
}
