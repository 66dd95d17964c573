#include <ctype.h>
#include <string.h>

#include "conf_internal.h"

// A program may be a command with a word after it ("p2c2r upscale"). The scripts of several such words can be loaded
// together: each defines a function of its own, and all share one that chooses by the word.
struct words {
    char command[64];  // "p2c2r"
    char word[64];     // "upscale", or ""
    char function[80]; // "_p2c2r_upscale"
    char chooser[80];  // "_p2c2r"
};

static void identifier(const char *name, char *out, size_t capacity) {
    size_t n = 0;
    out[n++] = '_';
    for (; *name && n + 1 < capacity; name++) out[n++] = isalnum((unsigned char)*name) ? *name : '_';
    out[n] = 0;
}

static struct words words_of(const struct p2_program *p) {
    struct words w = {0};
    size_t n = strcspn(p->name, " ");
    snprintf(w.command, sizeof w.command, "%.*s", (int)n, p->name);
    if (p->name[n]) snprintf(w.word, sizeof w.word, "%s", p->name + n + 1);
    identifier(p->name, w.function, sizeof w.function);
    identifier(w.command, w.chooser, sizeof w.chooser);
    return w;
}

// For single quotes of a shell.
static void quoted(const char *text, const char *escape, FILE *out) {
    for (; *text; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            if (strchr(escape, *text)) fputc('\\', out);
            fputc(*text, out);
        }
    }
}

static void choices(const char *const *list, const char *separator, FILE *out) {
    for (const char *const *c = list; *c; c++) fprintf(out, "%s%s", c == list ? "" : separator, *c);
}

// What the first operand may be, parted by blanks.
static void operand_words(const struct p2_program *p, FILE *out) {
    for (size_t i = 0; p->operand_word && p->operand_word(i); i++)
        fprintf(out, "%s%s", i ? " " : "", p->operand_word(i));
}

static void bash_words(const struct p2_program *p, const struct words *w, FILE *out) {
    fprintf(out, "%s() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n", w->function);
    fputs("    case $before in\n", out);
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        if (o->kind == P2_OPT_BOOL) continue;
        fprintf(out, "    --%s", o->name);
        if (o->letter) fprintf(out, "|-%c", o->letter);
        fputs(") COMPREPLY=($(compgen ", out);
        if (o->choices) {
            fputs("-W '", out);
            choices(o->choices, " ", out);
            fputs("'", out);
        } else {
            fputs("-f", out);
        }
        fputs(" -- \"$word\")); return;;\n", out);
    }
    fputs("    --config) COMPREPLY=($(compgen -f -- \"$word\")); return;;\n"
          "    --print-completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$word\")); return;;\n"
          "    esac\n    if [[ $word == -* ]]; then\n        COMPREPLY=($(compgen -W '",
          out);
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        fprintf(out, "--%s ", o->name);
        if (o->kind == P2_OPT_BOOL) fprintf(out, "--no-%s ", o->name);
    }
    for (const struct p2_conf_common *c = p2_conf_commons; c->name; c++) fprintf(out, "--%s ", c->name);
    fputs("' -- \"$word\"))\n    else\n        COMPREPLY=($(compgen -f", out);
    if (p->operand_word) {
        fputs(" -W '", out);
        operand_words(p, out);
        fputc('\'', out);
    }
    fputs(" -- \"$word\"))\n    fi\n}\n", out);
}

// Of a command with words: the word's own function, or, at the word itself, `words` (which may be empty).
static void bash_chooser(const struct words *w, const char *words, FILE *out) {
    fprintf(out, "%s() {\n", w->chooser);
    if (*words) {
        fprintf(out,
                "    if [[ $COMP_CWORD == 1 ]]; then\n"
                "        COMPREPLY=($(compgen -W '%s--help --version' -- \"${COMP_WORDS[1]}\"))\n"
                "        return\n    fi\n",
                words);
    }
    fprintf(out,
            "    local chosen=%s_${COMP_WORDS[1]//-/_}\n    if declare -F \"$chosen\" >/dev/null; then \"$chosen\"; "
            "fi\n}\n",
            w->chooser);
}

