#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os.h"

#define GROW_MIN ((size_t)4096)

// Reads to the end, or to one byte past size_max, which says that there is more. -1: failed.
static ssize_t read_all(int fd, uint8_t *out, size_t size) {
    size_t have = 0;
    while (have < size) {
        ssize_t n = read(fd, out + have, size - have);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

// Reads what is open, whose size may be unknown (a pipe) or change meanwhile: grows until a read comes up short.
static enum p2_err read_open(int fd, size_t size_max, uint8_t **out, size_t *size_out) {
    struct stat info;
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) return P2_ERR_IO;
    if (info.st_size > 0 && (uint64_t)info.st_size > size_max) return P2_ERR_TOO_LARGE;
    size_t capacity = (size_t)info.st_size + GROW_MIN, have = 0;
    uint8_t *bytes = NULL;
    for (;; capacity *= 2) {
        if (capacity > size_max + 1) capacity = size_max + 1;
        uint8_t *more = realloc(bytes, capacity);
        ssize_t n = more ? read_all(fd, more + have, capacity - have) : -1;
        if (more) bytes = more;
        if (n < 0) break;
        have += (size_t)n;
        if (have > size_max) {
            free(bytes);
            return P2_ERR_TOO_LARGE;
        }
        if (have < capacity) {
            *out = bytes;
            *size_out = have;
            return P2_OK;
        }
    }
    free(bytes);
    return P2_ERR_IO;
}

enum p2_err p2_file_read(const char *path, size_t size_max, uint8_t **out, size_t *size_out) {
    *out = NULL;
    *size_out = 0;
    if (size_max >= SSIZE_MAX) size_max = SSIZE_MAX - 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? P2_ERR_NOT_FOUND : P2_ERR_IO;
    enum p2_err e = read_open(fd, size_max, out, size_out);
    close(fd);
    return e;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

// A new file beside `path`, its name in `beside`; -1 when there can be none.
static int open_beside(const char *path, char beside[static PATH_MAX]) {
    uint64_t random;
    p2_entropy(&random, sizeof random);
    const char *slash = strrchr(path, '/'); // a name of its own: with more at its end, the longest would be too long
    int folder = slash ? (int)(slash + 1 - path) : 0;
    int n = snprintf(beside, PATH_MAX, "%.*s.p2c2r-%016" PRIx64, folder, path, random);
    if (n < 0 || n >= PATH_MAX) return -1;
    return open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

enum p2_err p2_file_write(const char *path, const void *bytes, size_t size) {
    char beside[PATH_MAX];
    int fd = open_beside(path, beside);
    if (fd < 0) return P2_ERR_IO;
    // Synced before it takes the name, so that a crash of the machine cannot leave an empty file under it.
    bool good = write_all(fd, bytes, size) && fsync(fd) == 0;
    if (close(fd) != 0) good = false;
    if (good && rename(beside, path) == 0) return P2_OK;
    unlink(beside);
    return P2_ERR_IO;
}

static bool is_dir(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

enum p2_err p2_dir_make(const char *path) {
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) return P2_ERR_IO;
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != 0) continue;
        char end = part[i];
        part[i] = 0;
        if (mkdir(part, 0700) != 0 && !is_dir(part)) return P2_ERR_IO;
        part[i] = end;
    }
    return P2_OK;
}

bool p2_file_read_at(int fd, uint8_t *out, size_t size, uint64_t at) {
    while (size > 0) {
        ssize_t n = pread(fd, out, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        out += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

bool p2_file_write_at(int fd, const uint8_t *bytes, size_t size, uint64_t at) {
    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

int p2_memory_share(const char *name, uint64_t size) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -1;
    bool ok = ftruncate(fd, (off_t)size) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
    if (ok) return fd;
    close(fd);
    return -1;
}

void p2_memory_give_back(int fd, uint64_t size) {
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
}
