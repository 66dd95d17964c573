// The parts of p2c2r status.
#ifndef CLIENT_CLI_STATUS_H
#define CLIENT_CLI_STATUS_H

#include "cli.h"

struct status_settings {
    struct common_settings common;
    bool watch;
    double refresh_s;
};

void status_print_json(const p2c2r_cluster *c);
void status_print_text(p2c2r_client *client, const p2c2r_cluster *c);
int status_exit_of(p2c2r_status status);

// ---- watch.c
int status_watch(const struct status_settings *s, p2c2r_client *client); // an exit code; what is wrong has been said

#endif
