#include <jansson.h>
#include <stdlib.h>

#include "loadtest/output.h"
#include "loadtest/revision.h"

static double us(p2_ns t) { return (double)(t / 10) / 100; } // to a hundredth

static json_t *times_of(const struct hdr *h) {
    static const struct {
        const char *name;
        double q;
    } qs[] = {{"p50", 0.5},  {"p75", 0.75},    {"p90", 0.9},      {"p95", 0.95},
              {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
    json_t *one =
        json_pack("{s:I, s:f, s:f, s:f, s:f}", "count", (json_int_t)h->count, "min_us", (double)h->min_us, "mean_us",
                  us(hdr_mean(h)), "deviation_us", us(hdr_deviation(h)), "max_us", (double)h->max_us);
    for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
        char key[16];
        snprintf(key, sizeof key, "%s_us", qs[i].name);
        json_object_set_new(one, key, json_real(us(hdr_at(h, qs[i].q))));
    }
    return one;
}

static json_t *stages_of(const struct report *r) {
    json_t *all = json_object();
    for (enum stage s = 0; s < STAGES; s++) json_object_set_new(all, stage_name(s), times_of(&r->stages[s]));
    return all;
}

// Latency of each kind of task, in the scenario's order.
static json_t *tasks_of(const struct output *o) {
    json_t *all = json_array();
    for (uint32_t i = 0; i < o->file->scenario.task_count; i++)
        json_array_append_new(all, times_of(&o->report->tasks[i]));
    return all;
}

static json_t *counts_of(const struct report *r) {
    json_t *o = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "due", (json_int_t)r->due, "sent", (json_int_t)r->sent,
                          "unanswered", (json_int_t)r->unanswered, "dropped", (json_int_t)r->dropped, "retried",
                          (json_int_t)r->retried, "cached", (json_int_t)r->cached, "wrong", (json_int_t)r->wrong);
    for (enum ending e = 0; e < ENDINGS; e++)
        json_object_set_new(o, ending_name(e), json_integer((json_int_t)r->ended[e]));
    json_t *codes = json_object();
    for (uint32_t i = 0; i < REPORT_CODES; i++) {
        if (r->codes[i]) json_object_set_new(codes, p2_err_name((enum p2_err)i), json_integer((json_int_t)r->codes[i]));
    }
    json_object_set_new(o, "codes", codes);
    return o;
}

static json_t *seconds_of(const struct report *r) {
    json_t *all = json_array();
    for (uint32_t i = 0; i < r->row_count; i++) {
        const struct report_second *s = &r->rows[i];
        json_array_append_new(
            all, json_pack("{s:f, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:i, s:i, s:i, s:f, s:[fff], s:[III]}",
                           "at_s", (double)s->at_ns / 1e9, "sent", (json_int_t)s->sent, "done", (json_int_t)s->done,
                           "not_done", (json_int_t)s->not_done, "p50_us", us(s->p50_ns), "p90_us", us(s->p90_ns),
                           "p99_us", us(s->p99_ns), "max_us", us(s->max_ns), "open", (json_int_t)s->open, "backlog",
                           (json_int_t)s->backlog, "queued", (int)s->queued, "running", (int)s->running, "peers",
                           (int)s->peers, "busy", s->busy, "cores", s->cpu[0], s->cpu[1], s->cpu[2], "resident",
                           (json_int_t)s->resident[0], (json_int_t)s->resident[1], (json_int_t)s->resident[2]));
    }
    return all;
}

static json_t *thresholds_of(const struct output *o) {
    json_t *all = json_array();
    for (uint32_t i = 0; i < o->threshold_count; i++) {
        const struct threshold *t = &o->thresholds[i];
        json_array_append_new(all, json_pack("{s:s, s:f, s:b}", "rule", t->text, "value", threshold_value(t, o->report),
                                             "kept", (int)threshold_holds(t, o->report)));
    }
    return all;
}

