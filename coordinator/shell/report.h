// Notes as log lines.
#ifndef COORDINATOR_SHELL_REPORT_H
#define COORDINATOR_SHELL_REPORT_H

#include "coordinator/core/note.h"

void report_note(const struct coord_note *n);

#endif
