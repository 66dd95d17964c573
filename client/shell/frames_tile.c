// A tile as a task: its parameters, the rows that are sent and those of its result that are wanted, and what stands in.
#include <stdio.h>
#include <string.h>

#include "client/core/fill.h"
#include "client/shell/stream.h"

struct tile_task {
    p2c2r_param params[P2_PARAMS_MAX];
    uint32_t count;
    char sizes[4][64]; // what some of them say
};

// ---- parameters

static bool keep_text(struct kept_params *to, const char *text, uint32_t *at) {
    size_t n = text ? strnlen(text, STREAM_TEXT_MAX) + 1 : 0;
    if (!n || to->used + n > sizeof to->text) return false;
    memcpy(to->text + to->used, text, n);
    *at = to->used;
    to->used += (uint32_t)n;
    return true;
}

bool p2_stream_keep_params(struct kept_params *to, const p2c2r_param *params, uint32_t count) {
    to->count = to->used = 0;
    if (count > P2_PARAMS_MAX || (count && !params)) return false;
    for (; to->count < count; to->count++) {
        const p2c2r_param *given = &params[to->count];
        if (!keep_text(to, given->name, &to->items[to->count].name)) return false;
        if (!keep_text(to, given->value, &to->items[to->count].value)) return false;
    }
    return true;
}

// The last word counts. A parameter too many is found where the task is read.
static void set(struct tile_task *t, const char *name, const char *value) {
    uint32_t at = 0;
    while (at < t->count && strcmp(t->params[at].name, name) != 0) at++;
    if (at == P2_PARAMS_MAX) return;
    t->params[at] = (p2c2r_param){name, value};
    if (at == t->count) t->count++;
}

static void set_all(struct tile_task *t, const struct kept_params *from) {
    for (uint32_t i = 0; i < from->count; i++)
        set(t, from->text + from->items[i].name, from->text + from->items[i].value);
}

static const char *size_text(char text[static 64], uint32_t width, uint32_t height) {
    snprintf(text, 64, "%ux%u", width, height);
    return text;
}

static void begin(const struct p2c2r_stream *s, const struct stream_slot *slot, struct tile_task *t) {
    t->count = 0;
    set_all(t, &s->params);
    if (slot) set_all(t, &slot->params);
    if (s->options.kind == P2C2R_RAYTRACE) {
        set(t, "result_format", s->options.channels == 4 ? "rgba8" : "rgb8");
        return;
    }
    set(t, "channels", s->options.channels == 4 ? "4" : "3");
    set(t, "format", "raw");
    set(t, "result_format", "raw");
}

// ---- rows

struct rows { // of a tile's task: with its ghosts, in steps
    uint32_t first, steps, above;
};

static struct rows rows_of(const struct p2c2r_stream *s, struct tile tile) {
    const struct p2_task_bands *b = &s->bands;
    if (!b->in_step) return (struct rows){tile.first, tile.steps, 0}; // its peer sees to them
    uint32_t above = tile.first < b->ghost ? tile.first : b->ghost, end = tile.first + tile.steps;
    uint32_t below = b->steps - end < b->ghost ? b->steps - end : b->ghost;
    return (struct rows){tile.first - above, above + tile.steps + below, above};
}

static uint64_t step_bytes(const struct p2c2r_stream *s) { return s->bands.out_step * s->bands.out_row_bytes; }

static struct window window_of(const struct p2c2r_stream *s, struct frames_part part) {
    struct tile tile = p2_frames_rows(s->frames, part);
    struct rows rows = rows_of(s, tile);
    uint64_t step = step_bytes(s);
    return (struct window){.to = (uint8_t *)s->slots[part.slot].frame.out + tile.first * step,
                           .first = rows.above * step,
                           .size = tile.steps * step,
                           .total = rows.steps * step};
}

uint64_t p2_tile_bytes(const struct p2c2r_stream *s, struct frames_part part) {
    if (part.tile == FRAMES_COARSE) return (uint64_t)s->coarse_width * s->coarse_height * s->options.channels;
    return window_of(s, part).total;
}

// ---- sending

static void fill_upscale(const struct p2c2r_stream *s, const struct stream_slot *slot, struct rows rows,
                         struct tile_task *t, p2c2r_task *task) {
    const struct p2_task_bands *b = &s->bands;
    set(t, "input_res", size_text(t->sizes[0], s->options.in_width, rows.steps * b->in_step));
    set(t, "output_res", size_text(t->sizes[1], s->options.width, rows.steps * b->out_step));
    task->type = "upscale";
    task->payload_size = (size_t)(rows.steps * b->in_step * b->in_row_bytes);
    if (slot) task->payload = (const uint8_t *)slot->frame.pixels + rows.first * b->in_step * b->in_row_bytes;
}

