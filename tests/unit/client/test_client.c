// The library against a coordinator of sockets and records: submit, poll, wait, release, and what can go wrong.
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client_rig.h"
#include "p2c2r/inspect.h"

static uint8_t *noise(size_t size) {
    uint8_t *p = malloc(size);
    assert_non_null(p);
    uint32_t x = 12345;
    for (size_t i = 0; i < size; i++) p[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
    return p;
}

static void echoes_come_back(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    static const size_t sizes[] = {0, 1, 65536, 65537, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *payload = noise(sizes[i] + 1);
        p2c2r_result r = await(c, submit(c, payload, sizes[i]));
        assert_int_equal(r.outcome, P2C2R_DONE);
        assert_int_equal(r.code, 0);
        assert_string_equal(r.reason, "");
        assert_int_equal(r.data_size, sizes[i]);
        if (sizes[i]) assert_memory_equal(r.data, payload, sizes[i]);
        assert_int_equal(r.attempts, 1);
        assert_string_equal(r.peer, "ab000000000000000000000000000000");
        assert_true(r.total_us >= r.queue_us + r.processing_us);
        assert_int_equal(r.transfer_us, r.total_us - r.queue_us - r.processing_us);
        p2c2r_release(c, &r);
        assert_null(r.data);
        free(payload);
    }
    assert_int_equal(p2c2r_connected(c), 1);
    assert_int_equal(f.zstd_payloads, 0); // not worth it on loopback
    shut(&c);
    fake_stop(&f);
}

static void resends_and_packed_results_come_out_the_same(void **state) {
    (void)state;
    static const enum fake_mood moods[] = {FAKE_RESEND, FAKE_ECHO};
    uint8_t *payload = calloc(1, 1000000); // shrinks well
    memcpy(payload + 500000, "needle", 6);
    for (size_t i = 0; i < 2; i++) {
        struct fake f;
        fake_start(&f, moods[i], 100);
        f.pack = i == 1;
        p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
        p2c2r_result r = await(c, submit(c, payload, 1000000));
        assert_int_equal(r.outcome, P2C2R_DONE);
        assert_int_equal(r.data_size, 1000000);
        assert_memory_equal(r.data, payload, 1000000);
        p2c2r_release(c, &r);
        shut(&c);
        fake_stop(&f);
    }
    free(payload);
}

static void results_land_in_the_callers_buffer_when_they_fit(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    char room[8] = "........";
    for (int fits = 0; fits < 2; fits++) {
        p2c2r_task task = echo_task("12345678", fits ? 8 : 9);
        task.out = room;
        task.out_capacity = sizeof room;
        task.user = &f;
        p2c2r_ticket ticket;
        assert_int_equal(p2c2r_submit(c, &task, &ticket), P2C2R_OK);
        p2c2r_result r = await(c, ticket);
        assert_true((r.data == room) == (fits == 1));
        assert_ptr_equal(r.user, &f);
        p2c2r_release(c, &r);
        assert_memory_equal(room, fits ? "12345678" : "........", 8);
    }
    shut(&c);
    fake_stop(&f);
}

static void poll_hands_out_every_ticket_once(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 3); // the coordinator's window is smaller than ours
    p2c2r_client *c = open_at(f.url, (p2c2r_options){.tasks_max = 40});
    p2c2r_task tasks[40];
    p2c2r_ticket tickets[40];
    p2c2r_status statuses[40];
    int seen[40] = {0};
    for (int i = 0; i < 40; i++) {
        tasks[i] = echo_task("x", 1);
        tasks[i].user = &seen[i];
        tasks[i].priority = (p2c2r_class)i % 4;
    }
    assert_int_equal(p2c2r_submit_batch(c, tasks, 40, tickets, statuses), P2C2R_OK);
    uint32_t n = 0;
    while (n < 40) {
        p2c2r_result results[7] = {{.size = sizeof *results}};
        uint32_t got = p2c2r_poll(c, results, 7, PATIENCE_US);
        assert_in_range(got, 1, 7);
        for (uint32_t i = 0; i < got; i++) {
            assert_int_equal(results[i].outcome, P2C2R_DONE);
            ++*(int *)results[i].user;
            p2c2r_release(c, &results[i]);
        }
        n += got;
    }
    for (int i = 0; i < 40; i++) assert_int_equal(seen[i], 1);
    p2c2r_result none = {.size = sizeof none};
    assert_int_equal(p2c2r_poll(c, &none, 1, 0), 0);
    assert_int_equal(p2c2r_wait(c, tickets[0], &none, 0), P2C2R_ENOTFOUND);
    assert_int_equal(p2c2r_cancel(c, tickets[0]), P2C2R_ENOTFOUND);
    shut(&c);
    fake_stop(&f);
}

