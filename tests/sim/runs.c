#include "runs.h"

#include <stdlib.h>

#include "sim.h"

struct run {
    uint32_t task, begun_for, attempt;
    p2_handle conn;
};

static struct {
    struct run *all;
    uint32_t count, capacity;
} runs;

void runs_open(uint32_t capacity) {
    runs.all = calloc(capacity, sizeof *runs.all);
    P2_CHECK(runs.all);
    runs.capacity = capacity;
    runs.count = 0;
}

void runs_close(void) { free(runs.all); }

static void drop(uint32_t i) { runs.all[i] = runs.all[--runs.count]; }

void run_begins(uint32_t task, uint32_t attempt, p2_handle conn) {
    for (uint32_t i = 0; i < runs.count; i++) {
        SIM_CHECK(runs.all[i].task != task || runs.all[i].conn != conn, "task %u runs twice on one peer", task);
    }
    SIM_CHECK(runs_of(task) < 2, "task %u has three runs", task);
    SIM_CHECK(runs.count < runs.capacity, "there are more runs than there may be");
    runs.all[runs.count++] = (struct run){task, task, attempt, conn};
}

void run_ends(uint32_t begun_for, uint32_t attempt, p2_handle conn) {
    for (uint32_t i = 0; i < runs.count; i++) {
        const struct run *r = &runs.all[i];
        if (r->begun_for != begun_for || r->attempt != attempt || r->conn != conn) continue;
        drop(i);
        return;
    }
}

bool run_owner(uint32_t begun_for, uint32_t attempt, p2_handle conn, uint32_t *task_out) {
    for (uint32_t i = 0; i < runs.count; i++) {
        const struct run *r = &runs.all[i];
        if (r->begun_for != begun_for || r->attempt != attempt || r->conn != conn) continue;
        *task_out = r->task;
        return true;
    }
    return false;
}

void runs_lost(p2_handle conn) {
    for (uint32_t i = runs.count; i-- > 0;) {
        if (runs.all[i].conn == conn) drop(i);
    }
}

void runs_taken_over(uint32_t from, uint32_t by) {
    for (uint32_t i = 0; i < runs.count; i++) {
        if (runs.all[i].task == from) runs.all[i].task = by;
    }
}

uint32_t runs_of(uint32_t task) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < runs.count; i++) n += runs.all[i].task == task;
    return n;
}