static void fill_raytrace(const struct p2c2r_stream *s, const struct stream_slot *slot, struct rows rows,
                          struct tile_task *t, p2c2r_task *task) {
    set(t, "resolution", size_text(t->sizes[0], s->options.width, s->options.height));
    snprintf(t->sizes[1], sizeof t->sizes[1], "0,%u,%u,%u", rows.first, s->options.width, rows.steps);
    set(t, "region", t->sizes[1]);
    task->type = "raytracing";
    if (!slot) return;
    if (slot->frame.scene) {
        task->blobs = &slot->scene;
        task->blob_count = 1;
    } else {
        task->payload = slot->frame.scene_bytes;
        task->payload_size = slot->frame.scene_size;
    }
}

static void fill_task(const struct p2c2r_stream *s, const struct stream_slot *slot, struct rows rows,
                      struct tile_task *t, p2c2r_task *task) {
    begin(s, slot, t);
    *task = (p2c2r_task){
        .size = sizeof *task, .priority = s->options.priority, .deadline_ms = 1, .cache = s->options.cache};
    if (s->options.kind == P2C2R_UPSCALE)
        fill_upscale(s, slot, rows, t, task);
    else
        fill_raytrace(s, slot, rows, t, task);
    task->params = t->params;
    task->param_count = t->count;
}

p2c2r_status p2_stream_prepare(struct p2c2r_stream *s, const struct stream_slot *slot, struct prepared *out) {
    struct tile_task t;
    p2c2r_task task;
    const p2c2r_stream_options *o = &s->options;
    uint32_t steps = s->bands.steps; // a picture may be larger than what one machine would take
    if (o->kind == P2C2R_RAYTRACE && o->mode == P2C2R_SPATIAL && o->tiles) steps = (steps + o->tiles - 1) / o->tiles;
    fill_task(s, slot, (struct rows){0, steps, 0}, &t, &task);
    return p2_task_prepare(s->client, &task, out);
}

p2c2r_status p2_tile_send(struct p2c2r_stream *s, const struct frames_action *a, p2c2r_ticket *ticket) {
    struct frames_part part = a->u.send.part;
    const struct stream_slot *slot = &s->slots[part.slot];
    struct tile_task t;
    p2c2r_task task;
    fill_task(s, slot, rows_of(s, a->u.send.rows), &t, &task);
    struct placing placing = {.owner = &s->owner,
                              .tag = part.slot << 16 | part.tile << 8 | part.copy,
                              .weight_percent = a->u.send.weight_percent};
    if (part.tile == FRAMES_COARSE) {
        set(&t, "resolution", size_text(t.sizes[2], s->coarse_width, s->coarse_height));
        snprintf(t.sizes[3], sizeof t.sizes[3], "0,0,%u,%u", s->coarse_width, s->coarse_height);
        set(&t, "region", t.sizes[3]);
    } else if (part.copy == 0) {
        placing.window = window_of(s, part);
    } else {
        task.cache |= P2C2R_CACHE_BYPASS; // else it would wait for the run that is late
    }
    p2_ns left_ms = (a->u.send.deadline_ns + P2_MS - 1) / P2_MS;
    task.deadline_ms = p2_ns_min(left_ms, CLIENT_SPAN_MAX_MS);
    if (s->options.mode == P2C2R_TEMPORAL && part.copy == 0) task.series = s->series;
    return p2_task_submit(s->client, &task, &placing, ticket);
}

// ---- gathering

void p2_tile_take(struct p2c2r_stream *s, struct frames_part part) {
    struct stream_slot *slot = &s->slots[part.slot];
    p2c2r_ticket *ticket = &slot->tickets[part.tile][part.copy];
    if (part.tile == FRAMES_COARSE) {
        slot->coarse = *ticket;
        *ticket = 0;
    } else if (part.copy > 0) { // the first has come in place
        const struct record *r = p2_record_get(s->client, *ticket);
        struct window w = window_of(s, part);
        memcpy(w.to, r->data + w.first, (size_t)w.size);
    }
}

void p2_tile_fill(struct p2c2r_stream *s, struct frames_part part) {
    const struct stream_slot *slot = &s->slots[part.slot];
    const p2c2r_stream_options *o = &s->options;
    struct tile tile = p2_frames_rows(s->frames, part);
    struct fill f = {.in = slot->frame.pixels,
                     .in_w = o->in_width,
                     .in_h = o->in_height,
                     .out_w = o->width,
                     .out_h = o->height,
                     .channels = o->channels};
    if (o->kind == P2C2R_RAYTRACE) {
        const struct record *r = slot->coarse ? p2_record_get(s->client, slot->coarse) : NULL;
        struct fill_gap gap;
        if (!r && p2_frames_gap(s->frames, part, &gap)) p2_fill_between(slot->frame.out, s->bands.out_row_bytes, gap);
        if (!r) return; // where nothing has come the picture stays as it is
        f.in = r->data;
        f.in_w = s->coarse_width;
        f.in_h = s->coarse_height;
    }
    p2_fill_rows(&f, tile.first * s->bands.out_step, tile.steps * s->bands.out_step, window_of(s, part).to);
}
