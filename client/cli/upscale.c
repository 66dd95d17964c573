// p2c2r upscale: many pictures over one connection.
#include "upscale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "os/os.h"

#define AGAIN_MIN_NS (20 * P2_MS) // pauses before a task is handed in again
#define AGAIN_MAX_NS P2_SEC
#define IN_FLIGHT_MAX 1024
#define SCALE_DEFAULT 2
#define JOBS_MAX 10000000u

static const char *const qualities[] = {"fast", "balanced", "quality", NULL};
static const char *const filters[] = {"bilinear", "bicubic", "lanczos", "adaptive", "ml", NULL};
static const char *const formats[] = {"raw", "png", "jpeg", "webp", "ppm", NULL};

#define AT(field) offsetof(struct upscale_settings, field)

static const struct p2_option options[] = {
    {.name = "out",
     .kind = P2_OPT_TEXT,
     .value_name = "OUT|DIR",
     .doc = "File to write, its format by its ending, or a folder for NAME_x2.png.",
     .offset = AT(out),
     .letter = 'o'},
    {.name = "scale",
     .kind = P2_OPT_REAL,
     .min = 1,
     .max = 4,
     .value_name = "FACTOR",
     .doc = "How much larger each side becomes; default 2.",
     .offset = AT(scale)},
    {.name = "size",
     .kind = P2_OPT_TEXT,
     .value_name = "WxH",
     .doc = "Size of the result in pixels; not with --scale.",
     .offset = AT(size)},
    {.name = "quality",
     .kind = P2_OPT_TEXT,
     .fallback = "balanced",
     .choices = qualities,
     .value_name = "fast|balanced|quality",
     .doc = "fast: bilinear; balanced: edge-adaptive and sharpened; quality: a neural network.",
     .offset = AT(quality)},
    {.name = "filter",
     .kind = P2_OPT_TEXT,
     .choices = filters,
     .value_name = "NAME",
     .doc = "bilinear, bicubic, lanczos, adaptive or ml, in place of the one that --quality chooses.",
     .offset = AT(filter)},
    {.name = "sharpness",
     .kind = P2_OPT_TEXT,
     .value_name = "0..1",
     .doc = "How much balanced sharpens.",
     .offset = AT(sharpness)},
    {.name = "repeat",
     .kind = P2_OPT_INT,
     .fallback = "1",
     .min = 1,
     .max = 1000000,
     .value_name = "N",
     .doc = "Submit everything N times; files are written once.",
     .offset = AT(repeat)},
    {.name = "tiles",
     .kind = P2_OPT_INT,
     .fallback = "1",
     .min = 1,
     .max = CLI_BANDS_MAX,
     .value_name = "N",
     .doc = "Bands of each picture that different peers compute at once; then one picture after another.",
     .offset = AT(tiles)},
    {.name = "in-flight",
     .kind = P2_OPT_INT,
     .fallback = "16",
     .min = 1,
     .max = IN_FLIGHT_MAX,
     .value_name = "K",
     .doc = "Pictures under way at once.",
     .offset = AT(in_flight)},
    DEADLINE_OPTION(AT(deadline_ns), "60s", "each"),
    PRIORITY_OPTION(AT(priority)),
    {.name = "format",
     .kind = P2_OPT_TEXT,
     .choices = formats,
     .value_name = "FORMAT",
     .doc = "How answers travel: raw, png, jpeg, webp or ppm; png unless the file to write is JPEG or WebP.",
     .offset = AT(format)},
    NO_CACHE_OPTION(AT(no_cache)),
    {.name = "psnr",
     .kind = P2_OPT_BOOL,
     .doc = "Compare each result with plain bilinear scaling of the same picture.",
     .offset = AT(psnr)},
    LOCAL_OPTIONS(AT(common)),
    COMMON_OPTIONS(AT(common)),
    {.name = NULL},
};

