#include "conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "conf_internal.h"

// Texts copied out of files, until p2_conf_free of the settings that point at them.
struct kept_text {
    struct kept_text *next;
    const void *settings;
    struct p2_conf_item item; // of a list
    char text[];
};

static struct kept_text *kept_texts;

static struct kept_text *keep(void *settings, const char *text) {
    size_t size = strlen(text) + 1;
    struct kept_text *k = malloc(sizeof *k + size);
    if (!k) return NULL;
    k->next = kept_texts;
    k->settings = settings;
    memcpy(k->text, text, size);
    k->item = (struct p2_conf_item){.text = k->text};
    kept_texts = k;
    return k;
}

const char *p2_conf_keep(void *settings, const char *text) {
    struct kept_text *k = keep(settings, text);
    return k ? k->text : NULL;
}

bool p2_conf_keep_item(void *settings, const char *text, struct p2_conf_item **list) {
    struct kept_text *k = keep(settings, text);
    if (!k) return false;
    while (*list) list = &(*list)->next;
    *list = &k->item;
    return true;
}

void p2_conf_free(void *settings) {
    for (struct kept_text **at = &kept_texts; *at;) {
        struct kept_text *k = *at;
        if (k->settings != settings) {
            at = &k->next;
            continue;
        }
        *at = k->next;
        free(k);
    }
}

// What a command line says, before any of it is acted on: the program's options, and those that all programs have.
enum command { RUN, HELP, VERSION, PRINT_CONFIG, PRINT_MAN, PRINT_COMPLETION };

struct command_line {
    const struct p2_program *program;
    int argc, at; // at: the next argument
    char **argv;
    const char *value[P2_CONF_OPTIONS_MAX];
    struct p2_conf_item *list[P2_CONF_OPTIONS_MAX];
    void *settings; // that own the lists
    enum command command;
    const char *config, *shell;
    int operands; // moved to argv[1] and on
    struct p2_strbuf *why;
};

static bool take_value(struct command_line *l, const char *flag, const char *attached, const char **out) {
    if (!attached && l->at >= l->argc) {
        p2_strbuf_printf(l->why, "%s wants a value", flag);
        return false;
    }
    *out = attached ? attached : l->argv[l->at++];
    return true;
}

static bool take_option(struct command_line *l, const char *flag, const char *attached, const struct p2_option *o) {
    size_t i = (size_t)(o - l->program->options);
    return take_value(l, flag, attached, &l->value[i]) &&
           (o->kind != P2_OPT_LIST || p2_conf_keep_item(l->settings, l->value[i], &l->list[i]));
}

static bool unknown(struct command_line *l, const char *flag, const char *name) {
    const char *nearest = p2_conf_nearest(l->program, name);
    p2_strbuf_printf(l->why, "unknown option %.64s", flag);
    if (nearest) p2_strbuf_printf(l->why, "; did you mean --%s?", nearest);
    return false;
}

static bool take_common(struct command_line *l, const char *flag, const char *name, const char *attached) {
    static const struct {
        const char *name;
        enum command command;
    } plain[] = {{"help", HELP}, {"version", VERSION}, {"print-config", PRINT_CONFIG}, {"print-man", PRINT_MAN}};
    if (strcmp(name, "config") == 0) return take_value(l, "--config", attached, &l->config);
    if (strcmp(name, "print-completion") == 0) {
        l->command = PRINT_COMPLETION;
        return take_value(l, "--print-completion", attached, &l->shell);
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (strcmp(name, plain[i].name) != 0) continue;
        if (attached) {
            p2_strbuf_printf(l->why, "--%s takes no value", name);
            return false;
        }
        l->command = plain[i].command;
        return true;
    }
    return unknown(l, flag, name);
}

