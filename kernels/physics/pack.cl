// Strands that are not empty, by colour and length, sixteen to a pack. How those of one length are mixed has no part
// in the result.

INLINE uint bucket_of(uint length) { return PHYSICS_BUCKETS - min(length, PHYSICS_BUCKETS); } // longest first

// Rows and their limit, once all packs know how deep they are; `rows`, `contacts`: of all.
INLINE void pack_end(__global uint *mem, const struct physics_shape *s, uint rows, uint contacts) {
    mem[s->status + STATUS_ROWS] = rows;
    if (rows > s->rows || contacts > s->contacts) mem[s->status + STATUS_FAILED] = PHYSICS_OVERFLOW;
}

// By one work-item: a CPU's.
__kernel void pack_alone(__global uint *mem, struct physics_shape s) {
    if (get_global_id(0) || mem[s.status + STATUS_FAILED]) return;
    __global const uint *length = mem + s.length;
    __global uint *strand = mem + s.strand;
    uint per_colour = s.cells / PHYSICS_COLOURS, pack = 0, row = 0, contacts = 0;
    for (uint colour = 0; colour < PHYSICS_COLOURS; colour++) {
        uint begin[PHYSICS_BUCKETS], sum = 0;
        for (uint k = 0; k < PHYSICS_BUCKETS; k++) begin[k] = 0;
        for (uint c = colour * per_colour; c < (colour + 1) * per_colour; c++)
            if (length[c]) begin[bucket_of(length[c])]++;
        for (uint k = 0; k < PHYSICS_BUCKETS; k++) {
            uint count = begin[k];
            begin[k] = pack * PHYSICS_LANES + sum;
            sum += count;
        }
        for (uint c = colour * per_colour; c < (colour + 1) * per_colour; c++)
            if (length[c]) strand[begin[bucket_of(length[c])]++] = c, contacts += length[c];
        mem[s.status + STATUS_PACKS + colour] = pack;
        for (uint i = 0; i < sum; i += PHYSICS_LANES, pack++) {
            uint depth = 0;
            for (uint l = 0; l < PHYSICS_LANES; l++) {
                if (i + l >= sum)
                    strand[pack * PHYSICS_LANES + l] = PHYSICS_NONE;
                else
                    depth = max(depth, length[strand[pack * PHYSICS_LANES + l]]);
            }
            mem[s.pack_row + pack] = row;
            mem[s.pack_depth + pack] = depth;
            row += depth;
        }
    }
    mem[s.status + STATUS_PACKS + PHYSICS_COLOURS] = pack;
    pack_end(mem, &s, row, contacts);
}

#if !P2_CPU
// By one group.
__kernel void pack_group(__global uint *mem, struct physics_shape s) {
    __local uint buckets[PHYSICS_COLOURS * PHYSICS_BUCKETS], begins[PHYSICS_COLOURS + 1], ends[PHYSICS_COLOURS];
    __local uint sums[PHYSICS_GROUP];
    uint me = (uint)get_local_id(0), size = (uint)get_local_size(0), per_colour = s.cells / PHYSICS_COLOURS, mine = 0,
         contacts;
    int failed = get_group_id(0) || mem[s.status + STATUS_FAILED];
    for (uint k = me; k < PHYSICS_COLOURS * PHYSICS_BUCKETS; k += size) buckets[k] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint c = me; c < s.cells && !failed; c += size) {
        uint n = mem[s.length + c];
        if (n) atomic_inc(&buckets[c / per_colour * PHYSICS_BUCKETS + bucket_of(n)]);
        mine += n;
    }
    group_scan(mine, sums, &contacts);
    if (me == 0) {
        uint pack = 0;
        for (uint colour = 0; colour < PHYSICS_COLOURS; colour++) {
            uint at = pack * PHYSICS_LANES;
            begins[colour] = pack;
            for (uint k = colour * PHYSICS_BUCKETS; k < (colour + 1) * PHYSICS_BUCKETS; k++) {
                uint count = buckets[k];
                buckets[k] = at;
                at += count;
            }
            ends[colour] = at;
            pack = (at + PHYSICS_LANES - 1) / PHYSICS_LANES;
        }
        begins[PHYSICS_COLOURS] = pack;
        for (uint k = 0; k <= PHYSICS_COLOURS && !failed; k++) mem[s.status + STATUS_PACKS + k] = begins[k];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint c = me; c < s.cells && !failed; c += size) {
        uint n = mem[s.length + c];
        if (n) mem[s.strand + atomic_inc(&buckets[c / per_colour * PHYSICS_BUCKETS + bucket_of(n)])] = c;
    }
    for (uint colour = 0; colour < PHYSICS_COLOURS && !failed; colour++)
        for (uint at = ends[colour] + me; at < begins[colour + 1] * PHYSICS_LANES; at += size)
            mem[s.strand + at] = PHYSICS_NONE;
    barrier(CLK_GLOBAL_MEM_FENCE | CLK_LOCAL_MEM_FENCE);
    uint packs = failed ? 0 : begins[PHYSICS_COLOURS], each = (packs + size - 1) / size, rows = 0, all;
    uint first = min(me * each, packs), last = min(first + each, packs);
    for (uint p = first; p < last; p++) {
        uint depth = 0;
        for (uint l = 0; l < PHYSICS_LANES; l++) {
            uint c = mem[s.strand + p * PHYSICS_LANES + l];
            if (c != PHYSICS_NONE) depth = max(depth, mem[s.length + c]);
        }
        mem[s.pack_depth + p] = depth;
        rows += depth;
    }
    uint row = group_scan(rows, sums, &all);
    for (uint p = first; p < last; p++) mem[s.pack_row + p] = row, row += mem[s.pack_depth + p];
    if (me == 0 && !failed) pack_end(mem, &s, all, contacts);
}
#endif
