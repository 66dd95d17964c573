// Every invariant of the worker, asserted.
#include "base/check.h"
#include "peer/core/state.h"

static void check_job(const struct worker *w, const struct job *j, p2_handle self) {
    P2_CHECK(j->self == self);
    P2_CHECK(j->state > JOB_NEW && j->state < JOB_ENDED);
    P2_CHECK(j->exec < w->config.device_count && j->cell < w->execs[j->exec].cells);
    P2_CHECK(w->execs[j->exec].cell_job[j->cell] == self);
    P2_CHECK(p2_timer_on(&j->timer) && p2_timer_at(&j->timer) <= j->due_ns && j->due_ns < P2_NEVER);
    P2_CHECK(p2_list_linked(&j->sending) <= (j->state == JOB_SENDING));
    P2_CHECK(j->in.size <= w->config.cell_bytes && j->stored <= j->in.have && j->in.have <= j->in.size);
    P2_CHECK(j->cost.result_bytes_max <= w->config.cell_bytes);
    enum exec_state e = w->execs[j->exec].state;
    if (j->state != JOB_SENDING) P2_CHECK(e == EXEC_READY);
    if (j->state == JOB_HANDED || j->state == JOB_RECALLING)
        P2_CHECK(j->stored == j->in.size && worker_blobs_ready(w, j));
    if (j->state == JOB_SENDING) P2_CHECK(j->out.sent < j->out.size || (!j->result_begun && j->out.size == 0));
    // a job nobody asked for any more lives only until its executor lets go of it
    if (j->state != JOB_CANCELLING) P2_CHECK(j->known);
    if (j->known) P2_CHECK(w->link.state == LINK_JOINED);
}

static void check_exec(const struct worker *w, const struct exec *e, uint32_t handed) {
    P2_CHECK(e->handed == handed);
    P2_CHECK(e->cells >= e->device.slots && e->cells <= WORD_CELLS_MAX);
    P2_CHECK(e->offer_count <= P2_TYPES_MAX);
    if (e->state != EXEC_READY) P2_CHECK(handed == 0);
    for (uint32_t k = 0; k < e->device.slots; k++) P2_CHECK(e->slot_busy_ns[k] >= 0 && e->slot_busy_ns[k] <= w->now);
    for (uint32_t c = e->cells; c < WORD_CELLS_MAX; c++) P2_CHECK(e->cell_job[c] == P2_NO_HANDLE);
}

void worker_check(const struct worker *w) {
    uint32_t live = 0, known = 0, receiving = 0, handed[P2_DEVICES_MAX] = {0}, cells = 0;
    for (uint32_t slot = 0; slot < w->jobs.capacity; slot++) {
        p2_handle self;
        const struct job *j = p2_slab_at(&w->jobs, slot, &self);
        if (!j) continue;
        check_job(w, j, self);
        live++;
        known += j->known;
        receiving += j->state == JOB_RECEIVING;
        handed[j->exec] += worker_job_with_executor(j->state);
    }
    P2_CHECK(live == w->jobs.live && live == w->timers.count && known == w->streams.count && receiving == w->receiving);
    for (uint32_t i = 0; i < w->config.device_count; i++) {
        check_exec(w, &w->execs[i], handed[i]);
        for (uint32_t c = 0; c < w->execs[i].cells; c++) {
            bool is_free = w->execs[i].cells_free >> c & 1;
            P2_CHECK(is_free == (w->execs[i].cell_job[c] == P2_NO_HANDLE));
            if (is_free) continue;
            cells++;
            P2_CHECK(p2_slab_get(&w->jobs, w->execs[i].cell_job[c]) != NULL);
        }
    }
    P2_CHECK(cells == live);
    worker_blobs_check(w);
    P2_CHECK(w->draining || !w->parting);
    P2_CHECK(w->left || w->more || p2_timers_next_ns(&w->timers) > w->now); // what is due was done
}