// --name, --name=value, --name value, --no-name.
static bool take_long(struct command_line *l, const char *flag) {
    char name[P2_CONF_NAME_MAX];
    size_t n = strcspn(flag + 2, "=");
    const char *attached = flag[2 + n] == '=' ? flag + 2 + n + 1 : NULL;
    if (n >= sizeof name) return unknown(l, flag, "");
    memcpy(name, flag + 2, n);
    name[n] = 0;
    const struct p2_option *options = l->program->options, *o = p2_conf_find(l->program, name);
    if (o && o->kind == P2_OPT_BOOL) {
        l->value[o - options] = attached ? attached : "true";
        return true;
    }
    if (o) return take_option(l, flag, attached, o);
    const struct p2_option *negated = strncmp(name, "no-", 3) == 0 ? p2_conf_find(l->program, name + 3) : NULL;
    if (negated && negated->kind == P2_OPT_BOOL && !attached) {
        l->value[negated - options] = "false";
        return true;
    }
    return take_common(l, flag, name, attached);
}

static const struct p2_option *find_letter(const struct p2_program *p, char letter) {
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        if (o->letter == letter) return o;
    }
    return NULL;
}

// -l value, -lvalue, and letters of flags without value in a row.
static bool take_short(struct command_line *l, const char *flag) {
    for (const char *c = flag + 1; *c; c++) {
        const struct p2_option *o = find_letter(l->program, *c);
        if (!o && *c == 'h') {
            l->command = HELP;
        } else if (!o && *c == 'V') {
            l->command = VERSION;
        } else if (!o) {
            return unknown(l, flag, "");
        } else if (o->kind == P2_OPT_BOOL) {
            l->value[o - l->program->options] = "true";
        } else {
            return take_option(l, flag, c[1] ? c + 1 : NULL, o);
        }
    }
    return true;
}

static bool read_command_line(struct command_line *l) {
    bool ended = false;
    for (l->at = 1; l->at < l->argc;) {
        char *arg = l->argv[l->at++];
        bool good = true;
        if (!ended && strcmp(arg, "--") == 0) {
            ended = true;
        } else if (!ended && arg[0] == '-' && arg[1] == '-') {
            good = take_long(l, arg);
        } else if (!ended && arg[0] == '-' && arg[1]) {
            good = take_short(l, arg);
        } else {
            l->argv[1 + l->operands++] = arg;
        }
        if (!good) return false;
    }
    return true;
}

static bool check_operands(const struct command_line *l) {
    const struct p2_program *p = l->program;
    bool few = p->operands_min > 0 && l->operands < p->operands_min;
    bool many = p->operands_max >= 0 && l->operands > p->operands_max;
    if (many) p2_strbuf_printf(l->why, "\"%.64s\" is one argument too many", l->argv[1 + p->operands_max]);
    if (few) {
        p2_strbuf_printf(l->why, "something is missing: %s %s", p->name, p->operands ? p->operands : "");
    }
    return !few && !many;
}

static void set_defaults(struct p2_conf *c) {
    static const size_t field_sizes[] = {
        [P2_OPT_BOOL] = sizeof(bool),
        [P2_OPT_INT] = sizeof(int64_t),
        [P2_OPT_REAL] = sizeof(double),
        [P2_OPT_TEXT] = sizeof(const char *),
        [P2_OPT_DURATION] = sizeof(int64_t),
        [P2_OPT_BYTES] = sizeof(uint64_t),
        [P2_OPT_LIST] = sizeof(struct p2_conf_item *),
    };
    for (size_t i = 0; i < c->count; i++) {
        const struct p2_option *o = &c->program->options[i];
        memset((char *)c->settings + o->offset, 0, field_sizes[o->kind]);
        // A TEXT's default is used as given: it may say "no choice" in a way that cannot be chosen.
        if (o->kind == P2_OPT_TEXT) *(const char **)(void *)((char *)c->settings + o->offset) = o->fallback;
        bool parsed = o->kind != P2_OPT_TEXT && o->kind != P2_OPT_LIST;
        if (parsed && o->fallback) P2_CHECK(p2_conf_set(o, o->fallback, c->settings, c->why));
    }
}

