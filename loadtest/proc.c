#include "loadtest/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_proc(pid_t pid, const char *name, char *out, size_t capacity) {
    char path[400];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    ssize_t n = read(fd, out, capacity - 1);
    close(fd);
    if (n <= 0) return false;
    out[n] = 0;
    return true;
}

// What all its threads have run, to the nanosecond; /proc/PID/stat counts in hundredths of a second.
p2_ns process_cpu(pid_t pid) {
    char path[64], text[256];
    unsigned long long ran;
    p2_ns sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = pid > 0 ? opendir(path) : NULL;
    if (!threads) return 0;
    for (struct dirent *e; (e = readdir(threads));) {
        char name[300];
        snprintf(name, sizeof name, "task/%s/schedstat", e->d_name);
        if (e->d_name[0] != '.' && read_proc(pid, name, text, sizeof text) && sscanf(text, "%llu", &ran) == 1)
            sum += (p2_ns)ran;
    }
    closedir(threads);
    return sum;
}

uint64_t process_resident(pid_t pid) {
    char text[256];
    unsigned long long pages = 0;
    if (!read_proc(pid, "statm", text, sizeof text) || sscanf(text, "%*u %llu", &pages) != 1) return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t process_peak(pid_t pid) {
    char text[4096];
    if (!read_proc(pid, "status", text, sizeof text)) return 0;
    const char *line = strstr(text, "VmHWM:");
    return line ? strtoull(line + strlen("VmHWM:"), NULL, 10) << 10 : 0;
}

void process_peak_reset(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)pid);
    int fd = pid > 0 ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    (void)!write(fd, "5", 1);
    close(fd);
}
