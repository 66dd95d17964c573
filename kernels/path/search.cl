// One search after the other, for a CPU: A* (Hart, Nilsson, Raphael 1968) or Dijkstra's algorithm from the goals
// towards a start, or over the whole map where cells have costs. Open cells lie in a ring of buckets of equal width, in
// order of length so far plus the octile distance to the start. Within a bucket a label may still improve; its cell is
// then taken once more. Every cell of length up to that of the start is final when the start's bucket is empty, so all
// shortest paths are known and the walk can choose among them as ref.c does.

struct path_world {
    __global const uchar *costs, *moves;
    __global ulong *label;
    __global uint *queue, *touched;
    uint stride, capacity, shift, neighbours;
    uint start_x, start_y, guided; // padded column and row
};

// At least the length that is left to the start.
ulong path_left(const struct path_world *w, uint x, uint y) {
    if (!w->guided) return 0;
    uint dx = abs_diff(x, w->start_x), dy = abs_diff(y, w->start_y), both = min(dx, dy);
    if (w->neighbours == 4) return (ulong)(dx + dy) << 32;
    return (ulong)(dx + dy - 2 * both) << 32 | both;
}

uint path_bucket(const struct path_world *w, ulong length, uint least) {
    return max((uint)(path_value(length) >> w->shift), least);
}

void path_put(const struct path_world *w, struct path_lane *l, uint cell, uint bucket) {
    uint slot = bucket % PATH_BUCKETS, at = l->head[slot] + l->count[slot]++;
    if (at >= w->capacity) at -= w->capacity;
    w->queue[(size_t)slot * w->capacity + at] = cell;
}

// A shorter way to a cell was found.
void path_improve(const struct path_world *w, struct path_lane *l, uint cell, ulong length, ulong old, ulong left) {
    uint bucket = path_bucket(w, length + left, l->bucket);
    bool waits = old & PATH_QUEUED;
    if (waits) waits = path_bucket(w, (old & ~PATH_QUEUED) + left, l->bucket) == bucket;
    if (old == PATH_NONE) w->touched[l->touched++] = cell;
    w->label[cell] = length | PATH_QUEUED;
    if (!waits) path_put(w, l, cell, bucket);
}

void path_seed(const struct path_world *w, struct path_lane *l, __global const uint *goals, uint count) {
    *l = (struct path_lane){.search = l->search, .phase = PATH_EXPAND};
    for (uint i = 0; i < count; i++) {
        uint cell = goals[i];
        if (!w->costs[cell] || w->label[cell] != PATH_NONE) continue;
        ulong left = path_left(w, cell % w->stride, cell / w->stride);
        if (i == 0) l->bucket = (uint)(path_value(left) >> w->shift); // of the only goal when it is guided
        path_improve(w, l, cell, 0, PATH_NONE, left);
    }
}

void path_expand(const struct path_world *w, struct path_lane *l, uint cell, ulong here, ulong limit) {
    uint y = cell / w->stride, x = cell - y * w->stride;
    if (path_value(here + path_left(w, x, y)) > limit) return;
    ulong cost = w->costs[cell];
    ulong straight = here + (cost << 32), diagonal = here + cost;
    ulong straight_value = path_value(straight), diagonal_value = path_value(diagonal);
    for (uint m = w->moves[cell]; m; m &= m - 1) {
        uint k = 31 - clz(m & -m), to = cell + path_offset(k, w->stride);
        ulong old = w->label[to];
        if ((k < 4 ? straight_value : diagonal_value) >= path_value(old)) continue;
        path_improve(w, l, to, k < 4 ? straight : diagonal, old, path_left(w, x + path_x[k], y + path_y[k]));
    }
}

// Takes cells off the buckets. True when the search is over.
bool path_search_on(const struct path_world *w, struct path_lane *l, uint start, uint *budget) {
    while (*budget > 0) {
        uint slot = l->bucket % PATH_BUCKETS;
        ulong limit = start == PATH_NO_CELL ? ~0ul : path_value(w->label[start]);
        if (l->count[slot] == 0) {
            if (l->bucket >= limit >> w->shift || !(l->count[0] | l->count[1] | l->count[2] | l->count[3])) return true;
            l->bucket++;
            continue;
        }
        uint cell = w->queue[(size_t)slot * w->capacity + l->head[slot]];
        l->head[slot] = l->head[slot] + 1 == w->capacity ? 0 : l->head[slot] + 1;
        l->count[slot]--;
        *budget -= 1;
        ulong here = w->label[cell];
        if (!(here & PATH_QUEUED)) continue; // taken already, from an earlier bucket
        here &= ~PATH_QUEUED;
        w->label[cell] = here;
        path_expand(w, l, cell, here, limit);
    }
    return false;
}

bool path_clean(const struct path_world *w, struct path_lane *l, uint *budget) {
    for (; *budget > 0 && l->touched > 0; *budget -= 1) w->label[w->touched[--l->touched]] = PATH_NONE;
    return l->touched == 0;
}

// Lane i does searches i, i + lanes, ... A search without a start leaves its labels and is its lane's last.
__kernel void path_search(__global const uchar *costs, __global const uchar *moves, __global ulong *labels,
                          __global uint *queues, __global uint *touched, __global const uint *goals,
                          __global const struct path_search *searches, uint search_count,
                          __global struct path_lane *lanes, __global uint *records, __global uchar *steps,
                          struct path_shape s) {
    uint lane = get_global_id(0), budget = s.budget;
    if (lane >= s.lanes) return;
    struct path_lane l = lanes[lane];
    while (budget > 0 && l.phase != PATH_DONE) {
        struct path_search q = searches[l.search];
        struct path_world w = {.costs = costs,
                               .moves = moves,
                               .label = labels + (size_t)lane * s.cells,
                               .queue = queues + (size_t)lane * PATH_BUCKETS * s.capacity,
                               .touched = touched + (size_t)lane * s.cells,
                               .stride = s.stride,
                               .capacity = s.capacity,
                               .shift = s.shift,
                               .neighbours = s.neighbours,
                               .start_x = q.start % s.stride,
                               .start_y = q.start / s.stride,
                               .guided = q.guided};
        bool whole = q.start == PATH_NO_CELL;
        if (l.phase == PATH_SEED) {
            path_seed(&w, &l, goals + q.first, q.count);
        } else if (l.phase == PATH_EXPAND && path_search_on(&w, &l, q.start, &budget)) {
            l.phase = whole ? PATH_DONE : PATH_WALK;
            l.cell = q.start;
        } else if (l.phase == PATH_WALK && path_follow(costs, moves, w.label, s.stride, &l.cell, &l.steps, &budget,
                                                       steps + (size_t)q.agent * s.steps, s.steps)) {
            path_record(records + (size_t)q.agent * PATH_RECORD_WORDS, w.label[q.start] & ~PATH_QUEUED, l.steps,
                        s.steps, q.guided ? PATH_ASTAR : PATH_DIJKSTRA);
            l.phase = PATH_CLEAN;
        } else if (l.phase == PATH_CLEAN && path_clean(&w, &l, &budget)) {
            l.search += s.lanes;
            l.phase = l.search < search_count ? PATH_SEED : PATH_DONE;
        }
    }
    lanes[lane] = l;
}
