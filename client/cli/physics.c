// p2c2r physics: a world of rigid bodies, some steps on.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli.h"
#include "client/world/world.h"
#include "os/os.h"

#define AGAIN_US (100 * (P2_MS / P2_US)) // pause before a task is handed in again
#define WORLD_BYTES_MAX ((size_t)256 << 20)

struct settings {
    struct common_settings common;
    const char *out;
    int64_t steps, each, full_every;
    p2_ns deadline_ns;
    bool no_keep;
};

#define AT(field) offsetof(struct settings, field)

static const struct p2_option options[] = {
    {.name = "out",
     .kind = P2_OPT_TEXT,
     .value_name = "FILE",
     .doc = "Where to write the world as it is then, as JSON.",
     .offset = AT(out),
     .letter = 'o'},
    {.name = "steps",
     .kind = P2_OPT_INT,
     .min = 1,
     .max = PHYSICS_STEPS_MAX,
     .value_name = "N",
     .doc = "Steps to make, in place of the world's num_steps.",
     .offset = AT(steps)},
    {.name = "each",
     .kind = P2_OPT_INT,
     .min = 1,
     .max = PHYSICS_STEPS_MAX,
     .value_name = "K",
     .doc = "Steps of one task; default all. Between tasks the peer keeps the world.",
     .offset = AT(each)},
    {.name = "full-every",
     .kind = P2_OPT_INT,
     .fallback = "16",
     .min = 1,
     .max = PHYSICS_STEPS_MAX,
     .value_name = "M",
     .doc = "Every M-th task brings the whole world back, so that another peer can go on.",
     .offset = AT(full_every)},
    {.name = "no-keep",
     .kind = P2_OPT_BOOL,
     .doc = "Send the whole world with every task, to any peer.",
     .offset = AT(no_keep)},
    DEADLINE_OPTION(AT(deadline_ns), "60s", "each task"),
    LOCAL_OPTIONS(AT(common)),
    COMMON_OPTIONS(AT(common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r physics",
    .summary = "Moves the bodies of a world on the cluster.",
    .operands = "WORLD.json -o OUT.json",
    .details = "WORLD.json has objects (spheres, boxes and planes), perhaps joints, timestep, num_steps and gravity; "
               "OUT.json is the "
               "same with the bodies where they are then, and collisions, energy and momentum, and can be a WORLD.json "
               "again. A "
               "line for each task tells the step it ended with, how many bodies move, how many pairs touch, the "
               "energy, which peer "
               "and the milliseconds from its submission to its result, and on the peer.",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
};

struct run {
    const struct settings *s;
    struct p2_world world;
    struct p2_journey journey;
    p2c2r_client *client;
    uint8_t *last; // the last result
    size_t last_size;
    struct cli_bar bar;
    int exit_code;
};

// ---- files ----

static int read_world(const char *path, struct p2_world *w) {
    uint8_t *text;
    size_t size;
    enum p2_err err = p2_file_read(path, WORLD_BYTES_MAX, &text, &size);
    if (err) {
        cli_complain("%s cannot be read: %s", path, p2_err_sentence(err));
        return P2_EXIT_USAGE;
    }
    json_error_t error;
    json_t *root = json_loadb((const char *)text, size, JSON_REJECT_DUPLICATES, &error);
    free(text);
    if (!root) {
        cli_complain("%s:%d: %s", path, error.line, error.text);
        return P2_EXIT_USAGE;
    }
    char reason[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, reason, sizeof reason);
    bool good = p2_world_read(root, w, &why);
    json_decref(root);
    if (!good) cli_complain("%s: %s", path, reason);
    return good ? P2_EXIT_OK : P2_EXIT_USAGE;
}

static int write_world(const struct run *r) {
    json_t *root = p2_world_write(&r->world, r->last, r->last_size);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    enum p2_err err = text ? p2_file_write(r->s->out, text, strlen(text)) : P2_ERR_NO_MEMORY;
    free(text);
    if (err) cli_complain("%s cannot be written: %s", r->s->out, p2_err_sentence(err));
    return err ? P2_EXIT_FAILED : P2_EXIT_OK;
}

// ---- tasks ----

static void print_line(const struct run *r, const p2c2r_result *result) {
    struct physics_result h;
    memcpy(&h, result->data, sizeof h);
    uint64_t step = (uint64_t)h.step_high << 32 | h.step_low;
    double total_ms = (double)result->total_us / 1e3, processing_ms = (double)result->processing_us / 1e3;
    if (r->s->common.json) {
        json_t *o = json_pack("{s:I, s:i, s:i, s:f, s:f, s:f, s:s, s:s, s:f, s:f}", "step", (json_int_t)step, "awake",
                              (int)h.awake, "touching", (int)h.touching, "kinetic", h.kinetic, "potential", h.potential,
                              "overlap_mean", (double)h.overlap_mean, "origin", p2c2r_origin_name(result->origin),
                              "peer", result->peer, "total_ms", total_ms, "processing_ms", processing_ms);
        json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
        json_decref(o);
        return;
    }
    printf("step %llu: %u awake, %u touching, energy %.6g J, %s%s, total %.1f ms, processing %.1f ms\n",
           (unsigned long long)step, h.awake, h.touching, h.kinetic + h.potential,
           result->origin == P2C2R_ORIGIN_LOCAL ? "this machine" : "peer ", result->peer, total_ms, processing_ms);
}

static bool remember(struct run *r, const p2c2r_result *result) {
    uint8_t *bytes = malloc(result->data_size + 1);
    if (!bytes) return false;
    memcpy(bytes, result->data, result->data_size);
    free(r->last);
    r->last = bytes;
    r->last_size = result->data_size;
    return true;
}

static p2c2r_status submit(struct run *r, uint32_t steps, bool last, p2_ns left, p2c2r_ticket *ticket) {
    struct p2_journey_task t;
    p2_journey_next(&r->journey, steps, last, &t);
    p2c2r_param params[P2_WORLD_PARAMS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < t.count; i++)
        if (!r->s->no_keep || strcmp(t.names[i], "world") != 0)
            params[count++] = (p2c2r_param){t.names[i], t.values[i]};
    p2c2r_task task = {.size = sizeof task,
                       .type = "physics",
                       .params = params,
                       .param_count = count,
                       .priority = P2C2R_INTERACTIVE,
                       .deadline_ms = p2_ns_max(left, P2_MS) / P2_MS,
                       .payload = t.payload,
                       .payload_size = t.payload_size,
                       .cache = P2C2R_CACHE_BYPASS}; // a remembered answer moves no world
    return p2c2r_submit(r->client, &task, ticket);
}

// The result of one try; true: it is over, one way or the other.
static bool take(struct run *r, const p2c2r_result *result, p2_ns tried_ns) {
    if (result->outcome == P2C2R_DONE) {
        bool good = p2_journey_took(&r->journey, result->data, result->data_size) && remember(r, result);
        if (good && r->s->no_keep) p2_journey_lost(&r->journey);
        cli_bar_clear(&r->bar);
        if (good) print_line(r, result);
        if (!good) cli_complain("the answer is not what was asked for");
        r->exit_code = good ? P2_EXIT_OK : P2_EXIT_FAILED;
        return true;
    }
    bool kept = r->journey.kept;
    if (kept) p2_journey_lost(&r->journey); // whoever had it: the next try carries it
    if (kept && tried_ns < r->s->deadline_ns) return false;
    if (tried_ns < r->s->deadline_ns && cli_again(result, r->last != NULL, tried_ns, &r->s->common)) return false;
    cli_bar_clear(&r->bar);
    cli_complain("%s", result->reason);
    r->exit_code = cli_exit_of(result);
    return true;
}

static void make(struct run *r, uint32_t steps, bool last) {
    p2_ns begun = p2_clock_now();
    for (bool over = false; !over;) {
        p2c2r_ticket ticket;
        p2_ns left = r->s->deadline_ns - (p2_clock_now() - begun);
        p2c2r_status status = submit(r, steps, last, left, &ticket);
        if (status != P2C2R_OK) {
            cli_bar_clear(&r->bar);
            cli_complain("%s", p2c2r_last_error(r->client));
            r->exit_code = status == P2C2R_EINVAL ? P2_EXIT_USAGE : P2_EXIT_FAILED;
            return;
        }
        p2c2r_result result = {.size = sizeof result};
        while (p2c2r_wait(r->client, ticket, &result, P2_SEC / P2_US) == P2C2R_ETIMEOUT) continue;
        over = take(r, &result, p2_clock_now() - begun);
        p2c2r_release(r->client, &result);
        if (!over) p2c2r_poll(r->client, NULL, 0, AGAIN_US);
    }
}

static int run_all(struct run *r) {
    const struct settings *s = r->s;
    uint32_t steps = s->steps ? (uint32_t)s->steps : r->world.steps, each = s->each ? (uint32_t)s->each : steps;
    uint8_t secret[16];
    p2_entropy(secret, sizeof secret);
    p2_journey_begin(&r->journey, &r->world, secret, s->no_keep ? 1 : (uint32_t)s->full_every);
    r->client = cli_connect(&s->common, 4, &r->exit_code);
    if (!r->client) return r->exit_code;
    cli_bar_begin(&r->bar, &s->common);
    for (uint32_t made = 0; made < steps && r->exit_code == P2_EXIT_OK;) {
        cli_bar_draw(&r->bar, (double)made / steps, "%u of %u steps", made, steps);
        uint32_t now = steps - made < each ? steps - made : each;
        made += now;
        make(r, now, made == steps);
    }
    cli_bar_clear(&r->bar);
    p2c2r_destroy(&r->client);
    return r->exit_code == P2_EXIT_OK ? write_world(r) : r->exit_code;
}

static int start(int argc, char **argv) {
    struct settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    struct run r = {.s = &s};
    int code = P2_EXIT_USAGE;
    if (!s.out || !*s.out)
        cli_complain("say where to write with -o FILE");
    else
        code = read_world(operands[0], &r.world);
    if (code == P2_EXIT_OK) code = run_all(&r);
    free(r.last);
    p2_world_free(&r.world);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_physics = {&program, start};
