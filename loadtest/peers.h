// Synthetic peers: real connections, the real worker (peer/core), and in place of executors what exec.h says. All in
// one process of their own.
#ifndef LOADTEST_PEERS_H
#define LOADTEST_PEERS_H

#include "loadtest/core/scenario.h"

struct peers_said { // each 100 ms, one datagram
    uint32_t connected, ready, slots;
    uint64_t done, failed, vanished, flapped, silenced;
    p2_ns at_ns;                        // when
    uint64_t links_lost;                // connections that were there and have ended, for whatever reason
    p2_ns busy_ns;                      // of all slots together
    uint64_t wire_bytes, payload_bytes; // both ways; payloads as they travel
};

// Runs the scenario's peers until the other end of `words`, a SOCK_SEQPACKET socket, is closed. A byte from there says
// that the run has begun: from then on they vanish, flap and fall silent. Exit code.
int peers_run(const struct scenario *s, const char *url, int words);

#endif
