// A field on a GPU. A group relaxes a tile of 16 x 16 cells in local memory until nothing in it changes, then wakes the
// tiles around whose border cells see a change. Rounds go on until no tile is awake. Labels only fall, and end where no
// step shortens any: at the distances, in whatever order tiles were done.

__kernel void path_seed_tiles(__global const uchar *costs, __global ulong *labels, __global uchar *awake,
                              __global const uint *goals, __global const struct path_search *searches, uint lane,
                              struct path_shape s) {
    struct path_search q = searches[lane];
    uint i = get_global_id(0);
    if (i >= q.count) return;
    uint cell = goals[q.first + i];
    if (!costs[cell]) return;
    uint wide = (s.w + PATH_TILE - 1) / PATH_TILE, high = (s.h + PATH_TILE - 1) / PATH_TILE;
    uint x = cell % s.stride - PATH_MARGIN, y = cell / s.stride - 1;
    labels[(size_t)lane * s.cells + cell] = 0;
    uint tx = x / PATH_TILE, ty = y / PATH_TILE;
    for (uint ny = ty - (ty > 0); ny <= min(ty + 1, high - 1); ny++)
        for (uint nx = tx - (tx > 0); nx <= min(tx + 1, wide - 1); nx++)
            awake[((size_t)lane * high + ny) * wide + nx] = 1;
}

// Wakes the tiles beside each side of the tile on which something changed, corners with either of their sides.
void path_wake(__global uchar *awake, uint tx, uint ty, uint wide, uint high, uint sides) {
    uint x0 = tx - (sides & 8 && tx > 0), x1 = tx + (sides & 2 && tx + 1 < wide);
    uint y0 = ty - (sides & 1 && ty > 0), y1 = ty + (sides & 4 && ty + 1 < high);
    for (uint y = y0; y <= y1; y++)
        for (uint x = x0; x <= x1; x++)
            if (x != tx || y != ty) awake[(size_t)y * wide + x] = 1;
}

#define PATH_WINDOW (PATH_TILE + 2)

// awake: who is to be worked on in this round, and cleared by it; later: in the next one. Items of a group: one a cell.
__kernel __attribute__((reqd_work_group_size(PATH_TILE, PATH_TILE, 1))) void
path_field_tiles(__global const uchar *costs, __global const uchar *moves, __global ulong *labels,
                 __global uchar *awake, __global uchar *later, __global uint *changed, uint round,
                 struct path_shape s) {
    __local ulong window[PATH_WINDOW * PATH_WINDOW];
    __local uint stir[2], sides;
    uint wide = (s.w + PATH_TILE - 1) / PATH_TILE, high = (s.h + PATH_TILE - 1) / PATH_TILE;
    uint tx = get_group_id(0), ty = get_group_id(1) % high, lane = get_group_id(1) / high;
    uint lx = get_local_id(0), ly = get_local_id(1), item = ly * PATH_TILE + lx;
    size_t tile = ((size_t)lane * high + ty) * wide + tx;
    __global ulong *label = labels + (size_t)lane * s.cells;
    bool works = awake[tile] != 0;
    uint x = tx * PATH_TILE + lx, y = ty * PATH_TILE + ly;
    bool mine = works && x < s.w && y < s.h;
    uint cell = mine ? path_cell(x, y, s.stride) : 0, m = mine ? moves[cell] : 0;
    // The window may reach past the margins; what lies there is read from a closed cell.
    for (uint i = item; works && i < PATH_WINDOW * PATH_WINDOW; i += PATH_TILE * PATH_TILE) {
        uint wx = tx * PATH_TILE + i % PATH_WINDOW, wy = ty * PATH_TILE + i / PATH_WINDOW;
        bool there = wx <= s.w + 1 && wy <= s.h + 1;
        window[i] = there ? label[(size_t)wy * s.stride + PATH_MARGIN - 1 + wx] : PATH_NONE;
    }
    ulong cost[8];
#pragma unroll
    for (uint k = 0; k < 8; k++) cost[k] = m >> k & 1 ? costs[cell + path_offset(k, s.stride)] : 0;
    if (item < 2) stir[item] = 0;
    if (item == 0) sides = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    uint at = (ly + 1) * PATH_WINDOW + lx + 1;
    ulong best = works ? window[at] : 0, before = best;
    bool again = works;
    for (uint turn = 0; turn < PATH_TILE_ROUNDS && again; turn++) {
        ulong value = path_value(best);
        bool fell = false;
#pragma unroll
        for (uint k = 0; k < 8; k++) {
            ulong near = window[at + path_offset(k, PATH_WINDOW)], length = path_longer(near, k, cost[k]);
            if (m >> k & 1 && near != PATH_NONE && path_value(length) < value) {
                best = length;
                value = path_value(length);
                fell = true;
            }
        }
        if (fell) stir[turn & 1] = 1;
        barrier(CLK_LOCAL_MEM_FENCE);
        window[at] = best;
        again = stir[turn & 1] != 0;
        if (item == 0) stir[~turn & 1] = 0;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (best != before) {
        label[cell] = best;
        uint touches = (ly == 0 ? 1u : 0u) | (lx == PATH_TILE - 1 ? 2u : 0u) | (ly == PATH_TILE - 1 ? 4u : 0u) |
                       (lx == 0 ? 8u : 0u);
        if (touches) atomic_or(&sides, touches);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item != 0 || !works) return;
    awake[tile] = 0;
    if (again) later[tile] = 1;
    if (sides) path_wake(later + (size_t)lane * wide * high, tx, ty, wide, high, sides);
    if (again || sides) changed[round] = 1;
}
