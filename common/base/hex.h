// Bytes as hex digits, for identifiers, digests and tests.
#ifndef P2_BASE_HEX_H
#define P2_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Writes 2 * size lower-case digits and a NUL.
void p2_hex_text(const uint8_t *bytes, size_t size, char *out);

// Reads exactly 2 * size digits of either case, then the end of text. False, and out untouched, otherwise.
bool p2_hex_parse(const char *text, uint8_t *out, size_t size);

#endif
