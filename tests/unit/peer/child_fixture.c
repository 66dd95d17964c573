// Stands in for p2c2r-executor in test_child.c: what --device says decides how it behaves.
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer/core/words.h"

#define WORDS 3
#define MEMORY 4

static void say(const struct word *w) {
    if (send(WORDS, w, sizeof *w, MSG_NOSIGNAL) != (ssize_t)sizeof *w) _exit(9);
}

static void say_text(const char *text) {
    struct word w = {.kind = WORD_PROGRESS};
    snprintf(w.text, sizeof w.text, "%s", text);
    say(&w);
}

// Its surroundings: open descriptors, whether TERM is blocked, what its niceness and process group are.
static void describe(void) {
    char text[WORD_TEXT] = "";
    size_t n = 0;
    DIR *fds = opendir("/proc/self/fd");
    for (struct dirent *e; fds && (e = readdir(fds));) {
        if (e->d_name[0] != '.' && strtol(e->d_name, NULL, 10) != dirfd(fds))
            n += (size_t)snprintf(text + n, sizeof text - n, "%s ", e->d_name);
    }
    closedir(fds);
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    snprintf(text + n, sizeof text - n, "term=%d nice=%d leader=%d", sigismember(&blocked, SIGTERM), nice(0),
             getpgrp() == getpid());
    say_text(text);
}

// Turns a cell's payload round into its result.
static void turn(const struct word_setup *s, const struct word_job *job) {
    size_t size = s->cells * (s->in_bytes + s->out_bytes);
    uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
    if (memory == MAP_FAILED) _exit(8);
    const uint8_t *in = memory + word_cell_in(s, job->cell);
    uint8_t *out = memory + word_cell_out(s, job->cell);
    for (uint64_t i = 0; i < job->payload_size; i++) out[i] = in[job->payload_size - 1 - i];
    munmap(memory, size);
    struct word done = {.kind = WORD_DONE};
    done.u.done = (struct word_done){.cell = job->cell, .result_size = job->payload_size};
    say(&done);
}

static int work(void) {
    struct word_setup setup = {0};
    for (;;) {
        struct word w;
        if (recv(WORDS, &w, sizeof w, 0) != (ssize_t)sizeof w) return 0;
        if (w.kind == WORD_SETUP) {
            setup = w.u.setup;
            // neither end can change the size of the memory
            if (ftruncate(MEMORY, 0) == 0 || ftruncate(MEMORY, 1 << 30) == 0) return 7;
            say(&(struct word){.kind = WORD_READY});
        } else if (w.kind == WORD_JOB) {
            turn(&setup, &w.u.job);
        } else if (w.kind == WORD_QUIT) {
            return 0;
        }
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        puts("{\"index\":0,\"kind\":\"gpu\",\"name\":\"A \\\"card\\\"\",\"driver\":\"d 1\",\"memory_bytes\":1048576,"
             "\"compute_units\":4,\"slots\":2}");
        puts("{\"index\":1,\"kind\":\"cpu\",\"name\":\"B\",\"driver\":\"\",\"memory_bytes\":0,\"compute_units\":1,"
             "\"slots\":64}");
        return 0;
    }
    if (argc != 5 || strcmp(argv[1], "--device") || strcmp(argv[3], "--cache")) return 2;
    const char *device = argv[2];
    if (strcmp(device, "die") == 0) return 3;
    if (strcmp(device, "crash") == 0) raise(SIGKILL);
    if (strcmp(device, "close") == 0) close(WORDS), pause();
    if (strcmp(device, "print") == 0) puts("drivers do that");
    if (strcmp(device, "cache") == 0) say_text(argv[4]);
    if (strcmp(device, "noise") == 0) (void)!send(WORDS, "noise", 5, 0);
    if (strcmp(device, "describe") == 0) describe();
    if (strcmp(device, "deaf") == 0) pause();
    return work();
}