// What was run, after options: the file's own text stands beside it.
static json_t *configuration_of(const struct output *o) {
    const struct scenario *s = &o->file->scenario;
    json_t *phases = json_array();
    for (uint32_t i = 0; i < s->phase_count; i++) {
        const struct arrival_phase *p = &s->phases[i];
        json_array_append_new(phases, json_pack("{s:f, s:f, s:I, s:f}", "rate", p->rate, "to", p->rate_to, "burst",
                                                (json_int_t)p->burst, "seconds", (double)p->duration_ns / 1e9));
    }
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:i, s:o, s:O, s:s, s:b}", "scenario", s->name, "loop",
                     scenario_open(s) ? "open" : "closed", "clients", (int)s->clients, "window", (int)s->window,
                     "synthetic_peers", (int)scenario_peers(s), "seed", (json_int_t)s->seed, "in_flight",
                     (int)s->closed_in_flight, "phases", phases, "file", (json_t *)o->file->json, "coordinator",
                     o->facts->url, "own_coordinator", (int)o->own_coordinator);
}

static json_t *figures_of(const struct output *o) {
    json_t *all = json_object();
    for (enum figure i = 0; i < FIGURES; i++) {
        json_t *runs = json_array();
        for (uint32_t k = 0; k < o->figures->count; k++) json_array_append_new(runs, json_real(o->figures->runs[k][i]));
        json_t *one = json_pack("{s:f, s:o}", "median", figures_median(o->figures, i), "runs", runs);
        if (o->baseline) json_object_set_new(one, "baseline", json_real(o->baseline->figures[i]));
        json_object_set_new(all, figure_name(i), one);
    }
    return all;
}

static json_t *costs_of(const struct report *r) {
    json_t *peers = json_array();
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct report_peer *p = &r->peers[i];
        json_array_append_new(peers,
                              json_pack("{s:I, s:f, s:f}", "done", (json_int_t)p->done, "kernel_s",
                                        (double)p->kernel_ns / 1e9, "processing_s", (double)p->processing_ns / 1e9));
    }
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "wire_bytes", (json_int_t)r->wire_bytes,
                     "payload_bytes", (json_int_t)r->payload_bytes, "overhead", report_overhead(r), "busy", r->busy,
                     "load_cores", report_cpu(r, PROGRAM_LOAD), "peers_cores", report_cpu(r, PROGRAM_PEERS),
                     "coordinator_cores", report_cpu(r, PROGRAM_COORDINATOR), "coordinator_growth", report_growth(r),
                     "connection_bytes", report_connection_bytes(r), "kernel", report_kernel(r), "real_peers", peers);
}

char *output_json(const struct output *o) {
    char why[256] = "";
    struct p2_strbuf text;
    p2_strbuf_init(&text, why, sizeof why);
    bool certified = !o->interrupted && report_certify(o->report, &text);
    const struct machine *m = &o->machine;
    json_t *machine = json_pack("{s:s, s:s, s:i, s:I}", "cpu", m->cpu, "kernel", m->kernel, "cores", (int)m->cores,
                                "memory_bytes", (json_int_t)m->memory_bytes);
    json_t *root =
        json_pack("{s:s, s:s, s:o, s:o, s:b, s:s, s:b, s:f, s:f, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "program",
                  "p2c2r-loadtest", "revision", REVISION, "machine", machine, "configuration", configuration_of(o),
                  "certified", (int)certified, "not_certified_because", why, "interrupted", (int)o->interrupted,
                  "seconds", (double)(o->report->end_ns - o->report->begin_ns) / 1e9, "success",
                  report_success(o->report), "done_per_second", report_rate(o->report), "counts", counts_of(o->report),
                  "stages", stages_of(o->report), "tasks", tasks_of(o), "costs", costs_of(o->report), "figures",
                  figures_of(o), "thresholds", thresholds_of(o), "rows", seconds_of(o->report));
    if (root && o->knee)
        json_object_set_new(root, "knee",
                            json_pack("{s:f, s:f, s:f, s:b}", "held_per_second", o->knee->best, "not_held_per_second",
                                      o->knee->limit, "target_us", us(o->knee->target_ns), "limited_by_harness",
                                      (int)o->knee->by_harness));
    char *out = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(root);
    return out;
}
