#include <ctype.h>
#include <string.h>

#include "conf_internal.h"

// Text as roff: its backslashes and hyphens are plain, and no line is taken for a request.
static void plain_n(const char *text, size_t size, FILE *out) {
    for (size_t i = 0; i < size; i++) {
        bool line_start = i == 0 || text[i - 1] == '\n';
        if (line_start && (text[i] == '.' || text[i] == '\'')) fputs("\\&", out);
        if (text[i] == '\\') {
            fputs("\\e", out);
        } else if (text[i] == '-') {
            fputs("\\-", out);
        } else {
            fputc(text[i], out);
        }
    }
}

static void plain(const char *text, FILE *out) { plain_n(text, strlen(text), out); }

// "p2c2r upscale" has the page p2c2r-upscale.
static void page_name(const char *name, bool upper, FILE *out) {
    for (; *name; name++) {
        if (*name == ' ' || *name == '-') {
            fputs(upper ? "-" : "\\-", out);
        } else {
            fputc(upper ? toupper((unsigned char)*name) : *name, out);
        }
    }
}

static void details(const char *text, FILE *out) {
    while (*text) {
        size_t n = strcspn(text, "\n");
        bool kept = *text == ' ';
        if (n == 0) fputs(".PP\n", out);
        if (kept) fputs(".nf\n", out);
        plain_n(text, n, out);
        if (n > 0) fputc('\n', out);
        if (kept) fputs(".fi\n", out);
        text += n + (text[n] == '\n');
    }
}

static void entry(char letter, const char *name, const char *value_name, FILE *out) {
    fputs(".TP\n", out);
    if (letter) fprintf(out, "\\fB\\-%c\\fR, ", letter);
    fputs("\\fB\\-\\-", out);
    plain(name, out);
    fputs("\\fR", out);
    if (value_name) {
        fputs(" \\fI", out);
        plain(value_name, out);
        fputs("\\fR", out);
    }
    fputc('\n', out);
}

static void option(const struct p2_option *o, FILE *out) {
    char storage[512], env[P2_CONF_NAME_MAX];
    struct p2_strbuf remark;
    p2_strbuf_init(&remark, storage, sizeof storage);
    p2_conf_remark(o, &remark);
    p2_conf_env_name(o, env);
    entry(o->letter, o->name, o->kind == P2_OPT_BOOL ? NULL : o->value_name ? o->value_name : "VALUE", out);
    if (o->doc) plain(o->doc, out);
    if (remark.size) {
        fputs(" (", out);
        plain(remark.text, out);
        fputc(')', out);
    }
    fprintf(out, "\nEnvironment: %s.\n", env);
}

static void begin(const char *name, const char *summary, FILE *out) {
    fputs(".TH ", out);
    page_name(name, true, out);
    fprintf(out, " 1 \"\" \"%s\" \"P2C2R\"\n.SH NAME\n", P2_VERSION);
    page_name(name, false, out);
    fputs(" \\- ", out);
    plain(summary, out);
    fputs("\n.SH SYNOPSIS\n", out);
}

static void usage(const struct p2_program *p, FILE *out) {
    fputs("\\fB", out);
    plain(p->name, out);
    fputs("\\fR [\\fIOPTION\\fR...] ", out);
    if (p->operands) plain(p->operands, out);
    fputc('\n', out);
}

static void describe(const struct p2_program *p, FILE *out) {
    plain(p->summary, out);
    fputc('\n', out);
    if (!p->details) return;
    fputs(".PP\n", out);
    details(p->details, out);
}

static void commons(const struct p2_program *p, FILE *out) {
    for (const struct p2_conf_common *c = p2_conf_commons; c->name; c++) {
        entry(c->letter && (!p || p2_conf_letter_free(p, c->letter)) ? c->letter : 0, c->name, c->value_name, out);
        plain(c->doc, out);
        fputc('\n', out);
    }
}

static void end(FILE *out) {
    fputs(".SH CONFIGURATION\n"
          "An option is taken from the command line, else from the environment, else from the JSON file given by\n"
          "\\fB\\-\\-config\\fR, else it has its default. The file holds one object whose keys are the options' long\n"
          "names; a key that is not known is an error.\n"
          ".SH EXIT STATUS\n"
          "0 done, 1 failed, 2 asked wrongly, 3 refused, 4 unreachable, 5 too late.\n",
          out);
}

void p2_conf_man(const struct p2_program *p, FILE *out) {
    begin(p->name, p->summary, out);
    usage(p, out);
    fputs(".SH DESCRIPTION\n", out);
    describe(p, out);
    fputs(".SH OPTIONS\n", out);
    const char *group = NULL;
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        if (o->group && (!group || strcmp(group, o->group) != 0)) {
            fputs(".SS ", out);
            plain(o->group, out);
            fputc('\n', out);
            group = o->group;
        }
        option(o, out);
    }
    fputs(".SS In every program\n", out);
    commons(p, out);
    end(out);
}

static bool in_group(const char *group, const char *name) { return group && name && strcmp(group, name) == 0; }

// The options of one word; either those under the heading that all share, or the others. An option without a heading
// of its own is under that of the one before.
static uint32_t options_of(const struct p2_program *p, const char *shared, bool wanted, FILE *out) {
    const char *group = NULL;
    uint32_t count = 0;
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        if (o->group) group = o->group;
        if (in_group(shared, group) != wanted) continue;
        option(o, out);
        count++;
    }
    return count;
}

void p2_suite_man(const struct p2_suite *s, FILE *out) {
    begin(s->name, s->summary, out);
    for (const struct p2_program *const *p = s->programs; *p; p++) {
        if (p != s->programs) fputs(".br\n", out);
        usage(*p, out);
    }
    fputs(".SH DESCRIPTION\n", out);
    plain(s->summary, out);
    fputs("\n.SH COMMANDS\n", out);
    for (const struct p2_program *const *p = s->programs; *p; p++) {
        fputs(".SS ", out);
        plain((*p)->name, out);
        fputc('\n', out);
        describe(*p, out);
        options_of(*p, s->shared_group, false, out);
    }
    if (s->shared_group) {
        fputs(".SH OPTIONS\n.SS ", out);
        plain(s->shared_group, out);
        fputc('\n', out);
        for (const struct p2_program *const *p = s->programs; *p && !options_of(*p, s->shared_group, true, out);) p++;
    }
    fputs(".SS In every command\n", out);
    commons(NULL, out);
    end(out);
}
