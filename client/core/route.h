// Which of several coordinators to talk to. While there is none, all are tried at once: connected to, greeted, and the
// round trip of the greeting is measured. The quickest of those that answer is taken, the others are left, and who was
// taken is kept until it is lost. Then it is asked before the others, for it keeps our tasks. Who was taken for nothing
// is doubted for a while: it is taken again only if nobody else answers.
//
//              due                   opened             answered           best
//   RESTING ---------> CONNECTING -----------> GREETED -----------> ANSWERED ----> TAKEN
//      ^                   |                      |                    |             |
//      +---- failed, out of time, or left for another ----------------+--- lost ----+
//
// One that failed rests for a time drawn evenly from 0 to 50 ms, twice as much after each further failure, at most
// 10 s: "full jitter" (M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015). That one address gets
// a head start, not a time-out, is the idea of RFC 8305 (Happy Eyeballs).
//
// Pure: times in, wishes out. A list of one address is not measured: it is dialled.
#ifndef CLIENT_CORE_ROUTE_H
#define CLIENT_CORE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"
#include "base/rng.h"

#define ROUTE_MAX 8u
#define ROUTE_BACKOFF_MIN_NS (50 * P2_MS)
#define ROUTE_BACKOFF_MAX_NS (10 * P2_SEC)
#define ROUTE_ANSWER_NS (4 * P2_SEC) // dial to answer, before the attempt is given up
// When the first has answered, the others get as long again as it took, within these bounds. All began together: who is
// quicker has answered by then.
#define ROUTE_COMPARE_MIN_NS (10 * P2_MS)
#define ROUTE_COMPARE_MAX_NS (250 * P2_MS)
#define ROUTE_HEAD_START_NS (250 * P2_MS) // and four of its round trips, for who keeps our tasks

#define ROUTE_DOUBT_NS (60 * P2_SEC)

enum route_state { ROUTE_RESTING, ROUTE_CONNECTING, ROUTE_GREETED, ROUTE_ANSWERED, ROUTE_TAKEN, ROUTE_STATES };

struct route_place { // one address
    enum route_state state;
    p2_ns due_ns;   // RESTING: may be tried from then. CONNECTING, GREETED: given up then
    p2_ns from_ns;  // CONNECTING: dialled; GREETED: greeted
    p2_ns took_ns;  // ANSWERED: dial to answer
    p2_ns rtt_ns;   // when last measured; 0: never
    p2_ns doubt_ns; // it is doubted until then
    uint32_t failures;
    bool spurned; // it sent us away, or broke the protocol, since any was UP
};

struct route {
    struct route_place places[ROUTE_MAX];
    uint32_t count;
    uint32_t home;     // keeps our tasks; ROUTE_MAX: none does
    bool home_failed;  // in this search
    p2_ns began_ns;    // of this search
    p2_ns compared_ns; // the best of those that answered is taken then; P2_NEVER: none has
    struct p2_rng rng;
};

enum route_wish_kind {
    ROUTE_WAIT,  // until p2_route_due_ns
    ROUTE_DIAL,  // the only address; it is TAKEN
    ROUTE_PROBE, // dial, greet
    ROUTE_LEAVE, // close its connection: too slow, or another was taken
    ROUTE_TAKE,  // go on with its connection; it is TAKEN
};

struct route_wish {
    enum route_wish_kind kind;
    uint32_t place;
    bool failed; // LEAVE: it was out of time
};

void p2_route_init(struct route *r, uint32_t count, uint64_t seed); // 1 to ROUTE_MAX
void p2_route_seek(struct route *r, p2_ns now);                     // a search begins: none is TAKEN
struct route_wish p2_route_next(struct route *r, p2_ns now);        // call until WAIT
p2_ns p2_route_due_ns(const struct route *r);                       // a past time: at once

void p2_route_opened(struct route *r, uint32_t place, p2_ns now);   // CONNECTING, and was greeted just now
void p2_route_answered(struct route *r, uint32_t place, p2_ns now); // GREETED
// In any state: it rests, not less than `at_least_ns`.
void p2_route_failed(struct route *r, uint32_t place, p2_ns now, p2_ns at_least_ns);
void p2_route_up(struct route *r);                               // who is TAKEN has let us in
void p2_route_doubt(struct route *r, uint32_t place, p2_ns now); // it does not keep our tasks either
bool p2_route_spurned(struct route *r, uint32_t place);          // by it. True: by all of them
void p2_route_check(const struct route *r);

#endif
