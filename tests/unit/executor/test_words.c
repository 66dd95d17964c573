// The child as the supervisor sees it: a process, a socketpair and shared memory. argv[1] is the program, whose types
// are those of types.c.
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "os/os.h"
#include "peer/core/words.h"
#include "peer/executor/serve.h"
#include "types.h"

#define CELLS 4
#define CELL_BYTES 4096
#define MEMORY_BYTES ((size_t)CELLS * 2 * CELL_BYTES)
#define PATIENCE_MS 60000

static const char *program;

static struct {
    pid_t pid;
    int words, memory_fd;
    uint8_t *memory;
} child;

static const struct word_setup good_setup = {WORDS_VERSION, CELLS, 1, 25, CELL_BYTES, CELL_BYTES};

static void spawn(const char *device) {
    const char *folder = fixture_folder();
    unsetenv("POCL_CACHE_DIR"); // the child finds its own
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    child.memory_fd = memfd_create("cells", MFD_CLOEXEC);
    assert_int_equal(ftruncate(child.memory_fd, (off_t)MEMORY_BYTES), 0);
    child.memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, child.memory_fd, 0);
    assert_ptr_not_equal(child.memory, MAP_FAILED);
    child.pid = fork();
    assert_true(child.pid >= 0);
    if (child.pid == 0) {
        // Above 4 first, so that neither dup2 overwrites the other's source.
        int words = fcntl(pair[1], F_DUPFD_CLOEXEC, 10), memory = fcntl(child.memory_fd, F_DUPFD_CLOEXEC, 10);
        if (dup2(words, 3) < 0 || dup2(memory, 4) < 0) _exit(99);
        execl(program, program, "--device", device, "--cache", folder, (char *)NULL);
        _exit(99);
    }
    close(pair[1]);
    child.words = pair[0];
}

static void say(const struct word *w) { assert_int_equal(send(child.words, w, sizeof *w, MSG_NOSIGNAL), sizeof *w); }

static void say_setup(const struct word_setup *s) {
    struct word w = {.kind = WORD_SETUP, .u.setup = *s};
    say(&w);
}

static void say_kind(enum word_kind kind) {
    struct word w = {.kind = kind};
    say(&w);
}

