#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "job.h"
#include "os/os.h"

#define AGAIN_MIN_NS (20 * P2_MS) // pauses before a task is handed in again
#define AGAIN_MAX_NS P2_SEC
#define BATCH_MAX 64u
#define PAYLOADS_MAX (256u << 20) // bytes of payloads of jobs that have not ended, the last one aside

struct run {
    const struct cli_jobs *jobs;
    p2c2r_client *client;
    struct cli_job *first, **last; // waiting to be handed in, again or at all
    uint32_t waiting, in_flight;
    uint64_t payload_bytes;
    bool exhausted, any_done;
};

static void wait_for_turn(struct run *r, struct cli_job *j) {
    j->next = NULL;
    *r->last = j;
    r->last = &j->next;
    r->waiting++;
}

static void end(struct run *r, struct cli_job *j, const p2c2r_result *result, const char *wrong) {
    r->payload_bytes -= j->task.payload_size;
    r->jobs->ended(r->jobs->context, j, result, wrong);
}

static void ask_for_more(struct run *r) {
    while (!r->exhausted && r->waiting + r->in_flight < r->jobs->in_flight_max && r->payload_bytes <= PAYLOADS_MAX) {
        struct cli_job *j = r->jobs->next(r->jobs->context);
        r->exhausted = !j;
        if (!j) return;
        r->payload_bytes += j->task.payload_size;
        wait_for_turn(r, j);
    }
}

// Those whose time has come, out of the waiting, in order.
static uint32_t take_due(struct run *r, struct cli_job **due, p2_ns now) {
    uint32_t n = 0;
    for (struct cli_job **at = &r->first; *at && n < BATCH_MAX;) {
        struct cli_job *j = *at;
        if (j->again_ns > now) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        if (!*at) r->last = at;
        r->waiting--;
        due[n++] = j;
    }
    return n;
}

// A batch says only that a task is wrong; alone it is told why.
static const char *why_not(struct run *r, const p2c2r_task *task) {
    p2c2r_ticket ticket;
    p2c2r_submit(r->client, task, &ticket);
    return p2c2r_last_error(r->client);
}

// False: nothing more can go now.
static bool submit_some(struct run *r) {
    struct cli_job *due[BATCH_MAX];
    p2c2r_task tasks[BATCH_MAX];
    p2c2r_ticket tickets[BATCH_MAX];
    p2c2r_status statuses[BATCH_MAX];
    p2_ns now = p2_clock_now();
    uint32_t n = take_due(r, due, now), accepted = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct cli_job *j = due[i];
        if (!j->first_ns) j->first_ns = now;
        tasks[i] = j->task;
        tasks[i].size = sizeof tasks[i];
        tasks[i].user = j;
        tasks[i].deadline_ms = p2_ns_max(j->deadline_ns - (now - j->first_ns), P2_MS) / P2_MS;
    }
    if (n) p2c2r_submit_batch(r->client, tasks, n, tickets, statuses);
    for (uint32_t i = 0; i < n; i++) {
        accepted += statuses[i] == P2C2R_OK;
        if (statuses[i] == P2C2R_OK)
            r->in_flight++;
        else if (statuses[i] == P2C2R_EAGAIN)
            wait_for_turn(r, due[i]);
        else
            end(r, due[i], NULL, statuses[i] == P2C2R_EINVAL ? why_not(r, &tasks[i]) : p2c2r_status_text(statuses[i]));
    }
    return accepted && accepted == n;
}

static bool try_again(struct run *r, struct cli_job *j, const p2c2r_result *result) {
    p2_ns now = p2_clock_now(), tried = now - j->first_ns;
    if (tried >= j->deadline_ns || !cli_again(result, r->any_done, tried, r->jobs->common)) return false;
    p2_ns pause = p2_ns_max(AGAIN_MIN_NS << (j->again < 6 ? j->again : 6), result->retry_after_us * P2_US);
    j->again_ns = p2_ns_add(now, p2_ns_min(pause, AGAIN_MAX_NS));
    j->again++;
    wait_for_turn(r, j);
    return true;
}

static void take(struct run *r, const p2c2r_result *result) {
    struct cli_job *j = result->user;
    r->in_flight--;
    r->any_done |= result->outcome == P2C2R_DONE;
    if (try_again(r, j, result)) return;
    end(r, j, result, NULL);
    if (!cli_is_unreachable(result)) return;
    r->exhausted = true; // what follows would wait as long for the same
    for (struct cli_job *w; (w = r->first);) {
        r->first = w->next;
        end(r, w, result, NULL);
    }
    r->last = &r->first;
    r->waiting = 0;
}

// Until the next may go again, at most a second.
static int64_t patience_us(const struct run *r) {
    p2_ns now = p2_clock_now(), wait = P2_SEC;
    for (const struct cli_job *j = r->first; j; j = j->next) {
        if (j->again_ns > now) wait = p2_ns_min(wait, j->again_ns - now);
    }
    return wait / P2_US + 1;
}

void cli_jobs_run(const struct cli_jobs *jobs, p2c2r_client *client) {
    struct run r = {.jobs = jobs, .client = client};
    r.last = &r.first;
    ask_for_more(&r);
    while (r.waiting || r.in_flight) {
        while (submit_some(&r)) ask_for_more(&r);
        if (!r.in_flight && !r.waiting) {
            ask_for_more(&r);
            continue;
        }
        p2c2r_result results[64] = {{.size = sizeof(p2c2r_result)}};
        uint32_t n = p2c2r_poll(client, results, 64, patience_us(&r));
        for (uint32_t i = 0; i < n; i++) {
            take(&r, &results[i]);
            p2c2r_release(client, &results[i]);
        }
        ask_for_more(&r);
    }
}

json_t *cli_result_json(const struct cli_job *job, const p2c2r_result *r) {
    bool done = r->outcome == P2C2R_DONE;
    double total_us = job->again ? (double)(p2_clock_now() - job->first_ns) / 1e3 : (double)r->total_us;
    json_t *o =
        json_pack("{s:b, s:s, s:s}", "ok", done, "type", job->task.type, "outcome", p2c2r_outcome_name(r->outcome));
    json_t *more =
        done ? json_pack("{s:I}", "bytes", (json_int_t)r->data_size)
             : json_pack("{s:s, s:s, s:b}", "code", r->code_name, "reason", r->reason, "retryable", r->retryable != 0);
    json_t *times =
        json_pack("{s:I, s:I, s:b, s:f, s:f, s:f, s:f, s:f}", "attempts", (json_int_t)r->attempts, "resubmitted",
                  (json_int_t)job->again, "cached", r->cached != 0, "queue_ms", (double)r->queue_us / 1e3,
                  "transfer_ms", (double)r->transfer_us / 1e3, "processing_ms", (double)r->processing_us / 1e3,
                  "kernel_ms", (double)r->kernel_us / 1e3, "total_ms", total_us / 1e3);
    json_object_update_missing(o, more);
    json_object_set_new(o, "origin", json_string(p2c2r_origin_name(r->origin)));
    if (r->peer[0]) json_object_set_new(o, "peer", json_string(r->peer));
    json_object_update_missing(o, times);
    json_decref(more);
    json_decref(times);
    return o;
}
