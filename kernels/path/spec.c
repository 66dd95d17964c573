#include <string.h>

#include "base/strbuf.h"
#include "kernels/path/path.h"

static const char *const sources[] = {"payload", "blob", "open", NULL};          // by PATH_FROM_PAYLOAD ..
static const char *const results[] = {"paths", "distances", "directions", NULL}; // by PATH_PATHS ..
static const char *const algorithms[] = {"astar", "dijkstra", NULL};             // by PATH_ASTAR ..
static const char *const aliases[] = {"path", NULL};

enum { MAP_SIZE, MAP, COST_MAX, OBSTACLES, NEIGHBOURS, ALGORITHM, RESULT, START, GOAL, GOALS, AGENTS, STEPS };

#define POINT(called, what)                                                                                            \
    { .name = called, .kind = P2_PARAM_INTS, .count = 2, .min = 0, .max = PATH_SIDE_MAX - 1, .unit = "", .doc = what }

static const struct p2_param_spec params[] = {
    [MAP_SIZE] = {.name = "map_size",
                  .kind = P2_PARAM_INTS,
                  .count = 2,
                  .required = true,
                  .min = 1,
                  .max = PATH_SIDE_MAX,
                  .unit = "",
                  .doc = "Columns and rows of the map, at most 16 x 2^20 cells."},
    [MAP] = P2_SPEC_CHOICE(
        "map", sources, "payload",
        "Where its cells are, a byte each: at the payload's beginning, in the task's only blob, or all open."),
    [COST_MAX] = P2_SPEC_WHOLE("cost_max", 1, PATH_COST_MAX, "1",
                               "A cell of 0 is closed; any other costs its byte, at most this, to enter."),
    [OBSTACLES] =
        P2_SPEC_WHOLE("obstacles", 0, PATH_OBSTACLES_MAX, "0", "Points in the payload that are closed besides."),
    [NEIGHBOURS] = P2_SPEC_WHOLE("neighbours", 4, 8, "8", "4: no diagonal steps; 8: those that cut no corner."),
    [ALGORITHM] = P2_SPEC_CHOICE("algorithm", algorithms, "astar",
                                 "How a path is sought whose goal fewer than four agents have."),
    [RESULT] =
        P2_SPEC_CHOICE("result", results, "paths",
                       "Paths of agents, or of every cell the distance to the nearest goal or the step towards it."),
    [START] = POINT("start", "The only agent, in place of a list in the payload."),
    [GOAL] = POINT("goal", "The only goal, in place of a list in the payload."),
    [GOALS] = P2_SPEC_WHOLE("goals", 0, PATH_POINTS_MAX, "0", "Goals in the payload."),
    [AGENTS] = P2_SPEC_WHOLE("agents", 0, PATH_POINTS_MAX, "0", "Agents in the payload."),
    [STEPS] = P2_SPEC_WHOLE("steps", 0, PATH_CELLS_MAX, NULL,
                            "How many steps of each path are returned at most; 16 x (columns + rows) when not given."),
    {.name = NULL},
};

static unsigned whole_of(const struct p2_params *given, int which) {
    return (unsigned)p2_param_int(given, &params[which]);
}

static unsigned choice_of(const struct p2_params *given, int which) {
    return (unsigned)p2_param_choice(given, &params[which]);
}

static enum p2_err read_map(const struct p2_params *given, struct path_block *b, struct p2_strbuf *why) {
    const struct p2_param *size = p2_params_find(given, params[MAP_SIZE].name);
    b->w = (unsigned)size->value.ints[0];
    b->h = (unsigned)size->value.ints[1];
    b->source = choice_of(given, MAP);
    b->cost_max = whole_of(given, COST_MAX);
    b->obstacles = whole_of(given, OBSTACLES);
    b->neighbours = whole_of(given, NEIGHBOURS);
    uint64_t cells = (uint64_t)b->w * b->h;
    if (cells > PATH_CELLS_MAX) {
        p2_strbuf_printf(why, "map_size %ux%u has more than %u million cells", b->w, b->h, PATH_CELLS_MAX >> 20);
        return P2_ERR_TOO_LARGE;
    }
    if (cells * b->cost_max > PATH_WEIGHT_MAX) {
        p2_strbuf_printf(why, "cost_max %u: on a map of %ux%u distances are exact up to %u", b->cost_max, b->w, b->h,
                         (unsigned)(PATH_WEIGHT_MAX / cells));
        return P2_ERR_TOO_LARGE;
    }
    if (b->neighbours == 4 || b->neighbours == 8) return P2_OK;
    p2_strbuf_printf(why, "neighbours %u: there are 4 or 8", b->neighbours);
    return P2_ERR_BAD_PARAMETER;
}

