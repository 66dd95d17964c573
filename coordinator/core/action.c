// The list a step fills: its size, its texts, the references it holds.
#include <stdlib.h>
#include <string.h>

#include "coordinator/core/admit.h"
#include "coordinator/core/state.h"

// A step stops taking up further work when it has said this much, and goes on in the next.
#define STEP_ACTIONS 16384u
#define SHED_ACTIONS (P2_BATCH_MAX * ADMIT_SHED_MAX * (1 + ADMIT_SHED_MAX) * 2u) // note and answer, by one batch
#define TEXT_BYTES (256u << 10)

// One event is never cut short, nor is the loss of one connection: at most four actions for each task of a client or
// job of a peer. Twice: the event, and the last thing begun before STEP_ACTIONS was reached.
static uint32_t capacity_for(const struct coord_limits *l) {
    uint32_t most = l->tasks_per_client_max < l->tasks_max ? l->tasks_per_client_max : l->tasks_max;
    if (most < l->jobs_per_peer_max) most = l->jobs_per_peer_max;
    if (most < P2_BATCH_MAX + P2_DEVICES_MAX * P2_TYPES_MAX) most = P2_BATCH_MAX + P2_DEVICES_MAX * P2_TYPES_MAX;
    return STEP_ACTIONS + 2 * 4 * most + SHED_ACTIONS + 64;
}

bool coord_actions_init(struct coord_actions *a, const struct coord_limits *l) {
    *a = (struct coord_actions){.capacity = capacity_for(l)};
    a->items = calloc(a->capacity, sizeof *a->items);
    if (a->items && p2_arena_init(&a->texts, TEXT_BYTES)) return true;
    free(a->items);
    *a = (struct coord_actions){.items = NULL};
    return false;
}

void coord_actions_clear(struct coord_actions *a) {
    for (uint32_t i = 0; i < a->count; i++) {
        p2_blob_unref(a->items[i].payload_held);
        p2_blob_unref(a->items[i].cargo_held);
    }
    a->count = 0;
    p2_arena_reset(&a->texts);
}

void coord_actions_deinit(struct coord_actions *a) {
    coord_actions_clear(a);
    free(a->items);
    p2_arena_deinit(&a->texts);
    *a = (struct coord_actions){.items = NULL};
}

struct coord_action *coord_act(struct coord *c, enum coord_action_kind kind, p2_handle conn) {
    struct coord_actions *out = c->out;
    P2_CHECK(out->count < out->capacity);
    struct coord_action *a = &out->items[out->count++];
    a->kind = kind;
    a->lane = 0;
    a->conn = conn;
    a->code = P2_OK;
    a->features = 0;
    a->payload_held = a->cargo_held = NULL;
    return a;
}

struct coord_note *coord_note_add(struct coord *c, enum coord_note_kind kind) {
    struct coord_action *a = coord_act(c, COORD_NOTE, P2_NO_HANDLE);
    a->u.note = (struct coord_note){.kind = kind};
    return &a->u.note;
}

bool coord_step_full(struct coord *c) {
    if (c->out->count < STEP_ACTIONS) return false;
    c->again = true;
    return true;
}

const char *coord_text(struct coord *c, struct p2_str s) {
    uint32_t n = s.n < P2_TEXT_MAX - 1 ? s.n : P2_TEXT_MAX - 1;
    char *copy = p2_arena_alloc(&c->out->texts, n + 1);
    if (!copy) return "";
    for (uint32_t i = 0; i < n; i++) copy[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? s.p[i] : '?';
    copy[n] = 0;
    return copy;
}