static void a_full_window_says_again_until_released(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){.tasks_max = 2, .payload_bytes_max = 4096});
    p2c2r_ticket a = submit(c, "a", 1);
    submit(c, "b", 1);
    p2c2r_task task = echo_task("c", 1);
    p2c2r_ticket t;
    p2c2r_status batch[1];
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_EAGAIN);
    assert_int_equal(p2c2r_submit_batch(c, &task, 1, &t, batch), P2C2R_EAGAIN);
    assert_int_equal(batch[0], P2C2R_EAGAIN);
    p2c2r_result r = await(c, a);
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_EAGAIN); // lent still
    p2c2r_release(c, &r);
    p2c2r_release(c, &r); // twice is harmless
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_OK);
    shut(&c);

    c = open_at(f.url, (p2c2r_options){.payload_bytes_max = 4096});
    f.mood = FAKE_SILENT;
    static const uint8_t big[4097];
    submit(c, big, 4000);
    task = echo_task(big, 100);
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_EAGAIN);
    task = echo_task(big, 4097); // will never fit
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_EINVAL);
    shut(&c);
    fake_stop(&f);
}

static void a_lent_payload_is_not_copied(void **state) {
    (void)state;
    static uint8_t payload[300000], out[sizeof payload];
    for (size_t i = 0; i < sizeof payload; i++) payload[i] = (uint8_t)(i * 7 + (i >> 8));
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){.payload_bytes_max = 4096}); // which it does not count against
    p2c2r_task task = echo_task(payload, sizeof payload);
    task.out = out;
    task.out_capacity = sizeof out;
    p2c2r_ticket t;
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_EINVAL);
    task.payload_lent = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_OK);
        p2c2r_result r = await(c, t);
        assert_int_equal(r.outcome, P2C2R_DONE);
        assert_int_equal(r.data_size, sizeof payload);
        assert_memory_equal(r.data, payload, sizeof payload);
        p2c2r_release(c, &r);
    }
    shut(&c);
    fake_stop(&f);
}

// More than the coordinator, which reads nothing, and the kernel take: tickets expire, but those whose payload is
// still on its way end only when it has left. Whose ticket has ended may be written to.
static void what_is_lent_is_given_back(void **state) {
    (void)state;
    enum { TASKS = 64, SIZE = 300000 };
    static uint8_t payloads[TASKS][SIZE];
    memset(payloads, 1, sizeof payloads);
    struct fake f;
    fake_start(&f, FAKE_SILENT, TASKS + 1);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    while (!p2c2r_connected(c)) p2c2r_poll(c, NULL, 0, 1000);
    fake_deafen(&f, true);
    for (uint64_t i = 0; i < TASKS; i++) {
        p2c2r_task task = echo_task(payloads[i], SIZE);
        task.payload_lent = 1;
        task.deadline_ms = 100;
        task.user = payloads[i];
        p2c2r_ticket t;
        assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_OK);
    }
    p2c2r_result r = {.size = sizeof r};
    bool deaf = true;
    for (int ended = 0; ended < TASKS;) {
        if (p2c2r_poll(c, &r, 1, deaf ? PATIENCE_US / 40 : PATIENCE_US) == 0) { // no more end as it is
            assert_true(deaf);
            fake_deafen(&f, deaf = false);
            continue;
        }
        assert_int_equal(r.outcome, P2C2R_EXPIRED);
        memset(r.user, FAKE_SPOILT, SIZE);
        p2c2r_release(c, &r);
        ended++;
    }
    if (deaf) fake_deafen(&f, false);
    f.mood = FAKE_ECHO;
    r = await(c, submit(c, "x", 1)); // behind all that left before
    assert_int_equal(r.outcome, P2C2R_DONE);
    p2c2r_release(c, &r);
    assert_true(f.submits > 1);
    assert_int_equal(f.spoiled, 0);
    shut(&c);
    fake_stop(&f);
}

