#include "peer/executor/blobs.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/blobstore.h"

static bool map_one(const char *dir, const struct word_blob *which, struct exec_blob *out) {
    char path[PATH_MAX];
    if (!dir || !p2_blobstore_path(dir, &which->digest, path, sizeof path)) return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    struct stat info;
    bool good = fstat(fd, &info) == 0 && (uint64_t)info.st_size == which->size && which->size > 0;
    void *bytes = good ? mmap(NULL, (size_t)which->size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    *out = (struct exec_blob){bytes, (size_t)which->size, which->digest};
    return bytes != MAP_FAILED;
}

uint32_t blobs_map(const char *dir, const struct word_blob *which, uint32_t count, struct exec_blob *out) {
    uint32_t mapped = 0;
    while (mapped < count && map_one(dir, &which[mapped], &out[mapped])) mapped++;
    return mapped;
}

void blobs_unmap(const struct exec_blob *blobs, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) munmap((void *)(uintptr_t)blobs[i].bytes, blobs[i].size);
}
