// What the system says of a process: 0 when it is gone, or not ours to look at.
#ifndef LOADTEST_PROC_H
#define LOADTEST_PROC_H

#include <stdint.h>
#include <sys/types.h>

#include "base/ns.h"

p2_ns process_cpu(pid_t pid);         // user and system time so far, all threads
uint64_t process_resident(pid_t pid); // bytes
uint64_t process_peak(pid_t pid);     // the most bytes it had resident since its start, or since:
void process_peak_reset(pid_t pid);

#endif
