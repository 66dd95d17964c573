// Whether work of one kind is given to somebody who failed it: a circuit breaker.
//
//   CLOSED --BREAKER_IN_A_ROW failures in a row, or more than half of the last BREAKER_WINDOW--> OPEN
//   OPEN --back-off over--> HALF_OPEN --its one probe succeeded--> CLOSED
//     ^                         |
//     +------it failed----------+    with twice the back-off: 1 s at first, 60 s at most
//
// CLOSED: work as usual. OPEN: none. HALF_OPEN: one job, the probe; while it runs no other. What was given before it
// opened and ends later changes nothing, and neither does a job that ends without saying anything of its peer
// (cancelled, or refused for what the task is): after such a probe comes another. A breaker that closes has forgotten
// everything.
#ifndef COORDINATOR_CORE_BREAKER_H
#define COORDINATOR_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

#define BREAKER_IN_A_ROW 5u
#define BREAKER_WINDOW 16u
#define BREAKER_BACKOFF_NS P2_SEC
#define BREAKER_BACKOFF_NS_MAX (60 * P2_SEC)

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker { // zeroed: closed
    enum breaker_state state;
    uint16_t failures; // of the last BREAKER_WINDOW, one bit each, the latest lowest
    uint8_t seen, in_a_row;
    bool probing;
    p2_ns backoff_ns, until_ns; // the last one; 0: it is closed
};

bool breaker_lets(const struct breaker *b); // may a job be given?
bool breaker_given(struct breaker *b);      // one was; true: it is the probe
void breaker_untold(struct breaker *b);     // the probe ended and says nothing
// True: the state changed. `probe` is what breaker_given said of that job.
bool breaker_succeeded(struct breaker *b, bool probe, p2_ns now);
bool breaker_failed(struct breaker *b, bool probe, p2_ns now);
bool breaker_due(struct breaker *b, p2_ns now);

#endif
