// The padded map, its moves, and what is read off a field of labels.

// ---- costs ----

// A row of the padded map, 16 cells at a time.
__kernel void path_pad_row(__global const uchar *grid, __global uchar *costs, struct path_shape s) {
    uint row = s.row_begin + get_global_id(0);
    if (row >= s.row_end) return;
    __global uchar *to = costs + (size_t)row * s.stride;
    uint tail = row == s.h + 1 ? PATH_TAIL : 0;
    for (uint i = 0; i < s.stride + tail; i += 16) vstore16((uchar16)0, 0, to + i);
    if (row == 0 || row > s.h) return;
    __global const uchar *from = grid + (size_t)(row - 1) * s.w;
    to += PATH_MARGIN;
    uint x = 0;
    if (s.open) {
        for (; x < s.w; x++) to[x] = 1;
        return;
    }
    for (; x + 16 <= s.w; x += 16) vstore16(min(vload16(0, from + x), (uchar)s.cost_max), 0, to + x);
    for (; x < s.w; x++) to[x] = min(from[x], (uchar)s.cost_max);
}

__kernel void path_pad_cell(__global const uchar *grid, __global uchar *costs, struct path_shape s) {
    uint column = get_global_id(0), row = s.row_begin + get_global_id(1);
    if (column >= s.stride || row >= s.row_end) return;
    uint x = column - PATH_MARGIN, y = row - 1; // outside the map: very large
    uchar cost = 0;
    if (x < s.w && y < s.h) cost = s.open ? 1 : min(grid[(size_t)y * s.w + x], (uchar)s.cost_max);
    costs[(size_t)row * s.stride + column] = cost;
    if (row == s.h + 1 && column < PATH_TAIL) costs[(size_t)s.cells + column] = 0;
    if (row == s.h + 1 && column + s.stride < PATH_TAIL) costs[(size_t)s.cells + column + s.stride] = 0;
}

__kernel void path_close(__global uchar *costs, __global const uint *cells, uint count) {
    uint i = get_global_id(0);
    if (i < count) costs[cells[i]] = 0;
}

// ---- moves ----

uchar16 path_open16(__global const uchar *costs) { return as_uchar16(vload16(0, costs) != (uchar)0); }

// A step may be taken between two open cells; a diagonal one when both cells beside it are open too.
__kernel void path_moves_row(__global const uchar *costs, __global uchar *moves, struct path_shape s) {
    uint row = s.row_begin + get_global_id(0);
    if (row >= s.row_end) return;
    __global uchar *to = moves + (size_t)row * s.stride;
    if (row == 0 || row > s.h) {
        for (uint i = 0; i < s.stride; i += 16) vstore16((uchar16)0, 0, to + i);
        return;
    }
    vstore8((uchar8)0, 0, to);
    vstore8((uchar8)0, 0, to + s.stride - 8);
    uchar few = s.neighbours == 4 ? 15 : 255;
    for (uint i = PATH_MARGIN; i + 8 < s.stride; i += 16) {
        __global const uchar *at = costs + (size_t)row * s.stride + i;
        uchar16 n = path_open16(at - s.stride), e = path_open16(at + 1), so = path_open16(at + s.stride);
        uchar16 w = path_open16(at - 1);
        uchar16 m = (n & (uchar)1) | (e & (uchar)2) | (so & (uchar)4) | (w & (uchar)8);
        m |= n & e & path_open16(at - s.stride + 1) & (uchar)16;
        m |= so & e & path_open16(at + s.stride + 1) & (uchar)32;
        m |= so & w & path_open16(at + s.stride - 1) & (uchar)64;
        m |= n & w & path_open16(at - s.stride - 1) & (uchar)128;
        vstore16(m & path_open16(at) & few, 0, to + i);
    }
}

__kernel void path_moves_cell(__global const uchar *costs, __global uchar *moves, struct path_shape s) {
    uint column = get_global_id(0), row = s.row_begin + get_global_id(1);
    if (column >= s.stride || row >= s.row_end) return;
    uint x = column - PATH_MARGIN, y = row - 1, m = 0;
    size_t at = (size_t)row * s.stride + column;
    if (x < s.w && y < s.h && costs[at]) {
        for (uint k = 0; k < s.neighbours; k++) {
            if (!costs[at + path_offset(k, s.stride)]) continue;
            bool beside = costs[at + path_x[k]] && costs[at + path_y[k] * (int)s.stride];
            if (k < 4 || beside) m |= 1u << k;
        }
    }
    moves[at] = (uchar)m;
}

// ---- labels ----

// Rows of the shape are strips of cells here.
__kernel void path_clear_strip(__global ulong *label, ulong count, ulong with, struct path_shape s) {
    uint strip = s.row_begin + get_global_id(0);
    if (strip >= s.row_end) return;
    ulong i = (ulong)strip * PATH_STRIP, end = min(i + PATH_STRIP, count);
    for (; i + 8 <= end; i += 8) vstore8((ulong8)with, 0, label + i);
    for (; i < end; i++) label[i] = with;
}

__kernel void path_clear_cell(__global ulong *label, ulong count, ulong with, struct path_shape s) {
    ulong i = (ulong)s.row_begin * PATH_STRIP + get_global_id(0);
    if (i < min((ulong)s.row_end * PATH_STRIP, count)) label[i] = with;
}

