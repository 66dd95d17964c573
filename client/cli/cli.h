// What the subcommands of p2c2r share.
#ifndef CLIENT_CLI_CLI_H
#define CLIENT_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ns.h"
#include "os/child.h"
#include "os/conf.h"
#include "p2c2r/inspect.h"
#include "p2c2r/p2c2r.h"

struct common_settings {
    const char *coordinator;
    p2_ns connect_timeout_ns;
    bool json, quiet;
    bool local; // of those that hand in tasks
    const char *local_executor, *local_device;
};

#define CLI_SHARED_GROUP "Every command that asks a coordinator"

// The options every subcommand that connects has; `at` is the offset of its common_settings.
#define COMMON_OPTIONS(at)                                                                                             \
    {.name = "coordinator",                                                                                            \
     .kind = P2_OPT_TEXT,                                                                                              \
     .fallback = "ws://127.0.0.1:8765",                                                                                \
     .value_name = "URLS",                                                                                             \
     .doc = "Coordinator to ask, or up to 8, separated by commas: the nearest that answers.",                          \
     .group = CLI_SHARED_GROUP,                                                                                        \
     .offset = (at) + offsetof(struct common_settings, coordinator)},                                                  \
        {.name = "quiet",                                                                                              \
         .kind = P2_OPT_BOOL,                                                                                          \
         .doc = "Draw no progress on the terminal.",                                                                   \
         .offset = (at) + offsetof(struct common_settings, quiet)},                                                    \
        {.name = "connect-timeout",                                                                                    \
         .kind = P2_OPT_DURATION,                                                                                      \
         .fallback = "5s",                                                                                             \
         .min = 1e6,                                                                                                   \
         .max = 3600e9,                                                                                                \
         .value_name = "TIME",                                                                                         \
         .doc = "How long to try to reach it.",                                                                        \
         .offset = (at) + offsetof(struct common_settings, connect_timeout_ns)},                                       \
    {                                                                                                                  \
        .name = "json", .kind = P2_OPT_BOOL, .doc = "Print JSON, one object a line.",                                  \
        .offset = (at) + offsetof(struct common_settings, json)                                                        \
    }

// Options of those that hand in tasks; `at` is the offset of the setting. `what` may take so long.
#define DEADLINE_OPTION(at, otherwise, what)                                                                           \
    {                                                                                                                  \
        .name = "deadline", .kind = P2_OPT_DURATION, .fallback = otherwise, .min = 1e6, .max = 86400e9,                \
        .value_name = "TIME", .doc = "How long " what " may take, tries and waiting included.", .offset = at           \
    }
#define PRIORITY_OPTION(at)                                                                                            \
    {                                                                                                                  \
        .name = "priority", .kind = P2_OPT_TEXT, .fallback = "interactive", .choices = cli_classes,                    \
        .value_name = "CLASS", .doc = "realtime, interactive, batch or background.", .offset = at                      \
    }
#define NO_CACHE_OPTION(at)                                                                                            \
    {                                                                                                                  \
        .name = "no-cache", .kind = P2_OPT_BOOL,                                                                       \
        .doc = "Have it computed even when the coordinator remembers the answer.", .offset = at                        \
    }

// Of those too; `at` is the offset of its common_settings. Before COMMON_OPTIONS.
#define LOCAL_OPTIONS(at)                                                                                              \
    {.name = "local",                                                                                                  \
     .kind = P2_OPT_BOOL,                                                                                              \
     .doc = "Compute on this machine what the cluster does not take, or not in time.",                                 \
     .offset = (at) + offsetof(struct common_settings, local)},                                                        \
        {.name = "local-executor",                                                                                     \
         .kind = P2_OPT_TEXT,                                                                                          \
         .value_name = "PATH",                                                                                         \
         .doc = "The p2c2r-executor that does so; by default the one installed with this program.",                    \
         .offset = (at) + offsetof(struct common_settings, local_executor)},                                           \
    {                                                                                                                  \
        .name = "local-device", .kind = P2_OPT_TEXT, .fallback = "0", .value_name = "N|fake",                          \
        .doc = "The device it does so on, as p2c2r-executor --list counts; \"fake\" computes slowly in plain C.",      \
        .offset = (at) + offsetof(struct common_settings, local_device)                                                \
    }

// A word of p2c2r.
struct cli_command {
    const struct p2_program *program;
    int (*run)(int argc, char **argv); // its own argc and argv (argv[0] is its name); gives an exit code
};

extern const struct cli_command cli_upscale, cli_path, cli_physics, cli_raytrace, cli_status, cli_echo, cli_can_meet,
    cli_blob, cli_types, cli_submit, cli_batch, cli_info, cli_tasks, cli_play;

// One sentence on stderr, "p2c2r: ...".
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Progress on stderr, when that is a terminal and neither --json nor --quiet is given.
struct cli_bar {
    bool on;
    p2_ns began_ns, drawn_ns;
};
void cli_bar_begin(struct cli_bar *b, const struct common_settings *s);
void cli_bar_draw(struct cli_bar *b, double share, const char *format, ...) __attribute__((format(printf, 3, 4)));
void cli_bar_clear(const struct cli_bar *b); // before a line is printed
double cli_bar_seconds(const struct cli_bar *b);

// "WxH", each 1 to P2_IMAGE_SIDE_MAX. False: it is something else.
bool cli_parse_size(const char *text, uint32_t *width, uint32_t *height);

extern const char *const cli_classes[]; // priorities, by p2c2r_class
const char *cli_type_word(size_t i);    // names of task types; NULL after the last
p2c2r_class cli_class(const char *name);

// Of --local. False, and said: there is none.
bool cli_find_executor(const struct common_settings *s, char out[static P2_CHILD_PATH_MAX]);

// NULL, with *exit_code set and the reason said, when the settings make no client.
p2c2r_client *cli_connect(const struct common_settings *s, uint32_t tasks_max, int *exit_code);

// What an outcome other than DONE makes of the program.
int cli_exit_of(const p2c2r_result *r);
bool cli_is_unreachable(const p2c2r_result *r);
void cli_complain_of(const p2c2r_result *r, const struct common_settings *s); // its reason, and where when unreachable
void cli_print_json(json_t *o);                                               // takes it; one line on stdout

// Brings the coordinator the file, unless it has it. An exit code; what is wrong has been said.
int cli_blob_bring(p2c2r_client *client, const char *path, const struct common_settings *s, p2_ns time_ns,
                   p2c2r_digest *digest, uint64_t *size);

// Should it be handed in again? `any_done`: others have been computed in this run. `tried_ns`: since it first was.
bool cli_again(const p2c2r_result *r, bool any_done, p2_ns tried_ns, const struct common_settings *s);

int cli_exit_of_conf(enum p2_conf_outcome outcome); // of one that is not RUN

#endif
