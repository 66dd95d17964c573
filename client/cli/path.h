// The parts of p2c2r path: settings, what is asked, answers.
#ifndef CLIENT_CLI_PATH_H
#define CLIENT_CLI_PATH_H

#include "cli.h"
#include "client/grid/grid.h"

struct path_settings {
    struct common_settings common;
    const char *start, *goal, *scen, *algorithm, *neighbours, *out;
    int64_t cost_max, batch, in_flight;
    p2_ns deadline_ns;
    bool field, no_cache;
};

// Everything that is asked, read before anything is sent.
struct path_query_set {
    struct p2_grid grid;
    struct p2_grid_queries queries; // of a field: one, whose start does not count
    uint32_t cost_max;              // of the grid's cells
    const char *algorithm;
    char json_algorithm[16]; // of a JSON file
};

// ---- path_input.c: an exit code; what is wrong has been said
int path_read(const char *file, const struct path_settings *s, struct path_query_set *q);
void path_free(struct path_query_set *q);

// ---- path_output.c
// Where an answer came from.
struct path_origin {
    const char *peer;
    uint32_t origin;
    double processing_ms, total_ms;
};

void path_print(const struct path_settings *s, const struct p2_grid_query *q, const struct p2_grid_answer *a,
                const struct path_origin *from);

struct path_summary {
    uint32_t queries, differ;
    double largest; // difference from a published length
    p2_ns took_ns;
};
void path_print_summary(const struct path_settings *s, const struct path_summary *sum);

// The map with a path in red, or with a field's distances in colours: near blue, far yellow. An exit code.
int path_draw(const struct path_settings *s, const struct p2_grid *g, const struct p2_grid_query *q,
              const struct p2_grid_answer *a);
int path_draw_field(const struct path_settings *s, const struct p2_grid *g, const uint8_t *distances);

#endif
