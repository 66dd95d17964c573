#include "peer/executor/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ends_in(const char *name, const char *suffix) {
    size_t n = strlen(name), s = strlen(suffix);
    return n >= s && !strcmp(name + n - s, suffix);
}

static bool is_file(DIR *dir, const char *name, struct stat *st) {
    return fstatat(dirfd(dir), name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

// One pass: counts the files and finds the oldest.
static uint32_t count_files(DIR *dir, const char *prefix, const char *suffix, char oldest[static 256]) {
    struct timespec at = {0};
    uint32_t count = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat st;
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || !ends_in(entry->d_name, suffix)) continue;
        if (!is_file(dir, entry->d_name, &st)) continue;
        bool older =
            st.st_mtim.tv_sec < at.tv_sec || (st.st_mtim.tv_sec == at.tv_sec && st.st_mtim.tv_nsec < at.tv_nsec);
        if (count++ > 0 && !older) continue;
        snprintf(oldest, 256, "%s", entry->d_name);
        at = st.st_mtim;
    }
    return count;
}

void sweep_oldest(const char *folder, const char *prefix, const char *suffix, uint32_t keep) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    char oldest[256];
    // Each start leaves a file or two, so this is one pass and one removal.
    while (count_files(dir, prefix, suffix, oldest) > keep && unlinkat(dirfd(dir), oldest, 0) == 0) rewinddir(dir);
    closedir(dir);
}

void sweep_strangers(const char *folder, const char *const *suffixes) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat st;
        const char *const *known = suffixes;
        while (*known && !ends_in(entry->d_name, *known)) known++;
        if (!*known && is_file(dir, entry->d_name, &st)) unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}
