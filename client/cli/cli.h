// What the subcommands of p2c2r share.
#ifndef CLIENT_CLI_CLI_H
#define CLIENT_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ns.h"
#include "os/conf.h"
#include "p2c2r/p2c2r.h"

struct common_settings {
    const char *coordinator;
    p2_ns connect_timeout_ns;
    bool json;
};

// The options every subcommand that connects has; `at` is the offset of its common_settings.
#define COMMON_OPTIONS(at)                                                                                             \
    {.name = "coordinator",                                                                                            \
     .kind = P2_OPT_TEXT,                                                                                              \
     .fallback = "ws://127.0.0.1:8765",                                                                                \
     .value_name = "URL",                                                                                              \
     .doc = "Coordinator to ask.",                                                                                     \
     .offset = (at) + offsetof(struct common_settings, coordinator)},                                                  \
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

// Each takes its own argc and argv (argv[0] is its name) and returns an exit code.
int cli_upscale(int argc, char **argv);
int cli_path(int argc, char **argv);
int cli_physics(int argc, char **argv);
int cli_raytrace(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_echo(int argc, char **argv);
int cli_can_meet(int argc, char **argv);
int cli_blob(int argc, char **argv);
int cli_types(int argc, char **argv);

// One sentence on stderr, "p2c2r: ...".
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

// "WxH", each 1 to P2_IMAGE_SIDE_MAX. False: it is something else.
bool cli_parse_size(const char *text, uint32_t *width, uint32_t *height);

extern const char *const cli_classes[]; // priorities, by p2c2r_class
p2c2r_class cli_class(const char *name);

// NULL, with *exit_code set and the reason said, when the settings make no client.
p2c2r_client *cli_connect(const struct common_settings *s, uint32_t tasks_max, int *exit_code);

// What an outcome other than DONE makes of the program.
int cli_exit_of(const p2c2r_result *r);
bool cli_is_unreachable(const p2c2r_result *r);

// Should it be handed in again? `any_done`: others have been computed in this run. `tried_ns`: since it first was.
bool cli_again(const p2c2r_result *r, bool any_done, p2_ns tried_ns, const struct common_settings *s);

int cli_exit_of_conf(enum p2_conf_outcome outcome); // of one that is not RUN

#endif
