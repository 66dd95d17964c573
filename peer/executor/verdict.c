#include "peer/executor/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "peer/executor/sweep.h"

#define FORMAT 1u     // of the file; part of the key
#define FILES_MAX 256 // the oldest go first

struct verdict_file {
    char magic[8];
    struct p2_digest key, content;
    struct verdict verdict;
};

static const char magic[8] = {'P', '2', 'C', '2', 'R', 'v', 'e', 'r'};

bool verdict_key(const struct device *d, const struct exec_type *type, struct p2_digest *out) {
    struct p2_digest program;
    struct stat exe;
    if (stat("/proc/self/exe", &exe) != 0) return false;
    if (!program_key(d, type->source ? type->source : "", program_options(d), &program)) return false;
    char name[P2_DIGEST_TEXT], text[512];
    p2_digest_text(&program, name);
    // References and known answers are part of the executable: another build has to prove them again.
    int n = snprintf(text, sizeof text, "p2c2r verdict %u\n%s\n%.64s %u\n%s %llu %lld.%09ld\n", FORMAT, name,
                     type->type->name, type->type->version, P2_VERSION, (unsigned long long)exe.st_size,
                     (long long)exe.st_mtim.tv_sec, exe.st_mtim.tv_nsec);
    p2_sha256(text, (size_t)n, out);
    return true;
}

static bool path_of(const struct program_cache *c, const struct p2_digest *key, char *out, size_t capacity) {
    if (!c->folder[0]) return false;
    char text[P2_DIGEST_TEXT];
    p2_digest_text(key, text);
    int n = snprintf(out, capacity, "%s/%s" VERDICT_SUFFIX, c->folder, text);
    return n > 0 && (size_t)n < capacity;
}

bool verdict_load(const struct program_cache *c, const struct p2_digest *key, struct verdict *out) {
    char path[4096 + P2_DIGEST_TEXT + 16];
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!path_of(c, key, path, sizeof path)) return false;
    if (p2_file_read(path, sizeof(struct verdict_file), &bytes, &size) != P2_OK) return false;
    struct verdict_file f;
    bool good = size == sizeof f;
    if (good) {
        struct p2_digest content;
        memcpy(&f, bytes, sizeof f);
        p2_sha256(&f.verdict, sizeof f.verdict, &content);
        good = memcmp(f.magic, magic, sizeof magic) == 0 && p2_digest_equal(&f.key, key) &&
               p2_digest_equal(&f.content, &content) && f.verdict.count <= VERDICT_ANSWERS_MAX &&
               f.verdict.units_per_second > 0;
    }
    free(bytes);
    if (good) *out = f.verdict;
    return good;
}

void verdict_store(const struct program_cache *c, const struct p2_digest *key, const struct verdict *v) {
    char path[4096 + P2_DIGEST_TEXT + 16];
    if (!path_of(c, key, path, sizeof path)) return;
    struct verdict_file f;
    memset(&f, 0, sizeof f); // also the padding: it lies on the disk
    memcpy(f.magic, magic, sizeof magic);
    f.key = *key;
    f.verdict.units_per_second = v->units_per_second;
    f.verdict.count = v->count;
    memcpy(f.verdict.results, v->results, v->count * sizeof *v->results);
    p2_sha256(&f.verdict, sizeof f.verdict, &f.content);
    sweep_oldest(c->folder, "", VERDICT_SUFFIX, FILES_MAX);
    (void)p2_file_write(path, &f, sizeof f); // a full disk costs the next start its time, nothing else
}
