// Stands in for p2c2r-executor in test_client_local.c: it offers echo, and a payload's first byte says what becomes of
// the task. --device "stillborn": it ends before it is ready.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernels/task_type.h"
#include "peer/core/words.h"

#define WORDS 3
#define MEMORY 4

static void say(const struct word *w) {
    if (send(WORDS, w, sizeof *w, MSG_NOSIGNAL) != (ssize_t)sizeof *w) _exit(9);
}

static void get_ready(void) {
    const struct p2_task_type *echo = p2_task_type_find(p2_str("echo"));
    say(&(struct word){.kind = WORD_DEVICE, .u.device = {.kind = P2_DEVICE_FAKE, .memory_bytes = 1u << 30}});
    struct word offer = {.kind = WORD_OFFER, .u.offer = {.version = echo->version, .units_per_second = 1000000000}};
    snprintf(offer.u.offer.type, sizeof offer.u.offer.type, "%s", echo->name);
    say(&offer);
    say(&(struct word){.kind = WORD_READY});
}

static void work(const struct word_setup *s, const struct word_job *job, uint8_t *memory) {
    const uint8_t *in = memory + word_cell_in(s, job->cell);
    struct word done = {.kind = WORD_DONE, .u.done = {.cell = job->cell, .result_size = job->payload_size}};
    switch (job->payload_size ? in[0] : 0) {
    case 'c': raise(SIGKILL); break; // crashes
    case 'h': return;                // hangs
    case 'f':
        done.u.done.code = P2_ERR_DEVICE_MEMORY;
        snprintf(done.text, sizeof done.text, "too much");
        break;
    case 'l': done.u.done.result_size = job->payload_size + 1; break; // more than there can be
    default: memcpy(memory + word_cell_out(s, job->cell), in, job->payload_size); break;
    }
    say(&done);
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[2], "stillborn")) return 3;
    struct word_setup setup = {0};
    uint8_t *memory = NULL;
    for (;;) {
        struct word w;
        if (recv(WORDS, &w, sizeof w, 0) != (ssize_t)sizeof w) return 0;
        if (w.kind == WORD_SETUP) {
            setup = w.u.setup;
            memory = mmap(NULL, word_memory_bytes(&setup), PROT_READ | PROT_WRITE, MAP_SHARED, MEMORY, 0);
            if (memory == MAP_FAILED) return 8;
            get_ready();
        } else if (w.kind == WORD_JOB) {
            work(&setup, &w.u.job, memory);
        } else if (w.kind == WORD_CANCEL) {
            say(&(struct word){.kind = WORD_DONE, .u.done = {.cell = w.u.cell, .code = P2_ERR_CANCELLED}});
        }
    }
}
