#include "stats.h"

#include "base/check.h"

static void leave(struct coord_stats *s, enum task_state from) {
    if (from == TASK_QUEUED) {
        P2_CHECK(s->tasks_queued > 0);
        s->tasks_queued--;
    } else if (from == TASK_PLACED || from == TASK_RETURNING) {
        P2_CHECK(s->tasks_running > 0);
        s->tasks_running--;
    } else if (from == TASK_JOINED) {
        P2_CHECK(s->tasks_joined > 0);
        s->tasks_joined--;
    } else if (from == TASK_KEPT) {
        P2_CHECK(s->tasks_kept > 0);
        s->tasks_kept--;
    }
}

void stats_task_moved(struct coord_stats *s, enum task_state from, enum task_state to) {
    leave(s, from);
    switch (to) {
    case TASK_QUEUED:
        s->tasks_queued++;
        if (from == TASK_NEW) s->tasks_accepted++;
        break;
    case TASK_PLACED:
    case TASK_RETURNING: s->tasks_running++; break;
    case TASK_JOINED: s->tasks_joined++; break;
    case TASK_KEPT: s->tasks_kept++; break;
    case TASK_DONE: s->tasks_completed++; break;
    case TASK_FAILED: s->tasks_failed++; break;
    case TASK_EXPIRED: s->tasks_expired++; break;
    case TASK_CANCELLED: s->tasks_cancelled++; break;
    case TASK_REFUSED: s->tasks_refused++; break;
    default: P2_UNREACHABLE();
    }
}
