// The library's own thread (p2c2r_options.io_thread), and who may touch what of a client while there is one.
//
// Most of a client belongs to the thread, which holds `turn` while it serves the network and lets go of it while it
// waits. The caller's thread takes part in three ways:
// - Submit, cancel, poll, wait, release and statistics share a few parts with it, under `door`: records and the list of
//   ended ones, the pools of payloads and results, statistics, mail. They never wait for a turn. An OPEN record is the
//   thread's but for its state, any other the caller's.
// - What they want of the session goes by mail, which each turn takes first.
// - Everything else enters (p2_client_enter): it waits for the end of the thread's turn, then has the whole client, as
//   if there were no thread, until it leaves.
// Without the thread all of this is one branch, and the caller's thread has everything.
#ifndef CLIENT_SHELL_IO_H
#define CLIENT_SHELL_IO_H

#include <pthread.h>

#include "client/shell/client.h"

struct io {
    pthread_t thread;
    pthread_mutex_t turn, door;  // in this order; the door may be locked again by who has it
    pthread_cond_t ended;        // a record has, and the caller waits
    pthread_cond_t left;         // a visitor has
    bool running, stop, visitor; // under door
    struct {
        bool up;
        p2_ns rtt_ns;
        uint32_t links;
    } seen;      // likewise: as of the last turn
    bool inside; // the caller's thread has entered: its own to write
};

bool p2_io_start(struct p2c2r_client *c); // false: memory or threads are short
void p2_io_stop(struct p2c2r_client *c);  // the thread has ended, and the caller has everything
void p2_io_free(struct p2c2r_client *c);

#endif
