#include "blobdisk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_BYTES (256u << 10) // read at once when a whole file is hashed
#define NAME_DIGITS 62          // of a digest, after the two that are the folder's

// ---- names ----------------------------------------------------------------------------------------------------------

bool p2_blobstore_path(const char *dir, const struct p2_digest *digest, char *out, size_t capacity) {
    char text[P2_DIGEST_TEXT];
    p2_digest_text(digest, text);
    int n = snprintf(out, capacity, "%s/%.2s/%s", dir, text, text + 2);
    return n > 0 && (size_t)n < capacity;
}

static bool part_path(const struct p2_blobdisk *d, const struct p2_digest *digest, uint64_t size,
                      char out[static PATH_MAX]) {
    char whole[PATH_MAX];
    if (!p2_blobstore_path(d->dir, digest, whole, sizeof whole)) return false;
    int n = snprintf(out, PATH_MAX, "%s.%" PRIu64 ".part", whole, size);
    return n > 0 && n < PATH_MAX;
}

// "cdef..." or "cdef....SIZE.part" in the folder of the first byte; false: not one of ours.
static bool parse_name(unsigned folder, const char *name, struct p2_blobstore_found *out) {
    char text[P2_DIGEST_TEXT];
    size_t n = strlen(name);
    if (n < NAME_DIGITS) return false;
    snprintf(text, sizeof text, "%02x", folder & 0xff);
    memcpy(text + 2, name, NAME_DIGITS);
    text[sizeof text - 1] = 0;
    *out = (struct p2_blobstore_found){.part = n > NAME_DIGITS};
    if (!p2_digest_parse(text, &out->digest)) return false;
    if (!out->part) return true;
    char rest[8] = "";
    return sscanf(name + NAME_DIGITS, ".%" SCNu64 ".%7s", &out->size, rest) == 2 && strcmp(rest, "part") == 0;
}

// ---- the folder -----------------------------------------------------------------------------------------------------

enum p2_err p2_blobdisk_take(struct p2_blobdisk *d, bool make) {
    if (d->lock >= 0) return P2_OK;
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/lock", d->dir);
    if (n < 0 || (size_t)n >= sizeof path) return P2_ERR_IO;
    if (make && p2_dir_make(d->dir) != P2_OK) return P2_ERR_IO;
    struct stat info;
    if (stat(d->dir, &info) != 0) return errno == ENOENT ? P2_ERR_NOT_FOUND : P2_ERR_IO;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        d->lock = fd;
        return P2_OK;
    }
    if (fd >= 0) close(fd);
    return P2_ERR_IO;
}

struct findings {
    struct p2_blobstore_found *all;
    uint32_t count, capacity;
};

static bool keep(struct findings *f, const struct p2_blobstore_found *one) {
    if (f->count == f->capacity) {
        uint32_t capacity = f->capacity ? 2 * f->capacity : 64;
        struct p2_blobstore_found *more = realloc(f->all, capacity * sizeof *more);
        if (!more) return false;
        f->all = more;
        f->capacity = capacity;
    }
    f->all[f->count++] = *one;
    return true;
}

static bool scan_folder(const struct p2_blobdisk *d, unsigned folder, struct findings *f) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%02x", d->dir, folder);
    DIR *dir = n > 0 && (size_t)n < sizeof path ? opendir(path) : NULL;
    if (!dir) return true; // nothing there yet
    bool good = true;
    const struct dirent *entry;
    while (good && (entry = readdir(dir))) {
        struct p2_blobstore_found one;
        struct stat info;
        if (!parse_name(folder, entry->d_name, &one)) continue;
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) continue;
        if (one.part && (info.st_size == 0 || (uint64_t)info.st_size > one.size)) {
            unlinkat(dirfd(dir), entry->d_name, 0);
            continue;
        }
        if (!one.part) one.size = (uint64_t)info.st_size;
        one.used_ns = (int64_t)info.st_mtim.tv_sec * P2_SEC + info.st_mtim.tv_nsec;
        good = keep(f, &one);
    }
    closedir(dir);
    return good;
}

static int by_age(const void *a, const void *b) {
    int64_t x = ((const struct p2_blobstore_found *)a)->used_ns, y = ((const struct p2_blobstore_found *)b)->used_ns;
    return (x > y) - (x < y);
}

enum p2_err p2_blobdisk_scan(const struct p2_blobdisk *d, struct p2_blobstore_found **out, uint32_t *count_out) {
    struct findings f = {.count = 0};
    for (unsigned i = 0; i < 256; i++) {
        if (scan_folder(d, i, &f)) continue;
        free(f.all);
        return P2_ERR_NO_MEMORY;
    }
    if (f.count) qsort(f.all, f.count, sizeof *f.all, by_age);
    *out = f.all;
    *count_out = f.count;
    return P2_OK;
}

// ---- bytes ----------------------------------------------------------------------------------------------------------

static enum p2_err hash_file(int fd, uint64_t size, struct p2_sha256 *sha) {
    uint8_t *piece = malloc(HASH_BYTES);
    enum p2_err e = piece ? P2_OK : P2_ERR_NO_MEMORY;
    for (uint64_t at = 0; e == P2_OK && at < size;) {
        size_t n = size - at < HASH_BYTES ? (size_t)(size - at) : HASH_BYTES;
        if (p2_file_read_at(fd, piece, n, at))
            p2_sha256_add(sha, piece, n);
        else
            e = P2_ERR_IO;
        at += n;
    }
    free(piece);
    return e;
}

