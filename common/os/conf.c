// Reads settings in order: defaults, file, environment, flags.
#include "conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "conf_in.h"

// Texts copied out of files and the environment, by the settings they belong to.
struct kept {
    struct kept *next;
    const void *settings;
    char text[];
};
static struct kept *kept_texts;

const char *conf_keep(struct conf *c, const char *text) {
    size_t size = strlen(text) + 1;
    struct kept *k = malloc(sizeof *k + size);
    if (!k) return NULL;
    *k = (struct kept){kept_texts, c->settings};
    memcpy(k->text, text, size);
    kept_texts = k;
    return k->text;
}

void p2_conf_free(void *settings) {
    for (struct kept **at = &kept_texts; *at;) {
        struct kept *k = *at;
        if (k->settings != settings) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        free(k);
    }
}

int conf_find(const struct conf *c, const char *name, size_t size) {
    for (int i = 0; i < c->count; i++) {
        const char *own = c->program->options[i].name;
        if (strlen(own) == size && memcmp(own, name, size) == 0) return i;
    }
    return -1;
}

static int find_letter(const struct conf *c, char letter) {
    for (int i = 0; i < c->count; i++)
        if (letter && c->program->options[i].letter == letter) return i;
    return -1;
}

static bool usage_error(const struct conf *c, const char *sentence) {
    fprintf(stderr, "%s: %s (see %s --help)\n", c->program->name, sentence, c->program->name);
    return false;
}

static bool set_defaults(struct conf *c, struct p2_strbuf *why) {
    for (int i = 0; i < c->count; i++) {
        const char *fallback = c->program->options[i].fallback;
        if (!fallback) continue;
        if (!conf_set(c, i, fallback, CONF_DEFAULT, why)) return false;
    }
    return true;
}

static bool set_from_environment(struct conf *c, struct p2_strbuf *why) {
    for (int i = 0; i < c->count; i++) {
        char name[96] = "P2C2R_";
        size_t n = 6;
        for (const char *at = c->program->options[i].name; *at && n + 1 < sizeof name; at++)
            name[n++] = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
        name[n] = 0;
        const char *value = getenv(name);
        if (!value) continue;
        p2_strbuf_printf(why, "%s ", name);
        if (!conf_set(c, i, value, CONF_ENVIRONMENT, why)) return false;
        why->size = 0;
        why->text[0] = 0;
    }
    return true;
}

// What stands on the command line besides options of the table.
struct line {
    const char *config, *completion;
    bool help, version, print_config, print_man;
    char **operands;
    int operand_count;
};

// --config FILE and the words that print something. Returns how many arguments it took, 0 when it is none of them, -1
// after an error.
static int take_common(struct conf *c, struct line *l, char **argv, int left) {
    static const char *const with_value[] = {"--config", "--print-completion"};
    const char *word = argv[0];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return l->help = true, 1;
    if (strcmp(word, "--version") == 0) return l->version = true, 1;
    if (strcmp(word, "--print-config") == 0) return l->print_config = true, 1;
    if (strcmp(word, "--print-man") == 0) return l->print_man = true, 1;
    for (int i = 0; i < 2; i++) {
        size_t size = strlen(with_value[i]);
        const char **into = i == 0 ? &l->config : &l->completion;
        if (strncmp(word, with_value[i], size) != 0 || (word[size] && word[size] != '=')) continue;
        if (word[size] == '=') return *into = word + size + 1, 1;
        if (left < 2) return usage_error(c, "an option at the end lacks its value"), -1;
        return *into = argv[1], 2;
    }
    return 0;
}