static void bash(const struct p2_program *p, const struct words *w, FILE *out) {
    bash_words(p, w, out);
    if (*w->word) bash_chooser(w, "", out);
    fprintf(out, "complete -o filenames -F %s %s\n", w->chooser, w->command);
}

static void zsh_value(const struct p2_option *o, FILE *out) {
    if (o->kind == P2_OPT_BOOL) return;
    fputc(':', out);
    quoted(o->value_name ? o->value_name : "value", ":\\[]", out);
    fputc(':', out);
    if (o->choices) {
        fputc('(', out);
        choices(o->choices, " ", out);
        fputc(')', out);
    } else {
        fputs("_files", out);
    }
}

static void zsh_words(const struct p2_program *p, const struct words *w, FILE *out) {
    fprintf(out, "%s() {\n    _arguments", w->function);
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        for (int letter = 0; letter < (o->letter ? 2 : 1); letter++) {
            fprintf(out, " \\\n        '%s", o->kind == P2_OPT_LIST ? "*" : "");
            if (letter) fprintf(out, "-%c[", o->letter);
            if (!letter) fprintf(out, "--%s[", o->name);
            quoted(o->doc ? o->doc : "", ":\\[]", out);
            fputc(']', out);
            zsh_value(o, out);
            fputc('\'', out);
        }
        if (o->kind == P2_OPT_BOOL) fprintf(out, " \\\n        '--no-%s[The opposite of --%s]'", o->name, o->name);
    }
    for (const struct p2_conf_common *c = p2_conf_commons; c->name; c++) {
        fprintf(out, " \\\n        '--%s[", c->name);
        quoted(c->doc, ":\\[]", out);
        fputc(']', out);
        if (strcmp(c->name, "config") == 0) fputs(":file:_files", out);
        if (strcmp(c->name, "print-completion") == 0) fputs(":shell:(bash zsh fish)", out);
        fputc('\'', out);
    }
    if (p->operand_word) {
        fputs(" \\\n        '1:word:(", out);
        operand_words(p, out);
        fputs(")'", out);
    }
    fputs(" \\\n        '*:file:_files'\n}\n", out);
}

static void zsh_chooser(const struct words *w, FILE *out) {
    fprintf(out, "    local chosen=%s_${words[2]//-/_}\n    (( CURRENT > 2 && $+functions[$chosen] )) || return\n",
            w->chooser);
    fputs("    shift words\n    (( CURRENT-- ))\n    $chosen\n}\n", out);
}

// A file that zsh loads as a function, when first wanted, is run as that function; sourced, it makes itself known.
static void zsh_end(const struct words *w, FILE *out) {
    fprintf(out, "if [[ $funcstack[1] == %s ]]; then %s \"$@\"; else compdef %s %s; fi\n", w->chooser, w->chooser,
            w->chooser, w->command);
}

static void zsh(const struct p2_program *p, const struct words *w, FILE *out) {
    fprintf(out, "#compdef %s\n", w->command);
    zsh_words(p, w, out);
    if (*w->word) {
        fprintf(out, "%s() {\n", w->chooser);
        zsh_chooser(w, out);
    }
    zsh_end(w, out);
}

static void fish_text(const char *text, FILE *out) {
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
}

static void fish_entry(const struct words *w, const char *name, char letter, const char *doc, FILE *out) {
    fprintf(out, "complete -c %s", w->command);
    if (*w->word) fprintf(out, " -n '__fish_seen_subcommand_from %s'", w->word);
    fprintf(out, " -l %s", name);
    if (letter) fprintf(out, " -s %c", letter);
    fputs(" -d '", out);
    fish_text(doc, out);
    fputc('\'', out);
}