static const struct p2_program program = {
    .name = "p2c2r upscale",
    .summary = "Enlarges PNG, JPEG, WebP and PPM pictures on the cluster.",
    .operands = "IN... -o OUT|DIR",
    .details =
        "Prints a line for each picture: size in and out, which peer, and the milliseconds from its submission to "
        "its result: waiting at coordinator and peer (queue), travelling (transfer), on the peer (processing, of "
        "which kernel on its device). Pictures in flight together wait for one another, so these times overlap; "
        "the last line has the time that passed for all of them. A JPEG is turned upright first, as its EXIF "
        "orientation says. PSNR is that of the "
        "written picture against plain bilinear scaling of the same input, computed here.",
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
};

struct run {
    const struct upscale_settings *s;
    struct pictures pictures;
    struct job *jobs;
    uint32_t job_count, next, in_flight, ended;
    uint32_t *again; // ring of jobs to hand in again, in order of arrival
    uint32_t again_first, again_count;
    p2c2r_client *client;
    struct report report;
    int exit_code;
    char first_reason[400];
    bool stop;
};

static p2c2r_status submit(struct run *r, struct job *j) {
    const struct upscale_settings *s = r->s;
    struct picture *pic = &r->pictures.items[j->picture];
    if (!picture_load(&r->pictures, pic)) return P2C2R_EINVAL;
    char in[32], out[32], channels[8];
    snprintf(in, sizeof in, "%ux%u", pic->in.width, pic->in.height);
    snprintf(out, sizeof out, "%ux%u", pic->out_width, pic->out_height);
    snprintf(channels, sizeof channels, "%u", pic->in.channels);
    p2c2r_param params[16] = {{"input_res", in},
                              {"output_res", out},
                              {"quality", s->quality},
                              {"channels", channels},
                              {"format", p2_image_format_name(pic->in.format)},
                              {"result_format", p2_image_format_name(pic->answer)}};
    uint32_t count = 6;
    if (s->filter) params[count++] = (p2c2r_param){"algorithm", s->filter};
    if (s->sharpness) params[count++] = (p2c2r_param){"sharpness", s->sharpness};
    p2_ns now = p2_clock_now();
    if (!j->first_ns) j->first_ns = now;
    p2_ns left = p2_ns_max(s->deadline_ns - (now - j->first_ns), P2_MS);
    p2c2r_task task = {.size = sizeof task,
                       .type = "upscale",
                       .params = params,
                       .param_count = count,
                       .priority = cli_class(s->priority),
                       .deadline_ms = left / P2_MS,
                       .payload = pic->bytes,
                       .payload_size = pic->size,
                       .user = j,
                       .cache = s->no_cache ? P2C2R_CACHE_BYPASS : 0};
    p2c2r_ticket ticket;
    p2c2r_status status = p2c2r_submit(r->client, &task, &ticket);
    picture_unload(&r->pictures, pic);
    if (status == P2C2R_OK)
        report_sent(&r->report, ++r->in_flight);
    else if (status != P2C2R_EAGAIN)
        cli_complain("%s: %s", pic->path, p2c2r_last_error(r->client));
    return status;
}

static void cannot_submit(struct run *r, p2c2r_status status) {
    r->exit_code = status == P2C2R_EINVAL ? P2_EXIT_USAGE : P2_EXIT_FAILED;
    r->stop = true;
}

// Hands in what may go: those to be repeated when their pause is over, then new ones. False: nothing more now.
static bool submit_next(struct run *r) {
    if (r->stop || r->in_flight >= (uint32_t)r->s->in_flight) return false;
    bool again = r->again_count && r->jobs[r->again[r->again_first]].again_ns <= p2_clock_now();
    if (!again && r->next == r->job_count) return false;
    struct job *j = &r->jobs[again ? r->again[r->again_first] : r->next];
    p2c2r_status status = submit(r, j);
    if (status == P2C2R_EAGAIN) return false;
    if (status != P2C2R_OK) {
        cannot_submit(r, status);
        return false;
    }
    if (again) {
        r->again_first = (r->again_first + 1) % r->job_count;
        r->again_count--;
    } else {
        r->next++;
    }
    return true;
}

// The parameters are ours and right: what a peer cannot decode is the file's fault.
static const char *reason_of(const p2c2r_result *result) {
    return result->code == P2_ERR_BAD_PAYLOAD ? "the picture is damaged: the peer cannot decode it" : result->reason;
}

