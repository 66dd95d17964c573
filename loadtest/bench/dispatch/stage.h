// Where a comparison takes place: if the system allows, loopback of its own and real-time scheduling, so that nothing
// else on the machine is in the way; the broker alone on one processor, load and workers together on another. And the
// processes there, all of which end with this one.
#ifndef LOADTEST_BENCH_DISPATCH_STAGE_H
#define LOADTEST_BENCH_DISPATCH_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/ns.h"

#define STAGE_SPINNERS_MAX 2u

enum stage_side { STAGE_LOAD, STAGE_BROKER }; // which processor

struct stage {
    bool own_network, real_time, interrupted;
    int signals;
    int turn; // a lock that all such benchmarks of this machine share
    int processors[2];
    char congestion[16];
    char directory[64]; // for brokers' files; removed at the end
    pid_t spinners[STAGE_SPINNERS_MAX];
};

// plain: neither a network of its own nor real-time scheduling, even if allowed. False: a sentence was printed.
bool stage_begin(struct stage *s, bool plain);
void stage_end(struct stage *s);

bool stage_interrupted(struct stage *s); // somebody asked us to end

// Between these nobody else's such benchmark runs here: waits for those before us.
void stage_enter(const struct stage *s);
void stage_leave(const struct stage *s);

// A process of ours on that side: 0 in the child. Its standard output is ours, its name, of 15
// letters at most, what profilers and ps call it.
pid_t stage_fork(const struct stage *s, enum stage_side side, const char *name);
// A program, found by PATH unless it has a slash; what it says goes to `log` in the stage's directory.
pid_t stage_spawn(const struct stage *s, const char *const *arguments, const char *log);
bool stage_has(const char *program); // can stage_spawn find it?
void stage_stop(pid_t *pid);         // ends it; sets *pid to 0. Fine with 0

uint16_t stage_port(void);                         // one that is free now
bool stage_await_port(uint16_t port, pid_t owner); // somebody listens; false: not within 10 s, or the owner ended
bool stage_await(int fd, void *out, size_t size, p2_ns patience_ns); // so many bytes from a pipe

#endif
