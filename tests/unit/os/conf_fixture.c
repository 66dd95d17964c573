#include "conf_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "testlib.h"

#define AT(field) offsetof(struct settings, field)

static const char *const modes[] = {"fast", "careful", NULL};

const struct p2_option options[] = {
    {.name = "listen",
     .kind = P2_OPT_TEXT,
     .fallback = "127.0.0.1:8765",
     .value_name = "ADDR:PORT",
     .doc = "Where to listen.",
     .offset = AT(listen),
     .letter = 'l',
     .group = "Network"},
    {.name = "nagle", .kind = P2_OPT_BOOL, .fallback = "true", .doc = "Gather small packets.", .offset = AT(nagle)},
    {.name = "mode",
     .kind = P2_OPT_TEXT,
     .fallback = "fast",
     .choices = modes,
     .value_name = "MODE",
     .doc = "How to go about it, in a sentence that is long enough to be wrapped at the end of the line.",
     .offset = AT(mode),
     .letter = 'm',
     .group = "Work"},
    {.name = "peer-cells",
     .kind = P2_OPT_INT,
     .fallback = "16",
     .min = -4,
     .max = 64,
     .value_name = "N",
     .doc = "Cells of a peer.",
     .offset = AT(cells),
     .letter = 'c'},
    {.name = "share",
     .kind = P2_OPT_REAL,
     .fallback = "0.5",
     .min = 0,
     .max = 1,
     .value_name = "X",
     .doc = "Its share.",
     .offset = AT(share)},
    {.name = "drain-grace",
     .kind = P2_OPT_DURATION,
     .fallback = "5s",
     .min = 1e6,
     .max = 3600e9,
     .value_name = "TIME",
     .doc = "How long to wait for what runs.",
     .offset = AT(grace_ns)},
    {.name = "memory",
     .kind = P2_OPT_BYTES,
     .value_name = "SIZE",
     .doc = "Memory to use; 0 for all.",
     .offset = AT(memory)},
    {.name = "cache-folder-with-a-long-name",
     .kind = P2_OPT_TEXT,
     .value_name = "DIR",
     .doc = "Where to keep things.",
     .offset = AT(cache)},
    {.name = "note",
     .kind = P2_OPT_LIST,
     .value_name = "TEXT",
     .doc = "Something to remember.",
     .offset = AT(notes),
     .letter = 'n'},
    {.name = "verbose", .kind = P2_OPT_BOOL, .doc = "Say more.", .offset = AT(verbose), .letter = 'v'},
    {.name = NULL},
};

const struct p2_program program = {
    .name = "p2-test",
    .summary = "Does what a test wants.",
    .operands = "[IN [OUT]]",
    .details = "A first paragraph that goes on for so long that it has to be wrapped, which happens at 79 columns and "
               "not in the middle of a word.\n\n  kept = as it is\n  .and = so\n\nThe last one, with a \\ in it.",
    .options = options,
    .operands_min = 0,
    .operands_max = 2,
};

static char line[4096];
static char *words_of_line[64];

struct ran run(const char *words, struct settings *s) {
    static char name[] = "p2-test";
    int argc = 0;
    words_of_line[argc++] = name;
    if (strlen(words) >= sizeof line) abort();
    memcpy(line, words, strlen(words) + 1);
    char *rest = line;
    for (char *word; (word = strsep(&rest, " "));) {
        if (*word && argc < 63) words_of_line[argc++] = word;
    }
    words_of_line[argc] = NULL;
    struct ran r = {0};
    t_capture_begin(1);
    t_capture_begin(2);
    r.outcome = p2_conf_read(&program, argc, words_of_line, s, &r.operands, &r.operand_count);
    r.err = t_capture_end(2);
    r.out = t_capture_end(1);
    return r;
}

void ran_free(struct ran *r) {
    free(r->out);
    free(r->err);
}
