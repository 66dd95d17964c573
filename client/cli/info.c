// p2c2r info: versions, what is agreed with a coordinator, and which task types are served there.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli.h"
#include "kernels/task_type.h"

#define VALUE_MAX 512
#define QUESTION_DEADLINE_MS 3600000 // so long that only whether it is served decides

struct settings {
    struct common_settings common;
    bool features;
};

static const struct p2_option options[] = {
    {.name = "features",
     .kind = P2_OPT_BOOL,
     .doc = "Also which protocol features are agreed, and which task types are served.",
     .offset = offsetof(struct settings, features)},
    COMMON_OPTIONS(offsetof(struct settings, common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r info",
    .summary = "Shows versions, limits, and what a coordinator serves.",
    .operands = "",
    .details =
        "Whether a type is served is asked with its smallest example, without handing it in; p50 and p95 are what "
        "half and 95 of 100 such tasks would take at this moment. On which devices is not told to clients.",
    .options = options};

struct served {
    const struct p2_task_type *type;
    p2c2r_forecast f;
};

// A parameter of a known answer as a person would write it.
static bool value_text(const struct p2_param *p, char *out, size_t capacity) {
    if (p->kind == P2_PARAM_TEXT)
        return (size_t)snprintf(out, capacity, "%.*s", (int)p->value.text.n, p->value.text.p) < capacity;
    size_t at = 0;
    bool whole = p->kind == P2_PARAM_INT || p->kind == P2_PARAM_INTS;
    for (uint32_t i = 0; i < p->count && at < capacity; i++) {
        const char *comma = i ? "," : "";
        int n = whole ? snprintf(out + at, capacity - at, "%s%" PRId64, comma, p->value.ints[i])
                      : snprintf(out + at, capacity - at, "%s%.17g", comma, p->value.reals[i]);
        at += (size_t)n;
    }
    return at < capacity;
}

static p2c2r_status ask(const struct settings *s, p2c2r_client *client, struct served *out) {
    static char values[P2_PARAMS_MAX][VALUE_MAX], names[P2_PARAMS_MAX][P2_PARAM_NAME_MAX + 1];
    const struct p2_known_answer *example = &out->type->known_answers[0];
    p2c2r_param params[P2_PARAMS_MAX];
    for (uint32_t i = 0; i < example->param_count; i++) {
        const struct p2_param *p = &example->params[i];
        snprintf(names[i], sizeof names[i], "%.*s", (int)p->name.n, p->name.p);
        if (!value_text(p, values[i], sizeof values[i])) return P2C2R_EINVAL;
        params[i] = (p2c2r_param){names[i], values[i]};
    }
    const p2c2r_task task = {.size = sizeof task,
                             .type = out->type->name,
                             .params = params,
                             .param_count = example->param_count,
                             .priority = P2C2R_INTERACTIVE,
                             .deadline_ms = QUESTION_DEADLINE_MS,
                             .payload_size = example->payload_size};
    out->f.size = sizeof out->f;
    return p2c2r_can_meet_wait(client, &task, &out->f, s->common.connect_timeout_ns / P2_US);
}

// Refused for the moment is served all the same.
static bool is_served(const struct served *t) {
    return t->f.can || (t->f.code != P2_ERR_NO_CAPABLE_PEER && t->f.code != P2_ERR_UNKNOWN_TYPE);
}

static json_t *features_json(const p2c2r_terms *terms) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < terms->feature_count; i++) json_array_append_new(list, json_string(terms->features[i]));
    return list;
}

static json_t *types_json(const struct served *types, uint32_t count) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        const struct served *t = &types[i];
        json_t *o = json_pack("{s:s, s:I, s:b}", "type", t->type->name, "version", (json_int_t)t->type->version,
                              "served", is_served(t));
        if (t->f.can) {
            json_object_set_new(o, "p50_us", json_integer(t->f.p50_us));
            json_object_set_new(o, "p95_us", json_integer(t->f.p95_us));
        } else {
            json_object_set_new(o, "code", json_string(t->f.code_name));
        }
        json_array_append_new(list, o);
    }
    return list;
}

static void print_text(const struct settings *s, const p2c2r_cluster *c, const p2c2r_terms *terms) {
    printf("library      version %s\n", p2c2r_version());
    printf("coordinator  %s, version %s, protocol %" PRIu32 "\n", terms->coordinator, c->version, terms->protocol);
    printf("limits       %" PRIu32 " tasks at once, %" PRIu64 " bytes of one payload", terms->tasks_in_flight_max,
           terms->payload_bytes_max);
    if (terms->bytes_in_flight_max) printf(", %" PRIu64 " of all", terms->bytes_in_flight_max);
    printf("\nlost client  tasks are kept %.1f s\n", (double)terms->keep_us / 1e6);
    if (!s->features) return;
    printf("features    ");
    for (uint32_t i = 0; i < terms->feature_count; i++) printf(" %s", terms->features[i]);
    putchar('\n');
}

static void print_types(const struct served *types, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct served *t = &types[i];
        printf("type         %-14s version %" PRIu32 ", ", t->type->name, t->type->version);
        if (t->f.can)
            printf("served; p50 %.1f ms, p95 %.1f ms\n", (double)t->f.p50_us / 1e3, (double)t->f.p95_us / 1e3);
        else
            printf("%s: %s\n", is_served(t) ? "served, but not now" : "not served", t->f.reason);
    }
}

static int exit_of(p2c2r_client *client, p2c2r_status status) {
    cli_complain("%s", p2c2r_last_error(client));
    return status == P2C2R_ECLOSED ? P2_EXIT_REFUSED : P2_EXIT_UNREACHABLE;
}

static int show(const struct settings *s, p2c2r_client *client, struct served *types) {
    p2c2r_cluster cluster = {.size = sizeof cluster};
    p2c2r_terms terms = {.size = sizeof terms};
    p2c2r_status status = p2c2r_cluster_wait(client, &cluster, s->common.connect_timeout_ns / P2_US);
    if (status == P2C2R_OK) status = p2c2r_connection_terms(client, &terms);
    uint32_t count = s->features ? p2_task_type_count : 0;
    for (uint32_t i = 0; i < count && status == P2C2R_OK; i++) {
        types[i].type = p2_task_types[i];
        status = ask(s, client, &types[i]);
    }
    if (status != P2C2R_OK) return exit_of(client, status);
    if (!s->common.json) {
        print_text(s, &cluster, &terms);
        print_types(types, count);
        return P2_EXIT_OK;
    }
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "library_version", p2c2r_version(), "coordinator",
                          terms.coordinator, "coordinator_version", cluster.version, "protocol",
                          (json_int_t)terms.protocol, "tasks_in_flight_max", (json_int_t)terms.tasks_in_flight_max,
                          "payload_bytes_max", (json_int_t)terms.payload_bytes_max, "bytes_in_flight_max",
                          (json_int_t)terms.bytes_in_flight_max, "keep_us", (json_int_t)terms.keep_us);
    if (s->features) {
        json_object_set_new(o, "features", features_json(&terms));
        json_object_set_new(o, "types", types_json(types, count));
    }
    cli_print_json(o);
    return P2_EXIT_OK;
}

static int start(int argc, char **argv) {
    struct settings s = {.features = false};
    char **operands;
    int count, code = P2_EXIT_OK;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    p2c2r_client *client = cli_connect(&s.common, 1, &code);
    struct served *types = calloc(p2_task_type_count, sizeof *types);
    if (client && types) code = show(&s, client, types);
    if (!types) code = P2_EXIT_FAILED;
    free(types);
    p2c2r_destroy(&client);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_info = {&program, start};
