// What exec.h offers of the residents, for the running job of a slot.
#include "base/check.h"
#include "peer/executor/slot.h"

// kept is an entry's first member.
static struct resident_entry *entry_of(struct exec_kept *kept) { return (struct resident_entry *)(void *)kept; }

static void hold(struct exec_slot *slot, struct resident_entry *e) { slot->kept[slot->kept_count++] = e; }

// Types are ours: one that asks for more, or while it builds, or could wait for itself, is a bug.
static void check_want(const struct exec_slot *slot, const struct exec_keep_want *want) {
    P2_CHECK(slot->job && !slot->building && slot->kept_count < EXEC_KEPT_IN_JOB);
    for (uint32_t i = 0; i < slot->kept_count; i++) P2_CHECK(!want->exclusive || !slot->kept[i]->key.exclusive);
}

static enum p2_err build(struct exec_slot *slot, const struct exec_keep_want *want, struct resident_entry *e) {
    slot->building = e;
    enum p2_err err = want->build(slot, &e->kept, want->arg);
    slot->building = NULL;
    // Other slots have queues of their own; and what failed must be idle before its parts go.
    enum p2_err finished = slot->queue ? exec_finish(slot) : P2_OK;
    if (err == P2_OK) err = finished;
    residents_built(slot->residents, e, err == P2_OK);
    return err;
}

enum p2_err exec_keep(struct exec_slot *slot, const struct exec_keep_want *want, struct exec_kept **out) {
    check_want(slot, want);
    const struct resident_key key = {slot->type_index, want->exclusive, want->key};
    const struct resident_waiter waiter = {slot->job->cancelled, slot->job->deadline_ns};
    struct resident_entry *e;
    bool fresh;
    enum p2_err err = residents_acquire(slot->residents, &key, want->build != NULL, &waiter, &e, &fresh);
    if (err == P2_ERR_DEVICE_MEMORY) exec_why(slot, "all that is kept on the device is in use");
    if (err == P2_OK && fresh) err = build(slot, want, e);
    if (err != P2_OK) return err;
    hold(slot, e);
    *out = &e->kept;
    return P2_OK;
}

cl_mem exec_keep_buffer(struct exec_slot *slot, struct exec_kept *kept, uint32_t part, size_t size) {
    char text[WORD_TEXT];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    cl_mem mem = residents_buffer(slot->residents, entry_of(kept), part, size, &why);
    if (mem) return mem;
    pool_trim(&slot->pool); // which may hold what is missing
    return residents_buffer(slot->residents, entry_of(kept), part, size, &slot->why);
}

uint8_t *exec_keep_host(struct exec_slot *slot, struct exec_kept *kept, uint32_t part, size_t size) {
    return residents_host(slot->residents, entry_of(kept), part, size, &slot->why);
}

void exec_keep_drop(struct exec_slot *slot, struct exec_kept *kept) { residents_drop(slot->residents, entry_of(kept)); }

void slot_release_kept(struct exec_slot *s, bool done) {
    while (s->kept_count) residents_release(s->residents, s->kept[--s->kept_count], done);
}
