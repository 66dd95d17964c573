#include "param.h"

#include <math.h>
#include <string.h>

#include "decimal.h"

#define NUMBER_TEXT_MAX 64 // characters of one number on a command line

const struct p2_param *p2_params_find(const struct p2_params *ps, const char *name) {
    for (uint32_t i = 0; i < ps->count; i++) {
        if (p2_str_is(ps->items[i].name, name)) return &ps->items[i];
    }
    return NULL;
}

static const struct p2_param_spec *spec_of(const struct p2_param_spec *table, struct p2_str name) {
    for (const struct p2_param_spec *s = table; s->name; s++) {
        if (p2_str_is(name, s->name)) return s;
    }
    return NULL;
}

// A remote's text goes into sentences, so only plain characters of it do.
static void add_plain(struct p2_strbuf *why, struct p2_str text) {
    for (uint32_t i = 0; i < text.n && i < P2_PARAM_NAME_MAX; i++) {
        char c = text.p[i];
        bool plain = c > ' ' && c <= '~' && c != '"' && c != '\\';
        p2_strbuf_add(why, plain ? &c : "?", 1);
    }
}

static const char *kind_name(enum p2_param_kind kind) {
    switch (kind) {
    case P2_PARAM_INT: return "a whole number";
    case P2_PARAM_REAL: return "a number";
    case P2_PARAM_TEXT: return "a text";
    case P2_PARAM_INTS: return "whole numbers";
    case P2_PARAM_REALS: return "numbers";
    }
    return "of a known kind";
}

static uint32_t count_of(const struct p2_param_spec *spec) {
    bool many = spec->kind == P2_PARAM_INTS || spec->kind == P2_PARAM_REALS;
    return many ? spec->count : 1;
}

static void say_wanted(const struct p2_param_spec *spec, struct p2_strbuf *why) {
    if (count_of(spec) > 1) {
        p2_strbuf_printf(why, "parameter %s must be %u %s", spec->name, count_of(spec), kind_name(spec->kind));
    } else {
        p2_strbuf_printf(why, "parameter %s must be %s", spec->name, kind_name(spec->kind));
    }
}

// Whether v < d (-1), v == d (0) or v > d (1), also where a double cannot hold v.
static int compare(int64_t v, double d) {
    if (d >= 0x1p63) return -1;
    if (d < -0x1p63) return 1;
    int64_t whole = (int64_t)d;
    if (v != whole) return v < whole ? -1 : 1;
    double rest = d - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

static bool in_range(const struct p2_param *p, const struct p2_param_spec *spec, uint32_t i) {
    if (p->kind == P2_PARAM_INT || p->kind == P2_PARAM_INTS) {
        return compare(p->value.ints[i], spec->min) >= 0 && compare(p->value.ints[i], spec->max) <= 0;
    }
    double v = p->value.reals[i];
    return isfinite(v) && v >= spec->min && v <= spec->max;
}

static bool is_choice(struct p2_str text, const char *const *choices) {
    for (const char *const *c = choices; *c; c++) {
        if (p2_str_is(text, *c)) return true;
    }
    return false;
}

static enum p2_err check_text(struct p2_str text, const struct p2_param_spec *spec, struct p2_strbuf *why) {
    if (text.n > P2_PARAM_TEXT_MAX) {
        p2_strbuf_printf(why, "parameter %s is longer than %d bytes", spec->name, P2_PARAM_TEXT_MAX);
        return P2_ERR_BAD_PARAMETER;
    }
    if (!spec->choices || is_choice(text, spec->choices)) return P2_OK;
    p2_strbuf_printf(why, "parameter %s must be one of ", spec->name);
    for (const char *const *c = spec->choices; *c; c++) {
        p2_strbuf_printf(why, c == spec->choices ? "%s" : ", %s", *c);
    }
    return P2_ERR_BAD_PARAMETER;
}

static enum p2_err check_one(const struct p2_param *p, const struct p2_param_spec *spec, struct p2_strbuf *why) {
    if (p->kind != spec->kind || p->count != count_of(spec) || p->count > P2_PARAM_ITEMS_MAX) {
        say_wanted(spec, why);
        return P2_ERR_BAD_PARAMETER;
    }
    if (p->kind == P2_PARAM_TEXT) return check_text(p->value.text, spec, why);
    for (uint32_t i = 0; i < p->count; i++) {
        if (in_range(p, spec, i)) continue;
        const char *unit = spec->unit ? spec->unit : "";
        p2_strbuf_printf(why, "parameter %s must be from ", spec->name);
        p2_decimal_print(why, "%g", spec->min);
        p2_strbuf_add(why, " to ", 4);
        p2_decimal_print(why, "%g", spec->max);
        p2_strbuf_printf(why, "%s%s", *unit ? " " : "", unit);
        return P2_ERR_BAD_PARAMETER;
    }
    return P2_OK;
}

enum p2_err p2_params_check(const struct p2_params *ps, const struct p2_param_spec *table, struct p2_strbuf *why) {
    if (ps->count > P2_PARAMS_MAX) {
        p2_strbuf_printf(why, "more than %d parameters", P2_PARAMS_MAX);
        return P2_ERR_BAD_PARAMETER;
    }
    for (uint32_t i = 0; i < ps->count; i++) {
        const struct p2_param *p = &ps->items[i];
        const struct p2_param_spec *spec = spec_of(table, p->name);
        if (!spec || p2_params_find(ps, spec->name) != p) {
            p2_strbuf_printf(why, spec ? "parameter given twice: " : "unknown parameter: ");
            add_plain(why, p->name);
            return P2_ERR_BAD_PARAMETER;
        }
        enum p2_err e = check_one(p, spec, why);
        if (e) return e;
    }
    for (const struct p2_param_spec *s = table; s->name; s++) {
        if (!s->required || p2_params_find(ps, s->name)) continue;
        p2_strbuf_printf(why, "parameter %s is missing", s->name);
        return P2_ERR_BAD_PARAMETER;
    }
    return P2_OK;
}

// Decimal digits with a sign, nothing else. Not strtoll, which tells overflow by errno alone.
static bool parse_int(const char *text, int64_t *out) {
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') text++;
    if (!*text) return false;
    int64_t v = 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        int digit = negative ? -(*text - '0') : *text - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v)) return false;
    }
    *out = v;
    return true;
}

