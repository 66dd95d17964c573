// The least a broker can do, as the limit that others are compared with: one thread, epoll, TCP. A record is a head and
// its payload; the tag of a connection's first head says who it is: how many jobs a worker takes, 0: a client. Small
// records are passed on whole, larger ones as they come, and everything one turn brought for a connection leaves in one
// write.
#ifndef LOADTEST_BENCH_DISPATCH_RELAY_H
#define LOADTEST_BENCH_DISPATCH_RELAY_H

#include <stdint.h>

struct relay_head { // both ends are on one machine
    uint32_t size;  // of the payload
    uint32_t tag;   // a client's own; a worker gets another, and says it again
};

// Serves that port of 127.0.0.1 until the process is ended. A byte into `ready` once it listens.
_Noreturn void relay_serve(uint16_t port, int ready);

#endif
