// The field of a map on which every cell costs 1, for a CPU: Dijkstra's algorithm with buckets one wide (Dial 1969;
// that a bucket needs no order within when no step is shorter than it is wide: Dinic 1978). A step is 1 or sqrt(2)
// long, so three buckets are in use. A cell lies in each at most once: it is put there when its label comes into that
// bucket, and what was left behind in a later one is passed over.

// Labels are short: PATH_SHORT_ONE stands for 1, so that a value is kept modulo 8 only; four bits below the fraction
// are the step that led to the cell and a 1. Cells a step apart differ by less than 4, which is all that is compared.
// sqrt(2) is PATH_SHORT_ROOT / PATH_SHORT_ONE: off by 5.6e-9, which keeps the order of two lengths as long as their
// diagonal parts are less than 7,900 apart, since a + b sqrt(2) is then further from 0 (layout.h). PATH_SHORT_MOST
// keeps them so; where a field is larger the lane says PATH_TOO_LONG.
//
// From a cell only those steps are tried that its own predecessor cannot better: not back, nor to what it reaches in
// a shorter way itself (the pruning of Harabor and Grastien 2011, but of strictly longer ways only, so that no tie is
// lost). That leaves one or two of eight.

// Cells that wait lie along the whole front, so that what is around them comes from far memory unless it is asked for
// early.
#define PATH_AHEAD 10u
#if defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define PATH_FETCH(pointer) __builtin_prefetch((const void *)(size_t)(pointer))
#endif
#endif
#ifndef PATH_FETCH
#define PATH_FETCH(pointer)
#endif

// By the step that led to a cell: the steps worth trying however things lie, and with each that is tried unless the
// other one may be taken, which shows that the predecessor has the shorter way.
__constant uchar path_onward[8] = {0x91, 0x32, 0x64, 0xc8, 0x13, 0x26, 0x4c, 0x89};
__constant uchar path_beside[4][2] = {{1, 3}, {0, 2}, {1, 3}, {0, 2}};
__constant uchar path_unless[4][2] = {{5, 6}, {7, 6}, {4, 7}, {4, 5}};

uchar path_worth(uint step, uint m) {
    uint worth = path_onward[step];
    for (uint i = 0; i < 2 && step < 4; i++)
        if (!(m >> path_unless[step][i] & 1)) worth |= 1u << path_beside[step][i];
    return worth & m;
}

#define PATH_WORTH (8 * 256)

struct path_front {
    __global uint *label, *next, *after; // the queues of the two buckets ahead
    uint next_tail, after_tail;
};

// Branches that depend on the map cannot be foretold: outcomes are chosen by arithmetic. Step 8 is none. A queue has
// an entry more than there are cells, since it is written to before that is known to count.
#define PATH_TRY                                                                                                       \
    {                                                                                                                  \
        uint k = popcount(~rest & (rest - 1) & 0xff), to = cell + offset[k], old = f->label[to];                       \
        uint length = base + longer[k];                                                                                \
        bool fresh = old == 0, better = (k < 8) & (fresh | ((int)(length - old) < 0)), far = later & (k >> 2);         \
        f->label[to] = better ? length : old;                                                                          \
        (far ? f->after : f->next)[far ? f->after_tail : f->next_tail] = to;                                           \
        bool put = better & (fresh | ((length ^ old) >= PATH_SHORT_ONE));                                              \
        f->next_tail += put & !far;                                                                                    \
        f->after_tail += put & far;                                                                                    \
        rest &= rest - 1;                                                                                              \
    }

void path_expand_unit(struct path_front *f, uint cell, uint base, uint rest, const int *offset, const uint *longer) {
    uint later = ((base + PATH_SHORT_ROOT) ^ (base + PATH_SHORT_ONE)) >= PATH_SHORT_ONE;
    PATH_TRY
    PATH_TRY
    while (rest) PATH_TRY
}

// Goals come first, and all their steps are worth trying.
void path_seed_unit(__global const uchar *costs, __global const uint *goals, uint count, __global uint *label,
                    __global uint *queue, struct path_lane *l) {
    for (uint i = 0; i < count; i++) {
        if (!costs[goals[i]] || label[goals[i]]) continue;
        label[goals[i]] = 1;
        queue[l->count[0]++] = goals[i];
    }
    l->phase = PATH_EXPAND;
}

void path_next_bucket(struct path_lane *l) {
    l->head[0] = 0;
    l->count[0] = l->count[1];
    l->count[1] = l->count[2];
    l->count[2] = 0;
    l->bucket++;
    if (l->count[0] + l->count[1] == 0)
        l->phase = PATH_DONE;
    else if (l->bucket > PATH_SHORT_MOST)
        l->phase = PATH_TOO_LONG;
}