static bool parse_number(const char *text, struct p2_param *out) {
    if (out->kind == P2_PARAM_INT || out->kind == P2_PARAM_INTS) return parse_int(text, &out->value.ints[out->count]);
    return p2_decimal_parse(text, &out->value.reals[out->count]);
}

// "960x540" and "0,1.5,-2" alike: numbers with an x or a comma between.
static bool parse_numbers(const char *text, uint32_t count, struct p2_param *out) {
    for (;;) {
        size_t n = 0;
        while (text[n] && text[n] != ',' && text[n] != 'x') n++;
        char one[NUMBER_TEXT_MAX];
        if (n >= sizeof one || out->count == count) return false;
        memcpy(one, text, n);
        one[n] = 0;
        if (!parse_number(one, out)) return false;
        out->count++;
        if (!text[n]) return out->count == count;
        text += n + 1;
    }
}

enum p2_err p2_param_parse(const struct p2_param_spec *spec, const char *text, struct p2_param *out,
                           struct p2_strbuf *why) {
    *out = (struct p2_param){.name = p2_str(spec->name), .kind = spec->kind};
    if (spec->kind == P2_PARAM_TEXT) {
        out->value.text = p2_str(text);
        out->count = 1;
    } else if (count_of(spec) > P2_PARAM_ITEMS_MAX || !parse_numbers(text, count_of(spec), out)) {
        say_wanted(spec, why);
        return P2_ERR_BAD_PARAMETER;
    }
    return check_one(out, spec, why);
}

// ---- values as given or by default ----------------------------------------------------------------------------------

bool p2_param_value(const struct p2_params *given, const struct p2_param_spec *spec, struct p2_param *out) {
    const struct p2_param *found = p2_params_find(given, spec->name);
    if (found) {
        *out = *found;
        return true;
    }
    struct p2_param otherwise;
    char text[1];
    struct p2_strbuf unused;
    p2_strbuf_init(&unused, text, sizeof text);
    if (!spec->fallback || p2_param_parse(spec, spec->fallback, &otherwise, &unused) != P2_OK) return false;
    *out = otherwise;
    return true;
}

int64_t p2_param_int(const struct p2_params *given, const struct p2_param_spec *spec) {
    struct p2_param p = {0};
    p2_param_value(given, spec, &p);
    return p.value.ints[0];
}

double p2_param_real(const struct p2_params *given, const struct p2_param_spec *spec) {
    struct p2_param p = {0};
    p2_param_value(given, spec, &p);
    return p.value.reals[0];
}

int p2_param_choice(const struct p2_params *given, const struct p2_param_spec *spec) {
    struct p2_param p = {0};
    if (!p2_param_value(given, spec, &p)) return -1;
    for (int i = 0; spec->choices[i]; i++)
        if (p2_str_is(p.value.text, spec->choices[i])) return i;
    return -1;
}
