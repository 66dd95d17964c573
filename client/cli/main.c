// p2c2r: the client on the command line.
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"upscale", "Enlarge pictures on the cluster.", cli_upscale},
    {"path", "Find shortest ways over a map on the cluster.", cli_path},
    {"physics", "Move the bodies of a world on the cluster.", cli_physics},
    {"raytrace", "Render a scene on the cluster.", cli_raytrace},
    {"echo", "Measure round trips.", cli_echo},
    {"blob", "Bring the coordinator files that tasks refer to.", cli_blob},
    {"status", "Show how the cluster does.", cli_status},
    {"can-meet", "Ask whether a task would be done in time.", cli_can_meet},
    {"types", "List task types and their parameters.", cli_types},
};

static const size_t command_count = sizeof commands / sizeof *commands;

static void usage(FILE *to) {
    fprintf(to, "Usage: p2c2r COMMAND [OPTION...]\n\nHands work to a community's GPUs.\n\n");
    for (size_t i = 0; i < command_count; i++) fprintf(to, "  %-10s%s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\np2c2r COMMAND --help tells a command's options; p2c2r --version the version.\n"
                "Exit codes: 0 done, 1 failed, 2 asked wrongly, 3 refused, 4 unreachable, 5 too late.\n");
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0); // a line is out when it is written, also into a pipe
    if (argc < 2) {
        usage(stderr);
        return P2_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return P2_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("p2c2r %s\n", p2c2r_version());
        return P2_EXIT_OK;
    }
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    }
    cli_complain("there is no command \"%s\"; p2c2r --help lists them", argv[1]);
    return P2_EXIT_USAGE;
}