__kernel void path_distances_row(__global const ulong *label, __global ulong *out, struct path_shape s) {
    uint y = s.row_begin + get_global_id(0), x = 0;
    if (y >= s.row_end) return;
    __global const ulong *from = label + path_cell(0, y, s.stride);
    __global ulong *to = out + (size_t)y * s.w;
    for (; x + 8 <= s.w; x += 8) vstore8(vload8(0, from + x), 0, to + x);
    for (; x < s.w; x++) to[x] = from[x];
}

__kernel void path_distances_cell(__global const ulong *label, __global ulong *out, struct path_shape s) {
    uint x = get_global_id(0), y = s.row_begin + get_global_id(1);
    if (x < s.w && y < s.row_end) out[(size_t)y * s.w + x] = label[path_cell(x, y, s.stride)];
}

// The first step, in their order, that keeps the distance.
uchar path_direction(__global const uchar *costs, __global const uchar *moves, __global const ulong *label, uint cell,
                     uint stride) {
    ulong here = label[cell] & ~PATH_QUEUED;
    if (here == PATH_NONE) return PATH_NOWHERE;
    for (uint k = 0; k < 8; k++) {
        if (!(moves[cell] >> k & 1)) continue;
        uint to = cell + path_offset(k, stride);
        if (path_longer(label[to] & ~PATH_QUEUED, k, costs[to]) == here) return k;
    }
    return PATH_GOAL;
}

__kernel void path_directions_row(__global const uchar *costs, __global const uchar *moves, __global const ulong *label,
                                  __global uchar *out, struct path_shape s) {
    uint y = s.row_begin + get_global_id(0), x = 0;
    if (y >= s.row_end) return;
    uint cell = path_cell(0, y, s.stride);
    __global uchar *to = out + (size_t)y * s.w;
    for (; x + 8 <= s.w; x += 8, cell += 8) {
        ulong8 here = vload8(0, label + cell);
        uchar8 m = vload8(0, moves + cell), found = PATH_GOAL;
#pragma unroll
        for (int k = 7; k >= 0; k--) { // the first found is the last looked at
            uint n = cell + path_offset(k, s.stride);
            ulong8 cost = convert_ulong8(vload8(0, costs + n));
            long8 keeps = vload8(0, label + n) + (k < 4 ? cost << 32 : cost) == here;
            uchar8 may = as_uchar8(convert_char8(keeps)) & (uchar8)(1 << k) & m;
            found = select(found, (uchar8)k, may != (uchar)0);
        }
        found = select(found, (uchar8)PATH_NOWHERE, convert_char8(here == PATH_NONE));
        vstore8(found, 0, to + x);
    }
    for (; x < s.w; x++, cell++) to[x] = path_direction(costs, moves, label, cell, s.stride);
}

__kernel void path_directions_cell(__global const uchar *costs, __global const uchar *moves,
                                   __global const ulong *label, __global uchar *out, struct path_shape s) {
    uint x = get_global_id(0), y = s.row_begin + get_global_id(1);
    if (x >= s.w || y >= s.row_end) return;
    out[(size_t)y * s.w + x] = path_direction(costs, moves, label, path_cell(x, y, s.stride), s.stride);
}

// ---- walks ----

// Follows labels from *cell, for as many steps as *budget has; true at the end. given: steps that are kept.
bool path_follow(__global const uchar *costs, __global const uchar *moves, __global const ulong *label, uint stride,
                 uint *cell, uint *steps, uint *budget, __global uchar *kept, uint given) {
    while (*budget > 0) {
        uchar k = path_direction(costs, moves, label, *cell, stride);
        if (k >= PATH_GOAL) return true;
        if (*steps < given) kept[*steps] = k;
        *cell += path_offset(k, stride);
        *steps += 1;
        *budget -= 1;
    }
    return false;
}

void path_record(__global uint *record, ulong length, uint steps, uint given, uint algorithm) {
    record[0] = (uint)length;
    record[1] = (uint)(length >> 32);
    record[2] = steps;
    record[3] = min(steps, given);
    record[4] = algorithm;
}

// Agents on a field, each an item.
__kernel void path_walk(__global const uchar *costs, __global const uchar *moves, __global const ulong *labels,
                        __global struct path_walk *walks, __global uint *records, __global uchar *steps, uint count,
                        uint lane, struct path_shape s) {
    uint i = get_global_id(0);
    if (i >= count || walks[i].phase == PATH_DONE) return;
    struct path_walk w = walks[i];
    __global const ulong *label = labels + (size_t)lane * s.cells;
    uint budget = s.budget;
    if (w.steps == 0) path_record(records + (size_t)w.agent * PATH_RECORD_WORDS, label[w.cell], 0, 0, PATH_FIELD);
    if (path_follow(costs, moves, label, s.stride, &w.cell, &w.steps, &budget, steps + (size_t)w.agent * s.steps,
                    s.steps)) {
        w.phase = PATH_DONE;
        records[(size_t)w.agent * PATH_RECORD_WORDS + 2] = w.steps;
        records[(size_t)w.agent * PATH_RECORD_WORDS + 3] = min(w.steps, s.steps);
    }
    walks[i] = w;
}
