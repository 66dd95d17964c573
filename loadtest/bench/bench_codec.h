// What the two halves of the codec's benchmark share.
#ifndef LOADTEST_BENCH_BENCH_CODEC_H
#define LOADTEST_BENCH_BENCH_CODEC_H

#include <jansson.h>

#include "msg/msg.h"

// A message as JSON, as a program that speaks it would write it: members named as in p2c2r.proto, ids as hex, enums and
// kind as words, parameters as members of an object, what is zero left out, and the stream. No payload.
json_t *bench_codec_json(const struct p2_msg *m); // gives (json_decref)

#endif