static bool read_point(const struct p2_params *given, int which, unsigned *x, unsigned *y) {
    const struct p2_param *p = p2_params_find(given, params[which].name);
    if (!p) return false;
    *x = (unsigned)p->value.ints[0];
    *y = (unsigned)p->value.ints[1];
    return true;
}

static enum p2_err read_query(const struct p2_params *given, struct path_block *b, struct p2_strbuf *why) {
    bool start = read_point(given, START, &b->start_x, &b->start_y);
    bool goal = read_point(given, GOAL, &b->goal_x, &b->goal_y);
    b->result = choice_of(given, RESULT);
    b->algorithm = choice_of(given, ALGORITHM);
    b->goals = whole_of(given, GOALS);
    b->agents = whole_of(given, AGENTS);
    b->inline_query = start || goal;
    const char *wrong = NULL;
    if (b->inline_query && (b->goals || b->agents))
        wrong = "start and goal are one query, goals and agents lists in the payload: give one of the two";
    else if (start && !goal)
        wrong = "start is given, but no goal";
    if (b->inline_query) {
        b->goals = goal;
        b->agents = start;
    }
    if (!wrong && !b->goals) wrong = "there is no goal: give goal, or goals in the payload";
    if (!wrong && b->result == PATH_PATHS && !b->agents) wrong = "paths need a start, or agents in the payload";
    if (!wrong && b->result != PATH_PATHS && b->agents) wrong = "a result of distances or directions has no agents";
    if (!wrong && (b->start_x >= b->w || b->start_y >= b->h)) wrong = "start lies outside the map";
    if (!wrong && (b->goal_x >= b->w || b->goal_y >= b->h)) wrong = "goal lies outside the map";
    if (!wrong) return P2_OK;
    p2_strbuf_printf(why, "%s", wrong);
    return P2_ERR_BAD_PARAMETER;
}

static uint64_t result_bytes(const struct path_block *b) {
    uint64_t cells = (uint64_t)b->w * b->h;
    if (b->result == PATH_PATHS) return b->agents * (PATH_RECORD_WORDS * 4ull + b->steps);
    return b->result == PATH_DISTANCES ? 8 * cells : cells;
}

static enum p2_err check_bytes(const struct p2_params *given, uint64_t payload_size, struct path_block *b,
                               struct p2_strbuf *why) {
    uint64_t cells = (uint64_t)b->w * b->h;
    uint64_t steps = 16ull * (b->w + b->h);
    if (steps > cells) steps = cells;
    struct p2_param said;
    if (p2_param_value(given, &params[STEPS], &said)) steps = (uint64_t)said.value.ints[0];
    b->steps = (unsigned)steps;
    uint64_t wanted = p2_path_list_bytes(b) + (b->source == PATH_FROM_PAYLOAD ? cells : 0);
    if (payload_size > PATH_BYTES_MAX) {
        p2_strbuf_printf(why, "payload of %llu bytes is above the limit of %u", (unsigned long long)payload_size,
                         PATH_BYTES_MAX);
        return P2_ERR_TOO_LARGE;
    }
    if (payload_size != wanted) {
        p2_strbuf_printf(why, "payload of %llu bytes, but map, obstacles, goals and agents are %llu",
                         (unsigned long long)payload_size, (unsigned long long)wanted);
        return P2_ERR_BAD_PARAMETER;
    }
    if (result_bytes(b) <= PATH_BYTES_MAX) return P2_OK;
    p2_strbuf_printf(why,
                     "result of up to %llu bytes is above the limit of %u: ask for fewer agents or steps, or for "
                     "directions",
                     (unsigned long long)result_bytes(b), PATH_BYTES_MAX);
    return P2_ERR_TOO_LARGE;
}

// Cells visited, taken from parameters alone: a field visits all, a search for one agent perhaps a third.
static void estimate(const struct path_block *b, struct p2_task_cost *cost) {
    uint64_t cells = (uint64_t)b->w * b->h, searched = cells;
    if (b->result == PATH_PATHS) {
        bool shared = b->agents >= (uint64_t)PATH_SHARED * b->goals;
        searched = shared ? b->goals * cells : b->agents * (cells / 3 + 1);
        searched += (uint64_t)b->agents * 16;
    }
    *cost = (struct p2_task_cost){
        .units = searched + cells / 16 + 1,
        .result_bytes_max = result_bytes(b),
        // label, four buckets, what was touched; costs, moves; the answer twice
        .device_bytes = ((uint64_t)b->w + 32) * (b->h + 2) * (8 + 16 + 4 + 2) + 2 * result_bytes(b),
    };
    cost->size_class = p2_size_class(cost->units);
    cost->timeout_prior_ns = 50 * P2_MS + (p2_ns)(cost->units < (1ull << 40) ? cost->units : 1ull << 40) * 100;
}