// ---- receiving ------------------------------------------------------------------------------------------------------

static int open_part(const struct p2_blobdisk *d, const struct p2_blobfile *f) {
    char path[PATH_MAX];
    if (!part_path(d, &f->digest, f->size, path)) return -1;
    char *slash = strrchr(path, '/');
    *slash = 0;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return -1;
    *slash = '/';
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

enum p2_err p2_blobdisk_begin(struct p2_blobdisk *d, struct p2_blobfile *f, bool fresh) {
    enum p2_err e = p2_blobdisk_take(d, true);
    if (e != P2_OK) return P2_ERR_IO;
    f->sha = p2_sha256_begin();
    f->fd = f->sha ? open_part(d, f) : -1;
    struct stat info;
    if (f->fd < 0 || fstat(f->fd, &info) != 0) return P2_ERR_IO;
    if (fresh || (uint64_t)info.st_size > f->size) {
        if (ftruncate(f->fd, 0) != 0) return P2_ERR_IO;
        info.st_size = 0;
    }
    e = hash_file(f->fd, (uint64_t)info.st_size, f->sha);
    if (e == P2_OK) f->have = (uint64_t)info.st_size;
    return e;
}

enum p2_err p2_blobdisk_write(struct p2_blobfile *f, const uint8_t *bytes, uint32_t size) {
    if (f->fd < 0 || size > f->size - f->have) return P2_ERR_IO;
    if (!p2_file_write_at(f->fd, bytes, size, f->have)) return P2_ERR_IO;
    p2_sha256_add(f->sha, bytes, size);
    f->have += size;
    return P2_OK;
}

// The new name itself is to survive a crash of the machine.
static bool sync_folder(const char *path) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool good = fsync(fd) == 0;
    close(fd);
    return good;
}

enum p2_err p2_blobdisk_commit(const struct p2_blobdisk *d, struct p2_blobfile *f) {
    char part[PATH_MAX], whole[PATH_MAX];
    if (f->fd < 0 || !part_path(d, &f->digest, f->size, part) ||
        !p2_blobstore_path(d->dir, &f->digest, whole, sizeof whole)) {
        p2_blobdisk_close(f);
        return P2_ERR_IO;
    }
    struct p2_digest digest;
    p2_sha256_end(&f->sha, &digest);
    bool right = f->have == f->size && p2_digest_equal(&digest, &f->digest);
    bool stays = right && fsync(f->fd) == 0 && rename(part, whole) == 0 && sync_folder(whole);
    if (!stays) unlink(part);
    p2_blobdisk_close(f);
    if (!right) return P2_ERR_BAD_PAYLOAD;
    return stays ? P2_OK : P2_ERR_IO;
}

// ---- reading --------------------------------------------------------------------------------------------------------

static enum p2_err prove_file(const struct p2_blobfile *f) {
    struct p2_sha256 *sha = p2_sha256_begin();
    if (!sha) return P2_ERR_NO_MEMORY;
    enum p2_err e = hash_file(f->fd, f->size, sha);
    struct p2_digest digest;
    p2_sha256_end(&sha, &digest);
    return e == P2_OK && !p2_digest_equal(&digest, &f->digest) ? P2_ERR_BAD_PAYLOAD : e;
}

enum p2_err p2_blobdisk_open(const struct p2_blobdisk *d, struct p2_blobfile *f, bool prove) {
    char path[PATH_MAX];
    if (!p2_blobstore_path(d->dir, &f->digest, path, sizeof path)) return P2_ERR_IO;
    f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat info;
    if (f->fd < 0) return errno == ENOENT ? P2_ERR_NOT_FOUND : P2_ERR_IO;
    if (fstat(f->fd, &info) != 0) return P2_ERR_IO;
    enum p2_err e = (uint64_t)info.st_size == f->size ? P2_OK : P2_ERR_BAD_PAYLOAD;
    if (e == P2_OK && prove) e = prove_file(f);
    if (e == P2_ERR_BAD_PAYLOAD) unlink(path);
    if (e == P2_OK) futimens(f->fd, NULL); // so that the order of use outlives the process; a read-only disk has none
    return e;
}

enum p2_err p2_blobdisk_read(const struct p2_blobfile *f, uint64_t offset, uint8_t *out, uint32_t size) {
    if (f->fd < 0 || offset > f->size || size > f->size - offset) return P2_ERR_IO;
    return p2_file_read_at(f->fd, out, size, offset) ? P2_OK : P2_ERR_IO;
}

void p2_blobdisk_close(struct p2_blobfile *f) {
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    p2_sha256_end(&f->sha, NULL);
}

void p2_blobdisk_remove(const struct p2_blobdisk *d, const struct p2_digest *digest, uint64_t size) {
    char path[PATH_MAX];
    if (p2_blobstore_path(d->dir, digest, path, sizeof path)) unlink(path);
    if (part_path(d, digest, size, path)) unlink(path);
}
