// Where results go: named, made and looked at before anything is sent, so that no peer computes what cannot be kept.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "job.h"
#include "os/os.h"
#include "upscale.h"

// "DIR/NAME_x2.png". Gives malloc'd text, NULL when memory is short.
static char *path_in(const char *folder, const struct picture *pic, const struct upscale_settings *s) {
    const char *dot = strrchr(pic->name, '.');
    int base = dot && dot != pic->name ? (int)(dot - pic->name) : (int)strlen(pic->name);
    char suffix[64];
    if (s->size)
        snprintf(suffix, sizeof suffix, "_%ux%u", pic->out_width, pic->out_height);
    else
        snprintf(suffix, sizeof suffix, "_x%g", s->scale);
    size_t n = strlen(folder);
    char *path = NULL;
    const char *slash = n && folder[n - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%.*s%s.png", folder, slash, base, pic->name, suffix) < 0 ? NULL : path;
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int name_outputs(struct pictures *p, const struct upscale_settings *s) {
    size_t n = strlen(s->out);
    bool folder = p->count > 1 || (n && s->out[n - 1] == '/') || is_folder(s->out);
    if (p->count > 1 && !is_folder(s->out) && p2_image_format_of_path(s->out) != P2_IMAGE_RAW) {
        cli_complain("%s: several pictures need a folder to go to", s->out);
        return P2_EXIT_USAGE;
    }
    // As the user's mask has it; with parents only when they are missing.
    if (folder && !is_folder(s->out) && mkdir(s->out, 0777) != 0 && p2_dir_make(s->out) != P2_OK) {
        cli_complain("%s: the folder cannot be made", s->out);
        return P2_EXIT_USAGE;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        struct picture *pic = &p->items[i];
        pic->out_path = folder ? path_in(s->out, pic, s) : strdup(s->out);
        if (!pic->out_path) {
            cli_complain("memory is short");
            return P2_EXIT_FAILED;
        }
        pic->out_format = p2_image_format_of_path(pic->out_path);
        if (pic->out_format == P2_IMAGE_RAW) {
            cli_complain("%s: the name must end in .png, .jpg, .webp or .ppm, or in / for a folder", pic->out_path);
            return P2_EXIT_USAGE;
        }
        bool lossy = pic->out_format == P2_IMAGE_JPEG || pic->out_format == P2_IMAGE_WEBP;
        pic->answer = lossy ? pic->out_format : P2_IMAGE_PNG;
        if (s->tiles > 1) pic->answer = P2_IMAGE_RAW;
        for (enum p2_image_format f = P2_IMAGE_RAW; s->format && f <= P2_IMAGE_PPM; f++) {
            if (strcmp(s->format, p2_image_format_name(f)) == 0) pic->answer = f;
        }
    }
    return P2_EXIT_OK;
}

static int by_out_path(const void *a, const void *b) {
    return strcmp((*(struct picture *const *)a)->out_path, (*(struct picture *const *)b)->out_path);
}

// Two inputs of one name would silently leave one picture.
static int refuse_collisions(const struct pictures *p) {
    struct picture **sorted = calloc(p->count, sizeof(struct picture *));
    if (!sorted) {
        cli_complain("memory is short");
        return P2_EXIT_FAILED;
    }
    for (uint32_t i = 0; i < p->count; i++) sorted[i] = &p->items[i];
    qsort(sorted, p->count, sizeof *sorted, by_out_path);
    int code = P2_EXIT_OK;
    for (uint32_t i = 1; i < p->count && code == P2_EXIT_OK; i++) {
        if (strcmp(sorted[i - 1]->out_path, sorted[i]->out_path) != 0) continue;
        cli_complain("%s and %s would both become %s", sorted[i - 1]->path, sorted[i]->path, sorted[i]->out_path);
        code = P2_EXIT_USAGE;
    }
    free(sorted);
    return code;
}

// Could a file of that name be written? Says why not.
static int check_path(const char *path) {
    const char *why = cli_out_wrong(path);
    if (why) cli_complain("%s cannot be written: %s", path, why);
    return why ? P2_EXIT_USAGE : P2_EXIT_OK;
}

static int by_file(const void *a, const void *b) {
    const struct stat *x = a, *y = b;
    if (x->st_dev != y->st_dev) return x->st_dev < y->st_dev ? -1 : 1;
    return x->st_ino == y->st_ino ? 0 : x->st_ino < y->st_ino ? -1 : 1;
}

// A result in an input's place would lose the original, and be what a repeat reads.
static int refuse_inputs(const struct pictures *p) {
    struct stat *inputs = calloc(p->count, sizeof *inputs), st;
    if (!inputs) {
        cli_complain("memory is short");
        return P2_EXIT_FAILED;
    }
    size_t known = 0;
    for (uint32_t i = 0; i < p->count; i++) known += stat(p->items[i].path, &inputs[known]) == 0;
    qsort(inputs, known, sizeof *inputs, by_file);
    int code = P2_EXIT_OK;
    for (uint32_t i = 0; i < p->count && code == P2_EXIT_OK; i++) {
        const char *path = p->items[i].out_path;
        if (stat(path, &st) != 0 || !bsearch(&st, inputs, known, sizeof st, by_file)) continue;
        cli_complain("%s is one of the pictures to be enlarged and would be overwritten", path);
        code = P2_EXIT_USAGE;
    }
    free(inputs);
    return code;
}

int outputs_open(struct pictures *p, const struct upscale_settings *s) {
    int code = name_outputs(p, s);
    if (code == P2_EXIT_OK) code = refuse_collisions(p);
    for (uint32_t i = 0; i < p->count && code == P2_EXIT_OK; i++) code = check_path(p->items[i].out_path);
    return code == P2_EXIT_OK ? refuse_inputs(p) : code;
}
