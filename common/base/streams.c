#include "streams.h"

#include "check.h"
#include "mem.h"

#define PLACES_PER_SLOT 4u // some streams live longer than others: room for the numbers between them

bool p2_streams_init(struct p2_streams *s, uint32_t capacity) {
    *s = (struct p2_streams){.capacity = capacity};
    uint64_t places = PLACES_PER_SLOT;
    while (places < PLACES_PER_SLOT * (uint64_t)capacity) places *= 2;
    if (places > UINT32_MAX) return false;
    s->mask = (uint32_t)places - 1;
    s->first = p2_calloc(places, sizeof *s->first);
    s->nodes = p2_calloc(capacity ? capacity : 1, sizeof *s->nodes);
    if (s->first && s->nodes) return true;
    p2_streams_deinit(s);
    return false;
}

void p2_streams_deinit(struct p2_streams *s) {
    p2_free(s->first);
    p2_free(s->nodes);
    *s = (struct p2_streams){0};
}

// The link to the stream's slot; the 0 at the end of the chain when it is absent.
static uint32_t *find(const struct p2_streams *s, uint32_t stream) {
    uint32_t *link = &s->first[stream & s->mask];
    while (*link && s->nodes[*link - 1].stream != stream) link = &s->nodes[*link - 1].next;
    return link;
}

void p2_streams_put(struct p2_streams *s, uint32_t stream, uint32_t slot) {
    P2_CHECK(slot < s->capacity && s->count < s->capacity);
    uint32_t *end = find(s, stream);
    P2_CHECK(*end == 0);
    *end = slot + 1;
    s->nodes[slot] = (struct p2_streams_node){.stream = stream};
    s->count++;
}

uint32_t p2_streams_get(const struct p2_streams *s, uint32_t stream) { return *find(s, stream) - 1; }

void p2_streams_remove(struct p2_streams *s, uint32_t stream) {
    uint32_t *link = find(s, stream);
    P2_CHECK(*link != 0);
    *link = s->nodes[*link - 1].next;
    s->count--;
}
