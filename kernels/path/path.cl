// The kernels of path. On CPUs a search is one work-item with buckets of its own, since a queue is faster there than
// any number of lanes; the map around it is done in rows of vectors. On GPUs a field is relaxed tile by tile until
// nothing changes. Both end at the same labels, which ref.c defines, and paths are read off labels alone.
// clang-format off
#include "layout.h"
#include "common.cl"
#include "map.cl"
#include "field.cl"
#include "search.cl"
#if !P2_CPU
#include "tiles.cl"
#endif