static enum p2_err prepare(const struct p2_params *given, uint64_t payload_size, void *block, struct p2_task_cost *cost,
                           struct p2_strbuf *why) {
    struct path_block b = {0};
    enum p2_err err = p2_params_check(given, params, why);
    if (!err) err = read_map(given, &b, why);
    if (!err) err = read_query(given, &b, why);
    if (!err) err = check_bytes(given, payload_size, &b, why);
    if (err) return err;
    memcpy(block, &b, sizeof b);
    estimate(&b, cost);
    return P2_OK;
}

// Answers are the same everywhere, but for the algorithm that found a path.
static bool equal(const void *block, const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    const struct path_block *is = block;
    if (a_size != b_size) return false;
    size_t records = is->result == PATH_PATHS ? is->agents * PATH_RECORD_WORDS * 4ull : 0;
    if (a_size < records) return false;
    for (size_t i = 0; i < a_size; i++) {
        bool names = i < records && i / 4 % PATH_RECORD_WORDS == PATH_RECORD_WORDS - 1;
        if (!names && a[i] != b[i]) return false;
    }
    return true;
}

// ---- known answers: a map of 9x6 with a wall, a closed chamber and dear ground, searched in every way ----

#define MAP_9X6                                                                                                        \
    1, 1, 1, 1, 1, 1, 1, 1, 1, /**/ 1, 0, 0, 0, 1, 9, 9, 9, 1, /**/ 1, 0, 1, 0, 1, 9, 3, 1, 1, /**/ 1, 0, 0, 0, 1, 9,  \
        1, 0, 1, /**/ 1, 1, 1, 1, 1, 2, 1, 0, 1, /**/ 5, 1, 0, 1, 1, 1, 1, 0, 1

static const uint8_t map[] = {MAP_9X6};
// An obstacle; two goals; six agents: four of the second goal, one of the first, one of the nearest, one shut in.
static const uint8_t crowd[] = {MAP_9X6,                                                    //
                                4,       0, 3, 0,                                           //
                                8,       0, 5, 0, 0, 0, 0, 0,                               //
                                0,       0, 4, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1,   0,   0,   0, //
                                5,       0, 5, 0, 1, 0, 0, 0, 8, 0, 0, 0, 1,   0,   0,   0, //
                                2,       0, 2, 0, 1, 0, 0, 0, 3, 0, 5, 0, 255, 255, 255, 255};

static const struct p2_param astar[] = {P2_GIVEN_INTS("map_size", 9, 6), P2_GIVEN_INTS("start", 0, 5),
                                        P2_GIVEN_INTS("goal", 8, 5)};
static const struct p2_param dear[] = {P2_GIVEN_INTS("map_size", 9, 6), P2_GIVEN_INT("cost_max", 9),
                                       P2_GIVEN_INTS("start", 0, 5), P2_GIVEN_INTS("goal", 8, 5),
                                       P2_GIVEN_TEXT("algorithm", "dijkstra")};
static const struct p2_param many[] = {P2_GIVEN_INTS("map_size", 9, 6), P2_GIVEN_INT("cost_max", 9),
                                       P2_GIVEN_INT("obstacles", 1), P2_GIVEN_INT("goals", 2),
                                       P2_GIVEN_INT("agents", 6)};
static const struct p2_param distances[] = {P2_GIVEN_INTS("map_size", 9, 6), P2_GIVEN_INTS("goal", 4, 2),
                                            P2_GIVEN_TEXT("result", "distances")};
static const struct p2_param directions[] = {P2_GIVEN_INTS("map_size", 9, 6), P2_GIVEN_INT("cost_max", 9),
                                             P2_GIVEN_INTS("goal", 4, 2), P2_GIVEN_INT("neighbours", 4),
                                             P2_GIVEN_TEXT("result", "directions")};

#define KNOWN(list, bytes)                                                                                             \
    { .params = list, .param_count = sizeof list / sizeof *list, .payload = bytes, .payload_size = sizeof bytes }
static const struct p2_known_answer known_answers[] = {
    KNOWN(astar, map), KNOWN(dear, map), KNOWN(many, crowd), KNOWN(distances, map), KNOWN(directions, map),
};

const struct p2_task_type p2_type_path = {
    .name = "ai_pathfinding",
    .aliases = aliases,
    .version = 1,
    .doc = "Finds shortest ways over a map of cells: of one agent or thousands, or of every cell at once.",
    .unit = "cell",
    .params = params,
    .block_bytes = sizeof(struct path_block),
    .criticality = P2_CRIT_LOW,
    .deterministic = true,
    .payload_bytes_max = PATH_BYTES_MAX,
    .blobs_max = 1,
    .prepare = prepare,
    .reference = p2_path_reference,
    .equal = equal,
    .known_answers = known_answers,
    .known_answer_count = sizeof known_answers / sizeof *known_answers,
};
