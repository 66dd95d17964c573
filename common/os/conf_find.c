#include <string.h>

#include "base/check.h"
#include "conf_internal.h"

const struct p2_conf_common p2_conf_commons[] = {
    {"config", "FILE", "Read options from this JSON file.", 0},
    {"print-config", NULL, "Print every option's value as such a file, and where it comes from.", 0},
    {"print-man", NULL, "Print the manual page.", 0},
    {"print-completion", "bash|zsh|fish", "Print completion for a shell.", 0},
    {"version", NULL, "Print the version.", 'V'},
    {"help", NULL, "Print this help.", 'h'},
    {NULL, NULL, NULL, 0},
};

const struct p2_option *p2_conf_find(const struct p2_program *p, const char *name) {
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        if (strcmp(o->name, name) == 0) return o;
    }
    return NULL;
}

bool p2_conf_letter_free(const struct p2_program *p, char letter) {
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        if (o->letter == letter) return false;
    }
    return true;
}

void p2_conf_env_name(const struct p2_option *o, char out[static P2_CONF_NAME_MAX]) {
    static const char prefix[] = "P2C2R_";
    size_t n = strlen(o->name), at = sizeof prefix - 1;
    P2_CHECK(at + n < P2_CONF_NAME_MAX);
    memcpy(out, prefix, at);
    for (size_t i = 0; i < n; i++) {
        char c = o->name[i];
        out[at++] = c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    out[at] = 0;
}

// Letters to change, add or drop to turn one word into the other (Levenshtein); large when a word is too long.
static size_t distance(const char *a, const char *b) {
    size_t row[P2_CONF_NAME_MAX], an = strlen(a), bn = strlen(b);
    if (an >= P2_CONF_NAME_MAX || bn >= P2_CONF_NAME_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= bn; j++) row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            size_t step = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < step ? change : step;
        }
    }
    return row[bn];
}

const char *p2_conf_nearest(const struct p2_program *p, const char *name) {
    const char *best = NULL;
    size_t least = strlen(name) / 3 + 1; // further off it would be a guess
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        size_t d = distance(name, o->name);
        if (d > least || (best && d == least)) continue;
        best = o->name;
        least = d;
    }
    return best;
}
