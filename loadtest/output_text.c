#include <string.h>

#include "loadtest/output.h"

#define BAR 20

static double ms(p2_ns t) { return (double)t / (double)P2_MS; }

void output_second(FILE *f, const struct report *r, const struct report_second *row, p2_ns total_ns, bool terminal) {
    double part = total_ns > 0 && total_ns != P2_NEVER ? (double)row->at_ns / (double)total_ns : 0;
    int filled = part >= 1 ? BAR : (int)(part * BAR);
    char bar[BAR + 1];
    memset(bar, '#', (size_t)filled);
    memset(bar + filled, '.', (size_t)(BAR - filled));
    bar[BAR] = 0;
    fprintf(f, "%s[%s] %4.0fs %7llu/s  p50 %.2f  p90 %.2f  p99 %.2f ms  open %llu  late %u  not done %llu%s",
            terminal ? "\r\033[K" : "", bar, (double)row->at_ns / (double)P2_SEC, (unsigned long long)row->done,
            ms(row->p50_ns), ms(row->p90_ns), ms(row->p99_ns), (unsigned long long)row->open, (unsigned)row->backlog,
            (unsigned long long)(report_answered(r) - r->ended[ENDED_DONE]), terminal ? "" : "\n");
    fflush(f);
}

static void print_loop(FILE *f, const struct scenario *s) {
    if (scenario_open(s)) {
        fprintf(f, "%s: open loop, latency from when each task was meant to be sent\n", s->name);
        for (uint32_t i = 0; i < s->phase_count; i++) {
            const struct arrival_phase *p = &s->phases[i];
            fprintf(f, "  phase %u: %.0f/s to %.0f/s%s, ", i + 1, p->rate, p->rate_to,
                    s->poisson ? ", random gaps" : "");
            if (p->burst) fprintf(f, "%llu at once, ", (unsigned long long)p->burst);
            fprintf(f, "%.1f s\n", (double)p->duration_ns / (double)P2_SEC);
        }
    } else {
        fprintf(f, "%s: CLOSED loop, %u in flight: latency hides what would have come while it waited\n", s->name,
                s->closed_in_flight);
    }
    fprintf(f, "  %u clients, %u synthetic peers, seed %llu\n", s->clients, scenario_peers(s),
            (unsigned long long)s->seed);
}

static void print_counts(FILE *f, const struct report *r) {
    fprintf(f, "due %llu, sent %llu", (unsigned long long)r->due, (unsigned long long)r->sent);
    for (uint32_t i = 0; i < ENDINGS; i++) {
        if (r->ended[i] || i == ENDED_DONE) fprintf(f, ", %s %llu", ending_name(i), (unsigned long long)r->ended[i]);
    }
    fprintf(f, ", unanswered %llu", (unsigned long long)r->unanswered);
    if (r->dropped) fprintf(f, ", dropped here %llu", (unsigned long long)r->dropped);
    fprintf(f, "\nsuccess %.4f %%, %.1f done/s; %llu had a second run, cached %llu, wrong results %llu\n",
            100 * report_success(r), report_rate(r), (unsigned long long)r->retried, (unsigned long long)r->cached,
            (unsigned long long)r->wrong);
    for (uint32_t i = 0; i < REPORT_CODES; i++) {
        if (r->codes[i]) fprintf(f, "  %s %llu\n", p2_err_name((enum p2_err)i), (unsigned long long)r->codes[i]);
    }
}

static void print_stages(FILE *f, const struct report *r) {
    fprintf(f, "%-11s %10s %10s %10s %10s %10s %10s   ms\n", "", "mean", "p50", "p90", "p99", "p99.9", "max");
    for (enum stage s = 0; s < STAGES; s++) {
        const struct hdr *h = &r->stages[s];
        fprintf(f, "%-11s %10.3f %10.3f %10.3f %10.3f %10.3f %10.3f\n", stage_name(s), ms(hdr_mean(h)),
                ms(hdr_at(h, 0.5)), ms(hdr_at(h, 0.9)), ms(hdr_at(h, 0.99)), ms(hdr_at(h, 0.999)), ms(hdr_max(h)));
    }
}

// What each kind of task has met, when there are several.
static void print_tasks(FILE *f, const struct output *o) {
    const struct scenario *s = &o->file->scenario;
    for (uint32_t i = 0; s->task_count > 1 && i < s->task_count; i++) {
        const struct hdr *h = &o->report->tasks[i];
        char name[48];
        snprintf(name, sizeof name, "task%u, %s of %llu B", i + 1, s->tasks[i].type->name,
                 (unsigned long long)s->tasks[i].payload_bytes);
        fprintf(f, "%-34s %8llu done, p50 %.3f, p90 %.3f, p99 %.3f, max %.3f ms\n", name, (unsigned long long)h->count,
                ms(hdr_at(h, 0.5)), ms(hdr_at(h, 0.9)), ms(hdr_at(h, 0.99)), ms(hdr_max(h)));
    }
}

