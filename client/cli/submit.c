// p2c2r submit: a task of any type, its payload a file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "kernels/task_type.h"
#include "os/os.h"

struct settings {
    struct common_settings common;
    struct p2_conf_item *params, *blobs;
    const char *out, *priority;
    p2_ns deadline_ns;
    bool no_cache;
};

#define AT(field) offsetof(struct settings, field)

static const struct p2_option options[] = {
    {.name = "param",
     .kind = P2_OPT_LIST,
     .value_name = "NAME=VALUE",
     .doc = "A parameter; once for each. p2c2r types lists them.",
     .offset = AT(params),
     .letter = 'p'},
    {.name = "blob",
     .kind = P2_OPT_LIST,
     .value_name = "SHA256|FILE",
     .doc = "What it refers to, in order: a digest as p2c2r blob put prints it, or a file that is brought first.",
     .offset = AT(blobs)},
    {.name = "out",
     .kind = P2_OPT_TEXT,
     .value_name = "OUT",
     .doc = "File for the result; standard output otherwise, unless that is a terminal and the result is no text.",
     .offset = AT(out),
     .letter = 'o'},
    DEADLINE_OPTION(AT(deadline_ns), "60s", "it"),
    PRIORITY_OPTION(AT(priority)),
    NO_CACHE_OPTION(AT(no_cache)),
    LOCAL_OPTIONS(AT(common)),
    COMMON_OPTIONS(AT(common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r submit",
    .summary = "Has a task of any type computed on the cluster.",
    .operands = "TYPE [FILE|-]",
    .details = "The payload is the file, or standard input for -, or empty without either; the result is written as it "
               "comes. With --json a line about it is printed, and the result needs -o.",
    .options = options,
    .operand_word = cli_type_word,
    .operands_min = 1,
    .operands_max = 2,
};

struct run {
    const struct settings *s;
    struct cli_job job;
    p2c2r_param params[P2_PARAMS_MAX];
    p2c2r_digest blobs[CLI_BLOBS_MAX];
    uint8_t *payload;
    bool handed_in;
    int exit_code;
};

// Cuts "name=value" in two, in copies that live until the program ends.
static bool read_params(struct run *r) {
    for (const struct p2_conf_item *i = r->s->params; i; i = i->next) {
        const char *equals = strchr(i->text, '=');
        if (!equals || equals == i->text) {
            cli_complain("--param takes NAME=VALUE, not \"%s\"", i->text);
            return false;
        }
        if (r->job.task.param_count == P2_PARAMS_MAX) {
            cli_complain("a task has at most %u parameters", P2_PARAMS_MAX);
            return false;
        }
        char *name = strndup(i->text, (size_t)(equals - i->text));
        if (!name) return false;
        r->params[r->job.task.param_count++] = (p2c2r_param){name, equals + 1};
    }
    return true;
}

static bool check_out(const struct settings *s) {
    const char *wrong = s->out ? cli_out_wrong(s->out) : NULL;
    if (wrong) cli_complain("%s cannot be written: %s", s->out, wrong);
    if (s->common.json && !s->out) cli_complain("--json prints about the result: say with -o where the result goes");
    return !wrong && (s->out || !s->common.json);
}

static int bring_blobs(struct run *r, p2c2r_client *client) {
    for (const struct p2_conf_item *i = r->s->blobs; i; i = i->next) {
        if (r->job.task.blob_count == CLI_BLOBS_MAX) {
            cli_complain("a task refers to at most %u blobs", CLI_BLOBS_MAX);
            return P2_EXIT_USAGE;
        }
        p2c2r_digest *digest = &r->blobs[r->job.task.blob_count++];
        if (cli_parse_digest(i->text, digest)) continue;
        uint64_t size;
        int code = cli_blob_bring(client, i->text, &r->s->common, r->s->deadline_ns, digest, &size);
        if (code != P2_EXIT_OK) return code;
    }
    return P2_EXIT_OK;
}

static struct cli_job *next(void *context) {
    struct run *r = context;
    struct cli_job *job = r->handed_in ? NULL : &r->job;
    r->handed_in = true;
    return job;
}

static int write_result(const struct settings *s, const p2c2r_result *result) {
    if (s->out) {
        if (p2_file_write(s->out, result->data, result->data_size) == P2_OK) return P2_EXIT_OK;
        cli_complain("%s cannot be written", s->out);
        return P2_EXIT_FAILED;
    }
    if (isatty(STDOUT_FILENO) && !cli_is_text(result->data, result->data_size)) {
        cli_complain("the result, %zu bytes, is no text for a terminal: give -o FILE, or a pipe", result->data_size);
        return P2_EXIT_USAGE;
    }
    bool good = fwrite(result->data, 1, result->data_size, stdout) == result->data_size && fflush(stdout) == 0;
    if (!good) cli_complain("standard output cannot be written");
    return good ? P2_EXIT_OK : P2_EXIT_FAILED;
}

static void ended(void *context, struct cli_job *job, const p2c2r_result *result, const char *wrong) {
    struct run *r = context;
    if (!result) {
        cli_complain("%s", wrong);
        r->exit_code = P2_EXIT_USAGE;
        return;
    }
    r->exit_code = result->outcome == P2C2R_DONE ? write_result(r->s, result) : cli_exit_of(result);
    if (result->outcome != P2C2R_DONE) cli_complain_of(result, &r->s->common);
    if (!r->s->common.json) return;
    json_t *o = cli_result_json(job, result);
    if (r->exit_code == P2_EXIT_OK) json_object_set_new(o, "output", json_string(r->s->out));
    cli_print_json(o);
}

static int submit(struct run *r) {
    int code = P2_EXIT_OK;
    p2c2r_client *client = cli_connect(&r->s->common, 1, &code);
    if (!client) return code;
    r->exit_code = bring_blobs(r, client);
    const struct cli_jobs jobs = {
        .common = &r->s->common, .in_flight_max = 1, .context = r, .next = next, .ended = ended};
    if (r->exit_code == P2_EXIT_OK) cli_jobs_run(&jobs, client);
    p2c2r_destroy(&client);
    return r->exit_code;
}

static int start(int argc, char **argv) {
    struct settings s = {0};
    char **operands, why[512];
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    struct run r = {.s = &s, .job = {.deadline_ns = s.deadline_ns}};
    p2c2r_task *task = &r.job.task;
    *task = (p2c2r_task){.type = operands[0],
                         .params = r.params,
                         .blobs = r.blobs,
                         .priority = cli_class(s.priority),
                         .cache = s.no_cache ? P2C2R_CACHE_BYPASS : 0};
    int code = P2_EXIT_USAGE;
    bool good = read_params(&r) && check_out(&s);
    if (good && count > 1 && !cli_read(operands[1], &r.payload, &task->payload_size, why, sizeof why)) {
        cli_complain("%s", why);
        good = false;
    }
    task->payload = r.payload;
    if (good) code = submit(&r);
    for (uint32_t i = 0; i < task->param_count; i++) free((char *)(uintptr_t)r.params[i].name);
    free(r.payload);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_submit = {&program, start};
