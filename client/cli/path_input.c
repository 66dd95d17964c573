// Maps, scenarios and queries from files.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "os/os.h"
#include "path.h"

#define FILE_BYTES_MAX (256u << 20)

static int read_file(const char *path, uint8_t **bytes, size_t *size) {
    enum p2_err e = p2_file_read(path, FILE_BYTES_MAX, bytes, size);
    if (e == P2_OK) return P2_EXIT_OK;
    cli_complain("%s: %s", path,
                 e == P2_ERR_NOT_FOUND   ? "there is no such file"
                 : e == P2_ERR_TOO_LARGE ? "the file is larger than 256 MiB"
                                         : "the file cannot be read");
    return P2_EXIT_USAGE;
}

// "X,Y" within the map.
static bool parse_point(const char *text, const struct p2_grid *g, uint32_t *x, uint32_t *y) {
    char *end;
    unsigned long first = strtoul(text, &end, 10);
    if (end == text || *end != ',' || *text == '-') return false;
    const char *second = end + 1;
    unsigned long other = strtoul(second, &end, 10);
    if (end == second || *end || *second == '-' || first >= g->w || other >= g->h) return false;
    *x = (uint32_t)first;
    *y = (uint32_t)other;
    return true;
}

// ---- pictures ----

static int read_picture(const char *file, const uint8_t *bytes, size_t size, const struct path_settings *s,
                        struct p2_grid *g) {
    struct p2_image_info is;
    char text[160];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    p2_image_probe(bytes, size, &is);
    if (!p2_grid_init(g, is.width, is.height, &why)) {
        cli_complain("%s: %s", file, text);
        return P2_EXIT_USAGE;
    }
    size_t room = (size_t)is.width * is.height * is.channels;
    uint8_t *pixels = malloc(room);
    bool good = pixels && p2_image_decode(bytes, size, &is, pixels, room) == P2_OK;
    if (good) p2_grid_paint(g, pixels, is.channels, (uint32_t)s->cost_max);
    if (!good) cli_complain("%s: the picture is damaged", file);
    free(pixels);
    return good ? P2_EXIT_OK : P2_EXIT_USAGE;
}

// ---- JSON ----

static bool json_point(const json_t *from, uint32_t *x, uint32_t *y) {
    if (json_array_size(from) != 2) return false;
    const json_t *jx = json_array_get(from, 0), *jy = json_array_get(from, 1);
    if (!json_is_integer(jx) || !json_is_integer(jy)) return false;
    json_int_t vx = json_integer_value(jx), vy = json_integer_value(jy);
    if (vx < 0 || vy < 0 || vx >= P2_GRID_SIDE_MAX || vy >= P2_GRID_SIDE_MAX) return false;
    *x = (uint32_t)vx;
    *y = (uint32_t)vy;
    return true;
}

static void widen(uint32_t x, uint32_t y, uint32_t *w, uint32_t *h) {
    if (*w < x + 2) *w = x + 2; // room to go round what lies at the edge
    if (*h < y + 2) *h = y + 2;
    if (*w > P2_GRID_SIDE_MAX) *w = P2_GRID_SIDE_MAX;
    if (*h > P2_GRID_SIDE_MAX) *h = P2_GRID_SIDE_MAX;
}

// "grid": rows of costs, 0 closed.
static const char *json_cells(const json_t *rows, struct p2_grid *g, struct p2_strbuf *why) {
    const json_t *row, *cell;
    size_t x, y;
    if (!p2_grid_init(g, (uint32_t)json_array_size(json_array_get(rows, 0)), (uint32_t)json_array_size(rows), why))
        return why->text;
    json_array_foreach(rows, y, row) {
        if (json_array_size(row) != g->w) return "grid has rows of different lengths";
        json_array_foreach(row, x, cell) {
            json_int_t cost = json_integer_value(cell);
            if (!json_is_integer(cell) || cost < 0 || cost > 255) return "grid has a cost that is not 0 to 255";
            g->cells[y * g->w + x] = (uint8_t)cost;
        }
    }
    return NULL;
}

// Without a grid: open ground of map_size, or as large as the points need, less the obstacles.
static const char *json_ground(const json_t *root, const struct p2_grid_query *q, struct p2_grid *g,
                               struct p2_strbuf *why) {
    const json_t *size = json_object_get(root, "map_size"), *obstacles = json_object_get(root, "obstacles"), *point;
    const json_t *grid = json_object_get(root, "grid");
    uint32_t w = 0, h = 0, x, y;
    size_t i;
    widen(q->start_x, q->start_y, &w, &h);
    widen(q->goal_x, q->goal_y, &w, &h);
    json_array_foreach(obstacles, i, point) {
        if (!json_point(point, &x, &y)) return "obstacles must be pairs of whole numbers from 0";
        widen(x, y, &w, &h);
    }
    if (size && !json_point(size, &w, &h)) return "map_size must be two whole numbers";
    if (grid) {
        const char *wrong = json_cells(grid, g, why);
        if (wrong) return wrong;
    } else {
        if (!p2_grid_init(g, w, h, why)) return why->text;
        memset(g->cells, 1, (size_t)w * h);
    }
    json_array_foreach(obstacles, i, point) {
        json_point(point, &x, &y);
        if (x >= g->w || y >= g->h) return "an obstacle lies outside the map";
        g->cells[(size_t)y * g->w + x] = 0;
    }
    return NULL;
}

