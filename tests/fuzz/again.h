// A message that was decoded must encode, decode again, and encode to the same bytes.
#ifndef TESTS_FUZZ_AGAIN_H
#define TESTS_FUZZ_AGAIN_H

#include "msg/msg.h"

void check_again(const struct p2_msg *m);

#endif