static void bad_arguments_are_sentences(void **state) {
    (void)state;
    p2c2r_client *c = open_at("ws://127.0.0.1:9", (p2c2r_options){0});
    p2c2r_param unknown = {"colour", "red"}, nameless = {NULL, "1"}, bad = {"output_res", "960"};
    p2c2r_param many[33] = {{0}};
    const p2c2r_task good = echo_task("x", 1);
    p2c2r_task tasks[12];
    for (size_t i = 0; i < 12; i++) tasks[i] = good;
    tasks[0].type = NULL;
    tasks[1].type = "teleport";
    tasks[2].priority = 4;
    tasks[3].deadline_ms = -1;
    tasks[4].payload = NULL;
    tasks[5].payload_size = (size_t)1 << 40;
    tasks[6].params = &unknown;
    tasks[6].param_count = 1;
    tasks[7].params = &nameless;
    tasks[7].param_count = 1;
    tasks[8].params = many;
    tasks[8].param_count = 33;
    tasks[9].type = "upscale"; // required parameters are missing
    tasks[10].type = "upscale";
    tasks[10].params = &bad;
    tasks[10].param_count = 1;
    tasks[11].size = 0;
    for (size_t i = 0; i < 12; i++) {
        p2c2r_ticket t = 0;
        assert_int_equal(p2c2r_submit(c, &tasks[i], &t), P2C2R_EINVAL);
        assert_true(strlen(p2c2r_last_error(c)) > 10);
    }
    p2c2r_ticket t;
    assert_int_equal(p2c2r_submit(c, NULL, &t), P2C2R_EINVAL);
    assert_int_equal(p2c2r_submit(c, &good, NULL), P2C2R_EINVAL);
    assert_int_equal(p2c2r_submit(NULL, &good, &t), P2C2R_EINVAL);
    assert_int_equal(p2c2r_cancel(c, 0), P2C2R_ENOTFOUND);
    assert_int_equal(p2c2r_cancel(c, UINT64_MAX), P2C2R_ENOTFOUND);
    p2c2r_result r = {.size = 0};
    assert_int_equal(p2c2r_poll(c, &r, 1, 0), 0);
    assert_int_equal(p2c2r_wait(c, 1, &r, 0), P2C2R_EINVAL);
    p2c2r_destroy(&c);
    p2c2r_destroy(&c);
    p2c2r_destroy(NULL);
}

// results[0].size is the distance of the elements: of a newer caller, of an older one.
static void poll_fills_arrays_of_the_callers_structs(void **state) {
    (void)state;
    p2c2r_client *c = open_at("ws://127.0.0.1:9", (p2c2r_options){0});
    for (int i = 0; i < 5; i++) assert_int_equal(p2c2r_cancel(c, submit(c, "x", 1)), P2C2R_OK);
    struct {
        p2c2r_result known;
        uint64_t further;
    } newer[3];
    memset(newer, 0xff, sizeof newer);
    newer[0].known.size = sizeof newer[0];
    assert_int_equal(p2c2r_poll(c, &newer[0].known, 2, 0), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(newer[i].known.size, sizeof newer[0]);
        assert_int_equal(newer[i].known.outcome, P2C2R_CANCELLED);
        assert_int_equal(newer[i].further, 0);
        p2c2r_release(c, &newer[i].known);
    }
    assert_true(newer[2].further == UINT64_MAX);
    struct older { // without the timing that came later
        _Alignas(p2c2r_result) char bytes[offsetof(p2c2r_result, total_us)];
    } older[4];
    memset(older, 0xff, sizeof older);
    const size_t size = sizeof older[0];
    memcpy(&older[0], &size, sizeof size);
    assert_int_equal(p2c2r_poll(c, (p2c2r_result *)(void *)older, 3, 0), 3);
    for (int i = 0; i < 3; i++) {
        p2c2r_result r = {0};
        memcpy(&r, &older[i], size);
        assert_int_equal(r.size, size);
        assert_int_equal(r.outcome, P2C2R_CANCELLED);
    }
    for (size_t i = 0; i < size; i++) assert_int_equal(older[3].bytes[i], (char)0xff);
    p2c2r_destroy(&c); // these are not given back one by one
}

static void options_out_of_range_make_no_client(void **state) {
    (void)state;
    const p2c2r_options good = {.size = sizeof good, .coordinator = "ws://127.0.0.1:9"};
    p2c2r_options wrong[12];
    for (size_t i = 0; i < 12; i++) wrong[i] = good;
    wrong[0].coordinator = "http://127.0.0.1:9";
    wrong[1].coordinator = "ws://127.0.0.1";
    wrong[2].coordinator = "ws://127.0.0.1:0";
    wrong[3].coordinator = "ws://127.0.0.1:65536";
    wrong[4].coordinator = "ws://:80";
    wrong[5].tasks_max = 1000000;
    wrong[6].connect_timeout_ms = -1;
    wrong[7].fake_lag_ms = -1;
    wrong[8].fake_loss = 1.5;
    wrong[9].fake_loss = -0.1;
    wrong[10].size = 0;
    wrong[11].coordinator = "ws://127.0.0.1:80x";
    for (size_t i = 0; i < 12; i++) assert_null(p2c2r_create(&wrong[i]));
    struct { // a newer caller whose further field is set asks for what we do not have
        p2c2r_options o;
        uint64_t further;
    } newer = {good, 0};
    newer.o.size = sizeof newer;
    p2c2r_client *c = p2c2r_create(&newer.o);
    assert_non_null(c);
    p2c2r_destroy(&c);
    newer.further = 1;
    assert_null(p2c2r_create(&newer.o));
}

