#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "client/local/local_in.h"

bool p2_local_stands_in(enum p2_err code) {
    switch (code) {
    case P2_ERR_NO_CAPABLE_PEER:
    case P2_ERR_OVERLOADED:
    case P2_ERR_QUOTA_EXCEEDED:
    case P2_ERR_WOULD_MISS_DEADLINE:
    case P2_ERR_DRAINING:
    case P2_ERR_TOO_MANY_CONNECTIONS:
    case P2_ERR_UNKNOWN_TYPE: // an older coordinator
    case P2_ERR_UNAUTHORIZED:
    case P2_ERR_UNSUPPORTED_VERSION:
    case P2_ERR_ATTEMPTS_EXHAUSTED:
    case P2_ERR_PEER_LOST:
    case P2_ERR_CONNECTION_LOST:
    case P2_ERR_UNREACHABLE: return true;
    default: return false;
    }
}

// Every ticket may be handed or ended, and its cell cancelled, in one step; besides, the child is told of.
bool p2_local_actions_init(struct local_actions *a, const struct local_config *config) {
    a->count = 0;
    a->capacity = 2 * config->tasks_max + 3 * LOCAL_CELLS_MAX + 16;
    a->items = p2_calloc(a->capacity, sizeof *a->items);
    return a->items != NULL;
}

void p2_local_actions_deinit(struct local_actions *a) {
    p2_free(a->items);
    *a = (struct local_actions){0};
}

struct local *p2_local_create(const struct local_config *config) {
    P2_CHECK(config->tasks_max > 0 && config->cells > 0 && config->cells <= LOCAL_CELLS_MAX && config->cell_bytes > 0);
    struct local *l = p2_calloc(1, sizeof *l);
    if (!l) return NULL;
    l->config = *config;
    l->down_since_ns = l->idle_since_ns = P2_NEVER;
    p2_list_init(&l->open);
    l->tickets = p2_calloc(config->tasks_max, sizeof *l->tickets);
    l->known = p2_calloc((size_t)config->type_count * P2_SIZE_CLASSES, sizeof *l->known);
    l->units_per_second = p2_calloc(config->type_count, sizeof *l->units_per_second);
    l->offered = p2_calloc(config->type_count, sizeof *l->offered);
    bool ok = l->tickets && l->known && l->units_per_second && l->offered;
    ok = ok && p2_heap_init(&l->watched, config->tasks_max) && p2_heap_init(&l->wanted, config->tasks_max);
    if (!ok) p2_local_destroy(&l);
    return l;
}

void p2_local_destroy(struct local **local) {
    struct local *l = *local;
    if (!l) return;
    p2_heap_deinit(&l->watched);
    p2_heap_deinit(&l->wanted);
    p2_free(l->offered);
    p2_free(l->units_per_second);
    p2_free(l->known);
    p2_free(l->tickets);
    p2_free(l);
    *local = NULL;
}

struct local_action *p2_local_act(struct local *l, enum local_action_kind kind) {
    P2_CHECK(l->out->count < l->out->capacity);
    struct local_action *a = &l->out->items[l->out->count++];
    memset(a, 0, sizeof *a);
    a->kind = kind;
    return a;
}

void p2_local_note(struct local *l, enum local_note_kind kind, const char *text) {
    struct local_action *a = p2_local_act(l, LOCAL_DO_NOTE);
    a->u.note.kind = kind;
    a->u.note.text = text;
}

const char *p2_local_note_name(enum local_note_kind k) {
    static const char *const names[] = {"none",         "local_started", "local_ready", "local_withheld",
                                        "local_killed", "local_gone",    "local_over"};
    return (size_t)k < sizeof names / sizeof *names ? names[k] : names[0];
}

// ---- tickets

struct local_ticket *p2_local_find(const struct local *l, uint64_t ticket) {
    uint32_t slot = (uint32_t)ticket;
    if (!ticket || slot >= l->config.tasks_max) return NULL;
    struct local_ticket *t = &l->tickets[slot];
    return t->state != LOCAL_NONE && t->task.ticket == ticket ? t : NULL;
}

bool p2_local_has(const struct local *l, uint64_t ticket) { return p2_local_find(l, ticket) != NULL; }

struct local_kind p2_local_kind(const struct local_ticket *t) {
    return (struct local_kind){t->task.type, t->task.cost.size_class};
}

struct local_known *p2_local_known(const struct local *l, struct local_kind kind) {
    P2_CHECK(kind.type < l->config.type_count);
    uint32_t class_ = kind.size_class < P2_SIZE_CLASSES ? kind.size_class : P2_SIZE_CLASSES - 1;
    return &l->known[(size_t)kind.type * P2_SIZE_CLASSES + class_];
}

void p2_local_ticket_move(struct local *l, struct local_ticket *t, enum local_state to) {
    static const unsigned char legal[LOCAL_STATES] = {
        [LOCAL_NONE] = 1u << LOCAL_WATCHED,
        [LOCAL_WATCHED] = 1u << LOCAL_WANTED | 1u << LOCAL_NONE,
        [LOCAL_WANTED] = 1u << LOCAL_RUNNING | 1u << LOCAL_WATCHED | 1u << LOCAL_NONE,
        [LOCAL_RUNNING] = 1u << LOCAL_WATCHED | 1u << LOCAL_NONE,
    };
    P2_CHECK(legal[t->state] & 1u << to);
    p2_heap_remove(t->state == LOCAL_WANTED ? &l->wanted : &l->watched, &t->due);
    if (t->state == LOCAL_NONE) {
        p2_list_push_back(&l->open, &t->link);
        l->open_count++;
    }
    t->state = to;
    if (to != LOCAL_NONE) return;
    p2_list_remove(&t->link);
    l->open_count--;
}

