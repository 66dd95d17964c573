#include "client/play/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/play/ticks.h"
#include "os/os.h"

#define CATCH_UP_MOST 4 // ticks of the game in one frame
#define WHOLE_AGE 2.5   // ticks up to which a picture of the cluster is shown as it is
#define AGE_MOST 30u    // ticks after which nothing of it is shown
#define AGE_GAIN 0.15
#define STATS_EVERY 6u // frames
#define RATES_EVERY P2_SEC

// ---- keys ----

static void add_lag(struct play *p) {
    const bool on = p->offload.settings.lag_ms == 0 && p->offload.settings.loss == 0;
    if (!offload_again(&p->offload, &p->game, on ? PLAY_LAG_MS : 0, on ? PLAY_LOSS : 0)) p->ends = true;
}

static void keep_shot(struct play *p) {
    if (p->shot_count == PLAY_SHOTS_MAX) return;
    uint8_t *copy = malloc(BIG_BYTES);
    if (!copy) return;
    memcpy(copy, p->big, BIG_BYTES);
    p->shots[p->shot_count++] = copy;
}

static void obey(struct play *p, const struct window_keys *keys) {
    if (keys->end) p->ends = true;
    if (keys->offload) p->offloading = !p->offloading;
    if (keys->lag) add_lag(p);
    if (keys->quality) p->offload.level = p->offload.level + 1 < (int32_t)OFFLOAD_LEVELS ? p->offload.level + 1 : -1;
    if (keys->hide) p->settings.bare = !p->settings.bare;
    if (keys->picture) keep_shot(p);
}

// ---- a frame ----

static void compose(struct play *p) {
    const struct offload_frame *newest = p->offload.newest;
    const uint64_t age = newest ? p->game.ticks - newest->tick : AGE_MOST + 1;
    p->age += ((double)age - p->age) * AGE_GAIN;
    p->mended = 0;
    if (!p->offloading || age > AGE_MOST) {
        p->source = PLAY_HERE;
        enlarge(p->scene.rgb, p->big);
    } else if (p->age <= WHOLE_AGE && (double)age <= 2 * WHOLE_AGE) {
        p->source = PLAY_CLUSTER;
        memcpy(p->big, newest->big, BIG_BYTES);
    } else {
        p->source = PLAY_MENDED;
        enlarge(p->scene.rgb, p->big);
        p->mended = enlarge_mend(p->scene.rgb, newest->small, newest->big, p->big);
    }
    p->sources[p->source]++;
}

static void advance(struct play *p, const struct window_keys *keys, uint64_t ticks) {
    const bool offload = p->offloading && offload_ready(&p->offload);
    for (uint64_t i = 0; i < ticks && i < CATCH_UP_MOST; i++) {
        const struct game_event ev = {
            .kind = GAME_TICK,
            .u.tick = {.east = keys->east, .south = keys->south, .rain = keys->rain && i == 0, .offload = offload}};
        struct game_asks asks;
        game_step(&p->game, &ev, &asks);
        offload_hand(&p->offload, &p->game, &asks);
    }
    scene_draw(&p->scene, &p->game);
    if (offload) offload_picture(&p->offload, p->scene.rgb, p->game.ticks);
}

// ---- the overlay ----

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

// seconds: since the last rates, when there are to be new ones; else 0.
static void tell_row(struct play *p, enum offload_sort sort, double seconds, struct overlay_row *row) {
    const struct offload_count *n = &p->offload.counts[sort];
    row->took_ms = n->recent_us / 1e3;
    row->missed = n->late + n->lost + n->refused + n->failed;
    if (seconds <= 0) return;
    row->per_s = (double)(n->done - p->done_before[sort]) / seconds;
    p->done_before[sort] = n->done;
}

static void tell_now(struct play *p) {
    struct overlay *o = &p->overlay;
    const char *level = p2c2r_quality_name(offload_level(&p->offload)), *how = p->offload.level < 0 ? "auto " : "";
    if (p->source == PLAY_HERE)
        snprintf(o->picture.now, sizeof o->picture.now, "enlarged here");
    else if (p->source == PLAY_CLUSTER)
        snprintf(o->picture.now, sizeof o->picture.now, "%s%s", how, level);
    else
        snprintf(o->picture.now, sizeof o->picture.now, "%s%s %u%%", how, level, p->mended * 100 / SCENE_PIXELS);
    const bool remote = p->game.bodies.mode == BODIES_REMOTE;
    snprintf(o->bodies.now, sizeof o->bodies.now, "%s", remote ? "peer keeps world" : "falling here");
    snprintf(o->ways.now, sizeof o->ways.now, "%s", p->game.field_remote ? "field of a peer" : "found here");
}

