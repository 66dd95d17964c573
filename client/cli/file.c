// Files of the command line: payloads read, places for results looked at.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "job.h"
#include "os/os.h"

static bool read_stream(int fd, uint8_t **out, size_t *size) {
    size_t capacity = 0, n = 0;
    uint8_t *bytes = NULL;
    for (;;) {
        if (n == capacity) {
            capacity = capacity ? capacity * 2 : 65536;
            uint8_t *more = realloc(bytes, capacity);
            if (!more) break;
            bytes = more;
        }
        ssize_t got = read(fd, bytes + n, capacity - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        if (got == 0) {
            *out = bytes;
            *size = n;
            return true;
        }
        n += (size_t)got;
        if (n > CLI_PAYLOAD_MAX) {
            errno = EFBIG;
            break;
        }
    }
    free(bytes);
    return false;
}

bool cli_read(const char *path, uint8_t **out, size_t *size, char *why, size_t capacity) {
    if (strcmp(path, "-") == 0) {
        if (read_stream(STDIN_FILENO, out, size)) return true;
        snprintf(why, capacity, "standard input: %s", strerror(errno));
        return false;
    }
    enum p2_err e = p2_file_read(path, CLI_PAYLOAD_MAX, out, size);
    const char *what = e == P2_ERR_NOT_FOUND   ? "there is no such file"
                       : e == P2_ERR_TOO_LARGE ? "it is larger than a payload may be; bring it with p2c2r blob put"
                                               : "it cannot be read";
    if (e) snprintf(why, capacity, "%s: %s", path, what);
    return e == P2_OK;
}

const char *cli_out_wrong(const char *path) {
    struct stat st;
    const char *slash = strrchr(path, '/'), *why = NULL;
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) return "memory is short";
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            why = "a folder has that name";
        else if (!S_ISREG(st.st_mode))
            why = "what has that name is no file";
        else if (access(path, W_OK) != 0)
            why = strerror(errno);
    } else if (errno != ENOENT) {
        why = strerror(errno);
    }
    if (!why && access(folder, W_OK | X_OK) != 0) why = strerror(errno);
    free(folder);
    return why;
}

// Bytes of the UTF-8 character that begins here; 0: there is none.
static size_t character(const uint8_t *p, size_t left) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > left) return 0;
    uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    bool control = (c < 32 && !strchr("\t\n\r", (int)c)) || c == 0 || (c >= 0x7f && c < 0xa0);
    return control || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

bool cli_is_text(const void *bytes, size_t size) {
    const uint8_t *p = bytes;
    for (size_t at = 0, n; at < size; at += n) {
        n = character(p + at, size - at);
        if (n == 0) return false;
    }
    return true;
}

bool cli_parse_digest(const char *text, p2c2r_digest *out) {
    struct p2_digest d;
    if (!p2_digest_parse(text, &d)) return false;
    memcpy(out->bytes, d.b, sizeof out->bytes);
    return true;
}