static void forget(struct local *l, struct local_ticket *t) {
    p2_local_ticket_move(l, t, LOCAL_NONE);
    t->task.ticket = 0;
}

struct local_action *p2_local_end(struct local *l, struct local_ticket *t, enum local_end how) {
    struct local_action *a = p2_local_act(l, LOCAL_DO_END);
    a->u.end.ticket = t->task.ticket;
    a->u.end.how = how;
    a->u.end.text = "";
    forget(l, t);
    return a;
}

static void on_task(struct local *l, const struct local_task *task) {
    uint32_t slot = (uint32_t)task->ticket;
    P2_CHECK(task->ticket != 0 && slot < l->config.tasks_max && l->tickets[slot].state == LOCAL_NONE);
    struct local_ticket *t = &l->tickets[slot];
    *t = (struct local_ticket){.task = *task, .submitted_ns = l->now_ns};
    p2_list_init(&t->link);
    p2_heap_node_init(&t->due);
    p2_local_watch(l, t);
}

// What the cluster does not take of one task it takes of none like it, for a while.
static void shut(struct local *l, struct local_kind kind, enum p2_err code, p2_ns retry_after_ns) {
    bool of_the_cluster = code == P2_ERR_NO_CAPABLE_PEER || code == P2_ERR_OVERLOADED || code == P2_ERR_DRAINING ||
                          code == P2_ERR_QUOTA_EXCEEDED || code == P2_ERR_WOULD_MISS_DEADLINE;
    if (!of_the_cluster) return;
    p2_ns span = retry_after_ns > 0 ? p2_ns_min(retry_after_ns, LOCAL_SHUT_MAX_NS) : LOCAL_SHUT_NS;
    p2_local_known(l, kind)->shut_until_ns = p2_ns_add(l->now_ns, span);
}

static void on_unmet(struct local *l, const struct local_event *ev) {
    struct local_ticket *t = p2_local_find(l, ev->u.unmet.ticket);
    P2_CHECK(t && !t->alone);
    shut(l, p2_local_kind(t), ev->u.unmet.code, ev->u.unmet.retry_after_ns);
    t->alone = true;
    if (t->failed) {
        enum p2_err code = t->failed;
        struct local_action *a = p2_local_end(l, t, LOCAL_END_FAILED);
        a->u.end.code = code;
        a->u.end.text = p2_err_sentence(code);
        return;
    }
    if (t->state == LOCAL_WATCHED) p2_local_watch(l, t);
}

static void on_over(struct local *l, uint64_t ticket, bool done) {
    struct local_ticket *t = p2_local_find(l, ticket);
    if (!t) return;
    if (done) p2_local_known(l, p2_local_kind(t))->shut_until_ns = 0;
    if (t->state == LOCAL_RUNNING) p2_local_leave_cell(l, t);
    forget(l, t);
}

static void on_link(struct local *l, bool up) {
    if (up == l->up) return;
    l->up = up;
    if (!up) l->down_since_ns = l->now_ns;
    p2_local_rewatch(l);
}

// ---- the door

static void handle(struct local *l, const struct local_event *ev) {
    switch (ev->kind) {
    case LOCAL_TASK: on_task(l, &ev->u.task); break;
    case LOCAL_UNMET: on_unmet(l, ev); break;
    case LOCAL_OVER: on_over(l, ev->u.over.ticket, ev->u.over.done); break;
    case LOCAL_LINK: on_link(l, ev->u.up); break;
    case LOCAL_FORECAST:
        if (ev->u.forecast.can)
            p2_local_known(l, ev->u.forecast.kind)->shut_until_ns = 0;
        else
            shut(l, ev->u.forecast.kind, ev->u.forecast.code, ev->u.forecast.retry_after_ns);
        break;
    case LOCAL_STARTED:
    case LOCAL_WORD:
    case LOCAL_GONE: p2_local_child_event(l, ev); break;
    case LOCAL_TICK: break;
    }
}

static void rest(struct local *l) {
    if (l->busy) {
        l->used = true;
        l->idle_since_ns = P2_NEVER;
    } else if (l->used && l->idle_since_ns == P2_NEVER) {
        l->idle_since_ns = l->now_ns;
    } else if (l->used && l->now_ns >= p2_ns_add(l->idle_since_ns, LOCAL_IDLE_NS)) {
        l->used = false;
        l->idle_since_ns = P2_NEVER;
        p2_local_act(l, LOCAL_DO_RELEASE);
    }
}

void p2_local_step(struct local *l, const struct local_event *ev, struct local_actions *out) {
    P2_CHECK(ev->now_ns >= l->now_ns);
    out->count = 0;
    l->out = out;
    l->now_ns = ev->now_ns;
    if (l->down_since_ns == P2_NEVER) l->down_since_ns = ev->now_ns;
    handle(l, ev);
    p2_local_child_settle(l);
    p2_local_choose(l);
    rest(l);
    l->out = NULL;
}

p2_ns p2_local_next_ns(const struct local *l) {
    p2_ns next = p2_ns_min(p2_local_choose_next(l), p2_local_child_next(l));
    return p2_ns_min(next, p2_ns_add(l->idle_since_ns, LOCAL_IDLE_NS));
}