static const char *json_query(const json_t *root, struct path_query_set *set, struct p2_grid_query *q,
                              struct p2_strbuf *why) {
    const json_t *algorithm = json_object_get(root, "algorithm");
    if (!json_point(json_object_get(root, "start"), &q->start_x, &q->start_y)) return "start must be [x, y]";
    if (!json_point(json_object_get(root, "goal"), &q->goal_x, &q->goal_y)) return "goal must be [x, y]";
    const char *wrong = json_ground(root, q, &set->grid, why);
    if (wrong) return wrong;
    if (q->start_x >= set->grid.w || q->start_y >= set->grid.h) return "start lies outside the map";
    if (q->goal_x >= set->grid.w || q->goal_y >= set->grid.h) return "goal lies outside the map";
    if (!algorithm) return NULL;
    if (!json_is_string(algorithm)) return "algorithm must be a text";
    snprintf(set->json_algorithm, sizeof set->json_algorithm, "%s", json_string_value(algorithm));
    set->algorithm = set->json_algorithm;
    return NULL;
}

static int read_json(const char *file, const uint8_t *bytes, size_t size, struct path_query_set *set) {
    json_error_t error;
    char text[160];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    json_t *root = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, &error);
    const char *wrong = root ? "it is no JSON object" : error.text;
    set->queries.items = calloc(1, sizeof *set->queries.items);
    set->queries.count = 1;
    if (!set->queries.items) wrong = "memory is short";
    if (json_is_object(root) && set->queries.items) {
        set->queries.items[0].length = -1;
        wrong = json_query(root, set, &set->queries.items[0], &why);
    }
    if (wrong) cli_complain("%s: %s", file, wrong);
    json_decref(root);
    return wrong ? P2_EXIT_USAGE : P2_EXIT_OK;
}

// ---- what is asked ----

static int read_map(const char *file, const struct path_settings *s, struct path_query_set *set) {
    uint8_t *bytes;
    size_t size;
    struct p2_image_info is;
    char text[160];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    int code = read_file(file, &bytes, &size);
    if (code != P2_EXIT_OK) return code;
    if (p2_image_probe(bytes, size, &is) == P2_OK) {
        code = read_picture(file, bytes, size, s, &set->grid);
    } else if (size && bytes[0] == '{') {
        code = read_json(file, bytes, size, set);
    } else if (!p2_grid_read_map((const char *)bytes, size, &set->grid, &why)) {
        cli_complain("%s: %s", file, text);
        code = P2_EXIT_USAGE;
    }
    free(bytes);
    return code;
}

static int read_scen(const struct path_settings *s, struct path_query_set *set) {
    uint8_t *bytes;
    size_t size;
    char text[160];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    int code = read_file(s->scen, &bytes, &size);
    if (code != P2_EXIT_OK) return code;
    if (!p2_grid_read_scen((const char *)bytes, size, &set->grid, &set->queries, &why)) {
        cli_complain("%s: %s", s->scen, text);
        code = P2_EXIT_USAGE;
    } else if (set->queries.count == 0) {
        cli_complain("%s: there is no query in it", s->scen);
        code = P2_EXIT_USAGE;
    }
    free(bytes);
    return code;
}

static int read_points(const struct path_settings *s, struct path_query_set *set) {
    struct p2_grid_query *q = calloc(1, sizeof *q);
    set->queries = (struct p2_grid_queries){q, q != NULL};
    const char *wrong = NULL;
    if (!q)
        wrong = "memory";
    else if (!s->goal || !parse_point(s->goal, &set->grid, &q->goal_x, &q->goal_y))
        wrong = "--goal";
    else if (!s->field && (!s->start || !parse_point(s->start, &set->grid, &q->start_x, &q->start_y)))
        wrong = "--start";
    if (!wrong) {
        q->length = -1;
        return P2_EXIT_OK;
    }
    cli_complain("%s must be X,Y within the map of %ux%u cells", wrong, set->grid.w, set->grid.h);
    return P2_EXIT_USAGE;
}

int path_read(const char *file, const struct path_settings *s, struct path_query_set *set) {
    *set = (struct path_query_set){.algorithm = s->algorithm, .cost_max = 1};
    int code = read_map(file, s, set);
    for (size_t i = 0; code == P2_EXIT_OK && i < (size_t)set->grid.w * set->grid.h; i++)
        if (set->grid.cells[i] > set->cost_max) set->cost_max = set->grid.cells[i];
    if (code != P2_EXIT_OK || set->queries.count) return code; // a JSON file says what is asked, too
    return s->scen ? read_scen(s, set) : read_points(s, set);
}

void path_free(struct path_query_set *set) {
    p2_grid_free(&set->grid);
    free(set->queries.items);
    set->queries = (struct p2_grid_queries){0};
}
