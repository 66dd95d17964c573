// Keeps the cache directory from growing: files that programs and PoCL leave behind.
#ifndef PEER_EXECUTOR_SWEEP_H
#define PEER_EXECUTOR_SWEEP_H

#include <stdint.h>

// Removes the regular files named PREFIX...SUFFIX that were not written for longest until `keep` are left.
void sweep_oldest(const char *folder, const char *prefix, const char *suffix, uint32_t keep);

// Removes the regular files that end in none of the suffixes, of which the last is NULL.
void sweep_strangers(const char *folder, const char *const *suffixes);

#endif
