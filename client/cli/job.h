// Tasks as people describe them, many under way over one connection: what p2c2r submit and p2c2r batch share.
#ifndef CLIENT_CLI_JOB_H
#define CLIENT_CLI_JOB_H

#include <jansson.h>

#include "cli.h"

#define CLI_IN_FLIGHT_MAX 4096
#define CLI_PAYLOAD_MAX (64u << 20) // bytes; this and the next are the protocol's
#define CLI_BLOBS_MAX 16u           // of one task

struct cli_job {
    p2c2r_task task; // what it lends is its maker's, until `ended`; user and deadline_ms are set here
    p2_ns deadline_ns;
    // Of cli_jobs_run, which wants them zero.
    struct cli_job *next;
    p2_ns first_ns, again_ns; // first handed in; not again before
    uint32_t again;           // times handed in after the first
};

struct cli_jobs {
    const struct common_settings *common;
    uint32_t in_flight_max;
    void *context;
    // The next one, NULL after the last. Lends it until `ended`.
    struct cli_job *(*next)(void *context);
    // Called once for each. `result` is NULL when it never was a task: `wrong` says why.
    void (*ended)(void *context, struct cli_job *job, const p2c2r_result *result, const char *wrong);
};

// Until all ended. Those that are lost, or refused for the moment, are handed in again within their deadlines; when no
// coordinator answers, no further ones are asked for. P2_EXIT_OK, or why none could be tried.
void cli_jobs_run(const struct cli_jobs *jobs, p2c2r_client *client);

// What scripts are told of a result; the keys are listed in client/README.md. Gives it. NULL: memory is short.
json_t *cli_result_json(const struct cli_job *job, const p2c2r_result *result);

// ---- file.c
// A whole file, "-" for stdin, at most a task's payload; gives malloc'd bytes. False, and why in `why`.
bool cli_read(const char *path, uint8_t **out, size_t *size, char *why, size_t capacity);
// Why a result could not be written to that name; NULL: it could, as things stand.
const char *cli_out_wrong(const char *path);
bool cli_is_text(const void *bytes, size_t size); // UTF-8 without control characters but tab and line ends
// A digest of 64 hex digits.
bool cli_parse_digest(const char *text, p2c2r_digest *out);

#endif
