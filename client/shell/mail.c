// What callers hand over, until the next turn takes it: so a submit costs its copy, whatever the network does just
// then.
#include "base/mem.h"
#include "client/shell/client.h"
#include "os/os.h"

bool p2_mail_init(struct p2c2r_client *c, uint32_t records) {
    p2_list_init(&c->mail);
    c->letters = p2_calloc(records, sizeof *c->letters);
    for (uint32_t i = 0; c->letters && i < records; i++) p2_list_init(&c->letters[i].link);
    return c->letters != NULL;
}

void p2_mail_deinit(struct p2c2r_client *c) {
    p2_free(c->letters);
    c->letters = NULL;
}

// Under the door, as all of these.
static struct letter *post(struct p2c2r_client *c, const struct record *r) {
    struct letter *l = &c->letters[(uint32_t)r->ticket];
    l->ticket = r->ticket;
    if (!p2_list_linked(&l->link)) p2_list_push_back(&c->mail, &l->link);
    return l;
}

void p2_mail_submit(struct p2c2r_client *c, const struct record *r, const struct session_submit *task) {
    p2_client_lock(c);
    struct letter *l = post(c, r);
    l->submit = true;
    l->task = *task;
    p2_client_unlock(c);
}

void p2_mail_cancel(struct p2c2r_client *c, const struct record *r) {
    p2_client_lock(c);
    post(c, r)->cancel = true;
    p2_client_unlock(c);
}

void p2_mail_forget(struct p2c2r_client *c, const struct record *r) {
    p2_client_lock(c);
    if (p2_list_empty(&c->mail)) { // its letter has long left the cache
        p2_client_unlock(c);
        return;
    }
    struct letter *l = &c->letters[(uint32_t)r->ticket];
    p2_list_remove(&l->link);
    if (l->submit) {
        p2_blob_unref(l->task.params_blob);
        p2_blob_unref(l->task.payload.blob);
        p2_blob_unref(l->task.blobs);
    }
    l->submit = l->cancel = false;
    p2_client_unlock(c);
}

bool p2_mail_waits(struct p2c2r_client *c) {
    p2_client_lock(c);
    bool waits = !p2_list_empty(&c->mail);
    p2_client_unlock(c);
    return waits;
}

static void take_submit(struct p2c2r_client *c, struct session_event *ev) {
    const struct session_submit *task = &ev->u.submit;
    c->now_ns = p2_ns_max(c->now_ns, task->submitted_ns); // it may have come since
    p2_here_watch(c, task->ticket);
    p2_client_feed(c, ev);
}

static void take_cancel(struct p2c2r_client *c, p2c2r_ticket ticket) {
    struct session_event ev = {.kind = SESSION_CANCEL, .u.end.ticket = ticket};
    p2_client_feed(c, &ev);
    p2_here_cancel(c, ticket);
}

void p2_mail_take(struct p2c2r_client *c) {
    if (!p2_mail_waits(c)) return;
    p2_client_at_once(c, true);
    for (;;) {
        struct session_event submit;
        p2_client_lock(c);
        struct p2_list *first = p2_list_first(&c->mail);
        struct letter *l = first ? P2_CONTAINER_OF(first, struct letter, link) : NULL;
        bool submits = l && l->submit, cancels = l && l->cancel;
        p2c2r_ticket ticket = l ? l->ticket : 0;
        if (submits) submit = (struct session_event){.kind = SESSION_SUBMIT, .u.submit = l->task};
        if (l) {
            p2_list_remove(&l->link);
            l->submit = l->cancel = false;
        }
        p2_client_unlock(c);
        if (!l) break;
        if (submits) take_submit(c, &submit);
        if (cancels) take_cancel(c, ticket);
    }
    p2_client_at_once(c, false);
}
