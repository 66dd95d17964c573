// A program with an option of every kind, and what the tests of conf.h do with it.
#ifndef TESTS_UNIT_OS_CONF_FIXTURE_H
#define TESTS_UNIT_OS_CONF_FIXTURE_H

#include "base/ns.h"
#include "os/conf.h"

struct settings {
    const char *listen, *mode, *cache;
    int64_t cells;
    double share;
    p2_ns grace_ns;
    uint64_t memory;
    struct p2_conf_item *notes;
    bool verbose, nagle;
};

extern const struct p2_option options[];
extern const struct p2_program program; // takes 0 to 2 operands

// What a run of p2_conf_read did.
struct ran {
    enum p2_conf_outcome outcome;
    char *out, *err; // what it printed
    char **operands;
    int operand_count;
};

// Runs it on a command line without the program's name, in words parted by spaces.
struct ran run(const char *words, struct settings *s);
void ran_free(struct ran *r);

#endif