// False: the child closed its end.
static bool hear(struct word *w) {
    struct pollfd p = {.fd = child.words, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    ssize_t n = recv(child.words, w, sizeof *w, 0);
    if (n <= 0) return false;
    assert_int_equal(n, sizeof *w);
    assert_non_null(memchr(w->text, 0, sizeof w->text));
    return true;
}

static void hear_kind(enum word_kind kind, struct word *w) {
    do assert_true(hear(w));
    while (w->kind != kind);
}

// Exit status after the words ended.
static int end(void) {
    struct word w;
    while (hear(&w)) continue;
    int status = 0;
    assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
    munmap(child.memory, MEMORY_BYTES);
    close(child.memory_fd);
    close(child.words);
    return status;
}

static bool exited(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

static struct word job_word(const char *type, uint32_t cell, uint32_t size, p2_ns deadline_ns) {
    struct word w = {.kind = WORD_JOB,
                     .u.job = {.cell = cell, .type_version = 1, .payload_size = size, .deadline_ns = deadline_ns}};
    snprintf(w.u.job.type, sizeof w.u.job.type, "%s", type);
    struct test_block b = {size, 2};
    memcpy(w.u.job.block, &b, sizeof b);
    return w;
}

static void start(const char *device) {
    struct word w;
    spawn(device);
    say_setup(&good_setup);
    hear_kind(WORD_READY, &w);
}

static void run_a_job(uint32_t cell) {
    uint8_t *in = child.memory + word_cell_in(&good_setup, cell),
            *out = child.memory + word_cell_out(&good_setup, cell);
    for (int i = 0; i < 1000; i++) in[i] = (uint8_t)(i * 3);
    struct word w = job_word("add", cell, 1000, P2_NEVER);
    say(&w);
    hear_kind(WORD_DONE, &w);
    assert_int_equal(w.u.done.cell, cell);
    assert_int_equal(w.u.done.code, P2_OK);
    assert_int_equal(w.u.done.result_size, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(out[i], (uint8_t)(i * 3 + 1));
}

// Types are told in the order in which their programs were there, each once.
static uint32_t told_now(const char *name, bool told[TYPES]) {
    uint32_t i = 0;
    while (i < TYPES && strcmp(name, exec_types[i]->type->name) != 0) i++;
    assert_true(i < TYPES && !told[i]);
    told[i] = true;
    return i;
}

static void fake_works_from_setup_to_quit(void **state) {
    (void)state;
    struct word w;
    spawn("fake");
    say_setup(&good_setup);
    assert_true(hear(&w));
    assert_int_equal(w.kind, WORD_DEVICE);
    assert_int_equal(w.u.device.kind, P2_DEVICE_FAKE);
    assert_true(w.u.device.compute_units > 0 && w.u.device.memory_bytes > 0);
    float progress = 0;
    bool told[TYPES] = {0};
    for (uint32_t i = 0; i < TYPES; i++) {
        assert_true(hear(&w));
        assert_int_equal(w.kind, WORD_PROGRESS);
        assert_true(w.progress >= progress && w.progress < 1);
        uint32_t type = told_now(w.text, told);
        progress = w.progress;
        assert_true(hear(&w));
        assert_int_equal(w.kind, WORD_OFFER);
        assert_string_equal(w.u.offer.type, exec_types[type]->type->name);
        assert_true(w.u.offer.units_per_second >= 1);
    }
    assert_true(hear(&w));
    assert_int_equal(w.kind, WORD_PROGRESS);
    assert_true(w.progress == 1.0f);
    assert_true(hear(&w));
    assert_int_equal(w.kind, WORD_READY);
    for (uint32_t i = 0; i < CELLS; i++) run_a_job(i);
    say_kind(WORD_QUIT);
    assert_true(exited(end(), 0));
}

static void a_device_offers_what_it_proved(void **state) {
    (void)state;
    struct word w;
    spawn("0");
    say_setup(&good_setup);
    assert_true(hear(&w));
    if (w.kind == WORD_FAILED) {
        end();
        skip();
    }
    bool offered[TYPES] = {0}, told[TYPES] = {0};
    for (uint32_t decided = 0; decided < TYPES;) {
        assert_true(hear(&w));
        assert_in_range(w.kind, WORD_PROGRESS, WORD_WITHHELD);
        if (w.kind == WORD_PROGRESS) continue;
        offered[told_now(w.u.offer.type, told)] = w.kind == WORD_OFFER;
        decided++;
        assert_true((w.kind == WORD_WITHHELD) == (w.text[0] != 0));
    }
    assert_true(offered[TYPE_ADD] && offered[TYPE_STUCK]);
    assert_false(offered[TYPE_WRONG] || offered[TYPE_NOBUILD]);
    hear_kind(WORD_READY, &w);
    run_a_job(0);
    struct word withheld = job_word("wrong", 1, 10, P2_NEVER);
    say(&withheld);
    hear_kind(WORD_DONE, &w);
    assert_int_equal(w.u.done.code, P2_ERR_UNKNOWN_TYPE);
    run_a_job(1);
    say_kind(WORD_QUIT);
    assert_true(exited(end(), 0));
}

struct long_steps {
    uint32_t compiling; // of any type: some have one source, and whichever is first compiles it
    uint32_t proving;   // of the first
};

// Words of what takes its time.
static struct long_steps long_steps_of_a_start(void) {
    struct word w = {0};
    struct long_steps steps = {0};
    float progress = 0;
    spawn("0");
    say_setup(&good_setup);
    while (w.kind != WORD_READY && w.kind != WORD_FAILED) {
        assert_true(hear(&w));
        if (w.kind != WORD_PROGRESS) continue;
        assert_true(w.progress >= progress);
        progress = w.progress;
        if (!w.u.is_new) continue;
        bool compiling = strstr(w.text, ": compiling") != NULL;
        steps.compiling += compiling;
        steps.proving += !compiling && strncmp(w.text, "add: ", 5) == 0;
    }
    say_kind(WORD_QUIT);
    end();
    return steps;
}

static void a_cold_start_says_how_far_it_is_and_a_warm_one_has_nothing_to_say(void **state) {
    (void)state;
    fixture_remove();
    struct long_steps cold = long_steps_of_a_start();
    if (cold.compiling + cold.proving == 0) skip(); // no device
    assert_int_equal(cold.compiling, 2);            // the one good source, and the one that is never kept
    assert_true(cold.proving >= 3);                 // two known answers, measuring
    struct long_steps warm = long_steps_of_a_start();
    assert_int_equal(warm.compiling, 1);
    assert_int_equal(warm.proving, 0);
}

static void a_device_that_is_not_there_is_a_reason(void **state) {
    (void)state;
    struct word w;
    spawn("60");
    say_setup(&good_setup);
    assert_true(hear(&w));
    assert_int_equal(w.kind, WORD_FAILED);
    assert_non_null(strstr(w.text, "no OpenCL device 60"));
    assert_true(exited(end(), 1));
}

static void assert_fails(const char *reason) {
    struct word w;
    hear_kind(WORD_FAILED, &w);
    if (!strstr(w.text, reason)) fail_msg("\"%s\" does not say \"%s\"", w.text, reason);
    assert_true(exited(end(), 1));
}

static void abuse_before_setup_ends_it(void **state) {
    (void)state;
    const enum word_kind kinds[] = {WORD_JOB,  WORD_CANCEL,       WORD_READY,
                                    WORD_DONE, (enum word_kind)0, (enum word_kind)77};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        spawn("fake");
        say_kind(kinds[i]);
        assert_fails("not expected");
    }
}

static void words_of_wrong_size_end_it(void **state) {
    (void)state;
    struct {
        struct word w;
        char more;
    } big = {.w = {.kind = WORD_QUIT}};
    const size_t sizes[] = {1, sizeof(struct word) - 1, sizeof(struct word) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        spawn("fake");
        assert_int_equal(send(child.words, &big, sizes[i], MSG_NOSIGNAL), sizes[i]);
        assert_fails("wrong size");
    }
}

static void bad_setups_end_it(void **state) {
    (void)state;
    const struct {
        struct word_setup setup;
        const char *reason;
    } cases[] = {
        {{WORDS_VERSION + 1, CELLS, 1, 25, CELL_BYTES, CELL_BYTES}, "version"},
        {{WORDS_VERSION, CELLS, 1, 25, CELL_BYTES, CELL_BYTES + 1}, "the memory has"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        spawn("fake");
        say_setup(&cases[i].setup);
        assert_fails(cases[i].reason);
    }
    start("fake");
    say_setup(&good_setup);
    assert_fails("not expected");
}

static void every_number_of_a_setup_is_checked(void **state) {
    (void)state;
    const uint64_t half = UINT64_MAX / 2 + 1, memory = MEMORY_BYTES;
    const struct word_setup bad[] = {
        {0, CELLS, 1, 25, CELL_BYTES, CELL_BYTES},
        {WORDS_VERSION, 0, 0, 25, CELL_BYTES, CELL_BYTES},
        {WORDS_VERSION, 0, 1, 25, CELL_BYTES, CELL_BYTES},
        {WORDS_VERSION, WORD_CELLS_MAX + 1, 1, 25, 1, 1},
        {WORDS_VERSION, CELLS, 0, 25, CELL_BYTES, CELL_BYTES},
        {WORDS_VERSION, CELLS, CELLS + 1, 25, CELL_BYTES, CELL_BYTES},
        {WORDS_VERSION, 32, 17, 25, 64, 64},
        {WORDS_VERSION, CELLS, 1, WORD_KEEP_MAX + 1, CELL_BYTES, CELL_BYTES},
        {WORDS_VERSION, CELLS, 1, 25, 0, CELL_BYTES},
        {WORDS_VERSION, CELLS, 1, 25, CELL_BYTES, 0},
        {WORDS_VERSION, CELLS, 1, 25, half, half},
        {WORDS_VERSION, CELLS, 1, 25, half, half + CELL_BYTES},
        {WORDS_VERSION, CELLS, 1, 25, UINT64_MAX / 8, UINT64_MAX / 8 + CELL_BYTES},
        {WORDS_VERSION, CELLS, 1, 25, CELL_BYTES, CELL_BYTES + 1},
    };
    char text[WORD_TEXT];
    struct p2_strbuf why;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p2_strbuf_init(&why, text, sizeof text);
        assert_false(serve_setup_is_good(&bad[i], memory, &why));
        assert_true(why.size > 0);
    }
    p2_strbuf_init(&why, text, sizeof text);
    assert_true(serve_setup_is_good(&good_setup, memory, &why));
    assert_false(serve_setup_is_good(&good_setup, memory - 1, &why));
}

static void bad_jobs_end_it(void **state) {
    (void)state;
    struct word w;
    for (int i = 0; i < 6; i++) {
        start("fake");
        struct word job = job_word("add", 0, 100, P2_NEVER), stuck = job_word("stuck", 1, STUCK_SIZE, P2_NEVER);
        const char *reason = NULL;
        switch (i) {
        case 0:
            job.u.job.cell = CELLS;
            reason = "a cell that there is not";
            break;
        case 1:
            job.u.job.payload_size = CELL_BYTES + 1;
            reason = "larger than its cell";
            break;
        case 2:
            memset(job.u.job.type, 'x', sizeof job.u.job.type);
            reason = "without end";
            break;
        case 3:
            say(&stuck);
            job = stuck;
            reason = "has not ended";
            break;
        case 4:
            job = (struct word){.kind = WORD_RECALL, .u.cell = CELLS};
            reason = "a cell that there is not";
            break;
        default: job = (struct word){.kind = WORD_CANCEL, .u.cell = CELLS}; reason = "a cell that there is not";
        }
        say(&job);
        hear_kind(WORD_FAILED, &w);
        assert_non_null(strstr(w.text, reason));
        assert_true(exited(end(), 1));
    }
}

static void late_jobs_are_told_while_the_slot_is_stuck(void **state) {
    (void)state;
    struct word w;
    start("fake");
    struct word stuck = job_word("stuck", 1, STUCK_SIZE, P2_NEVER);
    struct word cancelled = job_word("add", 3, 100, P2_NEVER);
    struct word cancel = {.kind = WORD_CANCEL, .u.cell = 3};
    say(&stuck);
    const volatile uint8_t *sign = child.memory + word_cell_out(&good_setup, 1);
    while (*sign != STUCK_SIGN) sched_yield();
    struct word late = job_word("add", 2, 100, p2_clock_now() + 20 * P2_MS);
    say(&late);
    hear_kind(WORD_DONE, &w);
    assert_int_equal(w.u.done.cell, 2);
    assert_int_equal(w.u.done.code, P2_ERR_DEADLINE_EXCEEDED);
    say(&cancelled);
    say(&cancel);
    hear_kind(WORD_DONE, &w);
    assert_int_equal(w.u.done.cell, 3);
    assert_int_equal(w.u.done.code, P2_ERR_CANCELLED);
    say(&cancelled);
    cancel.kind = WORD_RECALL;
    say(&cancel);
    hear_kind(WORD_DONE, &w);
    assert_true(w.u.done.cell == 3 && w.u.done.returned);
    cancel.u.cell = 1; // the stuck one
    say(&cancel);
    hear_kind(WORD_RUNS, &w);
    assert_int_equal(w.u.cell, 1);
    kill(child.pid, SIGKILL);
    int status = end();
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void signals_to_the_group_do_not_end_it(void **state) {
    (void)state;
    start("fake");
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) assert_int_equal(kill(child.pid, signals[i]), 0);
    run_a_job(0);
    say_kind(WORD_QUIT);
    assert_true(exited(end(), 0));
}

static void it_goes_when_the_supervisor_goes(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        if (i == 0)
            spawn("fake");
        else
            start("fake");
        struct word stuck = job_word("stuck", 1, STUCK_SIZE, P2_NEVER);
        if (i == 2) say(&stuck);
        shutdown(child.words, SHUT_WR);
        assert_true(exited(end(), 0));
    }
}

static void killed_while_building_it_leaves_nothing_in_the_way(void **state) {
    (void)state;
    struct word w;
    fixture_remove();
    spawn("0");
    say_setup(&good_setup);
    do assert_true(hear(&w));
    while (w.kind != WORD_PROGRESS && w.kind != WORD_FAILED);
    kill(child.pid, SIGKILL);
    bool no_device = w.kind == WORD_FAILED;
    end();
    if (no_device) skip();
    start("0");
    run_a_job(0);
    kill(child.pid, SIGKILL);
    end();
}

static void list_is_json_lines(void **state) {
    (void)state;
    const char *folder = fixture_folder();
    unsetenv("POCL_CACHE_DIR");
    int pair[2], status = 0;
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(pair[1], 1);
        execl(program, program, "--list", "--cache", folder, (char *)NULL);
        _exit(99);
    }
    close(pair[1]);
    FILE *f = fdopen(pair[0], "r");
    assert_non_null(f);
    char line[1000];
    for (unsigned i = 0; fgets(line, sizeof line, f); i++) {
        unsigned index = 99;
        assert_int_equal(sscanf(line, "{\"index\":%u,\"kind\":\"", &index), 1);
        assert_int_equal(index, i);
        assert_non_null(strstr(line, ",\"slots\":"));
        assert_string_equal(line + strlen(line) - 2, "}\n");
    }
    fclose(f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(exited(status, 0));
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    program = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fake_works_from_setup_to_quit),
        cmocka_unit_test(a_device_offers_what_it_proved),
        cmocka_unit_test(a_cold_start_says_how_far_it_is_and_a_warm_one_has_nothing_to_say),
        cmocka_unit_test(a_device_that_is_not_there_is_a_reason),
        cmocka_unit_test(abuse_before_setup_ends_it),
        cmocka_unit_test(words_of_wrong_size_end_it),
        cmocka_unit_test(bad_setups_end_it),
        cmocka_unit_test(every_number_of_a_setup_is_checked),
        cmocka_unit_test(bad_jobs_end_it),
        cmocka_unit_test(late_jobs_are_told_while_the_slot_is_stuck),
        cmocka_unit_test(signals_to_the_group_do_not_end_it),
        cmocka_unit_test(it_goes_when_the_supervisor_goes),
        cmocka_unit_test(killed_while_building_it_leaves_nothing_in_the_way),
        cmocka_unit_test(list_is_json_lines),
    };
    int failed = cmocka_run_group_tests_name("executor/words", tests, NULL, NULL);
    fixture_remove();
    return failed;
}
