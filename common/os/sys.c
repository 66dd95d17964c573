#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"

static bool fits(int n, size_t capacity) { return n >= 0 && (size_t)n < capacity; }

// The value when it is an absolute path, as the XDG rules want; else NULL.
static const char *absolute_env(const char *name) {
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;
}

bool p2_cache_dir(char *out, size_t capacity) {
    const char *dir = absolute_env("XDG_CACHE_HOME");
    if (dir) return fits(snprintf(out, capacity, "%s/p2c2r", dir), capacity);
    dir = absolute_env("HOME");
    if (dir) return fits(snprintf(out, capacity, "%s/.cache/p2c2r", dir), capacity);
    if (!fits(snprintf(out, capacity, "/var/tmp/p2c2r-%" PRIu64, (uint64_t)geteuid()), capacity)) return false;
    // Anyone may have made it before us: what is loaded from a cache must not be theirs.
    if (mkdir(out, 0700) == 0) return true;
    struct stat info;
    return lstat(out, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() && !(info.st_mode & 0022);
}

bool p2_program_dir(char *out, size_t capacity) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0 || (size_t)n >= sizeof path - 1) return false;
    path[n] = 0;
    char *slash = strrchr(path, '/');
    if (!slash) return false;
    slash[slash == path ? 1 : 0] = 0;
    return fits(snprintf(out, capacity, "%s", path), capacity);
}

uint32_t p2_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) { // what this process may use, not what the machine has
        int n = CPU_COUNT(&set);
        if (n > 0) return (uint32_t)n;
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (uint32_t)n : 1;
}

uint64_t p2_memory_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

uint64_t p2_resident_bytes(void) {
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    uint64_t total = 0, resident = 0;
    int n = fscanf(f, "%" SCNu64 " %" SCNu64, &total, &resident);
    fclose(f);
    long page = sysconf(_SC_PAGESIZE);
    return n == 2 && page > 0 ? resident * (uint64_t)page : 0;
}