static void print_costs(FILE *f, const struct output *o) {
    const struct report *r = o->report;
    const struct report_second *last = r->row_count ? &r->rows[r->row_count - 1] : NULL;
    fprintf(f, "wire %.1f MB, of it %.2f %% not payload; peers' slots busy %.1f %%\n", (double)r->wire_bytes / 1e6,
            100 * report_overhead(r), 100 * r->busy);
    for (uint32_t i = 0; i < r->peer_count; i++) {
        const struct report_peer *p = &r->peers[i];
        double span = (double)p2_ns_max(r->jobs_ns, 1);
        fprintf(f, "peer %u: %llu done, its kernels ran %.1f %% of the time, its jobs %.1f %%\n", i + 1,
                (unsigned long long)p->done, 100 * (double)p->kernel_ns / span, 100 * (double)p->processing_ns / span);
    }
    fprintf(f, "cores: load %.2f, synthetic peers %.2f", report_cpu(r, PROGRAM_LOAD), report_cpu(r, PROGRAM_PEERS));
    if (o->own_coordinator) {
        fprintf(f, ", coordinator %.2f", report_cpu(r, PROGRAM_COORDINATOR));
        if (r->ended[ENDED_DONE])
            fprintf(f, " (%.1f us a task)",
                    (double)r->cpu_ns[PROGRAM_COORDINATOR] / 1e3 / (double)r->ended[ENDED_DONE]);
        if (last)
            fprintf(f, "\ncoordinator %.1f MB resident, %.1f KiB a connection, %.1f %% more than when counting began",
                    (double)last->resident[PROGRAM_COORDINATOR] / 1e6, report_connection_bytes(r) / 1024,
                    100 * report_growth(r));
    }
    const struct peers_said *p = &o->facts->peers;
    if (p->vanished || p->flapped || p->silenced)
        fprintf(f, "\npeers: %llu vanished, %llu lost their connection, %llu fell silent",
                (unsigned long long)p->vanished, (unsigned long long)p->flapped, (unsigned long long)p->silenced);
    fputc('\n', f);
}

// By what share a figure is worse than the baseline's.
static double worse(const struct output *o, enum figure i) {
    return o->baseline ? figure_worse(i, o->baseline->figures[i], figures_median(o->figures, i)) : 0;
}

static bool regressed(const struct output *o, enum figure i) {
    return o->regression_max > 0 && worse(o, i) > o->regression_max;
}

static void print_figures(FILE *f, const struct output *o) {
    if (o->figures->count < 2 && !o->baseline) return;
    fprintf(f, "%-24s %12s %12s %12s", "", "median", "least", "most");
    if (o->baseline) fprintf(f, " %12s", "baseline");
    fprintf(f, "   of %u runs\n", o->figures->count);
    for (enum figure i = 0; i < FIGURES; i++) {
        fprintf(f, "%-24s %12.3f %12.3f %12.3f", figure_name(i), figures_median(o->figures, i),
                figures_least(o->figures, i), figures_most(o->figures, i));
        if (o->baseline) fprintf(f, " %12.3f", o->baseline->figures[i]);
        if (worse(o, i) > 0) fprintf(f, "   %.1f %% worse%s", 100 * worse(o, i), regressed(o, i) ? ": REGRESSED" : "");
        fputc('\n', f);
    }
    if (o->baseline)
        fprintf(f, "baseline: revision %s%s\n", o->baseline->revision,
                o->baseline->same_machine ? "" : "; it was measured on ANOTHER MACHINE");
}

bool output_broken(const struct output *o) {
    for (enum figure i = 0; i < FIGURES; i++) {
        if (regressed(o, i)) return true;
    }
    for (uint32_t i = 0; i < o->threshold_count; i++) {
        if (!threshold_holds(&o->thresholds[i], o->report)) return true;
    }
    return false;
}

static void print_verdict(FILE *f, const struct output *o) {
    char text[256] = "";
    struct p2_strbuf s;
    for (uint32_t i = 0; i < o->threshold_count; i++) {
        const struct threshold *t = &o->thresholds[i];
        p2_strbuf_init(&s, text, sizeof text);
        threshold_show(threshold_unit(t), threshold_value(t, o->report), &s);
        fprintf(f, "%s %s: %s\n", threshold_holds(t, o->report) ? "kept  " : "MISSED", t->text, text);
    }
    p2_strbuf_init(&s, text, sizeof text);
    if (o->interrupted)
        fputs("interrupted: of what was sent until then\n", f);
    else if (report_certify(o->report, &s))
        fputs("certified: the harness was not what limited it\n", f);
    else
        fprintf(f, "NOT certified: %s\n", text);
}

void output_text(FILE *f, const struct output *o) {
    print_loop(f, &o->file->scenario);
    print_counts(f, o->report);
    print_stages(f, o->report);
    print_tasks(f, o);
    print_costs(f, o);
    print_figures(f, o);
    print_verdict(f, o);
}