static void every_mood_of_a_coordinator_has_its_ending(void **state) {
    (void)state;
    static const struct {
        enum fake_mood mood;
        p2c2r_outcome outcome;
        enum p2_err code;
    } cases[] = {
        {FAKE_REFUSE, P2C2R_REFUSED, P2_ERR_NO_CAPABLE_PEER},   {FAKE_FAIL, P2C2R_FAILED, P2_ERR_ATTEMPTS_EXHAUSTED},
        {FAKE_HANG_UP, P2C2R_LOST, P2_ERR_CONNECTION_LOST},     {FAKE_GARBAGE, P2C2R_LOST, P2_ERR_CONNECTION_LOST},
        {FAKE_BAD_ZSTD, P2C2R_FAILED, P2_ERR_BAD_PAYLOAD},      {FAKE_GAP, P2C2R_LOST, P2_ERR_CONNECTION_LOST},
        {FAKE_TOO_LONG, P2C2R_FAILED, P2_ERR_RESULT_TOO_LARGE}, {FAKE_TURN_AWAY, P2C2R_REFUSED, P2_ERR_DRAINING},
    };
    uint8_t payload[200] = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake f;
        fake_start(&f, cases[i].mood, 100);
        p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
        p2c2r_result r = await(c, submit(c, payload, sizeof payload));
        assert_int_equal(r.outcome, cases[i].outcome);
        assert_int_equal(r.code, cases[i].code);
        assert_string_equal(r.code_name, p2_err_name(cases[i].code));
        assert_true(strlen(r.reason) > 10);
        assert_null(r.data);
        if (cases[i].mood == FAKE_TURN_AWAY) assert_string_equal(r.reason, "Closed for the season.");
        if (cases[i].mood == FAKE_TURN_AWAY) {
            p2c2r_cluster cluster = {.size = sizeof cluster};
            assert_int_equal(p2c2r_cluster_wait(c, &cluster, PATIENCE_US), P2C2R_ECLOSED);
            assert_string_equal(p2c2r_last_error(c), "Closed for the season.");
        }
        p2c2r_release(c, &r);
        f.mood = FAKE_ECHO; // and it gets over it
        r = await(c, submit(c, payload, sizeof payload));
        assert_int_equal(r.outcome, P2C2R_DONE);
        p2c2r_release(c, &r);
        shut(&c);
        fake_stop(&f);
    }
}

static void a_result_that_does_not_unpack_ends_its_ticket_alone(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_BAD_PART, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    p2c2r_ticket tickets[5];
    uint8_t payload[400] = {7};
    for (size_t i = 0; i < 5; i++) tickets[i] = submit(c, payload, sizeof payload);
    for (size_t i = 0; i < 5; i++) {
        p2c2r_result r = await(c, tickets[i]);
        assert_int_equal(r.outcome, i == 1 ? P2C2R_FAILED : P2C2R_DONE);
        assert_int_equal(r.code, i == 1 ? P2_ERR_BAD_PAYLOAD : P2_OK);
        if (i == 1) assert_true(r.retryable && strlen(r.reason) > 10 && !r.data);
        p2c2r_release(c, &r);
    }
    p2c2r_result r = await(c, submit(c, payload, sizeof payload)); // behind the ERROR, on the same connection
    assert_int_equal(r.outcome, P2C2R_DONE);
    p2c2r_release(c, &r);
    assert_int_equal(f.errors, 1);
    assert_int_equal(f.connections, 1);
    shut(&c);
    fake_stop(&f);
}

static void cancel_ends_once(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_SILENT, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    p2c2r_ticket t = submit(c, "x", 1);
    p2c2r_result r = {.size = sizeof r};
    while (f.submits == 0) assert_int_equal(p2c2r_wait(c, t, &r, 1000), P2C2R_ETIMEOUT);
    assert_int_equal(p2c2r_cancel(c, t), P2C2R_OK);
    assert_int_equal(p2c2r_cancel(c, t), P2C2R_OK);
    r = await(c, t);
    assert_int_equal(r.outcome, P2C2R_CANCELLED);
    assert_int_equal(f.cancels, 1);
    p2c2r_release(c, &r);
    shut(&c);
    fake_stop(&f);
}

