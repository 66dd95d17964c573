// Options as text: parsing, range checks, printing.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ns.h"
#include "conf_in.h"

struct unit {
    const char *name;
    double scale;
};

// A decimal number and one of the units, the first being what a bare number means.
static bool parse_with_unit(const char *text, const struct unit *units, double *out) {
    char *end;
    errno = 0;
    if (!((*text >= '0' && *text <= '9') || *text == '.')) return false;
    double number = strtod(text, &end);
    if (end == text || errno || !isfinite(number)) return false;
    for (const struct unit *u = units; u->name; u++) {
        if (strcmp(end, u->name) != 0 && (*end || u != units)) continue;
        *out = number * u->scale;
        return true;
    }
    return false;
}

bool p2_parse_duration(const char *text, int64_t *ns_out) {
    static const struct unit units[] = {{"ms", 1e6}, {"ns", 1},     {"us", 1e3},    {"s", 1e9},
                                        {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {NULL, 0}};
    double ns;
    if (!parse_with_unit(text, units, &ns) || ns >= 9.2e18) return false;
    *ns_out = (int64_t)ns;
    return true;
}

bool p2_parse_bytes(const char *text, uint64_t *bytes_out) {
    static const struct unit units[] = {{"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40},
                                        {"KB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {NULL, 0}};
    double bytes;
    if (!parse_with_unit(text, units, &bytes) || bytes >= 1.8e19) return false;
    *bytes_out = (uint64_t)bytes;
    return true;
}

bool p2_parse_address(const char *text, char *address_out, size_t capacity, uint16_t *port_out) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text) return false;
    size_t size = (size_t)(colon - text);
    if (text[0] == '[') {
        if (size < 3 || text[size - 1] != ']') return false;
        text++;
        size -= 2;
    } else if (memchr(text, ':', size)) {
        return false; // an IPv6 address needs its brackets
    }
    if (size >= capacity) return false;
    unsigned long port = 0;
    const char *digit = colon + 1;
    if (!*digit) return false;
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9') return false;
        port = port * 10 + (unsigned long)(*digit - '0');
        if (port > 65535) return false;
    }
    memcpy(address_out, text, size);
    address_out[size] = 0;
    *port_out = (uint16_t)port;
    return true;
}

static bool parse_bool(const char *text, bool *out) {
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool in_range(const struct p2_option *o, double value, struct p2_strbuf *why) {
    if ((o->min == 0 && o->max == 0) || (value >= o->min && value <= o->max)) return true;
    // ranges of durations are given in the field's own unit; people read milliseconds
    double shown = o->kind == P2_OPT_DURATION ? 1e6 : 1;
    p2_strbuf_printf(why, "must be from %.15g to %.15g%s", o->min / shown, o->max / shown,
                     o->kind == P2_OPT_DURATION ? " ms"
                     : o->kind == P2_OPT_BYTES  ? " bytes"
                                                : "");
    return false;
}

static bool choose(const struct p2_option *o, const char *text, struct p2_strbuf *why) {
    if (!o->choices) return true;
    for (const char *const *choice = o->choices; *choice; choice++)
        if (strcmp(*choice, text) == 0) return true;
    p2_strbuf_printf(why, "must be one of");
    for (const char *const *choice = o->choices; *choice; choice++) p2_strbuf_printf(why, " %s", *choice);
    return false;
}

static bool set_number(const struct p2_option *o, void *field, const char *text, struct p2_strbuf *why) {
    char *end = NULL;
    errno = 0;
    if (o->kind == P2_OPT_INT) {
        int64_t value = strtoll(text, &end, 10);
        if (end == text || *end || errno) return p2_strbuf_printf(why, "is not a whole number: %s", text), false;
        if (!in_range(o, (double)value, why)) return false;
        memcpy(field, &value, sizeof value);
    } else if (o->kind == P2_OPT_REAL) {
        double value = strtod(text, &end);
        if (end == text || *end || !isfinite(value)) return p2_strbuf_printf(why, "is not a number: %s", text), false;
        if (!in_range(o, value, why)) return false;
        memcpy(field, &value, sizeof value);
    } else if (o->kind == P2_OPT_DURATION) {
        int64_t value;
        if (!p2_parse_duration(text, &value))
            return p2_strbuf_printf(why, "is not a duration (250ms, 5s, 2m): %s", text), false;
        if (!in_range(o, (double)value, why)) return false;
        memcpy(field, &value, sizeof value);
    } else {
        uint64_t value;
        if (!p2_parse_bytes(text, &value)) return p2_strbuf_printf(why, "is not a size (64KiB, 8MiB): %s", text), false;
        if (!in_range(o, (double)value, why)) return false;
        memcpy(field, &value, sizeof value);
    }
    return true;
}

bool conf_set(struct conf *c, int index, const char *text, enum conf_source source, struct p2_strbuf *why) {
    const struct p2_option *o = &c->program->options[index];
    void *field = c->settings + o->offset;
    if (o->kind == P2_OPT_TEXT) {
        if (!choose(o, text, why)) return false;
        // defaults and flags outlive the settings; what a file or the environment gave does not
        const char *kept = source == CONF_FILE || source == CONF_ENVIRONMENT ? conf_keep(c, text) : text;
        if (!kept) return p2_strbuf_printf(why, "memory is short"), false;
        memcpy(field, &kept, sizeof kept);
    } else if (o->kind == P2_OPT_BOOL) {
        bool value;
        if (!parse_bool(text, &value)) return p2_strbuf_printf(why, "is not true or false: %s", text), false;
        memcpy(field, &value, sizeof value);
    } else if (!set_number(o, field, text, why)) {
        return false;
    }
    c->source[index] = (unsigned char)source;
    return true;
}

static void print_scaled(struct p2_strbuf *out, uint64_t value, const struct unit *units) {
    for (const struct unit *u = units; u->name; u++) {
        if (value % (uint64_t)u->scale != 0 || (value == 0 && u[1].name)) continue;
        p2_strbuf_printf(out, "%" PRIu64 "%s", value / (uint64_t)u->scale, u->name);
        return;
    }
}

void conf_get(const struct conf *c, int index, struct p2_strbuf *out) {
    static const struct unit times[] = {{"h", 3600e9}, {"m", 60e9}, {"s", 1e9}, {"ms", 1e6},
                                        {"us", 1e3},   {"ns", 1},   {NULL, 0}};
    static const struct unit sizes[] = {{"GiB", 0x1p30}, {"MiB", 0x1p20}, {"KiB", 0x1p10}, {"B", 1}, {NULL, 0}};
    const struct p2_option *o = &c->program->options[index];
    const void *field = c->settings + o->offset;
    switch (o->kind) {
    case P2_OPT_BOOL: p2_strbuf_printf(out, "%s", *(const bool *)field ? "true" : "false"); break;
    case P2_OPT_INT: p2_strbuf_printf(out, "%" PRId64, *(const int64_t *)field); break;
    case P2_OPT_REAL: p2_strbuf_printf(out, "%g", *(const double *)field); break;
    case P2_OPT_TEXT: {
        const char *text = *(const char *const *)field;
        if (text) p2_strbuf_printf(out, "%s", text);
        break;
    }
    case P2_OPT_DURATION: print_scaled(out, (uint64_t) * (const int64_t *)field, times); break;
    case P2_OPT_BYTES: print_scaled(out, *(const uint64_t *)field, sizes); break;
    }
}
