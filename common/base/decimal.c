#include "decimal.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 400      // of one printed number
#define EXPONENT_MAX 9999 // beyond it every number is 0 or too large

__extension__ typedef unsigned __int128 wide;

struct decimal {
    uint64_t digits; // the first 19 that count
    int count;       // of them, without leading zeroes
    int exponent;    // value is digits * 10^exponent
    bool any;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *read_digits(const char *text, struct decimal *d, bool behind_point) {
    for (; is_digit(*text); text++) {
        d->any = true;
        bool kept = d->count < 19;
        if (kept) d->digits = d->digits * 10 + (unsigned)(*text - '0');
        if (kept && d->digits) d->count++;
        if (kept && behind_point) d->exponent--;
        if (!kept && !behind_point) d->exponent++;
    }
    return text;
}

// Leaves text where it does not go on as an exponent, which then is refused.
static const char *read_exponent(const char *text, struct decimal *d) {
    if (*text != 'e' && *text != 'E') return text;
    const char *c = text + 1;
    bool negative = *c == '-';
    if (*c == '-' || *c == '+') c++;
    if (!is_digit(*c)) return text;
    int e = 0;
    for (; is_digit(*c); c++) e = e < EXPONENT_MAX ? e * 10 + (*c - '0') : e;
    d->exponent += negative ? -e : e;
    return c;
}

// digits * 2^*binary, digits with its top bit set. Each of the at most 370 steps cuts less than 2^-63 of it: together
// less than a hundredth of a double's last place.
static uint64_t scale(uint64_t digits, int exponent, int *binary) {
    int shift = __builtin_clzll(digits);
    uint64_t m = digits << shift;
    int b = -shift;
    for (; exponent > 0; exponent--) {
        wide w = (wide)m * 10;
        int over = 64 - __builtin_clzll((uint64_t)(w >> 64));
        m = (uint64_t)(w >> over);
        b += over;
    }
    for (; exponent < 0; exponent++) {
        wide w = ((wide)m << 64) / 10; // 60 or 61 bits above the lower 64
        int over = 64 - __builtin_clzll((uint64_t)(w >> 64));
        m = (uint64_t)(w >> over);
        b += over - 64;
    }
    *binary = b;
    return m;
}

static double value_of(const struct decimal *d) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!d->digits || d->exponent < -370) return 0;
    if (d->exponent > 310) return INFINITY;
    bool exact = d->count <= 15 && d->exponent >= -22 && d->exponent <= 22; // one rounding, of exact operands
    if (exact && d->exponent < 0) return (double)d->digits / powers[-d->exponent];
    if (exact) return (double)d->digits * powers[d->exponent];
    int binary;
    uint64_t m = scale(d->digits, d->exponent, &binary);
    return ldexp((double)m, binary);
}

bool p2_decimal_parse(const char *text, double *out) {
    struct decimal d = {0};
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') text++;
    text = read_digits(text, &d, false);
    if (*text == '.') text = read_digits(text + 1, &d, true);
    if (!d.any) return false;
    text = read_exponent(text, &d);
    double v = value_of(&d);
    *out = negative ? -v : v;
    return *text == 0 && isfinite(v);
}

void p2_decimal_plain(char *text) {
    char *to = text;
    bool sign = false;
    for (const char *c = text; *c; c++) {
        bool plain =
            is_digit(*c) || *c == '+' || *c == '-' || *c == '.' || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        if (plain) *to++ = *c;
        if (!plain && !sign) *to++ = '.';
        sign = !plain;
    }
    *to = 0;
}

void p2_decimal_print(struct p2_strbuf *s, const char *format, ...) {
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) return;
    p2_decimal_plain(text);
    p2_strbuf_add(s, text, strlen(text));
}
