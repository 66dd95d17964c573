// Pictures as textures.
#include <stdlib.h>

#include "build.h"
#include "image/image.h"

bool build_texture_bytes(struct build *b, const char *name, const uint8_t *bytes, size_t size, uint32_t *out) {
    struct p2_image_info is;
    if (p2_image_probe(bytes, size, &is) != P2_OK)
        return build_fail(b, "%s is no PNG, JPEG, WebP or PPM picture", name);
    if (is.width > RAYTRACE_TEXTURE_SIDE_MAX || is.height > RAYTRACE_TEXTURE_SIDE_MAX)
        return build_fail(b, "%s is larger than %u pixels a side", name, RAYTRACE_TEXTURE_SIDE_MAX);
    is.channels = 4;
    size_t pixels = (size_t)is.width * is.height;
    uint8_t *decoded = malloc(pixels * 4);
    if (!decoded) return build_fail(b, "memory is short");
    bool ok = p2_image_decode(bytes, size, &is, decoded, pixels * 4) == P2_OK;
    if (!ok) build_fail(b, "%s is damaged", name);
    const struct raytrace_texture t = {.width = is.width, .height = is.height, .first_texel = build_count(b, TEXELS)};
    *out = build_count(b, TEXTURES);
    ok = ok && build_add(b, TEXELS, decoded, pixels) && build_add(b, TEXTURES, &t, 1);
    free(decoded);
    return ok;
}

bool build_texture(struct build *b, const char *name, uint32_t *out) {
    uint8_t *bytes;
    size_t size;
    if (!build_read(b, name, &bytes, &size)) return false;
    bool ok = build_texture_bytes(b, name, bytes, size, out);
    free(bytes);
    return ok;
}
