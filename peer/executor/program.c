#include "peer/executor/program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "os/os.h"
#include "peer/executor/sweep.h"

#define FORMAT 1u // of the cache file; part of the key
#define BINARY_MAX ((size_t)64 << 20)
#define FILES_MAX 64 // binaries kept; the oldest go first
#define SUFFIX ".bin"

struct cache_header {
    char magic[8];
    uint32_t format, header_bytes;
    uint64_t length; // of the binary after the header
    struct p2_digest key, content;
};

static const char magic[8] = {'P', '2', 'C', '2', 'R', 'b', 'i', 'n'};

bool program_cache_init(struct program_cache *c, const char *cache_dir) {
    int n = snprintf(c->folder, sizeof c->folder, "%s/programs", cache_dir);
    // Room for "/", a digest and a suffix.
    c->on_compile = NULL;
    bool fits = n > 0 && (size_t)n + P2_DIGEST_TEXT + 16 < sizeof c->folder;
    if (!fits || p2_dir_make(c->folder) != P2_OK || access(c->folder, W_OK | X_OK) != 0) c->folder[0] = 0;
    return c->folder[0] != 0;
}

const char *program_options(const struct device *d) {
    return d->info.facts.is_cpu ? "-cl-std=CL1.2 -DP2_CPU=1" : "-cl-std=CL1.2 -DP2_CPU=0";
}

bool program_key(const struct device *d, const char *source, const char *options, struct p2_digest *out) {
    const char *const parts[] = {source, options, d->info.name, d->info.driver, d->info.platform};
    uint8_t *bytes = NULL;
    size_t size = 0;
    FILE *f = open_memstream((char **)&bytes, &size);
    if (!f) return false;
    fprintf(f, "p2c2r program %u\n", FORMAT);
    // Lengths keep "ab","c" apart from "a","bc".
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) fprintf(f, "%zu:%s\n", strlen(parts[i]), parts[i]);
    bool good = fclose(f) == 0;
    if (good) p2_sha256(bytes, size, out);
    free(bytes);
    return good;
}

static void cache_path(const struct program_cache *c, const struct p2_digest *key, char *out, size_t capacity) {
    char text[P2_DIGEST_TEXT];
    p2_digest_text(key, text);
    snprintf(out, capacity, "%.4000s/%s" SUFFIX, c->folder, text);
}

// Last lines of the log: compilers name the first error early, but the end says how it went.
static void add_build_log(cl_program program, cl_device_id id, struct p2_strbuf *why) {
    size_t size = 0;
    if (clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS || size <= 1) return;
    char *log = calloc(1, size + 1);
    if (log && clGetProgramBuildInfo(program, id, CL_PROGRAM_BUILD_LOG, size, log, NULL) == CL_SUCCESS) {
        p2_strbuf_printf(why, ": %s", log);
    }
    free(log);
}

static enum p2_err build_source(const struct device *d, const struct program_cache *c, const char *source,
                                cl_program *out, struct p2_strbuf *why) {
    if (c->on_compile) c->on_compile(c->arg);
    cl_int e = CL_SUCCESS;
    cl_program program = clCreateProgramWithSource(d->context, 1, &source, NULL, &e);
    if (program) e = clBuildProgram(program, 1, &d->info.id, program_options(d), NULL, NULL);
    if (program && e == CL_SUCCESS) {
        *out = program;
        return P2_OK;
    }
    p2_strbuf_printf(why, "the program does not build (OpenCL error %d)", e);
    if (program) {
        add_build_log(program, d->info.id, why);
        clReleaseProgram(program);
    }
    return P2_ERR_EXECUTION_FAILED;
}

static bool file_is_whole(const uint8_t *bytes, size_t size, const struct p2_digest *key) {
    struct cache_header h;
    if (size < sizeof h) return false;
    memcpy(&h, bytes, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.format != FORMAT || h.header_bytes != sizeof h) return false;
    if (h.length == 0 || h.length != size - sizeof h || !p2_digest_equal(&h.key, key)) return false;
    struct p2_digest content;
    p2_sha256(bytes + sizeof h, size - sizeof h, &content);
    return p2_digest_equal(&h.content, &content);
}

static bool load(const struct device *d, const char *path, const struct p2_digest *key, cl_program *out) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (p2_file_read(path, BINARY_MAX, &bytes, &size) != P2_OK) return false;
    cl_program program = NULL;
    bool good = file_is_whole(bytes, size, key);
    if (good) {
        const unsigned char *binary = bytes + sizeof(struct cache_header);
        size_t length = size - sizeof(struct cache_header);
        cl_int status = CL_SUCCESS, e = CL_SUCCESS;
        program = clCreateProgramWithBinary(d->context, 1, &d->info.id, &length, &binary, &status, &e);
        good = program && e == CL_SUCCESS && status == CL_SUCCESS &&
               clBuildProgram(program, 1, &d->info.id, program_options(d), NULL, NULL) == CL_SUCCESS;
        if (!good && program) clReleaseProgram(program);
    }
    free(bytes);
    if (good) *out = program;
    return good;
}

static void store(cl_program program, const char *path, const struct p2_digest *key) {
    size_t length = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL) != CL_SUCCESS) return;
    if (length == 0 || length > BINARY_MAX - sizeof(struct cache_header)) return;
    uint8_t *bytes = malloc(sizeof(struct cache_header) + length);
    if (!bytes) return;
    unsigned char *binary = bytes + sizeof(struct cache_header);
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS) {
        struct cache_header h;
        memset(&h, 0, sizeof h);
        memcpy(h.magic, magic, sizeof magic);
        h.format = FORMAT;
        h.header_bytes = sizeof h;
        h.length = length;
        h.key = *key;
        p2_sha256(binary, length, &h.content);
        memcpy(bytes, &h, sizeof h);
        // A full disk costs the next start its build, nothing else.
        (void)p2_file_write(path, bytes, sizeof h + length);
    }
    free(bytes);
}

// Open and locked, or -1; closing it unlocks, and so does the end of the process.
static int lock_cache(const struct program_cache *c) {
    char path[4096];
    snprintf(path, sizeof path, "%.4000s/lock", c->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -1;
    if (flock(fd, LOCK_EX) == 0) return fd;
    close(fd);
    return -1;
}

enum p2_err program_build(const struct device *d, const struct program_cache *c, const char *source, cl_program *out,
                          bool *hit_out, struct p2_strbuf *why) {
    *hit_out = false;
    struct p2_digest key;
    if (!c->folder[0] || !program_key(d, source, program_options(d), &key)) return build_source(d, c, source, out, why);
    char path[4096 + P2_DIGEST_TEXT];
    cache_path(c, &key, path, sizeof path);
    // Files are whole or not there; the lock is for those who compile.
    *hit_out = load(d, path, &key, out);
    if (*hit_out) return P2_OK;
    int lock = lock_cache(c);
    if (lock < 0) return build_source(d, c, source, out, why);
    enum p2_err e = P2_OK;
    *hit_out = load(d, path, &key, out);
    if (!*hit_out) {
        // Under the lock nobody is writing here: what is no binary was left by a killed writer.
        sweep_strangers(c->folder, (const char *const[]){SUFFIX, VERDICT_SUFFIX, "lock", NULL});
        sweep_oldest(c->folder, "", SUFFIX, FILES_MAX);
        e = build_source(d, c, source, out, why);
        if (e == P2_OK) store(*out, path, &key);
    }
    close(lock);
    return e;
}
