// p2c2r tasks: what is open at a coordinator.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

#define TASKS_MAX 64 // that one answer holds

struct settings {
    struct common_settings common;
    int64_t max;
};

static const struct p2_option options[] = {
    {.name = "max",
     .kind = P2_OPT_INT,
     .fallback = "64",
     .min = 1,
     .max = TASKS_MAX,
     .value_name = "N",
     .doc = "Show that many.",
     .offset = offsetof(struct settings, max)},
    COMMON_OPTIONS(offsetof(struct settings, common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r tasks",
    .summary = "Lists open tasks of a coordinator.",
    .operands = "",
    .details =
        "About in the order of their deadlines: the first digits of the id, type, class, where it is, how long ago "
        "it was accepted, how long until its deadline, how many peers had it and which has it. A coordinator shows "
        "others' tasks only when it runs with --list-tasks.",
    .options = options};

static void print_json(const p2c2r_open_task *t) {
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "id", t->id, "type", t->type, "class",
                          cli_classes[t->priority], "state", t->where, "age_us", (json_int_t)t->age_us, "left_us",
                          (json_int_t)t->left_us, "attempts", (json_int_t)t->attempts);
    if (t->peer[0]) json_object_set_new(o, "peer", json_string(t->peer));
    cli_print_json(o);
}

static void print_text(const p2c2r_open_task *t) {
    printf("%-8s  %-14s  %-11s  %-9s  %9.3f s old  %9.3f s left  %" PRIu32 " tr%s  %s\n", t->id, t->type,
           cli_classes[t->priority], t->where, (double)t->age_us / 1e6, (double)t->left_us / 1e6, t->attempts,
           t->attempts == 1 ? "y  " : "ies", t->peer[0] ? t->peer : "-");
}

static int list(const struct settings *s, p2c2r_client *client) {
    p2c2r_open_task tasks[TASKS_MAX] = {{.size = sizeof *tasks}};
    p2c2r_cluster cluster = {.size = sizeof cluster};
    uint32_t count;
    int64_t patience_us = s->common.connect_timeout_ns / P2_US;
    p2c2r_status status = p2c2r_tasks_wait(client, tasks, (uint32_t)s->max, &count, patience_us);
    if (status == P2C2R_OK) status = p2c2r_cluster_wait(client, &cluster, patience_us);
    if (status != P2C2R_OK) {
        cli_complain("%s", p2c2r_last_error(client));
        return status == P2C2R_ECLOSED ? P2_EXIT_REFUSED : P2_EXIT_UNREACHABLE;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (s->common.json)
            print_json(&tasks[i]);
        else
            print_text(&tasks[i]);
    }
    uint32_t open = cluster.tasks_queued + cluster.tasks_running;
    if (s->common.json || s->common.quiet) return P2_EXIT_OK;
    if (count == 0 && open)
        cli_complain("%" PRIu32 " tasks are open; the coordinator shows them when it runs with --list-tasks", open);
    else if (count < open)
        fprintf(stderr, "%" PRIu32 " of %" PRIu32 " open tasks\n", count, open);
    return P2_EXIT_OK;
}

static int start(int argc, char **argv) {
    struct settings s = {.max = 0};
    char **operands;
    int count, code = P2_EXIT_OK;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    p2c2r_client *client = cli_connect(&s.common, 1, &code);
    if (client) code = list(&s, client);
    p2c2r_destroy(&client);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_tasks = {&program, start};
