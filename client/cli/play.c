// p2c2r play: a game that asks a cluster for what it can wait for, and waits for nothing.
#include "client/play/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "image/image.h"
#include "os/os.h"
#include "play_report.h"

#define PNG_EFFORT 6

struct settings {
    struct common_settings common;
    bool headless, no_offload, bare;
    int64_t frames, scale, seed, screenshots;
    const char *report, *screenshot, *quality;
    p2_ns lag_ns;
    double loss;
};

#define AT(field) offsetof(struct settings, field)

static const char *const qualities[] = {"fast", "balanced", "quality", "auto", NULL}; // levels, and as it goes

static const struct p2_option options[] = {
    {.name = "headless", .kind = P2_OPT_BOOL, .doc = "Play without a window and without keys.", .offset = AT(headless)},
    {.name = "frames",
     .kind = P2_OPT_INT,
     .min = 0,
     .max = 1e9,
     .value_name = "N",
     .doc = "End after so many frames; sixty are a second. Default: when the player ends it, 600 without a window.",
     .offset = AT(frames)},
    {.name = "report",
     .kind = P2_OPT_TEXT,
     .value_name = "FILE",
     .doc = "Where to write at the end what was measured, as JSON.",
     .offset = AT(report)},
    {.name = "screenshot",
     .kind = P2_OPT_TEXT,
     .value_name = "FILE",
     .doc =
         "Where to write the last frame, and those kept with the key p, as PNG; of several pictures FILE gets numbers.",
     .offset = AT(screenshot)},
    {.name = "screenshots",
     .kind = P2_OPT_INT,
     .fallback = "1",
     .min = 1,
     .max = PLAY_SHOTS_MAX,
     .value_name = "N",
     .doc = "How many pictures, evenly over the frames.",
     .offset = AT(screenshots)},
    {.name = "quality",
     .kind = P2_OPT_TEXT,
     .fallback = "auto",
     .choices = qualities,
     .value_name = "LEVEL",
     .doc = "fast, balanced, quality, or auto: as good as the cluster is quick. Key q.",
     .offset = AT(quality)},
    {.name = "lag",
     .kind = P2_OPT_DURATION,
     .fallback = "0",
     .min = 0,
     .max = 10e9,
     .value_name = "TIME",
     .doc = "Hold back every answer so long; with the key l 100 ms.",
     .offset = AT(lag_ns)},
    {.name = "loss",
     .kind = P2_OPT_REAL,
     .fallback = "0",
     .min = 0,
     .max = 1,
     .value_name = "SHARE",
     .doc = "Lose such a share of tasks, 0 to 1; with the key l 0.02.",
     .offset = AT(loss)},
    {.name = "no-offload",
     .kind = P2_OPT_BOOL,
     .doc = "Begin with everything done here. Key o.",
     .offset = AT(no_offload)},
    {.name = "no-overlay", .kind = P2_OPT_BOOL, .doc = "Begin with the bare picture. Key h.", .offset = AT(bare)},
    {.name = "scale",
     .kind = P2_OPT_INT,
     .fallback = "2",
     .min = 1,
     .max = 8,
     .value_name = "N",
     .doc = "Size of the window: N times 640x360.",
     .offset = AT(scale)},
    {.name = "seed",
     .kind = P2_OPT_INT,
     .fallback = "1",
     .min = 0,
     .max = 1e15,
     .value_name = "N",
     .doc = "Where bodies fall and agents begin.",
     .offset = AT(seed)},
    LOCAL_OPTIONS(AT(common)),
    COMMON_OPTIONS(AT(common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r play",
    .summary = "Plays a small game that hands work to the cluster.",
    .operands = "",
    .details =
        "The picture is rendered small and enlarged by upscale, bodies fall by physics in a world that a peer keeps, "
        "agents follow a field of path. The game shows sixty frames a second whatever the network does; what comes "
        "late or never it makes up for. Keys: arrows move the goal, space lifts all bodies, o switches offloading, l "
        "adds 100 ms of lag and 2 % loss, q changes quality, h hides the overlay, p keeps a picture, Esc ends. "
        "Without a coordinator it plays on alone.",
    .options = options,
};

// "x.png" -> "x-2.png" when there are several.
static void name_shot(const char *file, uint32_t index, uint32_t count, char *out, size_t capacity) {
    const char *dot = strrchr(file, '.'), *slash = strrchr(file, '/');
    if (!dot || (slash && dot < slash)) dot = file + strlen(file);
    if (count == 1)
        snprintf(out, capacity, "%s", file);
    else
        snprintf(out, capacity, "%.*s-%u%s", (int)(dot - file), file, index + 1, dot);
}

static int write_shot(const char *path, const uint8_t *pixels) {
    const struct p2_image_info is = {.format = P2_IMAGE_PNG, .width = BIG_W, .height = BIG_H, .channels = 3};
    size_t capacity = p2_image_encode_bound(P2_IMAGE_PNG, BIG_W, BIG_H, 3), size;
    uint8_t *bytes = malloc(capacity);
    enum p2_err err = bytes ? p2_image_encode(&is, pixels, PNG_EFFORT, bytes, capacity, &size) : P2_ERR_NO_MEMORY;
    if (!err) err = p2_file_write(path, bytes, size);
    free(bytes);
    if (err) cli_complain("%s cannot be written: %s", path, p2_err_sentence(err));
    return err ? P2_EXIT_FAILED : P2_EXIT_OK;
}

static int write_shots(const struct play *p, const char *file) {
    int code = P2_EXIT_OK;
    for (uint32_t i = 0; i < p->shot_count && code == P2_EXIT_OK; i++) {
        char path[4096];
        name_shot(file ? file : "p2c2r-play.png", i, p->shot_count, path, sizeof path);
        code = write_shot(path, p->shots[i]);
    }
    return code;
}

static int write_report(const struct play *p, const char *file) {
    json_t *root = play_report(p);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(root);
    enum p2_err err = text ? p2_file_write(file, text, strlen(text)) : P2_ERR_NO_MEMORY;
    free(text);
    if (err) cli_complain("%s cannot be written: %s", file, p2_err_sentence(err));
    return err ? P2_EXIT_FAILED : P2_EXIT_OK;
}

static int level_of(const char *quality) {
    for (int i = 0; i < (int)OFFLOAD_LEVELS; i++)
        if (strcmp(qualities[i], quality) == 0) return i;
    return -1;
}

static int play(const struct settings *s) {
    char sentence[256];
    struct p2_strbuf why;
    p2_strbuf_init(&why, sentence, sizeof sentence);
    char executor[P2_CHILD_PATH_MAX];
    if (s->common.local && !cli_find_executor(&s->common, executor)) return P2_EXIT_USAGE;
    const struct play_settings how = {
        .link = {.coordinator = s->common.coordinator,
                 .connect_timeout_ms = s->common.connect_timeout_ns / P2_MS,
                 .lag_ms = s->lag_ns / P2_MS,
                 .loss = s->loss,
                 .local_executor = s->common.local ? executor : NULL,
                 .local_device = s->common.local_device},
        .offload = !s->no_offload,
        .level = level_of(s->quality),
        .headless = s->headless,
        .bare = s->bare,
        .scale = (uint32_t)s->scale,
        .frames = s->frames     ? (uint64_t)s->frames
                  : s->headless ? 600
                                : 0,
        .shots = s->screenshot ? (uint32_t)s->screenshots : 0,
        .seed = (uint64_t)s->seed,
    };
    struct play *p = play_run(&how, &why);
    if (!p) {
        cli_complain("%s", sentence);
        return P2_EXIT_USAGE;
    }
    if (s->common.json)
        cli_print_json(play_report(p));
    else
        play_print(p);
    int code = s->report ? write_report(p, s->report) : P2_EXIT_OK;
    if (code == P2_EXIT_OK) code = write_shots(p, s->screenshot);
    play_free(&p);
    return code;
}

static int start(int argc, char **argv) {
    struct settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    int code = play(&s);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_play = {&program, start};