static void fish(const struct p2_program *p, const struct words *w, FILE *out) {
    if (p->operand_word) {
        fprintf(out, "complete -c %s", w->command);
        if (*w->word) fprintf(out, " -n '__fish_seen_subcommand_from %s'", w->word);
        fputs(" -a '", out);
        operand_words(p, out);
        fputs("'\n", out);
    }
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        fish_entry(w, o->name, o->letter, o->doc ? o->doc : "", out);
        if (o->kind != P2_OPT_BOOL) fputs(" -r", out);
        if (o->choices) {
            fputs(" -f -a '", out);
            choices(o->choices, " ", out);
            fputc('\'', out);
        }
        fputc('\n', out);
        if (o->kind != P2_OPT_BOOL) continue;
        char name[P2_CONF_NAME_MAX + 3], doc[P2_CONF_NAME_MAX + 32];
        snprintf(name, sizeof name, "no-%s", o->name);
        snprintf(doc, sizeof doc, "The opposite of --%s", o->name);
        fish_entry(w, name, 0, doc, out);
        fputc('\n', out);
    }
    for (const struct p2_conf_common *c = p2_conf_commons; c->name; c++) {
        fish_entry(w, c->name, c->letter && p2_conf_letter_free(p, c->letter) ? c->letter : 0, c->doc, out);
        if (c->value_name) fputs(" -r", out);
        if (strcmp(c->name, "print-completion") == 0) fputs(" -f -a 'bash zsh fish'", out);
        fputc('\n', out);
    }
}

bool p2_conf_completion(const struct p2_program *p, const char *shell, FILE *out) {
    static const struct {
        const char *name;
        void (*print)(const struct p2_program *p, const struct words *w, FILE *out);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    struct words w = words_of(p);
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shell, shells[i].name) != 0) continue;
        shells[i].print(p, &w, out);
        return true;
    }
    return false;
}

static void suite_bash(const struct p2_suite *s, FILE *out) {
    char text[1024];
    struct p2_strbuf words;
    struct words w = words_of(s->programs[0]);
    p2_strbuf_init(&words, text, sizeof text);
    for (const struct p2_program *const *p = s->programs; *p; p++) {
        w = words_of(*p);
        bash_words(*p, &w, out);
        p2_strbuf_printf(&words, "%s ", w.word);
    }
    bash_chooser(&w, text, out);
    fprintf(out, "complete -o filenames -F %s %s\n", w.chooser, w.command);
}

static void suite_zsh(const struct p2_suite *s, FILE *out) {
    struct words w = words_of(s->programs[0]);
    fprintf(out, "#compdef %s\n", w.command);
    for (const struct p2_program *const *p = s->programs; *p; p++) {
        w = words_of(*p);
        zsh_words(*p, &w, out);
    }
    fprintf(out, "%s() {\n    if (( CURRENT == 2 )); then\n        local -a commands=(", w.chooser);
    for (const struct p2_program *const *p = s->programs; *p; p++) {
        w = words_of(*p);
        fprintf(out, "\n            '%s:", w.word);
        quoted((*p)->summary, "\\", out);
        fputc('\'', out);
    }
    fputs(")\n        _describe command commands\n        return\n    fi\n", out);
    zsh_chooser(&w, out);
    zsh_end(&w, out);
}

static void suite_fish(const struct p2_suite *s, FILE *out) {
    for (const struct p2_program *const *p = s->programs; *p; p++) {
        struct words w = words_of(*p);
        fprintf(out, "complete -c %s -n __fish_use_subcommand -f -a %s -d '", w.command, w.word);
        fish_text((*p)->summary, out);
        fputs("'\n", out);
        fish(*p, &w, out);
    }
}

bool p2_suite_completion(const struct p2_suite *s, const char *shell, FILE *out) {
    if (strcmp(shell, "bash") == 0) {
        suite_bash(s, out);
    } else if (strcmp(shell, "zsh") == 0) {
        suite_zsh(s, out);
    } else if (strcmp(shell, "fish") == 0) {
        suite_fish(s, out);
    } else {
        return false;
    }
    return true;
}
