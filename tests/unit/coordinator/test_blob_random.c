// Uploads, references and fetches in any order, on a disk that is slow, fails and lies, by clients and peers that come,
// go and do not keep the rules: every invariant after every step, and nothing left at the end. P2C2R_TEST_SEED=N runs
// one seed, P2C2R_TEST_SEEDS=N that many.
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "rig.h"

#define SEEDS 150
#define ITERATIONS 500
#define ACTORS 6 // the first half are clients
#define BLOBS 10
#define LINES 8

struct line { // an upload at its client, a fetch or a job at its peer
    bool used, job;
    uint32_t stream;
    uint64_t blob, size, sent, limit;
    struct p2_msg assign;
};

struct actor {
    p2_handle conn; // 0: away
    uint32_t stream_next;
    struct line lines[LINES];
};

static struct {
    struct rig rig;
    struct p2_rng rng;
    struct actor actors[ACTORS];
    uint64_t ids, stored, lost, sent;
} w;

static uint32_t below(uint32_t n) { return (uint32_t)p2_rng_below(&w.rng, n); }
static bool chance(uint32_t percent) { return below(100) < percent; }
static bool is_client(const struct actor *a) { return a < w.actors + ACTORS / 2; }
static uint64_t size_of(uint64_t blob) { return 1 + blob * blob * 4001 % 400000; }

static struct line *line_of(struct actor *a, uint32_t stream) {
    for (unsigned i = 0; i < LINES; i++) {
        if (a->lines[i].used && a->lines[i].stream == stream) return &a->lines[i];
    }
    return NULL;
}

static struct line *free_line(struct actor *a) {
    for (unsigned i = 0; i < LINES; i++) {
        if (!a->lines[i].used) return &a->lines[i];
    }
    return NULL;
}

// ---- what the core says ---------------------------------------------------------------------------------------------

static void hear(struct actor *a, const struct p2_msg *m) {
    struct line *l = line_of(a, m->stream), *fresh = free_line(a);
    if (m->kind == P2_MSG_BLOB_WANT && l) {
        l->sent = m->u.blob_want.offset;
        l->limit = m->u.blob_want.limit;
    } else if (m->kind == P2_MSG_WINDOW && l && m->u.window.limit > l->limit) {
        l->limit = m->u.window.limit;
    } else if (m->kind == P2_MSG_BLOB_PUT && fresh) {
        *fresh = (struct line){.used = true, .stream = m->stream, .size = m->u.blob_put.payload_size};
    } else if (m->kind == P2_MSG_CHUNK && l) {
        assert_true(rig_bytes_right(&m->u.chunk.payload, m->u.chunk.offset));
        l->sent = m->u.chunk.offset + m->u.chunk.raw_size;
        l->used = l->sent < l->size;
    } else if (m->kind == P2_MSG_TASK_ASSIGN && fresh) {
        *fresh = (struct line){.used = true, .job = true, .stream = m->stream, .assign = *m};
    } else if (l && m->stream &&
               (m->kind == P2_MSG_ERROR || m->kind == P2_MSG_BLOB_HAVE || m->kind == P2_MSG_TASK_CANCEL ||
                m->kind == P2_MSG_TASK_ENDED)) {
        l->used = false;
    }
}

static void listen_to_core(void) {
    for (uint32_t i = 0; i < w.rig.out.count; i++) {
        const struct coord_action *act = &w.rig.out.items[i];
        if (act->kind == COORD_NOTE) {
            w.stored += act->u.note.kind == NOTE_BLOB_STORED;
            w.lost += act->u.note.kind == NOTE_BLOB_LOST;
            w.sent += act->u.note.kind == NOTE_BLOB_SENT;
        }
        for (unsigned k = 0; k < ACTORS; k++) {
            struct actor *a = &w.actors[k];
            if (!a->conn || act->conn != a->conn) continue;
            if (act->kind == COORD_SEND) hear(a, &act->u.msg);
            if (act->kind == COORD_CLOSE) *a = (struct actor){.conn = 0};
            break;
        }
    }
    rig_forget(&w.rig);
}

// ---- what is done ---------------------------------------------------------------------------------------------------

static void submit(struct actor *a) {
    struct p2_digest digests[4];
    struct p2_msg m = rig_submit_msg(++w.ids, ++a->stream_next, 10);
    m.u.submit.blobs = digests;
    m.u.submit.blob_count = below(4);
    m.u.submit.deadline_ns = (p2_ns)(1 + below(3000)) * P2_MS;
    for (uint32_t i = 0; i < m.u.submit.blob_count; i++) digests[i] = rig_digest(below(BLOBS));
    rig_send_submit(&w.rig, a->conn, &m);
}

static void put(struct actor *a) {
    struct line *l = free_line(a);
    if (!l) return;
    *l = (struct line){.used = true, .stream = ++a->stream_next, .blob = below(BLOBS)};
    l->size = chance(97) ? size_of(l->blob) : 1 + below(500000);
    rig_put(&w.rig, a->conn, l->stream, l->blob, l->size);
}

static void bring(struct actor *a, struct line *l) {
    uint64_t n = 1000 + below(64536), open = l->limit - l->sent, left = l->size - l->sent;
    if (n > open) n = open;
    if (n > left) n = left;
    if (!n) return;
    uint64_t at = chance(99) ? l->sent : below(1000); // seldom nonsense
    l->sent += n;
    rig_chunk(&w.rig, a->conn, l->stream, 1, at, (uint32_t)n);
}

