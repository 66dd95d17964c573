#include "client/play/offload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/play/world.h"
#include "os/os.h"

#define PICTURE_DEADLINE_MS 400
#define TASK_DEADLINE_MS 500
#define FULL_EVERY 8 // tasks: the whole world comes back
#define RECENT_GAIN 0.1
#define ENDED_AT_ONCE 16u
#define POLLS_MOST 4        // rounds of a frame; what is left comes with the next
#define QUEUE_MOST_US 50000 // a picture that waited longer was one too many
#define ROOM_LEAST 2.0
#define ROOM_MOST (OFFLOAD_FRAMES - 2.0)
#define ROOM_STEP 0.2                 // more after each picture that came
#define ROOM_SHARE 0.8                // is left after one too many,
#define SHRINK_EVERY_NS (200 * P2_MS) // at most so often: what was under way then says the same again
#define SERIES 1                      // of pictures: the newest matters

static bool create(struct offload *o) {
    const p2c2r_options options = {.size = sizeof options,
                                   .coordinator = o->settings.coordinator,
                                   .tasks_max = OFFLOAD_JOBS,
                                   .connect_timeout_ms = o->settings.connect_timeout_ms,
                                   .fake_lag_ms = o->settings.lag_ms,
                                   .fake_loss = o->settings.loss,
                                   .io_thread = 1, // so that no frame pays for the network
                                   .local_executor = o->settings.local_executor,
                                   .local_device = o->settings.local_device};
    o->client = p2c2r_create(&options);
    return o->client != NULL;
}

bool offload_open(struct offload *o, const struct offload_settings *settings) {
    memset(o, 0, sizeof *o);
    o->settings = *settings;
    o->level = -1;
    o->room = ROOM_MOST / 2;
    o->quality.size = sizeof o->quality;
    const p2c2r_quality_options levels = {
        .size = sizeof levels, .levels = OFFLOAD_LEVELS, .level = P2C2R_LEVEL_BALANCED};
    p2c2r_quality_init(&o->quality, &levels);
    o->level_last = P2C2R_LEVEL_BALANCED;
    o->frames = calloc(OFFLOAD_FRAMES, sizeof *o->frames);
    if (o->frames && create(o)) return true;
    offload_close(o);
    return false;
}

void offload_close(struct offload *o) {
    p2c2r_destroy(&o->client);
    p2_world_free(&o->world);
    free(o->frames);
    o->frames = o->newest = NULL;
}

bool offload_ready(const struct offload *o) { return o->settings.local_executor || offload_connected(o); }

bool offload_connected(const struct offload *o) { return p2c2r_connected(o->client); }

uint32_t offload_level(const struct offload *o) {
    return o->level >= 0 ? (uint32_t)o->level : p2c2r_quality_level(&o->quality);
}

uint32_t offload_under_way(const struct offload *o) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < OFFLOAD_JOBS; i++) n += o->jobs[i].used;
    return n;
}

// ---- what has ended ----

static void tell(struct game *g, const struct game_event *ev) {
    struct game_asks none;
    game_step(g, ev, &none);
}

static void tell_missed(struct offload *o, struct game *g, const struct offload_job *job) {
    if (job->sort == OFFLOAD_PICTURE)
        o->frames[job->number].used = false;
    else if (job->sort == OFFLOAD_BODIES)
        tell(g, &(struct game_event){.kind = GAME_BODIES_MISSED, .u.bodies.epoch = job->number});
    else
        tell(g, &(struct game_event){.kind = GAME_FIELD_MISSED});
}

