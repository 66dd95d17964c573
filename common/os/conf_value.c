#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ns.h"
#include "conf_internal.h"

__extension__ typedef unsigned __int128 u128;

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit spans[] = {{"ns", 1},           {"us", 1000},         {"ms", 1000000}, {"s", 1000000000},
                                    {"m", 60000000000u}, {"h", 3600000000000}, {NULL, 0}};
static const struct unit sizes[] = {{"B", 1},          {"KiB", 1u << 10},          {"MiB", 1u << 20},
                                    {"GiB", 1u << 30}, {"TiB", UINT64_C(1) << 40}, {NULL, 0}};

// "1.5GiB": decimal digits, perhaps a fraction that comes out whole, a unit or `bare` when there is none.
static bool parse_quantity(const char *text, const struct unit *units, uint64_t bare, uint64_t *out) {
    uint64_t number = 0, divisor = 1;
    const char *at = text;
    bool fraction = false;
    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !fraction); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        if (__builtin_mul_overflow(number, 10u, &number) || __builtin_add_overflow(number, *at - '0', &number))
            return false;
        if (fraction && __builtin_mul_overflow(divisor, 10u, &divisor)) return false;
    }
    if (at == text || *text == '.' || at[-1] == '.') return false;
    uint64_t size = *at ? 0 : bare;
    for (const struct unit *u = units; u->name && *at; u++) {
        if (strcmp(at, u->name) == 0) size = u->size;
    }
    u128 scaled = (u128)number * size;
    if (size == 0 || scaled % divisor != 0 || scaled / divisor > UINT64_MAX) return false;
    *out = (uint64_t)(scaled / divisor);
    return true;
}

bool p2_parse_duration(const char *text, int64_t *ns_out) {
    uint64_t ns;
    if (!parse_quantity(text, spans, (uint64_t)P2_MS, &ns) || ns > INT64_MAX) return false;
    *ns_out = (int64_t)ns;
    return true;
}

bool p2_parse_bytes(const char *text, uint64_t *bytes_out) { return parse_quantity(text, sizes, 1, bytes_out); }

static bool parse_port(const char *text, uint16_t *out) {
    unsigned port = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || c - text >= 5) return false;
        port = port * 10 + (unsigned)(*c - '0');
    }
    *out = (uint16_t)port;
    return *text && port <= UINT16_MAX;
}

static bool is_host(const char *text) {
    for (const char *c = text; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (!plain && *c != '.' && *c != '-' && *c != '_') return false;
    }
    return *text != 0;
}

bool p2_parse_address(const char *text, char *address_out, size_t capacity, uint16_t *port_out) {
    bool bracket = *text == '[';
    const char *end = strchr(text, bracket ? ']' : ':');
    if (!end || (bracket && end[1] != ':')) return false;
    const char *start = text + bracket;
    size_t n = (size_t)(end - start);
    uint16_t port;
    if (n >= capacity || !parse_port(end + 1 + bracket, &port)) return false;
    memcpy(address_out, start, n);
    address_out[n] = 0;
    struct in6_addr v6;
    if (bracket ? inet_pton(AF_INET6, address_out, &v6) != 1 : !is_host(address_out)) return false;
    *port_out = port;
    return true;
}

static bool parse_int(const char *text, int64_t *out) {
    const char *digit = *text == '-' ? text + 1 : text;
    int64_t v = 0;
    for (const char *c = digit; *c; c++) {
        if (*c < '0' || *c > '9') return false;
        int step = digit > text ? -(*c - '0') : *c - '0';
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, step, &v)) return false;
    }
    *out = v;
    return *digit != 0;
}

static bool parse_real(const char *text, double *out) {
    if (!*text || text[strspn(text, "+-.0123456789eE")]) return false;
    char *end;
    *out = strtod(text, &end);
    return *end == 0 && isfinite(*out);
}

static bool parse_bool(const char *text, bool *out) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *out = i % 2;
        return true;
    }
    return false;
}

void *p2_conf_field(const struct p2_option *o, void *settings) { return (char *)settings + o->offset; }

static bool is_choice(const struct p2_option *o, const char *text) {
    for (const char *const *c = o->choices; c && *c; c++) {
        if (strcmp(text, *c) == 0) return true;
    }
    return !o->choices;
}

static bool wanted(const struct p2_option *o, const char *text, struct p2_strbuf *why) {
    static const char *const what[] = {
        [P2_OPT_BOOL] = "true or false",
        [P2_OPT_INT] = "a whole number",
        [P2_OPT_REAL] = "a number",
        [P2_OPT_DURATION] = "a time such as 250ms, 5s, 2m or 1h",
        [P2_OPT_BYTES] = "a size such as 64KiB, 8MiB or 1GiB",
    };
    p2_strbuf_printf(why, "%s must be ", o->name);
    if (o->kind == P2_OPT_TEXT) {
        p2_strbuf_printf(why, "one of ");
        for (const char *const *c = o->choices; *c; c++) p2_strbuf_printf(why, c == o->choices ? "%s" : ", %s", *c);
    } else {
        p2_strbuf_printf(why, "%s", what[o->kind]);
    }
    p2_strbuf_printf(why, ", not \"%.64s\"", text);
    return false;
}