static void tell(struct play *p) {
    struct overlay *o = &p->overlay;
    if (p->frames % STATS_EVERY == 0) {
        p->stats.size = sizeof p->stats;
        p2c2r_stats_get(p->offload.client, &p->stats);
        double sorted[OVERLAY_FRAMES];
        memcpy(sorted, o->frame_ms, sizeof sorted);
        qsort(sorted, OVERLAY_FRAMES, sizeof *sorted, by_value);
        o->frame_p99_ms = sorted[OVERLAY_FRAMES * 99 / 100];
    }
    o->stats = p->stats;
    o->offload = p->offloading;
    o->connected = offload_connected(&p->offload);
    o->lag_ms = (double)p->offload.settings.lag_ms;
    o->loss = p->offload.settings.loss;
    o->home = p->game.home;
    const p2_ns now = p2_clock_now(), since = now - p->rates_ns;
    const double seconds = since >= RATES_EVERY ? (double)since / P2_SEC : 0;
    if (seconds > 0) p->rates_ns = now;
    tell_row(p, OFFLOAD_PICTURE, seconds, &o->picture);
    tell_row(p, OFFLOAD_BODIES, seconds, &o->bodies);
    tell_row(p, OFFLOAD_WAYS, seconds, &o->ways);
    tell_now(p);
    const struct canvas canvas = {p->big, BIG_W, BIG_H};
    if (!p->settings.bare) overlay_draw(o, &canvas);
}

// ---- the loop ----

static void measure(struct play *p, p2_ns due, p2_ns begun, p2_ns cpu) {
    const p2_ns now = p2_clock_now();
    p2_hist_add(&p->frame, now - due);
    p2_hist_add(&p->work, now - begun);
    p2_hist_add(&p->cpu, p2_clock_thread() - cpu);
    if (p->shown_ns) p2_hist_add(&p->beat, now - p->shown_ns);
    p->shown_ns = now;
    p->overlay.frame_ms[p->overlay.frame_next] = (double)(now - due) / 1e6;
    p->overlay.frame_next = (p->overlay.frame_next + 1) % OVERLAY_FRAMES;
    p->frames++;
    p->remote_bodies += p->game.bodies.mode == BODIES_REMOTE;
    p->remote_ways += p->game.field_remote;
}

// The last of the frames is one, and the others lie evenly before it.
static bool is_shot(const struct play *p) {
    const struct play_settings *s = &p->settings;
    if (!s->shots || !s->frames) return false;
    const uint64_t nth = p->frames * s->shots / s->frames;
    return nth > (p->frames - 1) * s->shots / s->frames;
}

static void frame(struct play *p, struct ticks *ticks) {
    uint64_t passed;
    struct window_keys keys = {0};
    const p2_ns due = ticks_wait(ticks, &passed), begun = p2_clock_now(), cpu = p2_clock_thread();
    p->ticks_skipped += passed - 1;
    if (p->window) window_keys(p->window, &keys);
    obey(p, &keys);
    if (p->ends) return;
    offload_poll(&p->offload, &p->game);
    advance(p, &keys, passed);
    compose(p);
    tell(p);
    if (p->window) window_show(p->window, p->big);
    measure(p, due, begun, cpu);
    if (is_shot(p)) keep_shot(p);
    p->ends = p->settings.frames && p->frames == p->settings.frames;
}

static bool open_all(struct play *p, struct ticks *ticks, struct p2_strbuf *why) {
    const struct play_settings *s = &p->settings;
    if (!offload_open(&p->offload, &s->link)) {
        p2_strbuf_printf(why, "%s is not of the form ws://HOST:PORT", s->link.coordinator);
        return false;
    }
    p->offload.level = s->level;
    scene_init(&p->scene);
    game_init(&p->game, s->seed);
    if (!s->headless) {
        p->window = window_open("P2C2R", BIG_W, BIG_H, s->scale, why);
        if (!p->window) return false;
    }
    if (ticks_begin(ticks)) return true;
    p2_strbuf_printf(why, "the system has no timer to spare");
    return false;
}

struct play *play_run(const struct play_settings *settings, struct p2_strbuf *why) {
    struct play *p = calloc(1, sizeof *p);
    if (!p) {
        p2_strbuf_printf(why, "memory is short");
        return NULL;
    }
    p->settings = *settings;
    p->offloading = settings->offload;
    p->age = AGE_MOST;
    struct ticks ticks = {.fd = -1};
    if (!open_all(p, &ticks, why)) {
        play_free(&p);
        return NULL;
    }
    while (!p->ends) frame(p, &ticks);
    p->played_ns = p2_clock_now() - ticks.began_ns;
    ticks_end(&ticks);
    window_close(&p->window);
    return p;
}

void play_free(struct play **p) {
    if (!*p) return;
    window_close(&(*p)->window);
    offload_close(&(*p)->offload);
    for (uint32_t i = 0; i < (*p)->shot_count; i++) free((*p)->shots[i]);
    free(*p);
    *p = NULL;
}
