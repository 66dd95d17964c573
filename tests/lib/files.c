#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testlib.h"

static void must(bool good, const char *what) {
    if (good) return;
    fprintf(stderr, "testlib: %s: %s\n", what, strerror(errno));
    abort();
}

static char dir[PATH_MAX];
static pid_t dir_owner; // a forked child that exits leaves the folder alone

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw) {
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

static void remove_dir(void) {
    if (dir_owner == getpid()) nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *t_dir(void) {
    if (dir_owner) return dir;
    const char *parent = getenv("TMPDIR");
    int n = snprintf(dir, sizeof dir, "%s/p2c2r-test-XXXXXX", parent && *parent ? parent : "/tmp");
    must(n > 0 && (size_t)n < sizeof dir && mkdtemp(dir) != NULL, dir);
    dir_owner = getpid();
    must(atexit(remove_dir) == 0, "atexit");
    return dir;
}

const char *t_path(const char *name) {
    static char paths[8][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 8];
    int n = snprintf(path, PATH_MAX, "%s/%s", t_dir(), name);
    must(n > 0 && n < PATH_MAX, name);
    return path;
}

void t_write(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    must(f != NULL, path);
    must(fwrite(bytes, 1, size, f) == size, path);
    must(fclose(f) == 0, path);
}

static char *read_stream(FILE *f, size_t *size_out) {
    char *text = NULL;
    size_t size = 0, n = 0;
    do {
        size += n;
        text = realloc(text, size + 4096 + 1);
        must(text != NULL, "realloc");
        n = fread(text + size, 1, 4096, f);
    } while (n > 0);
    text[size] = 0;
    if (size_out) *size_out = size;
    return text;
}

char *t_read(const char *path, size_t *size_out) {
    FILE *f = fopen(path, "rb");
    must(f != NULL, path);
    char *text = read_stream(f, size_out);
    fclose(f);
    return text;
}

static struct {
    int saved; // the descriptor's own end, kept aside
    FILE *into;
} captures[3];

void t_capture_begin(int fd) {
    must(fd >= 0 && fd < 3 && !captures[fd].into, "capture");
    fflush(NULL);
    captures[fd].into = tmpfile();
    must(captures[fd].into != NULL, "tmpfile");
    captures[fd].saved = dup(fd);
    must(captures[fd].saved >= 0 && dup2(fileno(captures[fd].into), fd) == fd, "dup");
}

char *t_capture_end(int fd) {
    must(fd >= 0 && fd < 3 && captures[fd].into, "capture");
    fflush(NULL);
    must(dup2(captures[fd].saved, fd) == fd, "dup");
    close(captures[fd].saved);
    FILE *f = captures[fd].into;
    captures[fd].into = NULL;
    rewind(f);
    char *text = read_stream(f, NULL);
    fclose(f);
    return text;
}
