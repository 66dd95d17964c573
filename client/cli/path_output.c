// Answers as text, JSON and pictures.
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "os/os.h"
#include "path.h"

#define PNG_EFFORT 6
#define LOSSY_QUALITY 95

static json_t *point_of(uint32_t x, uint32_t y) { return json_pack("[i,i]", (int)x, (int)y); }

static void print_json(const struct p2_grid_query *q, const struct p2_grid_answer *a, const struct path_origin *from) {
    json_t *o = json_object();
    json_object_set_new(o, "start", point_of(q->start_x, q->start_y));
    json_object_set_new(o, "goal", point_of(q->goal_x, q->goal_y));
    json_object_set_new(o, "distance", a->reached ? json_real(a->length) : json_null());
    if (a->reached) {
        json_object_set_new(o, "straight", json_integer(a->straight));
        json_object_set_new(o, "diagonal", json_integer(a->diagonal));
    }
    if (q->length >= 0) {
        json_object_set_new(o, "published", json_real(q->length));
        json_object_set_new(o, "equal", json_boolean(a->reached && p2_grid_is_published(q, a->length)));
    }
    if (a->given == a->steps && q->length < 0) {
        json_t *path = json_array();
        uint32_t x = q->start_x, y = q->start_y;
        if (a->reached) json_array_append_new(path, point_of(x, y));
        for (uint32_t i = 0; i < a->given; i++) {
            p2_grid_step(a->path[i], &x, &y);
            json_array_append_new(path, point_of(x, y));
        }
        json_object_set_new(o, "path", path);
    }
    json_object_set_new(o, "algorithm_used", json_string(a->algorithm));
    json_object_set_new(o, "origin", json_string(p2c2r_origin_name(from->origin)));
    json_object_set_new(o, "peer", json_string(from->peer));
    json_object_set_new(o, "processing_ms", json_real(from->processing_ms));
    json_object_set_new(o, "total_ms", json_real(from->total_ms));
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(o);
}

void path_print(const struct path_settings *s, const struct p2_grid_query *q, const struct p2_grid_answer *a,
                const struct path_origin *from) {
    if (s->common.json) {
        print_json(q, a, from);
        return;
    }
    bool differs = q->length >= 0 && !(a->reached && p2_grid_is_published(q, a->length));
    if (q->length >= 0 && !differs) return; // thousands of them: the summary counts
    printf("%u,%u to %u,%u: ", q->start_x, q->start_y, q->goal_x, q->goal_y);
    if (!a->reached)
        printf("there is no way");
    else
        printf("length %.8f (%u straight, %u diagonal)", a->length, a->straight, a->diagonal);
    if (differs) printf(", published %.*f", (int)q->decimals, q->length);
    printf(" by %s; %s%s, processing %.1f ms, total %.1f ms\n", a->algorithm,
           from->origin == P2C2R_ORIGIN_LOCAL ? "this machine" : "peer ", from->peer, from->processing_ms,
           from->total_ms);
}

void path_print_summary(const struct path_settings *s, const struct path_summary *sum) {
    double seconds = (double)sum->took_ns / P2_SEC;
    if (s->common.json) {
        printf("{\"summary\":true,\"queries\":%u,\"equal\":%u,\"largest_difference\":%.3g,\"wall_ms\":%.3f}\n",
               sum->queries, sum->queries - sum->differ, sum->largest, seconds * 1e3);
        return;
    }
    printf("%u of %u lengths equal the published ones (largest difference %.2g) in %.2f s\n",
           sum->queries - sum->differ, sum->queries, sum->largest, seconds);
}

// ---- pictures ----

static int write_picture(const char *path, const struct p2_grid *g, const uint8_t *pixels) {
    struct p2_image_info what = {p2_image_format_of_path(path), g->w, g->h, 3};
    size_t bound = p2_image_encode_bound(what.format, g->w, g->h, 3), size = 0;
    uint8_t *file = malloc(bound);
    int quality = what.format == P2_IMAGE_PNG ? PNG_EFFORT : LOSSY_QUALITY;
    bool good = file && p2_image_encode(&what, pixels, quality, file, bound, &size) == P2_OK;
    if (good && p2_file_write(path, file, size) != P2_OK) good = false;
    if (!good) cli_complain("%s cannot be written", path);
    free(file);
    return good ? P2_EXIT_OK : P2_EXIT_FAILED;
}

// Open cells light, dear ones darker, closed ones black.
static uint8_t *draw_map(const struct p2_grid *g) {
    uint8_t *pixels = malloc((size_t)g->w * g->h * 3);
    if (!pixels) cli_complain("memory is short");
    for (size_t i = 0; pixels && i < (size_t)g->w * g->h; i++)
        memset(pixels + 3 * i, g->cells[i] ? 256 - g->cells[i] * 3 / 4 : 0, 3);
    return pixels;
}

static void put_pixel(uint8_t *pixels, const struct p2_grid *g, uint32_t x, uint32_t y) {
    static const uint8_t red[3] = {230, 30, 30};
    if (x < g->w && y < g->h) memcpy(pixels + ((size_t)y * g->w + x) * 3, red, 3);
}

int path_draw(const struct path_settings *s, const struct p2_grid *g, const struct p2_grid_query *q,
              const struct p2_grid_answer *a) {
    uint8_t *pixels = draw_map(g);
    if (!pixels) return P2_EXIT_FAILED;
    uint32_t x = q->start_x, y = q->start_y;
    put_pixel(pixels, g, x, y);
    put_pixel(pixels, g, q->goal_x, q->goal_y);
    for (uint32_t i = 0; i < a->given; i++) {
        p2_grid_step(a->path[i], &x, &y);
        put_pixel(pixels, g, x, y);
    }
    int code = write_picture(s->out, g, pixels);
    free(pixels);
    return code;
}

int path_draw_field(const struct path_settings *s, const struct p2_grid *g, const uint8_t *distances) {
    uint8_t *pixels = draw_map(g);
    double farthest = 0;
    size_t reached = 0, cells = (size_t)g->w * g->h;
    if (!pixels) return P2_EXIT_FAILED;
    for (size_t i = 0; i < cells; i++) {
        double d = p2_grid_distance(distances, i);
        reached += d >= 0;
        if (d > farthest) farthest = d;
    }
    for (size_t i = 0; i < cells; i++) {
        double d = p2_grid_distance(distances, i), t = farthest > 0 ? d / farthest : 0;
        if (d < 0) continue;
        pixels[3 * i] = (uint8_t)(30 + 220 * t);
        pixels[3 * i + 1] = (uint8_t)(60 + 170 * t);
        pixels[3 * i + 2] = (uint8_t)(200 - 170 * t);
    }
    int code = write_picture(s->out, g, pixels);
    free(pixels);
    if (code == P2_EXIT_OK && s->common.json)
        printf("{\"cells\":%zu,\"reached\":%zu,\"farthest\":%.8f}\n", cells, reached, farthest);
    else if (code == P2_EXIT_OK)
        printf("%zu of %zu cells reach the goal, the farthest over %.8f\n", reached, cells, farthest);
    return code;
}
