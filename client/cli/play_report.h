// What `p2c2r play` says at its end.
#ifndef CLIENT_CLI_PLAY_REPORT_H
#define CLIENT_CLI_PLAY_REPORT_H

#include <jansson.h>

#include "client/play/play.h"

// Frame times, results of each sort, quality, statistics; client/play/README.md names the fields. Gives (json_decref);
// NULL: no memory.
json_t *play_report(const struct play *p);

void play_print(const struct play *p); // the same in four lines, for people

#endif
