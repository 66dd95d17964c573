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
static bool find_coordinator(char *out, size_t capacity) {
    static const char *const places[] = {"p2c2r-coordinator", "../coordinator/p2c2r-coordinator"};
    char dir[1024];
    if (!p2_program_dir(dir, sizeof dir)) return false;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(out, capacity, "%s/%s", dir, places[i]);
        if (access(out, X_OK) == 0) return true;
    }
    return false;
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

static int run(const struct settings *s, const struct scenario_file *file, const struct threshold *thresholds,
               uint32_t threshold_count) {
    struct live live = {.on = !s->quiet, .terminal = isatty(STDERR_FILENO)};
    char program[1280], why[512] = "";
    struct p2_strbuf text;
    struct run_facts facts;
    p2_strbuf_init(&text, why, sizeof why);
    if (!s->coordinator && !find_coordinator(program, sizeof program))
        return complain(P2_EXIT_FAILED, "p2c2r-coordinator is not where it should be; name one by --coordinator");
    const struct run_settings settings = {.scenario = &file->scenario,
                                          .url = s->coordinator,
                                          .coordinator = program,
                                          .stall_ns = s->stall_ns,
                                          .stall_at_ns = s->stall_at_ns,
                                          .second = on_second,
                                          .context = &live};
    p2_ns span = scenario_span(&file->scenario);
    struct report *report = report_create(span == P2_NEVER ? 3600 : (uint32_t)(span / P2_SEC) + 64);
    if (!report) return complain(P2_EXIT_FAILED, "memory is short");
    enum run_outcome out = run_scenario(&settings, report, &facts, &text);
    if (live.on && live.terminal) fputc('\n', stderr);
    int code = out == RUN_UNREACHABLE ? P2_EXIT_UNREACHABLE : P2_EXIT_FAILED;
    struct output o = {.file = file,
                       .report = report,
                       .facts = &facts,
                       .thresholds = thresholds,
                       .threshold_count = threshold_count,
                       .own_coordinator = !s->coordinator,
                       .interrupted = out == RUN_INTERRUPTED};
    process_machine(&o.machine);
    if (out == RUN_OK || out == RUN_INTERRUPTED)
        code = show(s, &o);
    else
        complain(code, why);
    report_destroy(&report);
    return code;
}

int main(int argc, char **argv) {
    struct settings s = {0};
    char **operands, why[1024] = "";
    int count;
    enum p2_conf_outcome outcome = p2_conf_read(&loadtest_program, argc, argv, &s, &operands, &count);
    if (outcome != P2_CONF_RUN) return outcome == P2_CONF_EXIT_OK ? P2_EXIT_OK : P2_EXIT_USAGE;
    struct scenario_file file;
    struct threshold thresholds[2 * SCENARIO_THRESHOLDS_MAX];
    uint32_t threshold_count = 0;
    struct p2_strbuf text;
    p2_strbuf_init(&text, why, sizeof why);
    int code = P2_EXIT_USAGE;
    if (!settings_scenario(&s, count ? operands[0] : "quick", &file, &text))
        complain(code, why);
    else if (!settings_thresholds(&s, &file.scenario, thresholds, &threshold_count, &text))
        complain(code, why);
    else
        code = run(&s, &file, thresholds, threshold_count);
    scenario_file_free(&file);
    p2_conf_free(&s);
    return code;
}
