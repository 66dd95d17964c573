// Scenarios as JSON files: loadtest/README.md has the form.
#ifndef LOADTEST_SCENARIO_FILE_H
#define LOADTEST_SCENARIO_FILE_H

#include <stddef.h>

#include "loadtest/core/scenario.h"

#define SCENARIO_FILE_BYTES_MAX ((size_t)1 << 20)

struct scenario_file {
    struct scenario scenario;
    void *json;  // what its texts borrow from
    char *texts; // of parameters that are numbers there
};

// Reads and checks one. False: a sentence in why, with the line where JSON is broken, or the key that is wrong.
bool scenario_file_read(const char *path, struct scenario_file *out, struct p2_strbuf *why);
bool scenario_file_parse(const char *text, size_t size, struct scenario_file *out, struct p2_strbuf *why);
void scenario_file_free(struct scenario_file *f); // fine with zeroes

#endif