static void destroy_with_many_open_leaks_nothing(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_SILENT, 20);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    uint8_t *payload = noise(500000);
    for (int i = 0; i < 30; i++) submit(c, payload, (size_t)(i % 3) * 250000);
    p2c2r_result r = {.size = sizeof r};
    while (f.submits < 3) assert_int_equal(p2c2r_poll(c, &r, 1, 1000), 0);
    shut(&c);
    fake_stop(&f);
    c = open_at("ws://127.0.0.1:9", (p2c2r_options){0}); // never connected
    for (int i = 0; i < 30; i++) submit(c, payload, 1000);
    p2c2r_destroy(&c);
    free(payload);
}

static void nobody_there_is_said_within_the_timeout(void **state) {
    (void)state;
    p2c2r_client *c = open_at("ws://127.0.0.1:9", (p2c2r_options){.connect_timeout_ms = 50});
    p2c2r_result r = await(c, submit(c, "x", 1));
    assert_int_equal(r.outcome, P2C2R_LOST);
    assert_int_equal(r.code, P2_ERR_UNREACHABLE);
    assert_true(r.retryable);
    p2c2r_release(c, &r);
    p2c2r_cluster cluster = {.size = sizeof cluster};
    assert_int_equal(p2c2r_cluster_wait(c, &cluster, 1000), P2C2R_EUNREACHABLE);
    assert_int_equal(p2c2r_connected(c), 0);
    assert_true(p2c2r_next_timeout_us(c) >= 0);
    p2c2r_destroy(&c);
}

static void what_is_agreed_is_told(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    p2c2r_terms terms = {.size = sizeof terms};
    assert_int_equal(p2c2r_connection_terms(c, &terms), P2C2R_EUNREACHABLE);
    while (!p2c2r_connected(c)) p2c2r_poll(c, NULL, 0, 1000);
    assert_int_equal(p2c2r_connection_terms(c, &terms), P2C2R_OK);
    assert_int_equal(terms.size, sizeof terms);
    assert_int_equal(terms.protocol, P2_PROTOCOL_VERSION);
    assert_int_equal(terms.tasks_in_flight_max, 100);
    assert_int_equal(terms.payload_bytes_max, 1 << 30);
    assert_int_equal(terms.bytes_in_flight_max, 0);
    for (uint32_t i = 0; i < terms.feature_count; i++) assert_true(strlen(terms.features[i]) > 2);
    // An older caller's struct is filled as far as it goes, and not beyond.
    p2c2r_terms old = {.size = offsetof(p2c2r_terms, payload_bytes_max), .payload_bytes_max = 7};
    assert_int_equal(p2c2r_connection_terms(c, &old), P2C2R_OK);
    assert_int_equal(old.tasks_in_flight_max, 100);
    assert_int_equal(old.payload_bytes_max, 7);
    terms.size = 4;
    assert_int_equal(p2c2r_connection_terms(c, &terms), P2C2R_EINVAL);
    assert_int_equal(p2c2r_connection_terms(c, NULL), P2C2R_EINVAL);
    assert_int_equal(p2c2r_connection_terms(NULL, &terms), P2C2R_EINVAL);
    shut(&c);
    fake_stop(&f);
}

static void open_tasks_are_listed(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    p2c2r_open_task tasks[4] = {{.size = sizeof *tasks}};
    uint32_t count = 9;
    assert_int_equal(p2c2r_tasks_wait(c, tasks, 4, &count, PATIENCE_US), P2C2R_OK);
    assert_int_equal(count, 2);
    assert_string_equal(tasks[0].id, "0a1b2c3d");
    assert_string_equal(tasks[0].type, "echo");
    assert_string_equal(tasks[0].where, "running");
    assert_int_equal(tasks[0].priority, P2C2R_BATCH);
    assert_int_equal(tasks[0].age_us, 5000);
    assert_int_equal(tasks[0].left_us, 1000000);
    assert_int_equal(tasks[0].attempts, 1);
    assert_int_equal(strncmp(tasks[0].peer, "ab00", 4), 0);
    assert_int_equal(tasks[0].yours, 1);
    assert_string_equal(tasks[1].id, "00000007");
    assert_string_equal(tasks[1].peer, "");
    assert_int_equal(tasks[1].yours, 0);
    assert_int_equal(tasks[1].size, sizeof *tasks);
    assert_int_equal(tasks[2].size, 0); // not touched
    assert_int_equal(p2c2r_tasks_wait(c, tasks, 1, &count, PATIENCE_US), P2C2R_OK);
    assert_int_equal(count, 1);
    // An older caller's, smaller, elements lie as far apart as it says.
    struct {
        size_t size;
        char id[9], type[7];
    } old[2] = {{.size = sizeof *old}};
    assert_int_equal(p2c2r_tasks_wait(c, (p2c2r_open_task *)(void *)old, 2, &count, PATIENCE_US), P2C2R_OK);
    assert_int_equal(count, 2);
    assert_string_equal(old[1].id, "00000007");
    tasks[0].size = 3;
    assert_int_equal(p2c2r_tasks_wait(c, tasks, 4, &count, 0), P2C2R_EINVAL);
    assert_int_equal(p2c2r_tasks_wait(c, NULL, 4, &count, 0), P2C2R_EINVAL);
    assert_int_equal(p2c2r_tasks_wait(c, tasks, 4, NULL, 0), P2C2R_EINVAL);
    shut(&c);
    fake_stop(&f);
    c = open_at("ws://127.0.0.1:9", (p2c2r_options){0});
    tasks[0].size = sizeof *tasks;
    assert_int_equal(p2c2r_tasks_wait(c, tasks, 4, &count, 1000), P2C2R_EUNREACHABLE);
    p2c2r_destroy(&c);
}