static void count(struct offload_count *n, const p2c2r_result *r) {
    switch (r->outcome) {
    case P2C2R_DONE: {
        const p2_ns now = p2_clock_now();
        if (n->last_ns) n->gap_ns = p2_ns_max(n->gap_ns, now - n->last_ns);
        n->last_ns = now;
        n->done++;
        n->origin[r->origin]++;
        p2_hist_add(&n->took, r->total_us * P2_US);
        const double us = (double)r->total_us;
        n->recent_us = n->recent_us > 0 ? n->recent_us + (us - n->recent_us) * RECENT_GAIN : us;
        break;
    }
    case P2C2R_EXPIRED: n->late++; break;
    case P2C2R_LOST: n->lost++; break;
    case P2C2R_REFUSED: n->refused++; break;
    case P2C2R_CANCELLED: n->cancelled++; break;
    default: n->failed++; break;
    }
}

// What the level can change is the cluster's part; the way there and back it cannot.
static void judge(struct offload *o, const struct offload_job *job, const p2c2r_result *r) {
    if (r->outcome == P2C2R_CANCELLED || r->outcome == P2C2R_LOST) return;
    const int64_t took = r->outcome == P2C2R_DONE ? r->queue_us + r->processing_us : P2C2R_QUALITY_MISSED;
    const uint32_t level = p2c2r_quality_frame(&o->quality, job->level, took);
    o->level_changes += level != o->level_last;
    o->level_last = level;
}

// So that pictures leave room for the rest: additive increase, multiplicative decrease (Chiu and Jain, 1989).
static void pace(struct offload *o, const p2c2r_result *r) {
    const bool queued = r->outcome == P2C2R_DONE ? r->queue_us > QUEUE_MOST_US
                                                 : r->outcome == P2C2R_EXPIRED || r->outcome == P2C2R_REFUSED;
    const p2_ns now = p2_clock_now();
    if (!queued) {
        if (r->outcome == P2C2R_DONE && o->room < ROOM_MOST) o->room += ROOM_STEP;
    } else if (now - o->shrunk_ns >= SHRINK_EVERY_NS) {
        o->room = o->room * ROOM_SHARE > ROOM_LEAST ? o->room * ROOM_SHARE : ROOM_LEAST;
        o->shrunk_ns = now;
    }
}

static bool took_picture(struct offload *o, const struct offload_job *job, const p2c2r_result *r) {
    judge(o, job, r);
    pace(o, r);
    struct offload_frame *f = &o->frames[job->number];
    if (r->outcome != P2C2R_DONE || r->data_size != BIG_BYTES) return false;
    if (r->data != f->big) memcpy(f->big, r->data, BIG_BYTES);
    o->levels[job->level]++;
    if (o->newest && o->newest->tick >= f->tick) {
        f->used = false;
        return true;
    }
    if (o->newest) o->newest->used = false;
    o->newest = f;
    return true;
}

static bool took_bodies(struct offload *o, struct game *g, const struct offload_job *job, const p2c2r_result *r) {
    const uint64_t before = o->journey.step;
    const bool full = o->journey.full;
    if (r->outcome != P2C2R_DONE || job->number != g->bodies.epoch) return false;
    if (!p2_journey_took(&o->journey, r->data, r->data_size) || o->journey.step != before + o->body_steps) return false;
    o->wholes += full;
    struct body_motion motions[BODIES];
    play_world_read(&o->world, r->data, motions);
    tell(g, &(struct game_event){.kind = GAME_BODIES, .u.bodies = {.epoch = job->number, .motions = motions}});
    return true;
}

static bool took_ways(struct game *g, const struct offload_job *job, const p2c2r_result *r) {
    if (r->outcome != P2C2R_DONE || r->data_size != ARENA_CELLS) return false;
    tell(g, &(struct game_event){.kind = GAME_FIELD, .u.field = {.goal = job->number, .toward = r->data}});
    return true;
}

static bool hand_steps(struct offload *o, struct offload_job *job);

// A peer that has lost the world gets it whole once more, as it came back last, and makes up for the steps since.
static bool goes_on(struct offload *o, const struct game *g, struct offload_job *job, const p2c2r_result *r) {
    if (job->sort != OFFLOAD_BODIES || job->number != g->bodies.epoch || job->again || !o->journey.kept) return false;
    if (r->outcome != P2C2R_FAILED && r->outcome != P2C2R_REFUSED) return false;
    p2_journey_lost(&o->journey);
    job->again = true;
    return hand_steps(o, job);
}

