// A task's parameters: a short list of named, typed values, and the table by which a task type declares which it
// takes. The same table drives validation, the command line, JSON and the documentation.
#ifndef P2_BASE_PARAM_H
#define P2_BASE_PARAM_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "str.h"
#include "strbuf.h"

enum p2_param_kind {
    P2_PARAM_INT = 1, // int64
    P2_PARAM_REAL,    // double, finite
    P2_PARAM_TEXT,    // UTF-8; one of `choices` where the table lists some
    P2_PARAM_INTS,    // 1..16 int64 (sizes, points)
    P2_PARAM_REALS,   // 1..16 finite doubles (vectors)
};

#define P2_PARAM_ITEMS_MAX 16 // values in one INTS or REALS
#define P2_PARAMS_MAX 32      // parameters of one task
#define P2_PARAM_NAME_MAX 32
#define P2_PARAM_TEXT_MAX 256

struct p2_param {
    struct p2_str name; // borrows
    enum p2_param_kind kind;
    uint32_t count; // values used: 1 but for INTS and REALS
    union {
        int64_t ints[P2_PARAM_ITEMS_MAX];
        double reals[P2_PARAM_ITEMS_MAX];
        struct p2_str text; // borrows
    } value;
};

struct p2_params {
    const struct p2_param *items; // borrows
    uint32_t count;
};

struct p2_param_spec {
    const char *name; // NULL ends a table
    enum p2_param_kind kind;
    uint32_t count; // exact number of values of INTS and REALS
    bool required;
    double min, max;            // inclusive range of each number
    const char *const *choices; // for TEXT: NULL-terminated list, or NULL for any text
    const char *fallback;       // default as on a command line; NULL when required or absent by default
    const char *unit;           // "px", "s", ""
    const char *doc;            // one sentence
};

// Rows of a table: a whole number, and one of several words.
#define P2_SPEC_WHOLE(called, least, most, otherwise, what)                                                            \
    {                                                                                                                  \
        .name = called, .kind = P2_PARAM_INT, .count = 1, .min = least, .max = most, .fallback = otherwise,            \
        .unit = "", .doc = what                                                                                        \
    }
#define P2_SPEC_CHOICE(called, among, otherwise, what)                                                                 \
    { .name = called, .kind = P2_PARAM_TEXT, .choices = among, .fallback = otherwise, .unit = "", .doc = what }

// Parameters in a table of given ones, of literal names and texts.
#define P2_GIVEN_INT(called, x)                                                                                        \
    {                                                                                                                  \
        .name = {called, sizeof called - 1}, .kind = P2_PARAM_INT, .count = 1, .value.ints = { x }                     \
    }
#define P2_GIVEN_INTS(called, ...)                                                                                     \
    {                                                                                                                  \
        .name = {called, sizeof called - 1}, .kind = P2_PARAM_INTS,                                                    \
        .count = sizeof(int64_t[]){__VA_ARGS__} / sizeof(int64_t), .value.ints = {                                     \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define P2_GIVEN_REALS(called, ...)                                                                                    \
    {                                                                                                                  \
        .name = {called, sizeof called - 1}, .kind = P2_PARAM_REALS,                                                   \
        .count = sizeof((double[]){__VA_ARGS__}) / sizeof(double), .value.reals = {                                    \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define P2_GIVEN_TEXT(called, x)                                                                                       \
    {                                                                                                                  \
        .name = {called, sizeof called - 1}, .kind = P2_PARAM_TEXT, .count = 1, .value.text = { x, sizeof x - 1 }      \
    }

// The parameter of that name, or NULL.
const struct p2_param *p2_params_find(const struct p2_params *ps, const char *name);

// Every parameter known, of its kind and count, in range, at most once, and all required ones there.
// Otherwise P2_ERR_BAD_PARAMETER and a sentence in why naming the parameter.
enum p2_err p2_params_check(const struct p2_params *ps, const struct p2_param_spec *table, struct p2_strbuf *why);

// Of parameters that passed p2_params_check: the one that a row describes as it was given, or else its default. False
// when it is absent and has none; *out is then as it was.
bool p2_param_value(const struct p2_params *given, const struct p2_param_spec *spec, struct p2_param *out);
int64_t p2_param_int(const struct p2_params *given, const struct p2_param_spec *spec); // 0 when absent, as the next
double p2_param_real(const struct p2_params *given, const struct p2_param_spec *spec);
int p2_param_choice(const struct p2_params *given, const struct p2_param_spec *spec); // its index; -1 when absent

// "1.5", "960x540", "0,1.5,-2", "quality" as the table's kind wants it. Text values borrow `text`.
enum p2_err p2_param_parse(const struct p2_param_spec *spec, const char *text, struct p2_param *out,
                           struct p2_strbuf *why);

#endif