static void a_game_can_fake_lag_and_loss(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){.fake_lag_ms = 40});
    p2c2r_result r = await(c, submit(c, "x", 1));
    assert_int_equal(r.outcome, P2C2R_DONE);
    assert_true(r.total_us >= 80000); // greeting and result, each held back
    p2c2r_release(c, &r);
    f.mood = FAKE_HANG_UP; // the end of a connection is held back too, behind what was said before
    r = await(c, submit(c, "x", 1));
    assert_int_equal(r.outcome, P2C2R_LOST);
    p2c2r_release(c, &r);
    shut(&c);

    f.mood = FAKE_ECHO;
    uint32_t before = f.submits;
    c = open_at(f.url, (p2c2r_options){.fake_loss = 1});
    p2c2r_task task = echo_task("x", 1);
    task.deadline_ms = 20;
    p2c2r_ticket t;
    assert_int_equal(p2c2r_submit(c, &task, &t), P2C2R_OK);
    r = await(c, t);
    assert_int_equal(r.outcome, P2C2R_EXPIRED);
    assert_int_equal(f.submits, before);
    p2c2r_release(c, &r);
    shut(&c);
    fake_stop(&f);
}

static void lines(void *context, const char *line) {
    assert_true(strlen(line) > 0);
    ++*(int *)context;
}

struct meddler {
    p2c2r_client *client;
    unsigned tried;
};

static void meddle(void *context, const char *line) {
    (void)line;
    struct meddler *m = context;
    if (!m->client) return; // still being created
    m->tried++;
    const p2c2r_task task = echo_task("x", 1);
    p2c2r_ticket t = 0;
    p2c2r_status batch = P2C2R_OK;
    p2c2r_result r = {.size = sizeof r};
    p2c2r_cluster cluster = {.size = sizeof cluster};
    assert_int_equal(p2c2r_submit(m->client, &task, &t), P2C2R_EINVAL);
    assert_non_null(strstr(p2c2r_last_error(m->client), "log callback"));
    assert_int_equal(p2c2r_submit_batch(m->client, &task, 1, &t, &batch), P2C2R_EINVAL);
    assert_int_equal(p2c2r_cancel(m->client, 1), P2C2R_EINVAL);
    assert_int_equal(p2c2r_wait(m->client, 1, &r, 0), P2C2R_EINVAL);
    assert_int_equal(p2c2r_cluster_wait(m->client, &cluster, 0), P2C2R_EINVAL);
    assert_int_equal(p2c2r_submit_wait(m->client, &task, &r, 0), P2C2R_EINVAL);
    p2c2r_question q = 0;
    p2c2r_forecast forecast = {.size = sizeof forecast};
    assert_int_equal(p2c2r_can_meet(m->client, &task, &q), P2C2R_EINVAL);
    assert_int_equal(p2c2r_answer(m->client, 1, &forecast), P2C2R_EINVAL);
    assert_int_equal(p2c2r_can_meet_wait(m->client, &task, &forecast, 0), P2C2R_EINVAL);
    assert_int_equal(p2c2r_poll(m->client, &r, 1, 0), 0);
    p2c2r_release(m->client, &r);
}

static void a_log_callback_cannot_enter_the_library(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    struct meddler m = {0};
    m.client = open_at(f.url, (p2c2r_options){.log = meddle, .log_context = &m});
    p2c2r_result r = await(m.client, submit(m.client, "x", 1));
    assert_int_equal(r.outcome, P2C2R_DONE); // and nothing is disturbed
    p2c2r_release(m.client, &r);
    assert_true(m.tried > 0);
    shut(&m.client);
    fake_stop(&f);
}

