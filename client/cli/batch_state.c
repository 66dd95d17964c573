#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"
#include "os/os.h"

#define STATE_HEAD "p2c2r batch state 1\n"
#define STATE_LINE (P2_DIGEST_TEXT) // 64 digits and a line end
#define STATE_BYTES_MAX (1u << 30)

struct batch_state {
    int fd;
    uint64_t size;          // where the next line goes
    struct p2_digest *done; // sorted
    bool *taken;
    size_t count;
};

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, sizeof(struct p2_digest)); }

static const char *parse(struct batch_state *s, const uint8_t *bytes, size_t size) {
    static const size_t head = sizeof STATE_HEAD - 1;
    if (size == 0) {
        s->size = head;
        return p2_file_write_at(s->fd, (const uint8_t *)STATE_HEAD, head, 0) ? NULL : "it cannot be written";
    }
    if (size < head || memcmp(bytes, STATE_HEAD, head) != 0) return "it is something else; name a file of its own";
    size_t lines = (size - head) / STATE_LINE;
    s->size = head + lines * STATE_LINE;
    if (ftruncate(s->fd, (off_t)s->size) != 0) return "it cannot be written";
    s->done = calloc(lines + 1, sizeof *s->done);
    s->taken = calloc(lines + 1, sizeof *s->taken);
    if (!s->done || !s->taken) return "memory is short";
    for (; s->count < lines; s->count++) {
        char text[P2_DIGEST_TEXT];
        memcpy(text, bytes + head + s->count * STATE_LINE, STATE_LINE);
        bool ended = text[STATE_LINE - 1] == '\n';
        text[STATE_LINE - 1] = 0;
        if (!ended || !p2_digest_parse(text, &s->done[s->count])) return "it is damaged";
    }
    qsort(s->done, s->count, sizeof *s->done, by_bytes);
    return NULL;
}

static const char *load(struct batch_state *s, const char *path) {
    s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (s->fd < 0) return strerror(errno);
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) return "another run uses it";
    struct stat info;
    if (fstat(s->fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > STATE_BYTES_MAX)
        return "it is no such file";
    uint8_t *bytes = malloc((size_t)info.st_size + 1);
    if (!bytes) return "memory is short";
    const char *wrong = "it cannot be read";
    if (p2_file_read_at(s->fd, bytes, (size_t)info.st_size, 0)) wrong = parse(s, bytes, (size_t)info.st_size);
    free(bytes);
    return wrong;
}

struct batch_state *batch_state_open(const char *path) {
    struct batch_state *s = calloc(1, sizeof *s);
    const char *wrong = "memory is short";
    if (s) {
        s->fd = -1;
        wrong = load(s, path);
    }
    if (!wrong) return s;
    cli_complain("--resume %s: %s", path, wrong);
    batch_state_close(&s);
    return NULL;
}

bool batch_state_take(struct batch_state *s, const struct p2_digest *line) {
    const struct p2_digest *at = s->count ? bsearch(line, s->done, s->count, sizeof *s->done, by_bytes) : NULL;
    if (!at) return false;
    size_t i = (size_t)(at - s->done);
    while (i > 0 && p2_digest_equal(&s->done[i - 1], line)) i--;
    for (; i < s->count && p2_digest_equal(&s->done[i], line); i++) {
        if (s->taken[i]) continue;
        s->taken[i] = true;
        return true;
    }
    return false;
}

bool batch_state_add(struct batch_state *s, const struct p2_digest *line) {
    char text[P2_DIGEST_TEXT];
    p2_digest_text(line, text);
    text[STATE_LINE - 1] = '\n';
    if (!p2_file_write_at(s->fd, (const uint8_t *)text, STATE_LINE, s->size)) return false;
    s->size += STATE_LINE;
    return true;
}

void batch_state_close(struct batch_state **s) {
    if (!*s) return;
    if ((*s)->fd >= 0) close((*s)->fd);
    free((*s)->done);
    free((*s)->taken);
    free(*s);
    *s = NULL;
}
