// Who has a task's blobs is better than pick.h says: what a peer lacks has to be brought to it first.
//
// Strategies that count time add that time, at the rate of all fetches so far, to their cost; the others take whoever
// lacks least. No offer of a peer that holds nothing can be better than pick_best's, for all of these lack the same: so
// the holders are looked at besides, and the result is exact as long as a blob has at most PREFER_HOLDERS_MAX of them.
#ifndef COORDINATOR_CORE_PREFER_H
#define COORDINATOR_CORE_PREFER_H

#define PREFER_HOLDERS_MAX 64u

struct coord;
struct offer;
struct pick_for;

// `best` is pick_best's, the result an offer no worse for this task.
struct offer *prefer_holder(const struct coord *c, const struct pick_for *f, struct offer *best);

#endif