static void note(struct job *j, const p2c2r_result *result) {
    j->outcome = result->outcome;
    snprintf(j->code_name, sizeof j->code_name, "%s", result->code_name);
    snprintf(j->reason, sizeof j->reason, "%s", reason_of(result));
    memcpy(j->peer, result->peer, sizeof j->peer);
    j->attempts = result->attempts;
    j->cached = result->cached != 0;
    j->origin = result->origin;
    j->queue_ms = (double)result->queue_us / 1e3;
    j->transfer_ms = (double)result->transfer_us / 1e3;
    j->processing_ms = (double)result->processing_us / 1e3;
    j->kernel_ms = (double)result->kernel_us / 1e3;
    // From the first time it was handed in: what a person waits for.
    j->total_ms = j->again && !j->tiles ? (double)(p2_clock_now() - j->first_ns) / 1e6 : (double)result->total_us / 1e3;
}

static void finish(struct run *r, struct job *j) {
    j->ended = true;
    r->ended++;
    report_count(&r->report, j);
    if (!r->s->psnr) report_line(&r->report, &r->pictures.items[j->picture], j);
}

static void fail(struct run *r, const struct picture *pic, const p2c2r_result *result) {
    bool unreachable = cli_is_unreachable(result);
    if (r->exit_code == P2_EXIT_OK || unreachable) {
        r->exit_code = cli_exit_of(result);
        if (unreachable)
            snprintf(r->first_reason, sizeof r->first_reason, "%s at %s", result->reason, r->s->common.coordinator);
        else
            snprintf(r->first_reason, sizeof r->first_reason, "%s: %s", pic->name, reason_of(result));
    }
    if (unreachable) r->stop = true; // what follows would wait as long for the same
}

static void conclude_one(struct run *r, struct job *j, const p2c2r_result *result) {
    struct picture *pic = &r->pictures.items[j->picture];
    note(j, result);
    if (result->outcome != P2C2R_DONE) {
        fail(r, pic, result);
    } else if (!picture_write(pic, result->data, result->data_size)) {
        j->outcome = P2C2R_FAILED;
        snprintf(j->reason, sizeof j->reason, "the result cannot be written");
        if (r->exit_code == P2_EXIT_OK) r->exit_code = P2_EXIT_FAILED;
    }
    finish(r, j);
}

static void take(struct run *r, const p2c2r_result *result) {
    struct job *j = result->user;
    r->in_flight--;
    p2_ns tried = p2_clock_now() - j->first_ns;
    if (!r->stop && tried < r->s->deadline_ns && cli_again(result, r->report.ok > 0, tried, &r->s->common)) {
        uint32_t doublings = j->again < 6 ? j->again : 6;
        p2_ns pause = p2_ns_max(p2_ns_min(AGAIN_MIN_NS << doublings, AGAIN_MAX_NS), result->retry_after_us * P2_US);
        j->again_ns = p2_ns_add(p2_clock_now(), p2_ns_min(pause, AGAIN_MAX_NS));
        j->again++;
        r->again[(r->again_first + r->again_count++) % r->job_count] = (uint32_t)(j - r->jobs);
        return;
    }
    conclude_one(r, j, result);
}

// Hands in one picture after another, the bands of each at once.
static void serve_in_bands(struct run *r) {
    for (uint32_t i = 0; i < r->job_count && !r->stop; i++) {
        struct job *j = &r->jobs[i];
        struct picture *pic = &r->pictures.items[j->picture];
        struct in_bands out;
        report_sent(&r->report, 1);
        p2c2r_status status = picture_in_bands(&r->pictures, pic, r->s, r->client, &out);
        j->tiles = out.bands.done.tiles;
        j->hedged = out.bands.done.tiles_hedged;
        j->again = out.bands.again;
        if (status == P2C2R_OK)
            conclude_one(r, j, &out.result);
        else
            cannot_submit(r, status);
        free(out.pixels.p);
    }
}

// Until the next job may go again, at most a second.
static int64_t patience_us(const struct run *r) {
    p2_ns wait = P2_SEC;
    if (r->again_count) wait = r->jobs[r->again[r->again_first]].again_ns - p2_clock_now();
    return p2_ns_max(p2_ns_min(wait, P2_SEC), 0) / P2_US;
}

