#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "cli.h"
#include "kernels/task_type.h"

struct settings {
    bool json;
};

static const struct p2_option options[] = {
    {.name = "json",
     .kind = P2_OPT_BOOL,
     .doc = "Print JSON, one object a line.",
     .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const struct p2_program program = {.name = "p2c2r types",
                                          .summary = "Lists the task types this program knows and their parameters.",
                                          .operands = "",
                                          .options = options};

static const char *kind_name(enum p2_param_kind kind) {
    static const char *const names[] = {"", "integer", "number", "text", "integers", "numbers"};
    return (size_t)kind < sizeof names / sizeof *names ? names[kind] : names[0];
}

static bool is_number(const struct p2_param_spec *p) { return p->kind != P2_PARAM_TEXT; }

static void print_param(const struct p2_param_spec *p) {
    printf("  %-14s ", p->name);
    if (p->choices) {
        for (const char *const *c = p->choices; *c; c++) printf("%s%s", c == p->choices ? "" : "|", *c);
    } else {
        if (p->kind == P2_PARAM_INTS || p->kind == P2_PARAM_REALS) printf("%" PRIu32 " ", p->count);
        printf("%s", kind_name(p->kind));
        if (is_number(p) && p->min < p->max) printf(" %g..%g", p->min, p->max);
        if (p->unit && p->unit[0]) printf(" %s", p->unit);
    }
    if (p->required)
        printf(", required");
    else if (p->fallback)
        printf(", default %s", p->fallback);
    printf("\n  %-14s %s\n", "", p->doc);
}

static void print_text(const struct p2_task_type *t) {
    printf("%s (version %" PRIu32 ")", t->name, t->version);
    for (const char *const *a = t->aliases; a && *a; a++) printf(", also %s", *a);
    printf("\n  %s\n", t->doc);
    for (const struct p2_param_spec *p = t->params; p->name; p++) print_param(p);
}

static json_t *param_json(const struct p2_param_spec *p) {
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "kind", json_string(kind_name(p->kind)));
    json_object_set_new(o, "required", json_boolean(p->required));
    if (p->kind == P2_PARAM_INTS || p->kind == P2_PARAM_REALS) json_object_set_new(o, "count", json_integer(p->count));
    if (is_number(p) && p->min < p->max) {
        json_object_set_new(o, "min", json_real(p->min));
        json_object_set_new(o, "max", json_real(p->max));
    }
    if (p->choices) {
        json_t *list = json_array();
        for (const char *const *c = p->choices; *c; c++) json_array_append_new(list, json_string(*c));
        json_object_set_new(o, "choices", list);
    }
    if (p->fallback) json_object_set_new(o, "default", json_string(p->fallback));
    if (p->unit && p->unit[0]) json_object_set_new(o, "unit", json_string(p->unit));
    json_object_set_new(o, "doc", json_string(p->doc));
    return o;
}

static void print_json(const struct p2_task_type *t) {
    json_t *o = json_object(), *params = json_array(), *aliases = json_array();
    json_object_set_new(o, "name", json_string(t->name));
    json_object_set_new(o, "version", json_integer(t->version));
    for (const char *const *a = t->aliases; a && *a; a++) json_array_append_new(aliases, json_string(*a));
    json_object_set_new(o, "aliases", aliases);
    json_object_set_new(o, "doc", json_string(t->doc));
    json_object_set_new(o, "payload_bytes_max", json_integer((json_int_t)t->payload_bytes_max));
    for (const struct p2_param_spec *p = t->params; p->name; p++) json_array_append_new(params, param_json(p));
    json_object_set_new(o, "params", params);
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(o);
}

static int start(int argc, char **argv) {
    struct settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    for (uint32_t i = 0; i < p2_task_type_count; i++) {
        if (s.json)
            print_json(p2_task_types[i]);
        else
            print_text(p2_task_types[i]);
        if (!s.json && i + 1 < p2_task_type_count) putchar('\n');
    }
    p2_conf_free(&s);
    return P2_EXIT_OK;
}

const struct cli_command cli_types = {&program, start};
