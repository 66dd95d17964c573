// The text formats: read line by line, whatever ends them.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "grid.h"

struct lines {
    const char *at, *end;
    uint32_t number;
};

// The next line without its end; false after the last.
static bool next_line(struct lines *l, const char **line, size_t *size) {
    if (l->at == l->end) return false;
    const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
    *line = l->at;
    *size = (size_t)((stop ? stop : l->end) - l->at);
    l->at = stop ? stop + 1 : l->end;
    l->number++;
    while (*size && ((*line)[*size - 1] == '\r' || (*line)[*size - 1] == ' ' || (*line)[*size - 1] == '\t')) --*size;
    return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

// The next word of a line, at most capacity - 1 bytes of it and NUL-terminated; false when there is none.
static bool next_word(const char **line, size_t *size, char *out, size_t capacity) {
    while (*size && is_blank(**line)) ++*line, --*size;
    size_t n = 0;
    for (; *size && !is_blank(**line); ++*line, --*size)
        if (n + 1 < capacity) out[n++] = **line;
    out[n] = 0;
    return n > 0;
}

static bool to_number(const char *word, uint32_t *out) {
    uint32_t n = 0;
    for (const char *c = word; *c; c++) {
        if (*c < '0' || *c > '9' || n > 100000000) return false;
        n = n * 10 + (uint32_t)(*c - '0');
    }
    *out = n;
    return *word != 0;
}

// ---- maps ----

// "type octile", "height H", "width W" in any order, until "map".
static bool read_head(struct lines *l, uint32_t *w, uint32_t *h, struct p2_strbuf *why) {
    const char *line;
    size_t size;
    char name[16], value[16];
    while (next_line(l, &line, &size)) {
        uint32_t number = 0;
        if (!next_word(&line, &size, name, sizeof name)) continue;
        if (strcmp(name, "map") == 0) return true;
        next_word(&line, &size, value, sizeof value);
        bool known = strcmp(name, "type") == 0;
        if (!known) known = to_number(value, &number) && (strcmp(name, "width") == 0 || strcmp(name, "height") == 0);
        if (strcmp(name, "width") == 0) *w = number;
        if (strcmp(name, "height") == 0) *h = number;
        if (known) continue;
        p2_strbuf_printf(why, "line %u is none of: type, height and width with a number, map", l->number);
        return false;
    }
    p2_strbuf_printf(why, "there is no line \"map\" after which the rows come");
    return false;
}

static bool read_row(const char *line, uint8_t *cells, uint32_t w) {
    for (uint32_t x = 0; x < w; x++) {
        if (!line[x] || !strchr(".GS@OTW", line[x])) return false;
        cells[x] = strchr(".GS", line[x]) != NULL;
    }
    return true;
}

bool p2_grid_read_map(const char *text, size_t size, struct p2_grid *g, struct p2_strbuf *why) {
    struct lines l = {text, text + size, 0};
    uint32_t w = 0, h = 0;
    *g = (struct p2_grid){0};
    if (!read_head(&l, &w, &h, why) || !p2_grid_init(g, w, h, why)) return false;
    for (uint32_t y = 0; y < h; y++) {
        const char *line;
        size_t length;
        bool there = next_line(&l, &line, &length);
        if (there && length == w && read_row(line, g->cells + (size_t)y * w, w)) continue;
        p2_strbuf_printf(why, "line %u is not a row of %u letters of . G S @ O T W", l.number + !there, w);
        p2_grid_free(g);
        return false;
    }
    return true;
}

// ---- scenarios ----

static bool read_query(const char *line, size_t size, const struct p2_grid *g, struct p2_grid_query *q) {
    char word[64];
    uint32_t bucket, w, h;
    uint32_t *const numbers[] = {&w, &h, &q->start_x, &q->start_y, &q->goal_x, &q->goal_y};
    if (!next_word(&line, &size, word, sizeof word) || !to_number(word, &bucket)) return false;
    if (!next_word(&line, &size, word, sizeof word)) return false; // the map's name
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!next_word(&line, &size, word, sizeof word) || !to_number(word, numbers[i])) return false;
    if (!next_word(&line, &size, word, sizeof word) || !p2_decimal_parse(word, &q->length)) return false;
    const char *point = strchr(word, '.');
    q->decimals = point ? (uint32_t)strlen(point + 1) : 0;
    if (size || q->decimals > 15 || q->length < 0 || w != g->w || h != g->h) return false;
    return q->start_x < w && q->start_y < h && q->goal_x < w && q->goal_y < h;
}

static bool add_query(struct p2_grid_queries *all, uint32_t *room, const struct p2_grid_query *q) {
    if (all->count == P2_GRID_QUERIES_MAX) return false;
    if (all->count == *room) {
        *room = *room ? 2 * *room : 256;
        struct p2_grid_query *more = realloc(all->items, *room * sizeof *more);
        if (!more) return false;
        all->items = more;
    }
    all->items[all->count++] = *q;
    return true;
}

bool p2_grid_read_scen(const char *text, size_t size, const struct p2_grid *g, struct p2_grid_queries *out,
                       struct p2_strbuf *why) {
    struct lines l = {text, text + size, 0};
    const char *line;
    size_t length;
    uint32_t room = 0;
    *out = (struct p2_grid_queries){0};
    bool good = next_line(&l, &line, &length) && length >= 9 && memcmp(line, "version 1", 9) == 0;
    if (!good) p2_strbuf_printf(why, "it does not begin with \"version 1\"");
    while (good && next_line(&l, &line, &length)) {
        struct p2_grid_query q;
        if (length == 0) continue;
        good = read_query(line, length, g, &q);
        if (!good) p2_strbuf_printf(why, "line %u is not a query on a map of %ux%u", l.number, g->w, g->h);
        if (!good || add_query(out, &room, &q)) continue;
        p2_strbuf_printf(why, "there are more than %u queries, or memory is short", P2_GRID_QUERIES_MAX);
        good = false;
    }
    if (good) return true;
    free(out->items);
    *out = (struct p2_grid_queries){0};
    return false;
}

bool p2_grid_is_published(const struct p2_grid_query *q, double length) {
    return fabs(length - q->length) <= pow(10, -(double)q->decimals) + 1e-12 * q->length;
}
