// The first bytes of a payload tell a synthetic peer what to pretend, and its result's tell the client whose it is.
#ifndef LOADTEST_CORE_SYNTHETIC_H
#define LOADTEST_CORE_SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

#define SYNTHETIC_HEADER 16u

struct synthetic {
    uint32_t task;         // of the scenario
    uint32_t result_bytes; // at least SYNTHETIC_HEADER
    uint32_t content;      // tells payloads apart
};

void synthetic_put(const struct synthetic *s, uint8_t out[SYNTHETIC_HEADER]);
bool synthetic_get(const uint8_t in[SYNTHETIC_HEADER], struct synthetic *out); // false: it is none
// The bytes of a payload or result behind its header. They do not shrink under compression; when `thin`, half of them
// are zeros.
void synthetic_fill(uint32_t content, bool thin, uint64_t offset, uint8_t *out, uint64_t size);

#endif
