// `./run bench dispatch` and `./run bench relay`: small and large payloads through our coordinator and through brokers
// that do the same work, side by side on one machine (loadtest/README.md).
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "loadtest/bench/bench.h"
#include "loadtest/bench/dispatch/board.h"
#include "os/conf.h"
#include "os/os.h"

#define REPETITIONS_MAX 31

struct options {
    const struct board_bench *bench;
    bool systems[SYSTEMS], measures[MEASURES];
    bool plain;
    double seconds;
    int repetitions;
    char coordinator[512];
    const char *with[RUN_OPTIONS_MAX + 1];
    unsigned with_count;
};

static const char usage[] =
    "usage: ./run bench dispatch|relay [OPTION...]\n\n"
    "  --only NAMES        of systems, separated by commas\n"
    "  --measures NAMES    likewise, of measures\n"
    "  --seconds S         measured of each run, 2 unless said\n"
    "  --repeat N          runs of each system and measure, interleaved, 3 unless said; medians count\n"
    "  --coordinator FILE  the program; else the one built with this\n"
    "  --with OPTION       of it, --steal=off say; up to 8 times\n"
    "  --plain             neither a network of its own nor real-time scheduling\n"
    "  --list              names of systems and measures\n";

static const char *system_name(unsigned i) { return i < SYSTEMS ? systems[i].name : NULL; }
static const char *measure_name(unsigned i) { return i < MEASURES ? measures[i].name : NULL; }

// Sets those named in a list, and no others. False: one of them is none.
static bool choose(const char *list, const char *(*name)(unsigned), bool *chosen) {
    for (unsigned i = 0; name(i); i++) chosen[i] = false;
    while (*list) {
        size_t n = strcspn(list, ",");
        unsigned i = 0;
        while (name(i) && (strlen(name(i)) != n || strncmp(name(i), list, n) != 0)) i++;
        if (!name(i)) {
            fprintf(stderr, "bench: no such name: %.*s\n", (int)n, list);
            return false;
        }
        chosen[i] = true;
        list += n + (list[n] == ',');
    }
    return true;
}

static void print_names(void) {
    for (unsigned i = 0; i < SYSTEMS; i++) printf("%-14s %s\n", systems[i].name, systems[i].doc);
    for (unsigned i = 0; i < MEASURES; i++) printf("%-14s %s\n", measures[i].name, measures[i].doc);
}

static bool find_coordinator(struct options *o) {
    char here[400];
    if (!*o->coordinator && p2_program_dir(here, sizeof here))
        snprintf(o->coordinator, sizeof o->coordinator, "%s/../../../coordinator/p2c2r-coordinator", here);
    if (access(o->coordinator, X_OK) == 0) return true;
    fprintf(stderr, "bench: no coordinator at %s\n", o->coordinator);
    return false;
}

static bool take_option(struct options *o, int option) {
    switch (option) {
    case 'o': return choose(optarg, system_name, o->systems);
    case 'm': return choose(optarg, measure_name, o->measures);
    case 's': o->seconds = strtod(optarg, NULL); return o->seconds > 0 && o->seconds < 600;
    case 'r':
        o->repetitions = (int)strtol(optarg, NULL, 10);
        return o->repetitions > 0 && o->repetitions <= REPETITIONS_MAX;
    case 'c': snprintf(o->coordinator, sizeof o->coordinator, "%s", optarg); return true;
    case 'w':
        if (o->with_count == RUN_OPTIONS_MAX) return false;
        o->with[o->with_count++] = optarg;
        return true;
    case 'p': o->plain = true; return true;
    default: return false;
    }
}

// P2_EXIT_OK: go on; anything else: leave with it, but -1: leave content.
static int take_options(struct options *o, int argc, char **argv) {
    static const struct option names[] = {
        {"only", 1, NULL, 'o'},        {"measures", 1, NULL, 'm'}, {"seconds", 1, NULL, 's'}, {"repeat", 1, NULL, 'r'},
        {"coordinator", 1, NULL, 'c'}, {"with", 1, NULL, 'w'},     {"plain", 0, NULL, 'p'},   {"list", 0, NULL, 'l'},
        {"help", 0, NULL, 'h'},        {NULL, 0, NULL, 0}};
    *o = (struct options){.seconds = 2, .repetitions = 3};
    o->bench = argc > 1 ? board_bench(argv[1]) : NULL;
    if (!o->bench) {
        fputs(usage, stderr);
        return P2_EXIT_USAGE;
    }
    for (unsigned i = 0; i < SYSTEMS; i++) o->systems[i] = true;
    for (unsigned i = 0; i < MEASURES; i++) o->measures[i] = o->bench->measures & 1u << i;
    optind = 2;
    int option;
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'l') print_names();
        if (option == 'h') fputs(usage, stdout);
        if (option == 'l' || option == 'h') return -1;
        if (take_option(o, option)) continue;
        fputs(usage, stderr);
        return P2_EXIT_USAGE;
    }
    return find_coordinator(o) ? P2_EXIT_OK : P2_EXIT_FAILED;
}

static bool wanted(const struct options *o, unsigned system, unsigned measure) {
    return o->systems[system] && o->measures[measure] && board_measures(o->bench, system, measure);
}

// Whose program is not installed is named at once, not in the middle.
static bool opponents_are_here(const struct options *o) {
    bool all = true;
    for (unsigned y = 0; y < SYSTEMS; y++) {
        const char *program = systems[y].program;
        bool used = false, seen = false;
        for (unsigned m = 0; m < MEASURES; m++) used |= wanted(o, y, m);
        for (unsigned i = 0; i < y; i++)
            seen |= systems[i].program && program && strcmp(systems[i].program, program) == 0;
        if (!used || seen || !program || !*program || stage_has(program)) continue;
        fprintf(stderr, "bench: %s is not installed\n", program);
        all = false;
    }
    return all;
}

// One of each, so that all meet the same disturbances, and then again.
static bool repeat(const struct options *o, struct stage *stage, struct board *board) {
    bool all = true;
    for (unsigned m = 0; m < MEASURES; m++) {
        for (unsigned y = 0; y < SYSTEMS; y++) {
            if (!wanted(o, y, m)) continue;
            if (stage_interrupted(stage)) return false;
            struct drive_figures f;
            char text[400];
            struct p2_strbuf why;
            p2_strbuf_init(&why, text, sizeof text);
            const struct run run = {.stage = stage,
                                    .system = &systems[y],
                                    .measure = &measures[m],
                                    .coordinator = o->coordinator,
                                    .with = o->with,
                                    .ahead = systems[y].ahead[m],
                                    .measured_ns = (p2_ns)(o->seconds * P2_SEC)};
            if (system_run(&run, &f, &why)) {
                board_add(board, y, m, &f);
                continue;
            }
            fprintf(stderr, "bench: %s, %s: %s\n", systems[y].name, measures[m].doc, text);
            all = false;
        }
    }
    return all;
}

int main(int argc, char **argv) {
    struct options o;
    int code = take_options(&o, argc, argv);
    if (code != P2_EXIT_OK) return code < 0 ? P2_EXIT_OK : code;
    if (!opponents_are_here(&o)) return P2_EXIT_FAILED;
    struct stage stage;
    if (!stage_begin(&stage, o.plain)) return P2_EXIT_FAILED;
    static struct board board;
    bool all = true;
    board_head();
    for (int i = 0; i < o.repetitions && !stage.interrupted; i++) all &= repeat(&o, &stage, &board);
    code = board_report(&board, o.bench, &stage);
    stage_end(&stage);
    return all ? code : P2_EXIT_FAILED;
}
