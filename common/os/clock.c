#include <time.h>

#include "base/check.h"
#include "os.h"

p2_ns p2_clock_now(void) {
    struct timespec t;
    P2_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (p2_ns)t.tv_sec * P2_SEC + t.tv_nsec;
}

p2_ns p2_clock_thread(void) {
    struct timespec t;
    P2_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (p2_ns)t.tv_sec * P2_SEC + t.tv_nsec;
}