// The environment's values are copied, so that a later setenv cannot change them under the program.
static bool set_from_environment(struct p2_conf *c) {
    for (size_t i = 0; i < c->count; i++) {
        const struct p2_option *o = &c->program->options[i];
        char name[P2_CONF_NAME_MAX];
        p2_conf_env_name(o, name);
        const char *value = getenv(name);
        if (!value || !*value) continue;
        const char *kept = p2_conf_keep(c->settings, value), *kept_name = p2_conf_keep(c->settings, name);
        if (!kept || !kept_name) return false;
        c->source[i] = kept_name;
        if (p2_conf_set(o, kept, c->settings, c->why)) continue;
        p2_strbuf_printf(c->why, " (from %s)", name);
        return false;
    }
    return true;
}

static bool set_from_flags(struct p2_conf *c, const struct command_line *l) {
    for (size_t i = 0; i < c->count; i++) {
        if (!l->value[i]) continue;
        c->source[i] = P2_CONF_SOURCE_FLAG;
        if (c->program->options[i].kind == P2_OPT_LIST) {
            *(struct p2_conf_item **)p2_conf_field(&c->program->options[i], c->settings) = l->list[i];
            continue;
        }
        if (p2_conf_set(&c->program->options[i], l->value[i], c->settings, c->why)) continue;
        return false;
    }
    return true;
}

// What only prints, and needs no settings.
static enum p2_conf_outcome print(const struct command_line *l) {
    const struct p2_program *p = l->program;
    switch (l->command) {
    case HELP: p2_conf_help(p, stdout); return P2_CONF_EXIT_OK;
    case VERSION: fprintf(stdout, "%s %s\n", p->name, P2_VERSION); return P2_CONF_EXIT_OK;
    case PRINT_MAN: p2_conf_man(p, stdout); return P2_CONF_EXIT_OK;
    case PRINT_COMPLETION:
        if (p2_conf_completion(p, l->shell, stdout)) return P2_CONF_EXIT_OK;
        p2_strbuf_printf(l->why, "--print-completion must be bash, zsh or fish, not \"%.64s\"", l->shell);
        return P2_CONF_EXIT_USAGE;
    case RUN:
    case PRINT_CONFIG: break;
    }
    return P2_CONF_RUN;
}

static enum p2_conf_outcome read_all(struct p2_conf *c, struct command_line *l) {
    if (!read_command_line(l)) return P2_CONF_EXIT_USAGE;
    enum p2_conf_outcome outcome = print(l);
    if (outcome != P2_CONF_RUN) return outcome;
    bool good = (!l->config || p2_conf_read_file(c, l->config)) && set_from_environment(c) && set_from_flags(c, l);
    if (good && l->command == PRINT_CONFIG) {
        return p2_conf_print(c, stdout, stderr) ? P2_CONF_EXIT_OK : P2_CONF_EXIT_USAGE;
    }
    return good && check_operands(l) ? P2_CONF_RUN : P2_CONF_EXIT_USAGE;
}

enum p2_conf_outcome p2_conf_read(const struct p2_program *program, int argc, char **argv, void *settings,
                                  char ***operands_out, int *operand_count_out) {
    char storage[P2_CONF_WHY_MAX];
    struct p2_strbuf why;
    p2_strbuf_init(&why, storage, sizeof storage);
    struct p2_conf c = {.program = program, .settings = settings, .why = &why};
    while (program->options && program->options[c.count].name) c.count++;
    P2_CHECK(c.count <= P2_CONF_OPTIONS_MAX);
    struct command_line l = {.program = program, .argc = argc, .argv = argv, .settings = settings, .why = &why};
    set_defaults(&c);
    enum p2_conf_outcome outcome = read_all(&c, &l);
    fflush(stdout);
    if (outcome == P2_CONF_EXIT_USAGE) {
        const char *sentence = why.size ? why.text : "not enough memory";
        fprintf(stderr, "%s: %s\nTry \"%s --help\".\n", program->name, sentence, program->name);
    }
    if (outcome != P2_CONF_RUN) {
        p2_conf_free(settings);
        set_defaults(&c); // nothing is left pointing at what was freed
    }
    *operands_out = argv + (argc > 0);
    *operand_count_out = l.operands;
    return outcome;
}