// What would be the ring's fourth queue takes what short labels leave out: the upper part of each cell's bucket, 16
// bits.
__kernel void path_field_unit(__global const uchar *costs, __global const uchar *moves, __global uint *shorts,
                              __global uint *queues, __global const uint *goals,
                              __global const struct path_search *searches, __global struct path_lane *lanes,
                              struct path_shape s) {
    uint lane = get_global_id(0), budget = s.budget;
    if (lane >= s.lanes || lanes[lane].phase >= PATH_DONE) return;
    struct path_front f = {.label = shorts + (size_t)lane * s.cells};
    __global uint *queue = queues + (size_t)lane * PATH_BUCKETS * s.capacity;
    __global ushort *upper = (__global ushort *)(queue + (size_t)3 * s.capacity);
    struct path_lane l = lanes[lane];
    uchar worth[PATH_WORTH];
    const int row = s.stride, offset[9] = {-row, 1, row, -1, 1 - row, row + 1, row - 1, -row - 1, 0};
    uint longer[9] = {0};
    for (uint k = 0; k < 8; k++) longer[k] = (k < 4 ? PATH_SHORT_ONE : PATH_SHORT_ROOT) + (k << 1 | 1);
    for (uint i = 0; i < PATH_WORTH; i++) worth[i] = path_worth(i / 256, i % 256);
    if (l.phase == PATH_SEED)
        path_seed_unit(costs, goals + searches[lane].first, searches[lane].count, f.label, queue, &l);
    while (l.phase == PATH_EXPAND) {
        __global uint *now = queue + (size_t)(l.bucket % 3) * s.capacity;
        f.next = queue + (size_t)((l.bucket + 1) % 3) * s.capacity;
        f.after = queue + (size_t)((l.bucket + 2) % 3) * s.capacity;
        f.next_tail = l.count[1];
        f.after_tail = l.count[2];
        uint i = l.head[0], end = l.count[0], stop = end - i < budget ? end : i + budget;
        budget -= stop - i;
        for (; i < stop; i++) {
            uint cell = now[i], ahead = now[min(i + PATH_AHEAD, end - 1)], here = f.label[cell], m = moves[cell];
            PATH_FETCH(f.label + ahead - row);
            PATH_FETCH(f.label + ahead);
            PATH_FETCH(f.label + ahead + row);
            PATH_FETCH(moves + ahead);
            if (here / PATH_SHORT_ONE != l.bucket % 8) continue; // taken already, from an earlier bucket
            upper[cell] = (ushort)(l.bucket / 8);
            uint rest = l.bucket ? worth[(here & 14) << 7 | m] : m;
            path_expand_unit(&f, cell, here & ~15u, rest, offset, longer);
        }
        l.head[0] = i;
        l.count[1] = f.next_tail;
        l.count[2] = f.after_tail;
        if (i < end) break;
        path_next_bucket(&l);
    }
    lanes[lane] = l;
}

// Short labels to labels, a strip of cells a work-item. The diagonal part is what the fraction says, since the root is
// odd and so has an inverse modulo the fraction's range.
__kernel void path_widen(__global const uint *shorts, __global const uint *queues, __global ulong *labels,
                         struct path_shape s) {
    uint strips = (s.cells + PATH_STRIP - 1) / PATH_STRIP, strip = s.row_begin + get_global_id(0);
    if (strip >= s.row_end) return;
    uint lane = strip / strips, i = strip % strips * PATH_STRIP, end = min(i + PATH_STRIP, s.cells);
    __global const uint *label = shorts + (size_t)lane * s.cells;
    __global const ushort *upper = (__global const ushort *)(queues + ((size_t)lane * PATH_BUCKETS + 3) * s.capacity);
    for (; i < end; i += 8) { // rows are multiples of 16 cells
        uint8 here = vload8(0, label + i);
        uint8 fraction = (here & (PATH_SHORT_ONE - 1)) >> 4;
        uint8 diagonal = fraction * PATH_SHORT_INVERSE & (PATH_SHORT_ONE / 16 - 1);
        ulong8 whole = convert_ulong8((convert_uint8(vload8(0, upper + i)) << 3) + here / PATH_SHORT_ONE);
        ulong8 value = (whole * (PATH_SHORT_ONE / 16)) + convert_ulong8(fraction);
        ulong8 d = convert_ulong8(diagonal), straight = (value - d * (PATH_SHORT_ROOT / 16)) / (PATH_SHORT_ONE / 16);
        ulong8 wide = select((straight << 32) + d, (ulong8)PATH_NONE, convert_long8(here == 0));
        vstore8(wide, 0, labels + (size_t)lane * s.cells + i);
    }
}
