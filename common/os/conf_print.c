// What is printed from an option table: help, the present configuration, man page, shell completion.
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_in.h"

#define HELP_WIDTH 80
#define HELP_INDENT 6

static const char *value_name(const struct p2_option *o) {
    static const char *const names[] = {[P2_OPT_INT] = "N",
                                        [P2_OPT_REAL] = "X",
                                        [P2_OPT_TEXT] = "TEXT",
                                        [P2_OPT_DURATION] = "DURATION",
                                        [P2_OPT_BYTES] = "SIZE"};
    return o->kind == P2_OPT_BOOL ? NULL : o->value_name ? o->value_name : names[o->kind];
}

static void print_wrapped(const char *text, int indent) {
    int column = 0;
    while (*text) {
        int word = (int)strcspn(text, " \n");
        if (column == 0 || column + 1 + word > HELP_WIDTH) {
            printf("%s%*s", column ? "\n" : "", indent, "");
            column = indent;
        } else {
            putchar(' ');
            column++;
        }
        printf("%.*s", word, text);
        column += word;
        text += word;
        text += strspn(text, " \n");
    }
    putchar('\n');
}

static void option_doc(const struct p2_option *o, char *out, size_t capacity) {
    struct p2_strbuf s;
    p2_strbuf_init(&s, out, capacity);
    p2_strbuf_printf(&s, "%s", o->doc);
    if (o->choices) {
        p2_strbuf_printf(&s, " One of:");
        for (const char *const *choice = o->choices; *choice; choice++)
            p2_strbuf_printf(&s, " %s%s", *choice, choice[1] ? "," : ".");
    }
    if (o->fallback && o->kind != P2_OPT_BOOL && *o->fallback) p2_strbuf_printf(&s, " Default: %s.", o->fallback);
    if (o->fallback && o->kind == P2_OPT_BOOL && strcmp(o->fallback, "true") == 0)
        p2_strbuf_printf(&s, " On unless --no-%s.", o->name);
}

static void print_option(char letter, const char *name, const char *value, const char *doc) {
    printf("  ");
    if (letter) printf("-%c, ", letter);
    printf("--%s%s%s\n", name, value ? " " : "", value ? value : "");
    print_wrapped(doc, HELP_INDENT);
}

void conf_print_help(const struct conf *c) {
    const struct p2_program *p = c->program;
    printf("usage: %s [OPTION...]%s%s\n\n", p->name, *p->operands ? " " : "", p->operands);
    print_wrapped(p->summary, 0);
    printf("\noptions:\n");
    for (int i = 0; i < c->count; i++) {
        char doc[1024];
        option_doc(&p->options[i], doc, sizeof doc);
        print_option(p->options[i].letter, p->options[i].name, value_name(&p->options[i]), doc);
    }
    print_option(0, "config", "FILE", "Settings from a JSON file: option names are its keys.");
    print_option(0, "print-config", NULL, "Print the settings in force and where each comes from, and exit.");
    print_option(0, "print-man", NULL, "Print the man page, and exit.");
    print_option(0, "print-completion", "SHELL", "Print completion for bash, zsh or fish, and exit.");
    print_option(0, "version", NULL, "Print the version, and exit.");
    print_option('h', "help", NULL, "Print this, and exit.");
    if (p->details) printf("\n%s\n", p->details);
    printf("\n");
    print_wrapped("Each option can also be set by environment: --some-name is P2C2R_SOME_NAME. Flags go before "
                  "environment, environment before file.",
                  0);
}

void conf_print_config(const struct conf *c) {
    static const char *const sources[] = {"default", "file", "environment", "flag"};
    json_t *root = json_object(), *from = json_object();
    for (int i = 0; i < c->count; i++) {
        char storage[4096];
        struct p2_strbuf value;
        p2_strbuf_init(&value, storage, sizeof storage);
        conf_get(c, i, &value);
        const struct p2_option *o = &c->program->options[i];
        const void *field = c->settings + o->offset;
        json_t *shown = o->kind == P2_OPT_BOOL   ? json_boolean(*(const bool *)field)
                        : o->kind == P2_OPT_INT  ? json_integer(*(const int64_t *)field)
                        : o->kind == P2_OPT_REAL ? json_real(*(const double *)field)
                                                 : json_string(storage);
        json_object_set_new(root, o->name, shown);
        json_object_set_new(from, o->name, json_string(sources[c->source[i]]));
    }
    char *text = json_dumps(root, JSON_INDENT(2)), *origins = json_dumps(from, JSON_INDENT(2));
    if (text && origins) {
        printf("%s\n", text);
        fprintf(stderr, "origin: %s\n", origins);
    }
    free(text);
    free(origins);
    json_decref(root);
    json_decref(from);
}

// roff: a backslash or a leading dot in text would be read as a request.
static void print_roff(const char *text) {
    for (bool line_start = true; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) printf("\\&");
        if (*text == '\\' || *text == '-') putchar('\\');
        putchar(*text);
        line_start = *text == '\n';
    }
}

