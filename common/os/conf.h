// One option table per program. From it come flags, environment, the JSON file, --help, --print-config, the man page
// and completion. Order: defaults, file, environment, flags.
#ifndef P2_OS_CONF_H
#define P2_OS_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum p2_opt_kind {
    P2_OPT_BOOL,     // bool; as a flag it takes no value; --no-NAME clears it
    P2_OPT_INT,      // int64_t
    P2_OPT_REAL,     // double
    P2_OPT_TEXT,     // const char *, lends until p2_conf_free
    P2_OPT_DURATION, // p2_ns from "250ms", "5s", "2m", "1h"; a bare number is milliseconds
    P2_OPT_BYTES,    // uint64_t from "64KiB", "8MiB", "1GiB", plain bytes
    // struct p2_conf_item *, lends until p2_conf_free: a flag that may come several times; in a file an array of
    // texts, in the environment one text. A later source takes the place of what an earlier one gave.
    P2_OPT_LIST,
};

struct p2_conf_item {
    const char *text;
    struct p2_conf_item *next; // in the order given
};

struct p2_option {
    const char *name; // "listen": --listen, P2C2R_LISTEN, "listen" in the file; NULL ends a table
    enum p2_opt_kind kind;
    const char *fallback;       // as text; NULL for unset (NULL pointer, 0, false)
    double min, max;            // of numbers, in the unit stored (ns, bytes); both 0: any
    const char *const *choices; // of TEXT; NULL-terminated or NULL
    const char *value_name;     // "ADDR:PORT" in help
    const char *doc;            // one sentence
    size_t offset;              // of the field in the settings struct
    char letter;                // short flag, 0 for none
    const char *group;          // heading above it in help and man; NULL: under the same as the option before
};

struct p2_program {
    const char *name, *summary; // summary: one sentence
    const char *operands;       // "IN... -o OUT" in the usage line, or ""
    const char *details;        // further text of --help and the man page, or NULL
    const struct p2_option *options;
    int operands_min, operands_max;        // -1: any
    const char *(*operand_word)(size_t i); // words that the first operand may be, for completion; NULL after the last
};

// Several programs that are words of one command: each one's name is the command's, a space, and its word.
struct p2_suite {
    const char *name, *summary; // summary: one sentence
    const char *shared_group;   // options under this heading are the same in all; the manual page describes them once
    const struct p2_program *const *programs; // NULL ends it
};

// Result of reading a command line.
enum p2_conf_outcome { P2_CONF_RUN, P2_CONF_EXIT_OK, P2_CONF_EXIT_USAGE };

// Fills `settings`. Handles --help, --version, --config FILE (unknown keys are errors with a line number),
// --print-config, --print-man, --print-completion bash|zsh|fish. Operands are left in operands_out (lends argv, whose
// order changes). An environment variable that is empty counts as not set.
// On EXIT_USAGE a sentence is on stderr; exit code 2 is the caller's. Not for use by two threads at once.
enum p2_conf_outcome p2_conf_read(const struct p2_program *program, int argc, char **argv, void *settings,
                                  char ***operands_out, int *operand_count_out);
// The command alone, before a word: no words at all, --help, --version, --print-man, --print-completion bash|zsh|fish,
// a word that is none. On RUN *chosen is the index of the program whose word argv[1] is. Says what p2_conf_read would.
enum p2_conf_outcome p2_suite_read(const struct p2_suite *suite, int argc, char **argv, size_t *chosen);
void p2_conf_free(void *settings); // texts read from a file; harmless when there are none

// Exit codes of all programs.
enum {
    P2_EXIT_OK = 0,
    P2_EXIT_FAILED = 1,
    P2_EXIT_USAGE = 2,
    P2_EXIT_REFUSED = 3,
    P2_EXIT_UNREACHABLE = 4,
    P2_EXIT_LATE = 5
};

bool p2_parse_duration(const char *text, int64_t *ns_out);
bool p2_parse_bytes(const char *text, uint64_t *bytes_out);
// "127.0.0.1:8765", "[::1]:8765"; address_out without brackets.
bool p2_parse_address(const char *text, char *address_out, size_t capacity, uint16_t *port_out);

#endif
