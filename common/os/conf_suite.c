// One command of several words: which word it is, and what is asked of the command alone.
#include <string.h>

#include "conf_internal.h"

static const char *word_of(const struct p2_suite *s, const struct p2_program *p) {
    return p->name + strlen(s->name) + 1;
}

static void help(const struct p2_suite *s, FILE *out) {
    fprintf(out, "Usage: %s COMMAND [OPTION...]\n\n%s\n\n", s->name, s->summary);
    for (const struct p2_program *const *p = s->programs; *p; p++)
        fprintf(out, "  %-10s%s\n", word_of(s, *p), (*p)->summary);
    fprintf(out,
            "\n%s COMMAND --help tells a command's options; %s --version the version,\n--print-man the manual page, "
            "--print-completion bash|zsh|fish completion.\nExit codes: 0 done, 1 failed, 2 asked wrongly, 3 refused, "
            "4 unreachable, 5 too late.\n",
            s->name, s->name);
}

static enum p2_conf_outcome completion(const struct p2_suite *s, const char *shell) {
    if (shell && p2_suite_completion(s, shell, stdout)) return P2_CONF_EXIT_OK;
    fprintf(stderr, "%s: --print-completion must be bash, zsh or fish.\n", s->name);
    return P2_CONF_EXIT_USAGE;
}

static bool is(const char *word, const char *a, const char *b) { return strcmp(word, a) == 0 || strcmp(word, b) == 0; }

enum p2_conf_outcome p2_suite_read(const struct p2_suite *s, int argc, char **argv, size_t *chosen) {
    static const char completes[] = "--print-completion";
    if (argc < 2) {
        help(s, stderr);
        return P2_CONF_EXIT_USAGE;
    }
    const char *word = argv[1], *attached = strchr(word, '=');
    if (strncmp(word, completes, sizeof completes - 1) == 0 && (attached || is(word, completes, completes)))
        return completion(s, attached ? attached + 1 : argv[2]);
    if (is(word, "--help", "-h") || is(word, "help", "help")) {
        help(s, stdout);
        return P2_CONF_EXIT_OK;
    }
    if (is(word, "--version", "-V")) {
        fprintf(stdout, "%s %s\n", s->name, P2_VERSION);
        return P2_CONF_EXIT_OK;
    }
    if (is(word, "--print-man", "--print-man")) {
        p2_suite_man(s, stdout);
        return P2_CONF_EXIT_OK;
    }
    for (size_t i = 0; s->programs[i]; i++) {
        *chosen = i;
        if (strcmp(word, word_of(s, s->programs[i])) == 0) return P2_CONF_RUN;
    }
    fprintf(stderr, "%s: there is no command \"%.64s\"; %s --help lists them.\n", s->name, word, s->name);
    return P2_CONF_EXIT_USAGE;
}