static void tells_of_the_cluster_and_itself(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    int said = 0;
    struct sigaction before, after;
    signal(SIGPIPE, SIG_DFL);
    sigaction(SIGPIPE, NULL, &before);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){.log = lines, .log_context = &said});
    sigaction(SIGPIPE, NULL, &after);
    assert_true(before.sa_handler == after.sa_handler); // no signal is touched
    struct {
        p2c2r_cluster c;
        uint64_t newer;
    } cluster = {{.size = sizeof cluster}, 5};
    assert_int_equal(p2c2r_cluster_wait(c, &cluster.c, PATIENCE_US), P2C2R_OK);
    assert_int_equal(cluster.c.peers, 7);
    assert_int_equal(cluster.c.uptime_us, 1000000);
    assert_string_equal(cluster.c.version, "fake");
    assert_true(cluster.c.rtt_us > 0);
    assert_int_equal(cluster.newer, 0);
    assert_int_equal(cluster.c.unmet_count, 1);
    const p2c2r_unmet *u = &cluster.c.unmet[0];
    assert_string_equal(u->type, "an unheard-of type of 32 letters");
    assert_string_equal(u->missing, "memory");
    assert_true(u->version == 3 && u->memory_bytes == UINT64_C(1) << 40 && u->count == 5 && u->last_us == 2000000);
    assert_true(said >= 2);
    assert_true(p2c2r_fd(c) >= 0);
    submit(c, "x", 1);
    p2c2r_result r = {.size = sizeof r};
    while (p2c2r_poll(c, NULL, 0, 1000) == 0 && p2c2r_next_timeout_us(c) != 0) continue;
    assert_int_equal(p2c2r_poll(c, &r, 1, 0), 1);
    p2c2r_release(c, &r);
    shut(&c);
    fake_stop(&f);
    for (p2c2r_status s = P2C2R_OK; s >= P2C2R_EREFUSED; s--) {
        assert_string_not_equal(p2c2r_status_name(s), "unknown");
        assert_true(strlen(p2c2r_status_text(s)) > 3);
    }
    assert_string_equal(p2c2r_status_name(1), "unknown");
    assert_string_equal(p2c2r_status_name(-9), "unknown");
    assert_string_equal(p2c2r_outcome_name(P2C2R_LOST), "lost");
    assert_string_equal(p2c2r_outcome_name(7), "unknown");
    assert_true(strlen(p2c2r_version()) > 0);
}

// As an engine does that owns the loop: it polls when the descriptor is readable or the time has come, and only then.
static void descriptor_and_timeout_are_enough_to_serve_it(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    uint8_t *payload = noise(3000000);
    for (size_t i = 0; i < 20; i++) submit(c, payload, i * 150000);
    for (uint32_t ended = 0; ended < 20;) {
        struct pollfd on = {.fd = p2c2r_fd(c), .events = POLLIN};
        int64_t wait_us = p2c2r_next_timeout_us(c);
        bool timed = wait_us >= 0 && wait_us < PATIENCE_US;
        int ready = poll(&on, 1, (int)((timed ? wait_us + 999 : PATIENCE_US) / 1000));
        assert_true(ready > 0 || timed); // else it slept with work to do
        p2c2r_result r = {.size = sizeof r};
        while (p2c2r_poll(c, &r, 1, 0) > 0) {
            assert_int_equal(r.outcome, P2C2R_DONE);
            p2c2r_release(c, &r);
            ended++;
        }
    }
    free(payload);
    shut(&c);
    fake_stop(&f);
}