// One option of the table in any of its spellings. As take_common, but never 0.
static int take_option(struct conf *c, char **argv, int left, bool apply) {
    const char *word = argv[0], *value = NULL;
    int index, took = 1;
    bool negated = false;
    char storage[512];
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, sizeof storage);
    if (word[1] == '-') {
        const char *name = word + 2, *equals = strchr(name, '=');
        size_t size = equals ? (size_t)(equals - name) : strlen(name);
        if (equals) value = equals + 1;
        index = conf_find(c, name, size);
        if (index < 0 && !equals && strncmp(name, "no-", 3) == 0) {
            index = conf_find(c, name + 3, size - 3);
            negated = index >= 0 && c->program->options[index].kind == P2_OPT_BOOL;
            if (!negated) index = -1;
        }
    } else {
        index = find_letter(c, word[1]);
        if (index >= 0 && word[2]) value = word + 2;
    }
    if (index < 0) {
        p2_strbuf_printf(&why, "no such option: %s", word);
        return usage_error(c, storage), -1;
    }
    const struct p2_option *o = &c->program->options[index];
    if (o->kind == P2_OPT_BOOL) {
        if (!value) value = negated ? "false" : "true";
    } else if (!value) {
        if (left < 2) return p2_strbuf_printf(&why, "--%s lacks its value", o->name), usage_error(c, storage), -1;
        value = argv[1];
        took = 2;
    }
    p2_strbuf_printf(&why, "--%s ", o->name);
    if (apply && !conf_set(c, index, value, CONF_FLAG, &why)) return usage_error(c, storage), -1;
    return took;
}

// Walks the arguments; options are set only when `apply`, since the file named among them goes first.
static bool walk(struct conf *c, int argc, char **argv, struct line *l, bool apply) {
    bool only_operands = false;
    l->operand_count = 0;
    for (int i = 1; i < argc;) {
        char *word = argv[i];
        if (only_operands || word[0] != '-' || !word[1]) {
            l->operands[l->operand_count++] = word;
            i++;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_operands = true;
            i++;
            continue;
        }
        int took = take_common(c, l, argv + i, argc - i);
        if (took == 0) took = take_option(c, argv + i, argc - i, apply);
        if (took < 0) return false;
        i += took;
    }
    return true;
}

static enum p2_conf_outcome print_what_was_asked(struct conf *c, const struct line *l) {
    if (l->help)
        conf_print_help(c);
    else if (l->version)
        printf("%s %s\n", c->program->name, P2_VERSION);
    else if (l->print_config)
        conf_print_config(c);
    else if (l->print_man)
        conf_print_man(c);
    else if (!l->completion)
        return P2_CONF_RUN;
    else if (!conf_print_completion(c, l->completion)) {
        usage_error(c, "--print-completion takes bash, zsh or fish");
        return P2_CONF_EXIT_USAGE;
    }
    return P2_CONF_EXIT_OK;
}

static bool count_operands(const struct conf *c, int count) {
    const struct p2_program *p = c->program;
    if (count < p->operands_min) return usage_error(c, "something is missing on the command line");
    if (p->operands_max >= 0 && count > p->operands_max) return usage_error(c, "too much on the command line");
    return true;
}

enum p2_conf_outcome p2_conf_read(const struct p2_program *program, int argc, char **argv, void *settings,
                                  char ***operands_out, int *operand_count_out) {
    struct conf c = {.program = program, .settings = settings};
    while (program->options[c.count].name) c.count++;
    P2_CHECK(c.count <= CONF_OPTIONS_MAX);
    char storage[1024];
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, sizeof storage);
    P2_CHECK(set_defaults(&c, &why));

    // Operands are gathered in place: they never outrun what was read.
    struct line l = {.operands = argv};
    char **scratch = calloc((size_t)argc + 1, sizeof *scratch);
    if (!scratch) return usage_error(&c, "memory is short"), P2_CONF_EXIT_USAGE;
    l.operands = scratch;
    bool fine = walk(&c, argc, argv, &l, false);
    if (fine && !l.help && !l.version && !l.print_man && !l.completion) {
        fine = (!l.config || conf_read_file(&c, l.config, &why)) && set_from_environment(&c, &why);
        if (!fine) usage_error(&c, storage);
        fine = fine && walk(&c, argc, argv, &l, true) && (l.print_config || count_operands(&c, l.operand_count));
    }
    enum p2_conf_outcome outcome = fine ? print_what_was_asked(&c, &l) : P2_CONF_EXIT_USAGE;
    memcpy(argv, scratch, (size_t)l.operand_count * sizeof *argv);
    *operands_out = argv;
    *operand_count_out = l.operand_count;
    free(scratch);
    if (outcome != P2_CONF_RUN) p2_conf_free(settings);
    return outcome;
}