void conf_print_man(const struct conf *c) {
    const struct p2_program *p = c->program;
    printf(".TH %s 1 \"\" \"P2C2R %s\"\n.SH NAME\n%s \\- ", p->name, P2_VERSION, p->name);
    print_roff(p->summary);
    printf("\n.SH SYNOPSIS\n.B %s\n[\\fIOPTION\\fR...] ", p->name);
    print_roff(p->operands);
    printf("\n.SH OPTIONS\n");
    for (int i = 0; i < c->count; i++) {
        const struct p2_option *o = &p->options[i];
        const char *value = value_name(o);
        char doc[1024];
        option_doc(o, doc, sizeof doc);
        printf(".TP\n\\fB");
        if (o->letter) printf("\\-%c\\fR, \\fB", o->letter);
        printf("\\-\\-");
        print_roff(o->name);
        printf("\\fR%s%s%s\n", value ? " \\fI" : "", value ? value : "", value ? "\\fR" : "");
        print_roff(doc);
        printf("\n");
    }
    printf(".TP\n\\fB\\-\\-config\\fR \\fIFILE\\fR\nSettings from a JSON file: option names are its keys.\n");
    printf(".TP\n\\fB\\-\\-print\\-config\\fR\nPrint the settings in force and where each comes from.\n");
    if (p->details) {
        printf(".SH DETAILS\n.nf\n");
        print_roff(p->details);
        printf("\n.fi\n");
    }
    printf(".SH ENVIRONMENT\nEach option can be set by a variable: \\-\\-some\\-name is P2C2R_SOME_NAME.\n");
    printf(".SH EXIT STATUS\n0 done, 1 failed, 2 asked wrongly, 3 refused, 4 unreachable, 5 too late.\n");
}

static void print_bash(const struct conf *c) {
    char function[64];
    snprintf(function, sizeof function, "_%s", c->program->name);
    for (char *at = function; *at; at++)
        if (!isalnum((unsigned char)*at)) *at = '_';
    printf("%s() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n    case $before in\n",
           function);
    for (int i = 0; i < c->count; i++) {
        const struct p2_option *o = &c->program->options[i];
        if (!o->choices) continue;
        printf("    --%s) COMPREPLY=($(compgen -W '", o->name);
        for (const char *const *choice = o->choices; *choice; choice++) printf("%s ", *choice);
        printf("' -- \"$word\")); return ;;\n");
    }
    printf("    esac\n    [[ $word == -* ]] && COMPREPLY=($(compgen -W '");
    for (int i = 0; i < c->count; i++) printf("--%s ", c->program->options[i].name);
    printf("--config --print-config --print-man --version --help' -- \"$word\"))\n}\n");
    printf("complete -o default -F %s %s\n", function, c->program->name);
}

static void print_quoted(const char *text, const char *specials) {
    for (; *text; text++) {
        if (strchr(specials, *text)) putchar('\\');
        if (*text == '\'') printf("'\\'");
        putchar(*text);
    }
}

static void print_zsh(const struct conf *c) {
    printf("#compdef %s\n_arguments \\\n", c->program->name);
    for (int i = 0; i < c->count; i++) {
        const struct p2_option *o = &c->program->options[i];
        const char *value = value_name(o);
        printf("    '--%s[", o->name);
        print_quoted(o->doc, "[]:");
        printf("]");
        if (value) printf(":%s:", value);
        if (o->choices) {
            printf("(");
            for (const char *const *choice = o->choices; *choice; choice++)
                printf("%s%s", *choice, choice[1] ? " " : "");
            printf(")");
        }
        printf("' \\\n");
    }
    printf("    '--config[Settings file]:FILE:_files' '--version' '--help' '*:file:_files'\n");
}

static void print_fish(const struct conf *c) {
    for (int i = 0; i < c->count; i++) {
        const struct p2_option *o = &c->program->options[i];
        printf("complete -c %s -l %s", c->program->name, o->name);
        if (o->letter) printf(" -s %c", o->letter);
        if (value_name(o)) printf(" -r");
        if (o->choices) {
            printf(" -f -a '");
            for (const char *const *choice = o->choices; *choice; choice++) printf("%s ", *choice);
            printf("'");
        }
        printf(" -d '");
        print_quoted(o->doc, "");
        printf("'\n");
    }
    printf("complete -c %s -l config -r\ncomplete -c %s -l help\n", c->program->name, c->program->name);
}

bool conf_print_completion(const struct conf *c, const char *shell) {
    if (strcmp(shell, "bash") == 0)
        print_bash(c);
    else if (strcmp(shell, "zsh") == 0)
        print_zsh(c);
    else if (strcmp(shell, "fish") == 0)
        print_fish(c);
    else
        return false;
    return true;
}
