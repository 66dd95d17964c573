// p2c2r batch: many tasks, described a line each, under way together over one connection.
#include "batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"

#define LINE_MAX_BYTES (16u << 20)

struct settings {
    struct common_settings common;
    const char *resume, *priority;
    int64_t in_flight;
    p2_ns deadline_ns;
    bool no_cache;
};

#define AT(field) offsetof(struct settings, field)

static const struct p2_option options[] = {
    {.name = "in-flight",
     .kind = P2_OPT_INT,
     .fallback = "64",
     .min = 1,
     .max = CLI_IN_FLIGHT_MAX,
     .value_name = "K",
     .doc = "Tasks under way at once.",
     .offset = AT(in_flight)},
    {.name = "resume",
     .kind = P2_OPT_TEXT,
     .value_name = "STATE",
     .doc = "Keep in this file which lines are done, and skip those it says are.",
     .offset = AT(resume)},
    DEADLINE_OPTION(AT(deadline_ns), "60s", "a line that names none"),
    {.name = "priority",
     .kind = P2_OPT_TEXT,
     .fallback = "batch",
     .choices = cli_classes,
     .value_name = "CLASS",
     .doc = "Of lines that name none: realtime, interactive, batch or background.",
     .offset = AT(priority)},
    NO_CACHE_OPTION(AT(no_cache)),
    LOCAL_OPTIONS(AT(common)),
    COMMON_OPTIONS(AT(common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r batch",
    .summary = "Has many tasks computed that are described a JSON line each.",
    .operands = "JOBS.jsonl|-",
    .details =
        "A line is an object with type, and what else is needed of: id (returned with the result), params (an object), "
        "payload (a text) or file (a name), blobs (digests), out (a file for the result), priority, deadline (\"5s\", "
        "or milliseconds), no_cache.\n\n"
        "For each a JSON line is printed when it ends, in that order: line, id, ok, outcome, what is wrong, how long "
        "it "
        "took, and the result, as output (the file's name), result (text) or result_base64. Lines that are wrong are "
        "told so and the others go on. The exit code is the highest that a line alone would have given.\n\n"
        "With --resume, lines done in an earlier run are not handed in again and nothing is printed for them. A line "
        "is "
        "known by what it says: one that was changed is done again, files it names are not looked into, and of equal "
        "lines as many are skipped as were done.",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
};

struct run {
    const struct settings *s;
    struct batch_defaults defaults;
    struct batch_state *state; // NULL: none
    FILE *in;
    char *text; // getline's
    size_t text_capacity;
    uint64_t line, bytes_read, bytes, done, failed, skipped;
    struct cli_bar bar;
    int exit_code;
    bool unreachable;
};

static void worst(struct run *r, int code) {
    if (code > r->exit_code) r->exit_code = code;
}

static void draw(struct run *r) {
    double seconds = cli_bar_seconds(&r->bar), share = r->bytes ? (double)r->bytes_read / (double)r->bytes : 0;
    cli_bar_draw(&r->bar, share, "%" PRIu64 " done, %" PRIu64 " failed, %.1f/s", r->done, r->failed,
                 seconds > 0 ? (double)r->done / seconds : 0);
}

static void print(struct run *r, const struct batch_job *j, json_t *o) {
    json_t *line = json_pack("{s:I}", "line", (json_int_t)j->line);
    if (j->id) json_object_set(line, "id", (json_t *)(uintptr_t)j->id);
    json_object_update(line, o);
    json_decref(o);
    cli_bar_clear(&r->bar);
    cli_print_json(line);
    draw(r);
}

static void print_wrong(struct run *r, const struct batch_job *j, const char *why, int code) {
    r->failed++;
    worst(r, code);
    print(r, j, json_pack("{s:b, s:s, s:s%}", "ok", 0, "outcome", "wrong", "reason", why, strlen(why)));
}

static json_t *base64(const uint8_t *in, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc((size + 2) / 3 * 4 + 1), *at = text;
    if (!text) return NULL;
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t v = (uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (n > 2 ? in[i + 2] : 0);
        for (size_t k = 0; k < 4; k++) *at++ = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
    }
    json_t *s = json_stringn(text, (size_t)(at - text));
    free(text);
    return s;
}

// Puts the result where the line wants it. False: it could not be.
static bool keep(const struct batch_job *j, const p2c2r_result *result, json_t *o) {
    if (j->out) {
        json_object_set_new(o, "output", json_string(j->out));
        return p2_file_write(j->out, result->data, result->data_size) == P2_OK;
    }
    const char *data = result->data_size ? result->data : "";
    bool text = cli_is_text(data, result->data_size);
    json_t *v = text ? json_stringn(data, result->data_size) : base64(result->data, result->data_size);
    return json_object_set_new(o, text ? "result" : "result_base64", v) == 0;
}

static void ended(void *context, struct cli_job *job, const p2c2r_result *result, const char *wrong) {
    struct run *r = context;
    struct batch_job *j = (struct batch_job *)job;
    if (!result) {
        print_wrong(r, j, wrong, P2_EXIT_USAGE);
        batch_job_free(j);
        return;
    }
    json_t *o = cli_result_json(job, result);
    int code = result->outcome == P2C2R_DONE ? P2_EXIT_OK : cli_exit_of(result);
    if (code == P2_EXIT_OK && !keep(j, result, o)) {
        code = P2_EXIT_FAILED;
        json_object_set_new(o, "ok", json_false());
        json_object_set_new(o, "reason", json_string("the result cannot be written"));
    }
    if (code == P2_EXIT_OK)
        r->done++;
    else
        r->failed++;
    worst(r, code);
    r->unreachable |= cli_is_unreachable(result);
    print(r, j, o);
    // After its result is kept and told: a line noted as done never lost it.
    bool noted = code != P2_EXIT_OK || !r->state || (fflush(stdout) == 0 && batch_state_add(r->state, &j->digest));
    if (!noted) {
        cli_complain("%s cannot be written: line %" PRIu64 " will be done again", r->s->resume, j->line);
        worst(r, P2_EXIT_FAILED);
    }
    batch_job_free(j);
}

static struct batch_job *read_one(struct run *r, ssize_t n) {
    char wrong[512];
    struct batch_job *j = batch_line_read(r->text, (size_t)n, &r->defaults, wrong, sizeof wrong);
    if (!j) {
        cli_complain("memory is short");
        worst(r, P2_EXIT_FAILED);
        return NULL;
    }
    j->line = r->line;
    if (r->state && batch_state_take(r->state, &j->digest)) {
        r->skipped++;
    } else if (wrong[0]) {
        print_wrong(r, j, wrong, P2_EXIT_USAGE);
    } else {
        return j;
    }
    batch_job_free(j);
    return NULL;
}

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == 0; }

static struct cli_job *next(void *context) {
    struct run *r = context;
    ssize_t n;
    while ((n = getline(&r->text, &r->text_capacity, r->in)) >= 0) {
        r->line++;
        r->bytes_read += (uint64_t)n;
        if (n > 0 && r->text[n - 1] == '\n') r->text[--n] = 0;
        if (is_blank(r->text)) continue;
        if (n > (ssize_t)LINE_MAX_BYTES) {
            cli_complain("line %" PRIu64 " is longer than %u MiB: bytes belong into files", r->line,
                         LINE_MAX_BYTES >> 20);
            worst(r, P2_EXIT_USAGE);
            continue;
        }
        struct batch_job *j = read_one(r, n);
        if (j) return &j->job;
    }
    if (ferror(r->in)) {
        cli_complain("line %" PRIu64 " cannot be read: %s", r->line + 1, strerror(errno));
        worst(r, P2_EXIT_FAILED);
    }
    return NULL;
}

static void conclude(struct run *r) {
    cli_bar_clear(&r->bar);
    if (r->unreachable) cli_complain("no coordinator answers at %s", r->s->common.coordinator);
    if (r->s->common.quiet || r->s->common.json) return;
    fprintf(stderr, "%" PRIu64 " done, %" PRIu64 " failed, %" PRIu64 " done before, in %.2f s\n", r->done, r->failed,
            r->skipped, cli_bar_seconds(&r->bar));
}

static int run_all(struct run *r, const char *path) {
    const struct settings *s = r->s;
    r->in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    struct stat info;
    if (!r->in || fstat(fileno(r->in), &info) != 0 || S_ISDIR(info.st_mode)) {
        cli_complain("%s: %s", path, r->in ? "this is a folder" : strerror(errno));
        return P2_EXIT_USAGE;
    }
    if (S_ISREG(info.st_mode)) r->bytes = (uint64_t)info.st_size;
    if (s->resume && !(r->state = batch_state_open(s->resume))) return P2_EXIT_USAGE;
    int code = P2_EXIT_OK;
    p2c2r_client *client = cli_connect(&s->common, (uint32_t)s->in_flight, &code);
    if (!client) return code;
    cli_bar_begin(&r->bar, &s->common);
    const struct cli_jobs jobs = {
        .common = &s->common, .in_flight_max = (uint32_t)s->in_flight, .context = r, .next = next, .ended = ended};
    cli_jobs_run(&jobs, client);
    p2c2r_destroy(&client);
    conclude(r);
    return r->exit_code;
}

static int start(int argc, char **argv) {
    struct settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    struct run r = {
        .s = &s, .defaults = {.deadline_ns = s.deadline_ns, .priority = cli_class(s.priority), .no_cache = s.no_cache}};
    int code = run_all(&r, operands[0]);
    batch_state_close(&r.state);
    if (r.in && r.in != stdin) fclose(r.in);
    free(r.text);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_batch = {&program, start};
