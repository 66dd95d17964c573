#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loadtest/options.h"
#include "loadtest/output.h"
#include "os/os.h"

#define EXIT_MISSED 99

struct live {
    bool on, terminal;
};

static void on_second(void *context, const struct report *r, const struct report_second *row, p2_ns total_ns) {
    const struct live *live = context;
    if (live->on) output_second(stderr, r, row, total_ns, live->terminal);
}

static int complain(int code, const char *text) {
    fprintf(stderr, "p2c2r-loadtest: %s\n", text);
    return code;
}

// Beside us where it is installed, in its own folder of a build tree.
static bool find_program(const char *name, const char *folder, char *out, size_t capacity) {
    char dir[1024];
    struct p2_strbuf path;
    if (!p2_program_dir(dir, sizeof dir)) return false;
    p2_strbuf_init(&path, out, capacity);
    p2_strbuf_printf(&path, "%s/%s", dir, name);
    if (access(path.text, X_OK) == 0) return true;
    p2_strbuf_init(&path, out, capacity);
    p2_strbuf_printf(&path, "%s/../%s/%s", dir, folder, name);
    return access(path.text, X_OK) == 0;
}

static int write_files(const char *folder, const struct output *o, const char *json) {
    char path[1024];
    const char *name = o->file->scenario.name;
    bool ok = p2_dir_make(folder) == P2_OK;
    snprintf(path, sizeof path, "%s/%s.json", folder, name);
    ok = ok && p2_file_write(path, json, strlen(json)) == P2_OK;
    snprintf(path, sizeof path, "%s/%s.html", folder, name);
    ok = ok && output_html(path, o);
    snprintf(path, sizeof path, "%s/%s.hgrm", folder, name);
    ok = ok && output_hgrm(path, o);
    if (!ok) return complain(P2_EXIT_FAILED, "the report's files could not be written");
    return P2_EXIT_OK;
}

static int show(const struct settings *s, const struct output *o) {
    char *json = output_json(o);
    if (!json) return complain(P2_EXIT_FAILED, "memory is short");
    if (s->json)
        puts(json);
    else
        output_text(stdout, o);
    int code = s->out ? write_files(s->out, o, json) : P2_EXIT_OK;
    free(json);
    if (code == P2_EXIT_OK && output_broken(o)) code = EXIT_MISSED;
    return code;
}

struct asked { // all that a command line asks for
    struct settings s;
    struct scenario_file file;
    struct threshold thresholds[2 * SCENARIO_THRESHOLDS_MAX];
    uint32_t threshold_count;
    double regression_max;
    struct baseline baseline;
    struct knee knee;
    struct machine machine;
};

static bool understand(struct asked *a, const char *name, struct p2_strbuf *why) {
    process_machine(&a->machine);
    return settings_scenario(&a->s, name, &a->file, why) &&
           settings_thresholds(&a->s, &a->file.scenario, a->thresholds, &a->threshold_count, why) &&
           settings_regression(&a->s, &a->regression_max, why) &&
           (!a->s.baseline || baseline_read(a->s.baseline, &a->machine, &a->baseline, why));
}

static enum run_outcome search(const struct run_settings *settings, struct asked *a, struct report **report,
                               struct run_facts *facts, struct p2_strbuf *why) {
    struct knee *k = &a->knee;
    *k = (struct knee){.scenario = &a->file.scenario,
                       .target_ns = a->s.target_ns > 0 ? a->s.target_ns : KNEE_TARGET,
                       .f = a->s.json ? stderr : stdout};
    enum run_outcome out = campaign_knee(settings, k, report, facts, why);
    if (out == RUN_OK)
        fprintf(k->f, "knee: %.0f/s held, %.0f/s not%s\n", k->best, k->limit,
                k->by_harness ? "; there the harness was the limit, not the coordinator" : "");
    return out;
}

static int run(struct asked *a) {
    const struct settings *s = &a->s;
    struct live live = {.on = !s->quiet && !s->knee, .terminal = isatty(STDERR_FILENO)};
    char program[1280], peer[1280], why[512] = "";
    struct p2_strbuf text;
    struct run_facts facts;
    struct figures figures = {0};
    struct report *report = NULL;
    p2_strbuf_init(&text, why, sizeof why);
    if (!s->coordinator && !find_program("p2c2r-coordinator", "coordinator", program, sizeof program))
        return complain(P2_EXIT_FAILED, "p2c2r-coordinator is not where it should be; name one by --coordinator");
    if (s->real_peers && !find_program("p2c2r-peer", "peer", peer, sizeof peer))
        return complain(P2_EXIT_FAILED, "p2c2r-peer is not where it should be");
    const struct run_settings settings = {.scenario = &a->file.scenario,
                                          .url = s->coordinator,
                                          .coordinator = program,
                                          .real_peers = (uint32_t)s->real_peers,
                                          .peer = peer,
                                          .devices = s->devices,
                                          .stall_ns = s->stall_ns,
                                          .stall_at_ns = s->stall_at_ns,
                                          .second = on_second,
                                          .context = &live};
    enum run_outcome out = s->knee ? search(&settings, a, &report, &facts, &text)
                                   : campaign_repeat(&settings, settings_repeats(s), &figures, &report, &facts, &text);
    if (live.on && live.terminal) fputc('\n', stderr);
    if (!report) return complain(out == RUN_UNREACHABLE ? P2_EXIT_UNREACHABLE : P2_EXIT_FAILED, why);
    if (s->knee) figures_add(&figures, report);
    const struct output o = {.file = &a->file,
                             .report = report,
                             .facts = &facts,
                             .thresholds = a->thresholds,
                             .threshold_count = a->threshold_count,
                             .figures = &figures,
                             .knee = s->knee ? &a->knee : NULL,
                             .baseline = s->baseline ? &a->baseline : NULL,
                             .regression_max = a->regression_max,
                             .machine = a->machine,
                             .own_coordinator = !s->coordinator,
                             .interrupted = out == RUN_INTERRUPTED};
    int code = show(s, &o);
    report_destroy(&report);
    return code;
}

int main(int argc, char **argv) {
    static struct asked a;
    char **operands, why[1024] = "";
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&loadtest_program, argc, argv, &a.s, &operands, &count);
    if (outcome != P2_CONF_RUN) return outcome == P2_CONF_EXIT_OK ? P2_EXIT_OK : P2_EXIT_USAGE;
    struct p2_strbuf text;
    p2_strbuf_init(&text, why, sizeof why);
    int code = understand(&a, count ? operands[0] : "quick", &text) ? run(&a) : complain(P2_EXIT_USAGE, why);
    scenario_file_free(&a.file);
    p2_conf_free(&a.s);
    return code;
}
