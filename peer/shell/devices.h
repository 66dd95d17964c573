// Which devices there are, as the executor says, and which of them to use.
#ifndef PEER_SHELL_DEVICES_H
#define PEER_SHELL_DEVICES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "peer/core/worker.h"

struct seat {
    struct worker_device device;
    char argument[16]; // for the executor's --device
};

struct seats {
    struct seat all[P2_DEVICES_MAX];
    uint32_t count;
};

// One line of `p2c2r-executor --list`. False when it is not what such a line must be.
bool devices_parse(const char *line, struct seat *out);

// Asks the executor for the OpenCL devices; more than P2_DEVICES_MAX are left out. False with a sentence in why.
// With `raw`, its output is also kept there as it came.
struct devices_source {
    const char *program, *cache;
    char *raw;
    size_t raw_capacity;
};
bool devices_list(const struct devices_source *from, struct seats *out, struct p2_strbuf *why);

// "all", or a list of indices and "fake" with commas, each at most once: the seats to fill, in that order. `listed` may
// be empty when only "fake" is asked for. slots 0: each device's own. False with a sentence in why.
bool devices_select(const char *which, const struct seats *listed, uint32_t slots, struct seats *out,
                    struct p2_strbuf *why);
bool devices_only_fake(const char *which); // nothing to list

void devices_print(const struct seats *s, FILE *to); // as a table

// What to do when there is none.
extern const char devices_none[];

#endif
