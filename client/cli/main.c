// p2c2r: the client on the command line.
#include <stdio.h>

#include "cli.h"

static const struct cli_command *const commands[] = {
    &cli_upscale, &cli_path,   &cli_physics, &cli_raytrace, &cli_submit,   &cli_batch, &cli_echo,
    &cli_blob,    &cli_status, &cli_tasks,   &cli_info,     &cli_can_meet, &cli_types, &cli_play,
};

#define COMMANDS (sizeof commands / sizeof *commands)

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0); // a line is out when it is written, also into a pipe
    const struct p2_program *programs[COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < COMMANDS; i++) programs[i] = commands[i]->program;
    const struct p2_suite suite = {.name = "p2c2r",
                                   .summary = "Hands work to a community's GPUs.",
                                   .shared_group = CLI_SHARED_GROUP,
                                   .programs = programs};
    size_t chosen;
    switch (p2_suite_read(&suite, argc, argv, &chosen)) {
    case P2_CONF_EXIT_OK: return P2_EXIT_OK;
    case P2_CONF_EXIT_USAGE: return P2_EXIT_USAGE;
    case P2_CONF_RUN: break;
    }
    return commands[chosen]->run(argc - 1, argv + 1);
}
