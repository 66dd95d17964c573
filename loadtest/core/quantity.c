#include "loadtest/core/quantity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 1e15
#define SPAN_MAX (1000.0 * 3600e9)

struct unit {
    const char *name;
    double worth;
};

// The number in front, and where its unit begins; NULL: there is none.
static const char *number(const char *text, double *out) {
    if (!((*text >= '0' && *text <= '9') || *text == '.') || text[1] == 'x' || text[1] == 'X') return NULL;
    char *end;
    double d = strtod(text, &end);
    if (end == text || !isfinite(d) || d < 0 || d > NUMBER_MAX) return NULL;
    *out = d;
    return end;
}

static bool scaled(const char *text, const struct unit *units, double most, double *out) {
    double d;
    const char *unit = number(text, &d);
    if (!unit) return false;
    for (; units->name; units++) {
        if (strcmp(unit, units->name) == 0 && d * units->worth <= most) {
            *out = d * units->worth;
            return true;
        }
    }
    return false;
}

bool quantity_span(const char *text, p2_ns *out) {
    static const struct unit units[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6}, {"s", 1e9},
                                        {"m", 6e10}, {"h", 3600e9}, {NULL, 0}};
    double d;
    const char *end = number(text, &d);
    if (end && d == 0 && *end == 0) {
        *out = 0;
        return true;
    }
    if (!scaled(text, units, SPAN_MAX, &d)) return false;
    *out = (p2_ns)round(d);
    return true;
}

bool quantity_bytes(const char *text, uint64_t *out) {
    static const struct unit units[] = {{"", 1},     {"B", 1},        {"KB", 1e3},        {"MB", 1e6},
                                        {"GB", 1e9}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0},
                                        {NULL, 0}};
    double d;
    if (!scaled(text, units, NUMBER_MAX, &d) || d != floor(d)) return false;
    *out = (uint64_t)d;
    return true;
}

bool quantity_share(const char *text, double *out) {
    static const struct unit units[] = {{"", 1}, {"%", 0.01}, {NULL, 0}};
    return scaled(text, units, 1, out);
}

bool quantity_number(const char *text, double *out) {
    static const struct unit units[] = {{"", 1}, {NULL, 0}};
    return scaled(text, units, NUMBER_MAX, out);
}