static void asks_before_it_sends(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_ECHO, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    p2c2r_task task = echo_task(NULL, 1000); // no payload is needed
    p2c2r_question q = 0;
    struct {
        p2c2r_forecast f;
        uint64_t newer;
    } out = {{.size = sizeof out}, 5};
    assert_int_equal(p2c2r_can_meet(c, &task, &q), P2C2R_EUNREACHABLE); // not connected yet
    task.deadline_ms = 90;
    assert_int_equal(p2c2r_can_meet_wait(c, &task, &out.f, PATIENCE_US), P2C2R_OK);
    assert_true(out.f.can && out.f.code == 0 && out.f.reason[0] == 0 && out.newer == 0);
    assert_int_equal(out.f.p50_us, 60000);
    assert_int_equal(out.f.p95_us, 90000);
    assert_int_equal(out.f.queue_position, 2);
    task.deadline_ms = 89;
    assert_int_equal(p2c2r_can_meet(c, &task, &q), P2C2R_OK);
    p2c2r_result r = {.size = sizeof r};
    p2c2r_forecast late = {.size = sizeof late};
    while (p2c2r_answer(c, q, &late) == P2C2R_EAGAIN) assert_int_equal(p2c2r_poll(c, &r, 1, 1000), 0);
    assert_false(late.can);
    assert_int_equal(late.code, P2_ERR_WOULD_MISS_DEADLINE);
    assert_string_equal(late.code_name, "WouldMissDeadline");
    assert_int_equal(p2c2r_answer(c, q, &late), P2C2R_ENOTFOUND); // once
    assert_int_equal(p2c2r_answer(c, 12345, &late), P2C2R_ENOTFOUND);
    late.size = 3;
    assert_int_equal(p2c2r_answer(c, q, &late), P2C2R_EINVAL);
    f.mood = FAKE_REFUSE;
    late.size = sizeof late;
    assert_int_equal(p2c2r_can_meet_wait(c, &task, &late, PATIENCE_US), P2C2R_OK);
    assert_string_equal(late.reason, "nobody is there");
    assert_true(late.retryable && late.retry_after_us == 100000);
    task.type = "nonsense";
    assert_int_equal(p2c2r_can_meet(c, &task, &q), P2C2R_EINVAL);
    assert_non_null(strstr(p2c2r_last_error(c), "nonsense"));
    shut(&c);
    fake_stop(&f);
}

static void a_silent_coordinator_keeps_sixteen_questions(void **state) {
    (void)state;
    struct fake f;
    fake_start(&f, FAKE_SILENT, 100);
    p2c2r_client *c = open_at(f.url, (p2c2r_options){0});
    const p2c2r_task task = echo_task(NULL, 0);
    p2c2r_forecast out = {.size = sizeof out};
    p2c2r_question first = 0, q;
    while (p2c2r_can_meet(c, &task, &first) == P2C2R_EUNREACHABLE) p2c2r_poll(c, NULL, 0, 1000);
    for (unsigned i = 1; i < 16; i++) assert_int_equal(p2c2r_can_meet(c, &task, &q), P2C2R_OK);
    assert_int_equal(p2c2r_can_meet(c, &task, &q), P2C2R_EAGAIN);
    assert_int_equal(p2c2r_can_meet_wait(c, &task, &out, 1000), P2C2R_EAGAIN);
    assert_int_equal(p2c2r_answer(c, first, &out), P2C2R_EAGAIN);
    submit(c, "x", 1);
    while (f.submits == 0) p2c2r_poll(c, NULL, 0, 1000); // it has read the questions, in that mood
    f.mood = FAKE_HANG_UP;
    submit(c, "x", 1); // the connection ends, and with it the questions
    p2c2r_result r = {.size = sizeof r};
    while (p2c2r_answer(c, first, &out) == P2C2R_EAGAIN) {
        if (p2c2r_poll(c, &r, 1, 1000)) p2c2r_release(c, &r);
    }
    assert_int_equal(out.code, P2_ERR_CONNECTION_LOST);
    assert_false(out.can);
    shut(&c);
    fake_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_come_back),
        cmocka_unit_test(resends_and_packed_results_come_out_the_same),
        cmocka_unit_test(results_land_in_the_callers_buffer_when_they_fit),
        cmocka_unit_test(poll_hands_out_every_ticket_once),
        cmocka_unit_test(a_full_window_says_again_until_released),
        cmocka_unit_test(a_lent_payload_is_not_copied),
        cmocka_unit_test(what_is_lent_is_given_back),
        cmocka_unit_test(bad_arguments_are_sentences),
        cmocka_unit_test(poll_fills_arrays_of_the_callers_structs),
        cmocka_unit_test(options_out_of_range_make_no_client),
        cmocka_unit_test(every_mood_of_a_coordinator_has_its_ending),
        cmocka_unit_test(a_result_that_does_not_unpack_ends_its_ticket_alone),
        cmocka_unit_test(cancel_ends_once),
        cmocka_unit_test(destroy_with_many_open_leaks_nothing),
        cmocka_unit_test(nobody_there_is_said_within_the_timeout),
        cmocka_unit_test(what_is_agreed_is_told),
        cmocka_unit_test(open_tasks_are_listed),
        cmocka_unit_test(a_game_can_fake_lag_and_loss),
        cmocka_unit_test(a_log_callback_cannot_enter_the_library),
        cmocka_unit_test(tells_of_the_cluster_and_itself),
        cmocka_unit_test(descriptor_and_timeout_are_enough_to_serve_it),
        cmocka_unit_test(asks_before_it_sends),
        cmocka_unit_test(a_silent_coordinator_keeps_sixteen_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
