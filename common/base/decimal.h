// Decimal numbers as text, the same in every locale: strtod and printf follow the process's, which is the game's.
#ifndef P2_BASE_DECIMAL_H
#define P2_BASE_DECIMAL_H

#include <stdbool.h>

#include "strbuf.h"

// [+-]digits[.digits][e[+-]digits], at least one digit beside the point, and nothing else. False for other text and for
// what a double cannot hold; too small a number is 0. Up to 15 significant digits with a power of ten within 22 come
// out as the nearest double; anything else within one unit in the last place of it.
bool p2_decimal_parse(const char *text, double *out);

// Appends one number by a printf format of its own ("%g", "%.2f") with a point wherever the locale has another sign.
void p2_decimal_print(struct p2_strbuf *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

void p2_decimal_plain(char *text); // makes the locale's decimal sign, of however many bytes, a point

#endif