static void take(struct offload *o, struct game *g, const p2c2r_result *r) {
    struct offload_job *job = r->user;
    count(&o->counts[job->sort], r);
    if (goes_on(o, g, job, r)) return;
    const bool good = job->sort == OFFLOAD_PICTURE  ? took_picture(o, job, r)
                      : job->sort == OFFLOAD_BODIES ? took_bodies(o, g, job, r)
                                                    : took_ways(g, job, r);
    if (!good) tell_missed(o, g, job);
    job->used = false;
}

void offload_poll(struct offload *o, struct game *g) {
    p2c2r_result results[ENDED_AT_ONCE] = {{.size = sizeof(p2c2r_result)}};
    for (int round = 0; round < POLLS_MOST; round++) {
        const uint32_t n = p2c2r_poll(o->client, results, ENDED_AT_ONCE, 0);
        for (uint32_t i = 0; i < n; i++) {
            take(o, g, &results[i]);
            p2c2r_release(o->client, &results[i]);
        }
        if (n < ENDED_AT_ONCE) return;
    }
}

bool offload_again(struct offload *o, struct game *g, int64_t lag_ms, double loss) {
    p2c2r_destroy(&o->client); // its tickets are not reported any more
    for (uint32_t i = 0; i < OFFLOAD_JOBS; i++) {
        struct offload_job *job = &o->jobs[i];
        if (!job->used) continue;
        o->counts[job->sort].lost++;
        tell_missed(o, g, job);
        job->used = false;
    }
    o->settings.lag_ms = lag_ms;
    o->settings.loss = loss;
    return create(o);
}

// ---- what is handed over ----

static struct offload_job *begin_job(struct offload *o, enum offload_sort sort, uint32_t number) {
    for (uint32_t i = 0; i < OFFLOAD_JOBS; i++) {
        struct offload_job *job = &o->jobs[i];
        if (job->used) continue;
        *job = (struct offload_job){.used = true, .sort = sort, .number = number};
        return job;
    }
    return NULL;
}

static bool hand(struct offload *o, struct offload_job *job, p2c2r_task *task) {
    task->size = sizeof *task;
    task->user = job;
    if (p2c2r_submit(o->client, task, &job->ticket) != P2C2R_OK) return false;
    o->counts[job->sort].submitted++;
    return true;
}

static bool hand_steps(struct offload *o, struct offload_job *job) {
    struct p2_journey_task t;
    p2_journey_next(&o->journey, o->body_steps, false, &t);
    p2c2r_param params[P2_WORLD_PARAMS];
    for (uint32_t i = 0; i < t.count; i++) params[i] = (p2c2r_param){t.names[i], t.values[i]};
    p2c2r_task task = {.type = "physics",
                       .params = params,
                       .param_count = t.count,
                       .deadline_ms = TASK_DEADLINE_MS,
                       .payload = t.payload,
                       .payload_size = t.payload_size,
                       .cache = P2C2R_CACHE_BYPASS}; // a remembered answer moves no world
    return hand(o, job, &task);
}

// A world that is begun gets a name of its own, so that a late task of the last one cannot move it.
static bool begin_world(struct offload *o, const struct game *g) {
    uint8_t secret[16];
    p2_entropy(secret, sizeof secret);
    p2_world_free(&o->world);
    if (!play_world_make(g->bodies.shapes, g->bodies.tip, &o->world)) return false;
    p2_journey_begin(&o->journey, &o->world, secret, FULL_EVERY);
    return true;
}

