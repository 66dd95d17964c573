#include "import_files.h"

#include <stdlib.h>
#include <string.h>

#include "os/os.h"

#define FILE_BYTES_MAX ((size_t)1 << 30) // text is several times what it becomes

struct opened {
    struct aiFile file; // first: assimp knows this
    uint8_t *bytes;
    size_t size, at;
};

static struct opened *of(struct aiFile *file) { return (struct opened *)(void *)file->UserData; }

static size_t read_items(struct aiFile *file, char *to, size_t size, size_t count) {
    struct opened *f = of(file);
    size_t whole = size ? (f->size - f->at) / size : 0;
    if (count > whole) count = whole;
    if (count) memcpy(to, f->bytes + f->at, count * size);
    f->at += count * size;
    return count;
}

static size_t write_nothing(struct aiFile *file, const char *from, size_t size, size_t count) {
    (void)file, (void)from, (void)size, (void)count;
    return 0;
}

static void flush_nothing(struct aiFile *file) { (void)file; }
static size_t place_in(struct aiFile *file) { return of(file)->at; }
static size_t size_of(struct aiFile *file) { return of(file)->size; }

// Backwards is a large number.
static enum aiReturn seek_to(struct aiFile *file, size_t offset, enum aiOrigin origin) {
    struct opened *f = of(file);
    size_t to = offset + (origin == aiOrigin_CUR ? f->at : origin == aiOrigin_END ? f->size : 0);
    if (to > f->size) return aiReturn_FAILURE;
    f->at = to;
    return aiReturn_SUCCESS;
}

static void close_file(struct aiFileIO *io, struct aiFile *file) {
    (void)io;
    struct opened *f = of(file);
    free(f->bytes);
    free(f);
}

static struct aiFile *open_file(struct aiFileIO *io, const char *path, const char *mode) {
    const struct build *b = (const void *)io->UserData;
    size_t folder = strlen(b->folder);
    if (mode[0] != 'r' || strncmp(path, b->folder, folder) != 0 || path[folder] != '/') return NULL;
    if (!build_is_below(path + folder + 1)) return NULL;
    struct opened *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    if (p2_file_read(path, FILE_BYTES_MAX, &f->bytes, &f->size) != P2_OK) {
        free(f);
        return NULL;
    }
    f->file = (struct aiFile){.ReadProc = read_items,
                              .WriteProc = write_nothing,
                              .TellProc = place_in,
                              .FileSizeProc = size_of,
                              .SeekProc = seek_to,
                              .FlushProc = flush_nothing,
                              .UserData = (aiUserData)(void *)f};
    return &f->file;
}

struct aiFileIO files_below(struct build *b) {
    return (struct aiFileIO){.OpenProc = open_file, .CloseProc = close_file, .UserData = (aiUserData)(void *)b};
}