static void client_acts(struct actor *a) {
    struct line *l = &a->lines[below(LINES)];
    uint32_t dice = below(100);
    if (dice < 12)
        put(a);
    else if (dice < 20)
        submit(a);
    else if (dice < 22 && w.ids)
        rig_cancel(&w.rig, a->conn, 1, 1 + below((uint32_t)w.ids));
    else if (l->used && dice == 22)
        rig_msg(&w.rig, a->conn, &(struct p2_msg){.kind = P2_MSG_ERROR, .stream = l->stream});
    else if (l->used && l->limit)
        bring(a, l);
}

static void peer_acts(struct actor *a) {
    struct line *l = &a->lines[below(LINES)];
    uint32_t dice = below(100);
    if (dice < 10 && peer_of(w.rig.c, session_find(w.rig.c, a->conn))->fetch_count < FETCHES_PER_PEER)
        rig_want(&w.rig, a->conn, below(BLOBS), chance(80) ? 0 : below(500));
    else if (dice < 25)
        rig_have(&w.rig, a->conn, below(BLOBS), chance(40));
    else if (dice < 26)
        rig_want(&w.rig, a->conn, below(BLOBS), 0); // one too many, perhaps
    else if (!l->used)
        return;
    else if (!l->job && dice < 90)
        rig_window(&w.rig, a->conn, l->stream, 1, l->sent + below(300000));
    else if (!l->job)
        rig_msg(&w.rig, a->conn, &(struct p2_msg){.kind = P2_MSG_ERROR, .stream = l->stream});
    else {
        struct p2_msg assign = l->assign;
        l->used = false;
        if (chance(70))
            rig_result(&w.rig, a->conn, &assign, 10);
        else
            rig_failure(&w.rig, a->conn, &assign, P2_ERR_BLOB_MISSING, chance(50));
    }
}

static void come(struct actor *a) {
    *a = (struct actor){.conn = w.rig.next_conn};
    w.rig.room = chance(70) ? 1 << 20 : 70000;
    rig_open(&w.rig);
    rig_hello(&w.rig, a->conn, is_client(a) ? P2_ROLE_CLIENT : P2_ROLE_PEER);
    struct p2_msg m = {.kind = P2_MSG_GAMER_REGISTER};
    if (is_client(a))
        rig_msg(&w.rig, a->conn, &m);
    else
        rig_register(&w.rig, a->conn, 2, 1, 3, 0);
}

static void the_disk_acts(void) {
    struct rig_file *f = &w.rig.store.files[below(RIG_FILES)];
    for (uint32_t n = below(8); n && rig_store_do(&w.rig); n--) continue;
    if (chance(2)) w.rig.store.broken = !w.rig.store.broken && chance(30);
    if (chance(2) && f->size && !f->whole) f->wrong = true; // what is received; what is served stays right
}

static void iterate(void) {
    struct actor *a = &w.actors[below(ACTORS)];
    the_disk_acts();
    if (!a->conn) {
        if (chance(30)) come(a);
    } else if (chance(1)) {
        p2_handle conn = a->conn;
        *a = (struct actor){.conn = 0};
        rig_close(&w.rig, conn);
    } else if (chance(10)) {
        rig_writable(&w.rig, a->conn, 70000 + below(1 << 20));
    } else if (is_client(a)) {
        client_acts(a);
    } else {
        peer_acts(a);
        if (a->conn && session_find(w.rig.c, a->conn)) rig_heartbeat(&w.rig, a->conn);
    }
    listen_to_core();
    if (!chance(20)) return;
    w.rig.now += (p2_ns)below(200) * P2_MS;
    struct coord_event ev = {.kind = COORD_TICK};
    rig_step(&w.rig, &ev);
    listen_to_core();
}

static void run_seed(uint64_t seed) {
    memset(&w.actors, 0, sizeof w.actors);
    w.ids = 0;
    p2_rng_init(&w.rng, seed);
    struct coord_limits l = rig_limits();
    l.blobs_max = 2 + below(12);
    l.blob_uploads_max = 1 + below(8);
    l.blob_holdings_max = 1 + below(20);
    l.blob_bytes_max = 300000 + below(200000);
    l.blob_budget_bytes = 300000 + below(1500000);
    rig_init(&w.rig, &l);
    for (uint64_t i = 0; i < BLOBS; i++) {
        if (chance(30)) rig_find(&w.rig, i, size_of(i), chance(70) ? size_of(i) : below((uint32_t)size_of(i)));
    }
    listen_to_core();
    w.rig.store.held = true;
    for (unsigned i = 0; i < ITERATIONS; i++) iterate();
    while (rig_store_do(&w.rig)) continue;
    listen_to_core();
    rig_deinit(&w.rig);
}

static void seeds(void **state) {
    (void)state;
    const char *one = getenv("P2C2R_TEST_SEED"), *many = getenv("P2C2R_TEST_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 0) : 1, count = one ? 1 : many ? strtoull(many, NULL, 0) : SEEDS;
    for (uint64_t seed = first; seed < first + count; seed++) {
        print_message("seed %llu\r", (unsigned long long)seed);
        run_seed(seed);
    }
    print_message("%llu seeds: %llu stored, %llu sent, %llu lost\n", (unsigned long long)count,
                  (unsigned long long)w.stored, (unsigned long long)w.sent, (unsigned long long)w.lost);
    assert_true(w.stored > count / 2 && w.sent > count / 2); // something happens
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(seeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
