// A coordinator in a process of its own that answers every echo task itself: what is measured against it is the client.
#ifndef LOADTEST_BENCH_ECHO_H
#define LOADTEST_BENCH_ECHO_H

#include <stdint.h>
#include <sys/types.h>

struct echo {
    pid_t process;
    char url[64];
};

// Answers when `together` tasks are there, all of them; 1: each at once. Payloads are at most one record's. Before any
// thread is started.
void echo_start(struct echo *e, uint32_t together);
void echo_stop(struct echo *e);

#endif