static bool in_range(const struct p2_option *o, double value, const char *text, struct p2_strbuf *why) {
    if ((o->min == 0 && o->max == 0) || (value >= o->min && value <= o->max)) return true;
    p2_strbuf_printf(why, "%s must be from ", o->name);
    p2_conf_limit_text(o, o->min, why);
    p2_strbuf_printf(why, " to ");
    p2_conf_limit_text(o, o->max, why);
    p2_strbuf_printf(why, ", not \"%.64s\"", text);
    return false;
}

// One item in place of those that were there.
static bool set_list(const struct p2_option *o, const char *text, void *settings, struct p2_strbuf *why) {
    struct p2_conf_item **list = p2_conf_field(o, settings);
    *list = NULL;
    if (p2_conf_keep_item(settings, text, list)) return true;
    p2_strbuf_printf(why, "not enough memory");
    return false;
}

bool p2_conf_set(const struct p2_option *o, const char *text, void *settings, struct p2_strbuf *why) {
    int64_t whole;
    uint64_t bytes;
    double real;
    switch (o->kind) {
    case P2_OPT_BOOL: return parse_bool(text, p2_conf_field(o, settings)) || wanted(o, text, why);
    case P2_OPT_INT:
        if (!parse_int(text, &whole)) return wanted(o, text, why);
        if (!in_range(o, (double)whole, text, why)) return false;
        *(int64_t *)p2_conf_field(o, settings) = whole;
        return true;
    case P2_OPT_REAL:
        if (!parse_real(text, &real)) return wanted(o, text, why);
        if (!in_range(o, real, text, why)) return false;
        *(double *)p2_conf_field(o, settings) = real;
        return true;
    case P2_OPT_TEXT:
        if (!is_choice(o, text)) return wanted(o, text, why);
        *(const char **)p2_conf_field(o, settings) = text;
        return true;
    case P2_OPT_DURATION:
        if (!p2_parse_duration(text, &whole)) return wanted(o, text, why);
        if (!in_range(o, (double)whole, text, why)) return false;
        *(p2_ns *)p2_conf_field(o, settings) = whole;
        return true;
    case P2_OPT_BYTES:
        if (!p2_parse_bytes(text, &bytes)) return wanted(o, text, why);
        if (!in_range(o, (double)bytes, text, why)) return false;
        *(uint64_t *)p2_conf_field(o, settings) = bytes;
        return true;
    case P2_OPT_LIST: return set_list(o, text, settings, why);
    }
    P2_UNREACHABLE();
}

// In the largest unit in which it is a whole number; 0 needs none.
static void add_quantity(const struct unit *units, uint64_t value, struct p2_strbuf *out) {
    const struct unit *best = units;
    for (const struct unit *u = units; u->name; u++) {
        if (value % u->size == 0) best = u;
    }
    if (value == 0) {
        p2_strbuf_printf(out, "0");
        return;
    }
    p2_strbuf_printf(out, "%" PRIu64 "%s", value / best->size, best->name);
}

static void add_real(double value, struct p2_strbuf *out) {
    char text[32];
    for (int digits = 6; digits <= 17; digits++) { // the fewest that read back as the same number
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (fabs(strtod(text, NULL) - value) <= 0) break;
    }
    p2_strbuf_printf(out, "%s", text);
}

void p2_conf_limit_text(const struct p2_option *o, double limit, struct p2_strbuf *out) {
    bool quantity = limit >= 0 && limit < 0x1p63;
    if (o->kind == P2_OPT_DURATION && quantity) {
        add_quantity(spans, (uint64_t)limit, out);
    } else if (o->kind == P2_OPT_BYTES && quantity) {
        add_quantity(sizes, (uint64_t)limit, out);
    } else if (o->kind == P2_OPT_INT && fabs(limit) < 0x1p63) {
        p2_strbuf_printf(out, "%" PRId64, (int64_t)limit);
    } else {
        add_real(limit, out);
    }
}

bool p2_conf_text(const struct p2_option *o, const void *settings, struct p2_strbuf *out) {
    const void *field = (const char *)settings + o->offset;
    switch (o->kind) {
    case P2_OPT_BOOL: p2_strbuf_printf(out, *(const bool *)field ? "true" : "false"); return true;
    case P2_OPT_INT: p2_strbuf_printf(out, "%" PRId64, *(const int64_t *)field); return true;
    case P2_OPT_REAL: add_real(*(const double *)field, out); return true;
    case P2_OPT_TEXT:
        if (!*(const char *const *)field) return false;
        p2_strbuf_printf(out, "%s", *(const char *const *)field);
        return true;
    case P2_OPT_DURATION: add_quantity(spans, (uint64_t) * (const p2_ns *)field, out); return true;
    case P2_OPT_BYTES: add_quantity(sizes, *(const uint64_t *)field, out); return true;
    case P2_OPT_LIST: return false; // no one text
    }
    P2_UNREACHABLE();
}
