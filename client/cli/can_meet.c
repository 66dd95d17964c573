// p2c2r can-meet: would a task be done by its deadline?
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli.h"
#include "kernels/task_type.h"

struct settings {
    struct common_settings common;
    uint64_t size;
    p2_ns deadline_ns;
    const char *class_;
};

static const char *const classes[] = {"realtime", "interactive", "batch", "background", NULL};

static const struct p2_option options[] = {
    {.name = "size",
     .kind = P2_OPT_BYTES,
     .fallback = "1KiB",
     .min = 0,
     .max = 64.0 * (1 << 20),
     .value_name = "BYTES",
     .doc = "Of its payload.",
     .offset = offsetof(struct settings, size)},
    {.name = "deadline",
     .kind = P2_OPT_DURATION,
     .fallback = "50ms",
     .min = 1e6,
     .max = 3600e9,
     .value_name = "TIME",
     .doc = "How long it may take.",
     .offset = offsetof(struct settings, deadline_ns)},
    {.name = "class",
     .kind = P2_OPT_TEXT,
     .fallback = "realtime",
     .choices = classes,
     .value_name = "CLASS",
     .doc = "Its urgency: realtime, interactive, batch or background.",
     .offset = offsetof(struct settings, class_)},
    COMMON_OPTIONS(offsetof(struct settings, common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r can-meet",
    .summary = "Asks whether a task would be done by its deadline, without handing it in.",
    .operands = "TYPE [PARAMETER=VALUE...]",
    .operand_word = cli_type_word,
    .operands_min = 1,
    .operands_max = 1 + P2_PARAMS_MAX,
    .details = "The exit code is 0 when it can, 5 when it would be too late, 3 when it would be refused.",
    .options = options};

// Cuts "name=value" operands in two, where they stand.
static bool read_params(char **operands, int count, p2c2r_param *params) {
    for (int i = 0; i < count; i++) {
        char *value = strchr(operands[i], '=');
        if (!value) {
            cli_complain("\"%s\" is not of the form PARAMETER=VALUE", operands[i]);
            return false;
        }
        *value = 0;
        params[i] = (p2c2r_param){operands[i], value + 1};
    }
    return true;
}

static void print_json(const p2c2r_forecast *f) {
    json_t *o = json_object();
    json_object_set_new(o, "can", json_boolean(f->can));
    if (!f->can) {
        json_object_set_new(o, "code", json_string(f->code_name));
        json_object_set_new(o, "reason", json_string(f->reason));
        json_object_set_new(o, "retryable", json_boolean(f->retryable));
        json_object_set_new(o, "retry_after_us", json_integer(f->retry_after_us));
    }
    if (f->p95_us) {
        json_object_set_new(o, "queue_position", json_integer(f->queue_position));
        json_object_set_new(o, "p50_us", json_integer(f->p50_us));
        json_object_set_new(o, "p95_us", json_integer(f->p95_us));
    }
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

static void print_text(const p2c2r_forecast *f) {
    printf(f->can ? "yes" : "no, %s: %s", f->code_name, f->reason);
    if (f->p95_us) {
        printf("; likely %.1f ms, at most %.1f ms in 95 of 100, behind %" PRIu32 " task%s", (double)f->p50_us / 1e3,
               (double)f->p95_us / 1e3, f->queue_position, f->queue_position == 1 ? "" : "s");
    }
    putchar('\n');
}

static int exit_of(p2c2r_status status, const p2c2r_forecast *f) {
    if (status == P2C2R_EINVAL) return P2_EXIT_USAGE;
    if (status == P2C2R_ECLOSED) return P2_EXIT_REFUSED;
    if (status != P2C2R_OK) return P2_EXIT_UNREACHABLE;
    if (f->can) return P2_EXIT_OK;
    return f->code == P2_ERR_WOULD_MISS_DEADLINE ? P2_EXIT_LATE : P2_EXIT_REFUSED;
}

static int ask(const struct settings *s, char **operands, int count) {
    p2c2r_param params[P2_PARAMS_MAX];
    if (!read_params(operands + 1, count - 1, params)) return P2_EXIT_USAGE;
    p2c2r_task task = {.size = sizeof task,
                       .type = operands[0],
                       .params = params,
                       .param_count = (uint32_t)count - 1,
                       .deadline_ms = s->deadline_ns / P2_MS,
                       .payload_size = (size_t)s->size};
    while (strcmp(classes[task.priority], s->class_) != 0) task.priority++;
    int code = P2_EXIT_OK;
    p2c2r_client *client = cli_connect(&s->common, 1, &code);
    if (!client) return code;
    p2c2r_forecast f = {.size = sizeof f};
    p2c2r_status status = p2c2r_can_meet_wait(client, &task, &f, s->common.connect_timeout_ns / P2_US);
    if (status != P2C2R_OK)
        cli_complain("%s", p2c2r_last_error(client));
    else if (s->common.json)
        print_json(&f);
    else
        print_text(&f);
    p2c2r_destroy(&client);
    return exit_of(status, &f);
}

static int start(int argc, char **argv) {
    struct settings s = {.size = 0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    int code = ask(&s, operands, count);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_can_meet = {&program, start};
