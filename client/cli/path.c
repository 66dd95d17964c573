// p2c2r path: ways over a map.
#include "path.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "image/image.h"
#include "os/os.h"

#define AGAIN_NS (100 * P2_MS) // pause before a task is handed in again
#define IN_FLIGHT_MAX 64
#define BATCH_MAX 4096
#define STEPS_MAX (1u << 20) // of one path
#define FIELD_CELLS_MAX (8u << 20)

static const char *const algorithms[] = {"astar", "dijkstra", NULL};
static const char *const neighbours[] = {"4", "8", NULL};

#define AT(field) offsetof(struct path_settings, field)

static const struct p2_option options[] = {
    {.name = "start", .kind = P2_OPT_TEXT, .value_name = "X,Y", .doc = "Where to go from.", .offset = AT(start)},
    {.name = "goal", .kind = P2_OPT_TEXT, .value_name = "X,Y", .doc = "Where to go.", .offset = AT(goal)},
    {.name = "scen",
     .kind = P2_OPT_TEXT,
     .value_name = "FILE",
     .doc = "Ask all queries of a .scen file and compare the lengths with the published ones.",
     .offset = AT(scen)},
    {.name = "field",
     .kind = P2_OPT_BOOL,
     .doc = "Distances of all cells to --goal, as a picture (-o).",
     .offset = AT(field)},
    {.name = "out",
     .kind = P2_OPT_TEXT,
     .value_name = "PICTURE",
     .doc = "Draw the path or the field; PNG, JPEG, WebP or PPM by its ending.",
     .offset = AT(out),
     .letter = 'o'},
    {.name = "algorithm",
     .kind = P2_OPT_TEXT,
     .fallback = "astar",
     .choices = algorithms,
     .value_name = "astar|dijkstra",
     .doc = "How a path is sought.",
     .offset = AT(algorithm)},
    {.name = "neighbours",
     .kind = P2_OPT_TEXT,
     .fallback = "8",
     .choices = neighbours,
     .value_name = "4|8",
     .doc = "4: no diagonal steps; 8: those that cut no corner.",
     .offset = AT(neighbours)},
    {.name = "cost-max",
     .kind = P2_OPT_INT,
     .fallback = "1",
     .min = 1,
     .max = 255,
     .value_name = "N",
     .doc = "What the dearest cell of a picture costs; above 1 darker pixels are dearer and only black is closed.",
     .offset = AT(cost_max)},
    {.name = "batch",
     .kind = P2_OPT_INT,
     .fallback = "256",
     .min = 1,
     .max = BATCH_MAX,
     .value_name = "N",
     .doc = "Queries of a .scen file in one task.",
     .offset = AT(batch)},
    {.name = "in-flight",
     .kind = P2_OPT_INT,
     .fallback = "8",
     .min = 1,
     .max = IN_FLIGHT_MAX,
     .value_name = "K",
     .doc = "Tasks under way at once.",
     .offset = AT(in_flight)},
    DEADLINE_OPTION(AT(deadline_ns), "60s", "each task"),
    NO_CACHE_OPTION(AT(no_cache)),
    LOCAL_OPTIONS(AT(common)),
    COMMON_OPTIONS(AT(common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r path",
    .summary = "Finds shortest ways over a map on the cluster.",
    .operands = "MAP",
    .details =
        "MAP is a .map file of the pathfinding benchmarks, a picture (black is closed, white open), or a JSON object "
        "with start, goal, and obstacles or grid. Coordinates count from 0 at the upper left. With --scen only lengths "
        "that differ from the published ones are printed, --json prints all; the exit code is 1 when any differs. With "
        "several tasks the map goes to the coordinator once, as a blob.",
    .options = options,
    .operands_min = 1,
    .operands_max = 1,
};

// One task: queries first .. first + count - 1, or the field.
struct batch {
    uint32_t first, count;
    bool sent, ended;
    p2_ns first_ns, again_ns;
};

struct run {
    const struct path_settings *s;
    struct path_query_set set;
    struct batch *batches;
    uint32_t batch_count, in_flight, ended, done;
    p2c2r_client *client;
    bool as_blob;
    p2c2r_digest digest;
    struct path_summary summary;
    struct cli_bar bar;
    int exit_code;
    bool stop;
};

// ---- tasks ----

// The map unless it is a blob, then goals and agents. Gives malloc'd bytes, NULL when memory is short.
static uint8_t *make_payload(const struct run *r, const struct batch *b, size_t *size) {
    const struct p2_grid *g = &r->set.grid;
    size_t map = r->as_blob ? 0 : (size_t)g->w * g->h;
    size_t agent = r->s->field ? 0 : P2_GRID_AGENT_BYTES;
    uint8_t *bytes = malloc(map + b->count * (P2_GRID_POINT_BYTES + agent)), *to = bytes + map;
    if (!bytes) return NULL;
    if (map) memcpy(bytes, g->cells, map);
    const struct p2_grid_query *q = r->set.queries.items + b->first;
    for (uint32_t i = 0; i < b->count; i++) to = p2_grid_put_point(to, q[i].goal_x, q[i].goal_y);
    for (uint32_t i = 0; i < b->count && agent; i++) to = p2_grid_put_agent(to, q[i].start_x, q[i].start_y, i);
    *size = (size_t)(to - bytes);
    return bytes;
}

static p2c2r_status hand_in(struct run *r, struct batch *b) {
    const struct path_settings *s = r->s;
    const struct p2_grid *g = &r->set.grid;
    uint64_t cells = (uint64_t)g->w * g->h, steps = s->scen ? 0 : cells < STEPS_MAX ? cells : STEPS_MAX;
    char size[32], cost[8], count[16], most[16];
    snprintf(size, sizeof size, "%ux%u", g->w, g->h);
    snprintf(cost, sizeof cost, "%u", r->set.cost_max);
    snprintf(count, sizeof count, "%u", b->count);
    snprintf(most, sizeof most, "%llu", (unsigned long long)steps);
    const p2c2r_param params[] = {{"map_size", size},
                                  {"map", r->as_blob ? "blob" : "payload"},
                                  {"cost_max", cost},
                                  {"neighbours", s->neighbours},
                                  {"algorithm", r->set.algorithm},
                                  {"goals", count},
                                  {"result", s->field ? "distances" : "paths"},
                                  {"agents", s->field ? "0" : count},
                                  {"steps", most}};
    p2_ns now = p2_clock_now();
    if (!b->first_ns) b->first_ns = now;
    size_t payload_size;
    uint8_t *payload = make_payload(r, b, &payload_size);
    if (!payload) return P2C2R_ENOMEM;
    p2c2r_task task = {.size = sizeof task,
                       .type = "ai_pathfinding",
                       .params = params,
                       .param_count = sizeof params / sizeof *params,
                       .priority = P2C2R_INTERACTIVE,
                       .deadline_ms = p2_ns_max(s->deadline_ns - (now - b->first_ns), P2_MS) / P2_MS,
                       .payload = payload,
                       .payload_size = payload_size,
                       .user = b,
                       .cache = s->no_cache ? P2C2R_CACHE_BYPASS : 0,
                       .blobs = &r->digest,
                       .blob_count = r->as_blob};
    p2c2r_ticket ticket;
    p2c2r_status status = p2c2r_submit(r->client, &task, &ticket);
    free(payload);
    return status;
}

// The first task that may go now; NULL: none.
static struct batch *next_batch(const struct run *r) {
    p2_ns now = p2_clock_now();
    for (uint32_t i = 0; i < r->batch_count; i++)
        if (!r->batches[i].sent && !r->batches[i].ended && r->batches[i].again_ns <= now) return &r->batches[i];
    return NULL;
}

static bool submit_next(struct run *r) {
    struct batch *b = r->in_flight < (uint32_t)r->s->in_flight ? next_batch(r) : NULL;
    if (!b) return false;
    p2c2r_status status = hand_in(r, b);
    if (status == P2C2R_EAGAIN) return false;
    if (status == P2C2R_OK) {
        b->sent = true;
        r->in_flight++;
        return true;
    }
    cli_complain("%s", p2c2r_last_error(r->client));
    r->exit_code = status == P2C2R_EINVAL ? P2_EXIT_USAGE : P2_EXIT_FAILED;
    r->stop = true;
    return false;
}

// ---- answers ----

static void fail(struct run *r, int code, const char *why) {
    cli_bar_clear(&r->bar);
    cli_complain("%s", why);
    if (r->exit_code == P2_EXIT_OK) r->exit_code = code;
    r->stop = true;
}

static void count_answer(struct run *r, const struct p2_grid_query *q, const struct p2_grid_answer *a) {
    r->summary.queries++;
    if (q->length < 0) return;
    if (!a->reached || !p2_grid_is_published(q, a->length)) r->summary.differ++;
    if (a->reached) r->summary.largest = fmax(r->summary.largest, fabs(a->length - q->length));
}

static void take_paths(struct run *r, const struct batch *b, const p2c2r_result *result) {
    static struct p2_grid_answer answers[BATCH_MAX];
    const struct path_origin from = {result->peer, result->origin, (double)result->processing_us / 1e3,
                                     (double)result->total_us / 1e3};
    if (!p2_grid_read_answers(result->data, result->data_size, b->count, answers)) {
        fail(r, P2_EXIT_FAILED, "the answer is not what was asked for");
        return;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        const struct p2_grid_query *q = &r->set.queries.items[b->first + i];
        count_answer(r, q, &answers[i]);
        path_print(r->s, q, &answers[i], &from);
        if (!r->s->out || r->s->scen) continue;
        int code = path_draw(r->s, &r->set.grid, q, &answers[i]);
        if (code != P2_EXIT_OK) r->exit_code = code;
    }
}

static void take_field(struct run *r, const p2c2r_result *result) {
    const struct p2_grid *g = &r->set.grid;
    if (result->data_size != (size_t)g->w * g->h * 8)
        fail(r, P2_EXIT_FAILED, "the answer is not what was asked for");
    else
        r->exit_code = path_draw_field(r->s, g, result->data);
}

static void take(struct run *r, const p2c2r_result *result) {
    struct batch *b = result->user;
    p2_ns now = p2_clock_now();
    r->in_flight--;
    b->sent = false;
    if (!r->stop && now - b->first_ns < r->s->deadline_ns &&
        cli_again(result, r->done > 0, now - b->first_ns, &r->s->common)) {
        b->again_ns = p2_ns_add(now, p2_ns_max(AGAIN_NS, p2_ns_min(result->retry_after_us * P2_US, P2_SEC)));
        return;
    }
    b->ended = true;
    r->ended++;
    if (result->outcome != P2C2R_DONE) {
        if (!r->stop) fail(r, cli_exit_of(result), result->reason);
        return;
    }
    r->done++;
    if (r->s->field)
        take_field(r, result);
    else
        take_paths(r, b, result);
}

static void serve(struct run *r) {
    cli_bar_begin(&r->bar, &r->s->common);
    while (r->ended < r->batch_count && !(r->stop && r->in_flight == 0)) {
        while (!r->stop && submit_next(r)) continue;
        if (r->stop && r->in_flight == 0) break;
        p2c2r_result results[16] = {{.size = sizeof(p2c2r_result)}};
        uint32_t n = p2c2r_poll(r->client, results, 16, AGAIN_NS / P2_US);
        for (uint32_t i = 0; i < n; i++) {
            take(r, &results[i]);
            p2c2r_release(r->client, &results[i]);
        }
        if (!r->stop)
            cli_bar_draw(&r->bar, (double)r->ended / r->batch_count, "%u of %u tasks", r->ended, r->batch_count);
    }
    cli_bar_clear(&r->bar);
}

// ---- the command ----

static bool make_batches(struct run *r) {
    uint32_t size = r->s->field ? 1 : (uint32_t)r->s->batch, queries = r->set.queries.count;
    r->batch_count = (queries + size - 1) / size;
    r->batches = calloc(r->batch_count, sizeof *r->batches);
    for (uint32_t i = 0; r->batches && i < r->batch_count; i++)
        r->batches[i] =
            (struct batch){.first = i * size, .count = queries - i * size < size ? queries - i * size : size};
    if (!r->batches) cli_complain("memory is short");
    return r->batches != NULL;
}

// With several tasks; where the coordinator takes no blob the map travels with each.
static void bring_map(struct run *r) {
    const struct p2_grid *g = &r->set.grid;
    if (r->batch_count < 2 || r->s->common.local) return; // a task that refers to blobs does not run here
    r->as_blob = p2c2r_blob_put_wait(r->client, g->cells, (uint64_t)g->w * g->h, &r->digest,
                                     r->s->common.connect_timeout_ns / P2_US) == P2C2R_OK;
}

static int run_all(struct run *r) {
    if (!make_batches(r)) return P2_EXIT_FAILED;
    r->client = cli_connect(&r->s->common, (uint32_t)r->s->in_flight, &r->exit_code);
    if (!r->client) return r->exit_code;
    p2_ns start = p2_clock_now();
    bring_map(r);
    serve(r);
    r->summary.took_ns = p2_clock_now() - start;
    p2c2r_destroy(&r->client);
    if (r->s->scen && r->summary.queries) path_print_summary(r->s, &r->summary);
    if (r->summary.differ && r->exit_code == P2_EXIT_OK) r->exit_code = P2_EXIT_FAILED;
    return r->exit_code;
}

// What cannot be meant together; NULL: nothing.
static const char *misused(const struct path_settings *s) {
    if (s->scen && (s->start || s->goal || s->field || s->out)) return "--scen has its own queries and draws nothing";
    if (s->field && s->start) return "a field has no --start: it is the distance of every cell";
    if (s->field && !s->out) return "say with -o where to draw the field";
    if (s->out && p2_image_format_of_path(s->out) == P2_IMAGE_RAW) return "-o must end in .png, .jpg, .webp or .ppm";
    return NULL;
}

static int start(int argc, char **argv) {
    struct path_settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    struct run r = {.s = &s};
    int code = P2_EXIT_USAGE;
    const char *wrong = misused(&s);
    if (wrong)
        cli_complain("%s", wrong);
    else
        code = path_read(operands[0], &s, &r.set);
    if (code == P2_EXIT_OK && s.field && (uint64_t)r.set.grid.w * r.set.grid.h > FIELD_CELLS_MAX) {
        cli_complain("%s: a field may have %u million cells", operands[0], FIELD_CELLS_MAX >> 20);
        code = P2_EXIT_USAGE;
    }
    if (code == P2_EXIT_OK) code = run_all(&r);
    path_free(&r.set);
    free(r.batches);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_path = {&program, start};
