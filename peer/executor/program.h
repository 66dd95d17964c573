// Programs from embedded source, and the disk cache of their binaries. The cache is an optimisation that is never
// trusted: a file carries its key and a digest of its content, and one that does not fit is built anew and replaced.
#ifndef PEER_EXECUTOR_PROGRAM_H
#define PEER_EXECUTOR_PROGRAM_H

#include <stdbool.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "peer/executor/device.h"

#define VERDICT_SUFFIX ".verdict" // of the files that verdict.h keeps in the same folder

struct program_cache {
    char folder[4096];             // CACHE/programs; "" when there is none: everything is built
    void (*on_compile)(void *arg); // called before a program that is not there is compiled; NULL: not
    void *arg;
};

// Of every program: the language, and P2_CPU, 1 or 0, by which a source leaves out what the device has no use for.
const char *program_options(const struct device *d);

// Makes CACHE/programs. When it cannot be written the cache is off and false is returned.
bool program_cache_init(struct program_cache *c, const char *cache_dir);

// What a binary depends on: source, options, device, driver, platform, format of the cache file. False: no memory.
bool program_key(const struct device *d, const char *source, const char *options, struct p2_digest *out);

// A built program (clReleaseProgram), from the cache when *hit_out says so. One process builds at a time per cache.
// P2_ERR_EXECUTION_FAILED with the end of the build log in why.
enum p2_err program_build(const struct device *d, const struct program_cache *c, const char *source, cl_program *out,
                          bool *hit_out, struct p2_strbuf *why);

#endif
