// The field of a map on which every cell costs 1, for a CPU: Dijkstra's algorithm with buckets one wide (Dial 1969; that
// a bucket needs no order within when no step is shorter than it is wide: Dinic 1978). A step is 1 or sqrt(2) long, so
// three buckets are in use. A cell lies in each at most once: it is put there when its label comes into that bucket, and
// what was left behind in a later one is passed over.

// Branches that depend on the map cannot be foretold: every step is tried, its outcome chosen by arithmetic.
#define PATH_TRY(k, offset, length, value, bucket, queue, tail)                                                        \
    {                                                                                                                  \
        uint to = cell + (offset);                                                                                     \
        ulong old = label[to], old_value = path_value(old);                                                            \
        bool better = (m >> (k)&1 ? (value) : ~0ul) < old_value;                                                       \
        label[to] = better ? (length) : old;                                                                           \
        queue[tail] = to;                                                                                              \
        tail += better & ((uint)(old_value >> PATH_VALUE_BITS) != (bucket));                                           \
    }

void path_expand_unit(__global const uchar *moves, __global ulong *label, uint cell, uint stride, ulong value,
                      __global uint *next, __global uint *after, uint *next_tail, uint *after_tail) {
    ulong here = label[cell];
    ulong straight = here + (1ul << 32), diagonal = here + 1;
    ulong straight_value = value + (1ul << PATH_VALUE_BITS), diagonal_value = path_value(diagonal);
    uint m = moves[cell], bucket = (uint)(straight_value >> PATH_VALUE_BITS), t = *next_tail;
    PATH_TRY(0, -stride, straight, straight_value, bucket, next, t)
    PATH_TRY(1, 1, straight, straight_value, bucket, next, t)
    PATH_TRY(2, stride, straight, straight_value, bucket, next, t)
    PATH_TRY(3, -1, straight, straight_value, bucket, next, t)
    uint far = (uint)(diagonal_value >> PATH_VALUE_BITS);
    bool later = far != bucket;
    __global uint *queue = later ? after : next;
    uint d = later ? *after_tail : t;
    PATH_TRY(4, 1 - stride, diagonal, diagonal_value, far, queue, d)
    PATH_TRY(5, stride + 1, diagonal, diagonal_value, far, queue, d)
    PATH_TRY(6, stride - 1, diagonal, diagonal_value, far, queue, d)
    PATH_TRY(7, -stride - 1, diagonal, diagonal_value, far, queue, d)
    *next_tail = later ? t : d;
    *after_tail = later ? d : *after_tail;
}

// A queue has one entry more than there are cells: PATH_TRY writes before it knows.
__kernel void path_field_unit(__global const uchar *costs, __global const uchar *moves, __global ulong *labels,
                              __global uint *queues, __global const uint *goals,
                              __global const struct path_search *searches, __global struct path_lane *lanes,
                              struct path_shape s) {
    uint lane = get_global_id(0);
    if (lane >= s.lanes || lanes[lane].phase == PATH_DONE) return;
    __global ulong *label = labels + (size_t)lane * s.cells;
    __global uint *queue = queues + (size_t)lane * PATH_BUCKETS * s.capacity;
    struct path_lane l = lanes[lane];
    if (l.phase == PATH_SEED) {
        struct path_search q = searches[lane];
        for (uint i = 0; i < q.count; i++) {
            uint cell = goals[q.first + i];
            if (!costs[cell] || label[cell] == 0) continue;
            label[cell] = 0;
            queue[l.count[0]++] = cell;
        }
        l.phase = PATH_EXPAND;
    }
    uint budget = s.budget;
    while (true) {
        __global uint *now = queue + (size_t)(l.bucket % 3) * s.capacity;
        __global uint *next = queue + (size_t)((l.bucket + 1) % 3) * s.capacity;
        __global uint *after = queue + (size_t)((l.bucket + 2) % 3) * s.capacity;
        uint end = l.count[0], i = l.head[0], next_tail = l.count[1], after_tail = l.count[2];
        uint stop = end - i < budget ? end : i + budget;
        budget -= stop - i;
        for (; i < stop; i++) {
            uint cell = now[i];
            ulong value = path_value(label[cell]);
            if ((uint)(value >> PATH_VALUE_BITS) != l.bucket) continue;
            path_expand_unit(moves, label, cell, s.stride, value, next, after, &next_tail, &after_tail);
        }
        l.head[0] = i;
        l.count[1] = next_tail;
        l.count[2] = after_tail;
        if (i < end) break;
        l.head[0] = 0;
        l.count[0] = next_tail;
        l.count[1] = after_tail;
        l.count[2] = 0;
        l.bucket++;
        if (next_tail + after_tail == 0) {
            l.phase = PATH_DONE;
            break;
        }
    }
    lanes[lane] = l;
}
