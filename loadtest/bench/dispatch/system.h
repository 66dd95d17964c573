// Who is compared, doing what.
#ifndef LOADTEST_BENCH_DISPATCH_SYSTEM_H
#define LOADTEST_BENCH_DISPATCH_SYSTEM_H

#include "base/strbuf.h"
#include "loadtest/bench/dispatch/drive.h"
#include "loadtest/bench/dispatch/raw.h"
#include "loadtest/bench/dispatch/stage.h"

enum measure_id { MEASURE_1, MEASURE_256, MEASURE_4096, MEASURE_64K, MEASURE_6M, MEASURES };

struct measure {
    const char *name; // on the command line
    const char *doc;
    size_t payload_bytes;
    uint32_t in_flight;
};

extern const struct measure measures[MEASURES];

#define COMMAND_ARGUMENTS_MAX 32u

struct command { // of a broker
    const char *arguments[COMMAND_ARGUMENTS_MAX + 1];
    uint32_t count;
    char texts[8][128];
    uint32_t used;
};

void command_add(struct command *c, const char *text);
void command_addf(struct command *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum system_id {
    OURS,
    OURS_BATCH,
    OURS_SESSION,
    RELAY,
    OURS_LIB,
    GEARMAND_1,
    GEARMAND,
    GEARMAND_LIB,
    NATS,
    NATS_LIB,
    REDIS,
    BEANSTALKD,
    SYSTEMS,
};

struct system {
    const char *name; // on the command line
    const char *doc;
    const char *program; // of the broker: NULL our relay, "" our coordinator
    void (*command)(struct command *c, const struct stage *s, uint16_t port); // its arguments behind the program
    uint16_t ahead[MEASURES]; // jobs each worker may have in hand; 0: not measured
    // Raw ones, or functions: load runs until all is measured, work until the broker is gone (a byte into `ready` once
    // it knows the worker).
    const struct raw_protocol *client, *worker;
    void (*load)(uint16_t port, struct drive *d);
    void (*work)(uint16_t port, uint32_t ahead, size_t payload_bytes, int ready);
};

extern const struct system systems[SYSTEMS];

#define RUN_OPTIONS_MAX 8u

// One run. False: a sentence in why.
struct run {
    const struct stage *stage;
    const struct system *system;
    const struct measure *measure;
    const char *coordinator; // the program
    const char *const *with; // further options of it, at most RUN_OPTIONS_MAX; ends with NULL
    uint32_t ahead;
    p2_ns measured_ns;
};
bool system_run(const struct run *r, struct drive_figures *out, struct p2_strbuf *why);

#endif
