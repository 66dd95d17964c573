// Bodies by cell, in ascending order in each.

// All of it by one work-item: a CPU's.
__kernel void sort_alone(__global uint *mem, struct physics_shape s) {
    if (get_global_id(0) || mem[s.status + STATUS_FAILED]) return;
    __global uint *begin = mem + s.begin, *order = mem + s.order;
    __global const uint *cell = mem + s.cell_of;
    for (uint c = 0; c <= s.cells; c++) begin[c] = 0;
    for (uint i = 0; i < s.bodies; i++) begin[cell[i]]++; // large ones fall into cell `cells`
    ulong crowd = 0;
    uint at = 0;
    for (uint c = 0; c < s.cells; c++) {
        uint count = begin[c];
        crowd += (ulong)count * count;
        at += count;
        begin[c] = at; // its end, counted down to its beginning
    }
    begin[s.cells] = at;
    for (uint i = s.bodies; i-- > 0;)
        if (cell[i] < s.cells) order[--begin[cell[i]]] = i;
    if (crowd > (ulong)PHYSICS_CROWD * s.bodies + PHYSICS_CROWD_FREE) mem[s.status + STATUS_FAILED] = PHYSICS_CROWDED;
}

#if !P2_CPU
// The same by many: counted, summed, placed in any order, and then put in order.

__kernel void sort_clear(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (!share_of(s.cells + 1, each, &first, &last)) return;
    for (uint c = first; c < last; c++) mem[s.begin + c] = 0;
}

__kernel void sort_count(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (!share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++) atomic_inc((volatile __global uint *)mem + s.begin + mem[s.cell_of + i]);
}

// Sum over the work-items of a group before this one; *total: of all.
INLINE uint group_scan(uint mine, __local uint *sums, uint *total) {
    uint at = get_local_id(0), size = get_local_size(0);
    sums[at] = mine;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint reach = 1; reach < size; reach *= 2) {
        uint add = at >= reach ? sums[at - reach] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        sums[at] += add;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    uint before = sums[at] - mine;
    *total = sums[size - 1];
    barrier(CLK_LOCAL_MEM_FENCE);
    return before;
}

// One group; a second, on a device of small groups, does nothing. Leaves the end of each cell in begin, which
// sort_place counts down to its beginning.
__kernel void sort_sum(__global uint *mem, struct physics_shape s) {
    __local uint sums[PHYSICS_GROUP];
    __global uint *begin = mem + s.begin;
    uint size = (uint)get_local_size(0), me = (uint)get_local_id(0), cells = get_group_id(0) ? 0 : s.cells;
    uint each = (cells + size - 1) / size, first = min(me * each, cells), last = min(first + each, cells);
    uint mine = 0, crowd = 0, total, all;
    for (uint c = first; c < last; c++) {
        uint count = begin[c], few = min(count, 0xffffu);
        mine += count;
        crowd += min(few * few, (uint)(1u << 20)) / 16; // in sixteenths: no overflow
    }
    uint at = group_scan(mine, sums, &total);
    group_scan(min(crowd, (uint)(1u << 22)), sums, &all);
    for (uint c = first; c < last; c++) {
        at += begin[c];
        begin[c] = at;
    }
    if (me == 0 && cells) {
        begin[cells] = total;
        if (all > (PHYSICS_CROWD * s.bodies + PHYSICS_CROWD_FREE) / 16) mem[s.status + STATUS_FAILED] = PHYSICS_CROWDED;
    }
}

__kernel void sort_place(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(s.bodies, each, &first, &last)) return;
    for (uint i = first; i < last; i++) {
        uint c = mem[s.cell_of + i];
        if (c < s.cells) mem[s.order + atomic_dec((volatile __global uint *)mem + s.begin + c) - 1] = i;
    }
}

__kernel void sort_cells(__global uint *mem, struct physics_shape s, uint each) {
    uint first, last;
    if (mem[s.status + STATUS_FAILED] || !share_of(s.cells, each, &first, &last)) return;
    __global uint *order = mem + s.order;
    for (uint c = first; c < last; c++) {
        uint begin = mem[s.begin + c], end = mem[s.begin + c + 1];
        for (uint i = begin + 1; i < end; i++) {
            uint body = order[i], k = i;
            for (; k > begin && order[k - 1] > body; k--) order[k] = order[k - 1];
            order[k] = body;
        }
    }
}
#endif
