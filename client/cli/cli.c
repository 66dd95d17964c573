#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "image/image.h"
#include "kernels/task_type.h"

void cli_complain(const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t n = strlen(text);
    fprintf(stderr, "p2c2r: %s%s\n", text, n && strchr(".?!", text[n - 1]) ? "" : ".");
}

bool cli_parse_size(const char *text, uint32_t *width, uint32_t *height) {
    char *end;
    unsigned long w = strtoul(text, &end, 10);
    if (end == text || *end != 'x') return false;
    const char *second = end + 1;
    unsigned long h = strtoul(second, &end, 10);
    if (end == second || *end || w < 1 || h < 1 || w > P2_IMAGE_SIDE_MAX || h > P2_IMAGE_SIDE_MAX) return false;
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    return true;
}

const char *const cli_classes[] = {"realtime", "interactive", "batch", "background", NULL};

const char *cli_type_word(size_t i) { return i < p2_task_type_count ? p2_task_types[i]->name : NULL; }

p2c2r_class cli_class(const char *name) {
    for (uint32_t i = 0; cli_classes[i]; i++)
        if (strcmp(cli_classes[i], name) == 0) return i;
    return P2C2R_INTERACTIVE;
}

int cli_exit_of_conf(enum p2_conf_outcome outcome) { return outcome == P2_CONF_EXIT_OK ? P2_EXIT_OK : P2_EXIT_USAGE; }

bool cli_find_executor(const struct common_settings *s, char out[static P2_CHILD_PATH_MAX]) {
    if (p2_child_find(s->local_executor, out)) return true;
    cli_complain("%s cannot be run: say with --local-executor where p2c2r-executor is", out);
    return false;
}

p2c2r_client *cli_connect(const struct common_settings *s, uint32_t tasks_max, int *exit_code) {
    p2c2r_options options = {.size = sizeof options,
                             .coordinator = s->coordinator,
                             .tasks_max = tasks_max,
                             .connect_timeout_ms = s->connect_timeout_ns / P2_MS};
    char executor[P2_CHILD_PATH_MAX];
    if (s->local) {
        if (!cli_find_executor(s, executor)) {
            *exit_code = P2_EXIT_USAGE;
            return NULL;
        }
        options.local_executor = executor;
        options.local_device = s->local_device;
    }
    p2c2r_client *client = p2c2r_create(&options);
    if (!client) {
        cli_complain("%s is not of the form ws://HOST:PORT, nor a list of up to 8", s->coordinator);
        *exit_code = P2_EXIT_USAGE;
    }
    return client;
}

bool cli_is_unreachable(const p2c2r_result *r) { return r->outcome == P2C2R_LOST && r->code == P2_ERR_UNREACHABLE; }

void cli_complain_of(const p2c2r_result *r, const struct common_settings *s) {
    if (cli_is_unreachable(r))
        cli_complain("%s at %s", r->reason, s->coordinator);
    else
        cli_complain("%s", r->reason);
}

void cli_print_json(json_t *o) {
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(o);
}

static bool is_refusal(uint32_t code) { return code >= P2_ERR_UNKNOWN_TYPE && code <= P2_ERR_BLOB_MISSING; }

int cli_exit_of(const p2c2r_result *r) {
    if (cli_is_unreachable(r)) return P2_EXIT_UNREACHABLE;
    if (r->outcome == P2C2R_REFUSED || is_refusal(r->code)) return P2_EXIT_REFUSED;
    return r->outcome == P2C2R_EXPIRED ? P2_EXIT_LATE : P2_EXIT_FAILED;
}

bool cli_again(const p2c2r_result *r, bool any_done, p2_ns tried_ns, const struct common_settings *s) {
    if (r->outcome == P2C2R_DONE || r->outcome == P2C2R_EXPIRED || r->outcome == P2C2R_CANCELLED) return false;
    if (!r->retryable || cli_is_unreachable(r)) return false;
    // Peers come and go in a cluster that works; one where nobody has answered yet gets the patience of a connection.
    return any_done || r->outcome == P2C2R_LOST || tried_ns < s->connect_timeout_ns;
}
