#include "base/check.h"
#include "client/local/local_in.h"

static void check_ticket(const struct local *l, const struct local_ticket *t) {
    P2_CHECK(p2_list_linked(&t->link) && t->task.type < l->config.type_count);
    bool wanted = t->state == LOCAL_WANTED, running = t->state == LOCAL_RUNNING;
    P2_CHECK(!wanted || p2_heap_in(&t->due));
    P2_CHECK(!running || !p2_heap_in(&t->due));
    P2_CHECK(!t->alone || running || p2_heap_in(&t->due)); // someone cares for it
    if (!running) return;
    P2_CHECK(t->cell < l->config.cells);
    P2_CHECK(l->cells[t->cell].busy && l->cells[t->cell].ticket == t->task.ticket);
}

void p2_local_check(const struct local *l) {
    uint32_t open = 0, busy = 0, queued = 0;
    for (uint32_t i = 0; i < l->config.tasks_max; i++) {
        const struct local_ticket *t = &l->tickets[i];
        if (t->state == LOCAL_NONE) continue;
        check_ticket(l, t);
        open++;
        queued += p2_heap_in(&t->due);
    }
    P2_CHECK(open == l->open_count && queued == l->watched.count + l->wanted.count);
    for (uint32_t i = 0; i < l->config.cells; i++) {
        const struct local_cell *c = &l->cells[i];
        busy += c->busy;
        P2_CHECK(c->busy || !c->ticket);
        if (!c->busy || !c->ticket) continue;
        const struct local_ticket *t = p2_local_find(l, c->ticket);
        P2_CHECK(t && t->state == LOCAL_RUNNING && t->cell == i);
    }
    P2_CHECK(busy == l->busy && l->crashes <= LOCAL_CRASHES_MAX);
    P2_CHECK(!busy || l->child == CHILD_READY || l->child == CHILD_KILLING);
    P2_CHECK((l->child == CHILD_OVER) == (l->crashes >= LOCAL_CRASHES_MAX));
}
