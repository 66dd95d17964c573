// A label is a length (layout.h), PATH_NONE where there is none yet; its highest bit may be PATH_QUEUED, which
// path_value() does not see.

// Lengths as numbers that compare like them.
ulong path_value(ulong length) { return (length >> 32 << PATH_VALUE_BITS) + mul_hi(length << 34, PATH_ROOT); }

__constant char path_x[8] = {0, 1, 0, -1, 1, 1, -1, -1};
__constant char path_y[8] = {-1, 0, 1, 0, -1, 1, 1, -1};

int path_offset(uint k, uint stride) { return path_y[k] * (int)stride + path_x[k]; }

uint path_cell(uint x, uint y, uint stride) { return (y + 1) * stride + PATH_MARGIN + x; }

// A length longer by step k into a cell of that cost.
ulong path_longer(ulong length, uint k, ulong cost) { return length + (k < 4 ? cost << 32 : cost); }
