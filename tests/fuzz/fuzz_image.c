// A picture from a stranger: what it says of itself, probe, then decode into exactly the bytes it announced. Pictures
// whose pixels would take more than PIXEL_BYTES_MAX are only probed, so that one input stays quick.
#include <stdlib.h>

#include "base/check.h"
#include "fuzz.h"
#include "image/image.h"

#define PIXEL_BYTES_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct p2_image_info info;
    struct p2_image_traits traits;
    p2_image_traits(data, size, &traits);
    P2_CHECK(traits.orientation >= 1 && traits.orientation <= 8);
    if (p2_image_probe(data, size, &info) != P2_OK) return 0;
    P2_CHECK(info.width >= 1 && info.width <= P2_IMAGE_SIDE_MAX && info.height >= 1 &&
             info.height <= P2_IMAGE_SIDE_MAX);
    P2_CHECK((uint64_t)info.width * info.height <= P2_IMAGE_PIXELS_MAX);
    P2_CHECK(info.format != P2_IMAGE_RAW && (info.channels == 3 || info.channels == 4));
    size_t bytes = (size_t)info.width * info.height * info.channels;
    if (bytes > PIXEL_BYTES_MAX) return 0;
    uint8_t *pixels = malloc(bytes);
    P2_CHECK(pixels);
    P2_CHECK(p2_image_decode(data, size, &info, pixels, bytes - 1) != P2_OK); // one byte short
    if (p2_image_decode(data, size, &info, pixels, bytes) == P2_OK) {
        uint8_t *turned = malloc(bytes);
        P2_CHECK(turned);
        p2_image_upright(&info, traits.orientation, pixels, turned);
        P2_CHECK((size_t)info.width * info.height * info.channels == bytes);
        free(turned);
    }
    free(pixels);
    return 0;
}
