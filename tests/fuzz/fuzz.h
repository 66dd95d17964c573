// What every target shares. A target is one file with LLVMFuzzerTestOneInput; it aborts (P2_CHECK) when it finds
// something, and must not depend on what earlier inputs did.
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
