// Files to be sent: read, looked at, and turned upright where a camera only noted how it was held.
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "upscale.h"

#define FILE_BYTES_MAX (64u << 20)
#define KEPT_BYTES_MAX (256u << 20) // of input files kept in memory between submissions
#define TURNED_EFFORT 1             // sent once and thrown away: quick rather than small

struct pixels picture_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want) {
    struct pixels out = {.size = (size_t)want->width * want->height * want->channels};
    bool raw = want->format == P2_IMAGE_RAW;
    if (raw && size != out.size) return out;
    out.p = malloc(out.size);
    if (out.p && raw) {
        memcpy(out.p, bytes, size);
    } else if (out.p && p2_image_decode(bytes, size, want, out.p, out.size) != P2_OK) {
        free(out.p);
        out.p = NULL;
    }
    return out;
}

// The same picture, upright, as a file that loses nothing more: PNG, or raw when PNG would be so small that decoders
// take it for a bomb. Takes the pixels' memory in any case.
static struct pixels encode_upright(struct pixels from, uint32_t orientation, struct p2_image_info *is) {
    struct pixels turned = {malloc(from.size), from.size}, file = {0};
    if (turned.p) p2_image_upright(is, orientation, from.p, turned.p);
    free(from.p);
    if (!turned.p) return turned;
    is->format = P2_IMAGE_PNG;
    size_t bound = p2_image_encode_bound(is->format, is->width, is->height, is->channels);
    file.p = malloc(bound);
    enum p2_err e = file.p ? p2_image_encode(is, turned.p, TURNED_EFFORT, file.p, bound, &file.size) : P2_ERR_NO_MEMORY;
    if (e == P2_OK && turned.size / P2_IMAGE_RATIO_MAX < file.size) {
        free(turned.p);
        return file;
    }
    free(file.p);
    is->format = P2_IMAGE_RAW;
    return turned;
}

static bool make_upright(struct picture *pic) {
    struct p2_image_info is;
    struct p2_image_traits traits;
    p2_image_traits(pic->bytes, pic->size, &traits);
    pic->deep = traits.deep;
    pic->unread = traits.unread;
    if (traits.unread || traits.orientation == 1 || p2_image_probe(pic->bytes, pic->size, &is) != P2_OK) return true;
    struct pixels stored = picture_decode(pic->bytes, pic->size, &is), sent = {0};
    if (!stored.p) {
        cli_complain("%s: the picture is damaged", pic->path);
        return false;
    }
    sent = encode_upright(stored, traits.orientation, &is);
    if (!sent.p) {
        cli_complain("memory is short");
        return false;
    }
    free(pic->bytes);
    pic->bytes = sent.p;
    pic->size = sent.size;
    pic->in = is;
    return true;
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool picture_load(struct pictures *p, struct picture *pic) {
    if (pic->bytes) return true;
    enum p2_err e = p2_file_read(pic->path, FILE_BYTES_MAX, &pic->bytes, &pic->size);
    if (e == P2_OK && make_upright(pic)) {
        p->kept_bytes += pic->size;
        return true;
    }
    if (e == P2_OK) free(pic->bytes);
    pic->bytes = NULL;
    if (e == P2_ERR_NOT_FOUND)
        cli_complain("%s: there is no such file", pic->path);
    else if (e == P2_ERR_TOO_LARGE)
        cli_complain("%s: the file is larger than 64 MiB", pic->path);
    else if (e != P2_OK)
        cli_complain("%s: %s", pic->path, is_folder(pic->path) ? "this is a folder" : "the file cannot be read");
    return false;
}

void picture_unload(struct pictures *p, struct picture *pic) {
    if (!pic->bytes || p->kept_bytes <= KEPT_BYTES_MAX) return;
    free(pic->bytes);
    pic->bytes = NULL;
    p->kept_bytes -= pic->size;
}

int picture_open(struct pictures *p, struct picture *pic) {
    if (!picture_load(p, pic)) return P2_EXIT_USAGE;
    if (pic->unread) {
        cli_complain("%s %s", pic->path, pic->unread);
        return P2_EXIT_USAGE;
    }
    if (pic->in.width) return P2_EXIT_OK; // turned, and so known
    enum p2_err e = p2_image_probe(pic->bytes, pic->size, &pic->in);
    if (e == P2_OK) return P2_EXIT_OK;
    if (e == P2_ERR_TOO_LARGE)
        cli_complain("%s: the picture is larger than %u pixels a side or 64 million in all", pic->path,
                     P2_IMAGE_SIDE_MAX);
    else if (pic->in.format != P2_IMAGE_RAW)
        cli_complain("%s: the picture is damaged (it begins as %s)", pic->path, p2_image_format_name(pic->in.format));
    else
        cli_complain("%s: %s", pic->path, pic->size ? "not a PNG, JPEG, WebP or PPM picture" : "the file is empty");
    return P2_EXIT_USAGE;
}

static bool is_deep(const struct picture *pic) { return pic->deep; }

static bool is_opaque(enum p2_image_format f) { return f == P2_IMAGE_JPEG || f == P2_IMAGE_PPM; }

static bool becomes_opaque(const struct picture *pic) {
    return pic->in.channels == 4 && (is_opaque(pic->answer) || is_opaque(pic->out_format));
}

static void tell(const struct pictures *p, bool (*concerns)(const struct picture *), const char *what) {
    const struct picture *first = NULL;
    uint32_t others = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (!concerns(&p->items[i])) continue;
        if (first) others++;
        if (!first) first = &p->items[i];
    }
    if (first && others)
        cli_complain("%s and %u more: %s", first->name, others, what);
    else if (first)
        cli_complain("%s: %s", first->name, what);
}

void pictures_tell_losses(const struct pictures *p) {
    tell(p, is_deep, "of 16 bits a channel what comes back has 8");
    tell(p, becomes_opaque, "transparency is lost in JPEG and PPM");
}
