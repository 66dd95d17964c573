#include <string.h>

#include "conf_internal.h"

#define WIDTH 79      // columns of a line of help
#define DOC_COLUMN 28 // where sentences begin

// Words of `text` from `column` on, wrapped at WIDTH and continued at `indent`.
static void wrap(const char *text, size_t column, size_t indent, FILE *out) {
    bool first = true;
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (n > 0) {
            size_t gap = first ? 0 : 1;
            if (column + gap + n > WIDTH && column > indent) {
                fprintf(out, "\n%*s", (int)indent, "");
                column = indent;
                gap = 0;
            }
            fprintf(out, "%*s%.*s", (int)gap, "", (int)n, text);
            column += gap + n;
            first = false;
        }
        text += n;
        text += strspn(text, " \n");
    }
    fputc('\n', out);
}

// Blank lines part paragraphs; a line that begins with a space is kept as it is.
static void paragraphs(const char *text, FILE *out) {
    while (*text) {
        const char *end = text;
        while (*end && !(end[0] == '\n' && (end[1] == '\n' || end[1] == ' ' || *text == ' '))) end++;
        char paragraph[2048];
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)(end - text), text);
        if (*text == ' ') fprintf(out, "%s\n", paragraph);
        if (*text != ' ') wrap(paragraph, 0, 0, out);
        if (end[0] == '\n' && end[1] == '\n') fputc('\n', out);
        text = end + strspn(end, "\n");
    }
}

static bool says_choices(const struct p2_option *o) {
    for (const char *const *c = o->choices; c && *c; c++) {
        bool said = (o->doc && strstr(o->doc, *c)) || (o->value_name && strstr(o->value_name, *c));
        if (!said) return false;
    }
    return true;
}

void p2_conf_remark(const struct p2_option *o, struct p2_strbuf *out) {
    const char *separator = "";
    if (!says_choices(o)) {
        p2_strbuf_printf(out, "one of ");
        for (const char *const *c = o->choices; *c; c++) p2_strbuf_printf(out, c == o->choices ? "%s" : ", %s", *c);
        separator = "; ";
    }
    if ((o->min != 0 || o->max != 0) && o->kind != P2_OPT_TEXT && o->kind != P2_OPT_BOOL) {
        p2_conf_limit_text(o, o->min, out);
        p2_strbuf_printf(out, " to ");
        p2_conf_limit_text(o, o->max, out);
        separator = "; ";
    }
    if (o->kind == P2_OPT_BOOL) {
        if (o->fallback && strcmp(o->fallback, "true") == 0) p2_strbuf_printf(out, "on by default; --no-%s", o->name);
    } else if (o->fallback && *o->fallback) {
        p2_strbuf_printf(out, "%sdefault %s", separator, o->fallback);
    }
}

// One flag and its sentence, which begins on the next line when the flag is long.
static void entry(char letter, const char *name, const char *value_name, const char *doc, FILE *out) {
    char flag[160], lead[8] = "    ";
    if (letter) snprintf(lead, sizeof lead, "-%c, ", letter);
    snprintf(flag, sizeof flag, "  %s--%s%s%s", lead, name, value_name ? " " : "", value_name ? value_name : "");
    size_t n = strlen(flag);
    fprintf(out, "%s", flag);
    if (n + 2 > DOC_COLUMN) {
        fputc('\n', out);
        n = 0;
    }
    fprintf(out, "%*s", (int)(DOC_COLUMN - n), "");
    wrap(doc, DOC_COLUMN, DOC_COLUMN, out);
}

static void option(const struct p2_option *o, FILE *out) {
    char remark_text[512], doc_text[1024];
    struct p2_strbuf remark, doc;
    p2_strbuf_init(&remark, remark_text, sizeof remark_text);
    p2_strbuf_init(&doc, doc_text, sizeof doc_text);
    p2_conf_remark(o, &remark);
    p2_strbuf_printf(&doc, "%s", o->doc ? o->doc : "");
    if (remark.size) p2_strbuf_printf(&doc, " (%s)", remark.text);
    entry(o->letter, o->name, o->kind == P2_OPT_BOOL ? NULL : o->value_name ? o->value_name : "VALUE", doc.text, out);
}

void p2_conf_help(const struct p2_program *p, FILE *out) {
    bool operands = p->operands && *p->operands;
    fprintf(out, "Usage: %s [OPTION...]%s%s\n\n", p->name, operands ? " " : "", operands ? p->operands : "");
    wrap(p->summary, 0, 0, out);
    const char *group = NULL;
    for (const struct p2_option *o = p->options; o && o->name; o++) {
        const char *wanted = o->group ? o->group : group ? group : "Options";
        if (!group || strcmp(group, wanted) != 0) fprintf(out, "\n%s:\n", wanted);
        group = wanted;
        option(o, out);
    }
    fprintf(out, "\nIn every program:\n");
    for (const struct p2_conf_common *c = p2_conf_commons; c->name; c++) {
        char letter = c->letter && p2_conf_letter_free(p, c->letter) ? c->letter : 0;
        entry(letter, c->name, c->value_name, c->doc, out);
    }
    if (p->options && p->options->name) {
        char env[P2_CONF_NAME_MAX], text[512];
        p2_conf_env_name(p->options, env);
        snprintf(text, sizeof text,
                 "Options are taken from the command line, else from the environment (%s for --%s), else from the file "
                 "given by --config, a JSON object such as --print-config prints.",
                 env, p->options->name);
        fputc('\n', out);
        wrap(text, 0, 0, out);
    }
    if (p->details) {
        fputc('\n', out);
        paragraphs(p->details, out);
    }
}
