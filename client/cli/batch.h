// The parts of p2c2r batch: what a line asks for, and which lines are done already.
#ifndef CLIENT_CLI_BATCH_H
#define CLIENT_CLI_BATCH_H

#include "base/digest.h"
#include "job.h"
#include "kernels/task_type.h"

struct batch_defaults {
    p2_ns deadline_ns;
    p2c2r_class priority;
    bool no_cache;
};

struct batch_job {
    struct cli_job job;      // first: cli_jobs_run gives it back
    uint64_t line;           // from 1
    struct p2_digest digest; // of the line as it stands in the file
    json_t *asked;           // owns what follows where not said otherwise
    const json_t *id;        // NULL: none
    const char *out;         // NULL: the result goes into the line printed
    p2c2r_param params[P2_PARAMS_MAX];
    char *values[P2_PARAMS_MAX]; // malloc'd
    p2c2r_digest blobs[CLI_BLOBS_MAX];
    uint8_t *payload; // malloc'd, NULL: text of the line
};

// ---- batch_line.c
// One line, without its end. Always gives a job, or NULL when memory is short; *wrong (of `capacity`) is "" when it can
// be handed in.
struct batch_job *batch_line_read(const char *text, size_t size, const struct batch_defaults *d, char *wrong,
                                  size_t capacity);
void batch_job_free(struct batch_job *j); // NULL is fine

// ---- batch_state.c: the file of --resume. Its first line names it; each further one is the SHA-256 of a line of the
// jobs whose result is kept. Lines that are equal count each for itself. A last line cut short by a crash is dropped.
struct batch_state;
// NULL, and what is wrong has been said, when it is something else, in use by another run, or cannot be had.
struct batch_state *batch_state_open(const char *path);
bool batch_state_take(struct batch_state *s, const struct p2_digest *line); // was it done? Counts once
bool batch_state_add(struct batch_state *s, const struct p2_digest *line);  // it is. False: it could not be noted
void batch_state_close(struct batch_state **s);                             // NULL inside is fine

#endif
