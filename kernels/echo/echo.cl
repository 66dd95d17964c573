#include "layout.h"

// One work-item copies one vector: neighbours touch neighbouring bytes on a GPU, a CPU moves whole registers. The last
// item copies what is left byte by byte, so nothing beyond `size` is read or written.
__kernel void echo_copy(__global const uchar *in, __global uchar *out, uint size) {
    uint at = get_global_id(0) * ECHO_VECTOR;
    if (at >= size) return;
    if (size - at >= ECHO_VECTOR) {
        vstore16(vload16(0, in + at), 0, out + at);
        return;
    }
    for (; at < size; at++) out[at] = in[at];
}