static void serve(struct run *r) {
    while (r->ended < r->job_count && !(r->stop && r->in_flight == 0)) {
        while (submit_next(r)) continue;
        if (r->stop) break;
        p2c2r_result results[32] = {{.size = sizeof(p2c2r_result)}};
        uint32_t n = p2c2r_poll(r->client, results, 32, patience_us(r));
        for (uint32_t i = 0; i < n; i++) {
            take(r, &results[i]);
            p2c2r_release(r->client, &results[i]);
        }
    }
}

// Compared after the last result, so that this machine's arithmetic is in nobody's milliseconds.
static void compare(struct run *r) {
    for (uint32_t i = 0; i < r->job_count; i++) {
        struct job *j = &r->jobs[i];
        struct picture *pic = &r->pictures.items[j->picture];
        if (!j->ended) continue;
        if (j->outcome == P2C2R_DONE && j->repeat == 0) j->psnr_db = picture_psnr(&r->pictures, pic);
        report_line(&r->report, pic, j);
    }
}

static void conclude(struct run *r) {
    if (r->s->psnr) compare(r);
    if (r->ended) report_end(&r->report);
    uint64_t failed = r->report.frames - r->report.ok;
    if (!r->first_reason[0]) return;
    if (failed > 1 && !r->stop)
        cli_complain("%llu of %u frames failed; the first: %s", (unsigned long long)failed, r->job_count,
                     r->first_reason);
    else
        cli_complain("%s", r->first_reason);
}

static int run_all(const struct upscale_settings *s, struct run *r) {
    uint64_t jobs = (uint64_t)r->pictures.count * (uint64_t)s->repeat;
    if (jobs > JOBS_MAX) {
        cli_complain("%llu submissions are more than %u", (unsigned long long)jobs, JOBS_MAX);
        return P2_EXIT_USAGE;
    }
    r->job_count = (uint32_t)jobs;
    r->jobs = calloc(jobs, sizeof *r->jobs);
    r->again = calloc(jobs, sizeof *r->again);
    if (!r->jobs || !r->again) {
        cli_complain("memory is short");
        return P2_EXIT_FAILED;
    }
    for (uint32_t i = 0; i < r->job_count; i++) {
        r->jobs[i].picture = i % r->pictures.count;
        r->jobs[i].repeat = i / r->pictures.count;
        r->jobs[i].psnr_db = -1;
    }
    bool whole = s->tiles == 1;
    r->client = cli_connect(&s->common, whole ? (uint32_t)s->in_flight : CLI_BANDS_TICKETS(s->tiles), &r->exit_code);
    if (!r->client) return r->exit_code;
    if (!s->common.json) pictures_tell_losses(&r->pictures);
    report_begin(&r->report, s, r->job_count);
    if (whole)
        serve(r);
    else
        serve_in_bands(r);
    p2c2r_destroy(&r->client);
    conclude(r);
    return r->exit_code;
}

static int start(int argc, char **argv) {
    struct upscale_settings s = {0};
    char **operands;
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return cli_exit_of_conf(outcome);
    struct run r = {.s = &s};
    int code = P2_EXIT_USAGE;
    if (!s.out || !*s.out) {
        cli_complain("say where to write with -o FILE or -o FOLDER");
    } else if (s.size && s.scale > 0) {
        cli_complain("--size and --scale both say how large the result is: give one of them");
    } else if (s.tiles > 1 && s.common.local) {
        cli_complain("--tiles go to peers: --local does not go with them");
    } else if (s.tiles > 1 && s.format) {
        cli_complain("--tiles are rows of pixels: --format does not go with them");
    } else {
        if (!s.size && s.scale <= 0) s.scale = SCALE_DEFAULT;
        code = pictures_open(&r.pictures, &s, operands, count);
        if (code == P2_EXIT_OK) code = run_all(&s, &r);
    }
    pictures_close(&r.pictures);
    free(r.jobs);
    free(r.again);
    p2_conf_free(&s);
    return code;
}

const struct cli_command cli_upscale = {&program, start};