static void hand_bodies(struct offload *o, struct game *g, const struct bodies_ask *ask) {
    for (uint32_t i = 0; i < OFFLOAD_JOBS; i++) { // of a world that is given up
        const struct offload_job *old = &o->jobs[i];
        if (old->used && old->sort == OFFLOAD_BODIES) p2c2r_cancel(o->client, old->ticket);
    }
    o->body_steps = ask->steps;
    struct offload_job *job = !ask->begin || begin_world(o, g) ? begin_job(o, OFFLOAD_BODIES, ask->epoch) : NULL;
    if (job && hand_steps(o, job)) return;
    if (job) job->used = false;
    tell(g, &(struct game_event){.kind = GAME_BODIES_MISSED, .u.bodies.epoch = ask->epoch});
}

static void hand_field(struct offload *o, struct game *g, uint32_t goal) {
    char size[24], place[24], cost[8];
    snprintf(size, sizeof size, "%dx%d", ARENA_COLUMNS, ARENA_ROWS);
    snprintf(place, sizeof place, "%u,%u", goal % ARENA_COLUMNS, goal / ARENA_COLUMNS);
    snprintf(cost, sizeof cost, "%d", ARENA_COST_MAX);
    const p2c2r_param params[] = {{"map_size", size}, {"goal", place}, {"cost_max", cost}, {"result", "directions"}};
    p2c2r_task task = {.type = "path",
                       .params = params,
                       .param_count = sizeof params / sizeof *params,
                       .deadline_ms = TASK_DEADLINE_MS,
                       .payload = g->costs,
                       .payload_size = sizeof g->costs};
    struct offload_job *job = begin_job(o, OFFLOAD_WAYS, goal);
    if (job && hand(o, job, &task)) return;
    if (job) job->used = false;
    tell(g, &(struct game_event){.kind = GAME_FIELD_MISSED});
}

void offload_hand(struct offload *o, struct game *g, const struct game_asks *asks) {
    if (asks->bodies.wanted) hand_bodies(o, g, &asks->bodies);
    if (asks->field) hand_field(o, g, asks->field_goal);
}

static struct offload_frame *free_frame(struct offload *o) {
    uint32_t pictures = 0;
    for (uint32_t i = 0; i < OFFLOAD_JOBS; i++) pictures += o->jobs[i].used && o->jobs[i].sort == OFFLOAD_PICTURE;
    if (pictures >= (uint32_t)o->room) return NULL;
    for (uint32_t i = 0; i < OFFLOAD_FRAMES; i++)
        if (!o->frames[i].used) return &o->frames[i];
    return NULL;
}

void offload_picture(struct offload *o, const uint8_t small[SCENE_BYTES], uint64_t tick) {
    struct offload_frame *f = free_frame(o);
    struct offload_job *job = f ? begin_job(o, OFFLOAD_PICTURE, (uint32_t)(f - o->frames)) : NULL;
    if (!job) return; // the next frame is another chance
    f->used = true;
    f->tick = tick;
    memcpy(f->small, small, SCENE_BYTES);
    job->level = offload_level(o);
    char in[24], out[24];
    snprintf(in, sizeof in, "%ux%u", SCENE_W, SCENE_H);
    snprintf(out, sizeof out, "%ux%u", BIG_W, BIG_H);
    const p2c2r_param params[] = {
        {"input_res", in}, {"output_res", out}, {"quality", p2c2r_quality_name(job->level)}, {"format", "raw"}};
    p2c2r_task task = {.type = "upscale",
                       .params = params,
                       .param_count = sizeof params / sizeof *params,
                       .priority = P2C2R_INTERACTIVE, // after the few that move things
                       .deadline_ms = PICTURE_DEADLINE_MS,
                       .payload = f->small,
                       .payload_size = SCENE_BYTES,
                       .out = f->big,
                       .out_capacity = BIG_BYTES,
                       .cache = P2C2R_CACHE_BYPASS, // no frame is like another
                       .series = SERIES};
    if (hand(o, job, &task)) return;
    f->used = job->used = false;
}
