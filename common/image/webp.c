#include <webp/decode.h>
#include <webp/encode.h>

#include "image/codec.h"

enum p2_err p2_webp_probe(const uint8_t *bytes, size_t size, struct p2_image_info *out) {
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(bytes, size, &features) != VP8_STATUS_OK) return P2_ERR_BAD_PAYLOAD;
    if (features.has_animation || features.width <= 0 || features.height <= 0) return P2_ERR_BAD_PAYLOAD;
    out->width = (uint32_t)features.width;
    out->height = (uint32_t)features.height;
    out->channels = features.has_alpha ? 4 : 3;
    return P2_OK;
}

void p2_webp_traits(const uint8_t *bytes, size_t size, struct p2_image_traits *out) {
    WebPBitstreamFeatures features;
    bool moves = WebPGetFeatures(bytes, size, &features) == VP8_STATUS_OK && features.has_animation;
    if (moves) out->unread = "is an animated WebP: only still pictures are read, so save its frames one by one";
}

enum p2_err p2_webp_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want, uint8_t *pixels) {
    if ((uint64_t)p2_le32(bytes + 4) + 8 > size) return P2_ERR_BAD_PAYLOAD; // cut short
    size_t row = (size_t)want->width * want->channels, all = row * want->height;
    uint8_t *done = want->channels == 4 ? WebPDecodeRGBAInto(bytes, size, pixels, all, (int)row)
                                        : WebPDecodeRGBInto(bytes, size, pixels, all, (int)row);
    return done ? P2_OK : P2_ERR_BAD_PAYLOAD;
}

static int write_bytes(const uint8_t *bytes, size_t size, const WebPPicture *picture) {
    return p2_image_sink_add(picture->custom_ptr, bytes, size);
}

enum p2_err p2_webp_encode(const struct p2_image_info *is, const uint8_t *pixels, int quality,
                           struct p2_image_sink *to) {
    if (is->width > WEBP_MAX_DIMENSION || is->height > WEBP_MAX_DIMENSION) return P2_ERR_RESULT_TOO_LARGE;
    WebPConfig config;
    WebPPicture picture;
    if (!WebPConfigInit(&config) || !WebPPictureInit(&picture)) return P2_ERR_INTERNAL;
    bool lossless = quality > 100;
    if (lossless && !WebPConfigLosslessPreset(&config, 1)) return P2_ERR_INTERNAL;
    if (!lossless) {
        config.quality = (float)(quality < 1 ? 1 : quality);
        config.method = 1; // a frame is waited for
    }
    config.exact = lossless; // also the colour of what is transparent
    picture.use_argb = lossless;
    picture.width = (int)is->width;
    picture.height = (int)is->height;
    picture.writer = write_bytes;
    picture.custom_ptr = to;
    int row = (int)(is->width * is->channels);
    int taken =
        is->channels == 4 ? WebPPictureImportRGBA(&picture, pixels, row) : WebPPictureImportRGB(&picture, pixels, row);
    enum p2_err err = P2_OK;
    if (!taken)
        err = P2_ERR_NO_MEMORY;
    else if (!WebPEncode(&config, &picture))
        err = to->full ? P2_ERR_RESULT_TOO_LARGE : P2_ERR_NO_MEMORY;
    WebPPictureFree(&picture);
    return err;
}
