// The header with nothing before it, as C11.
#include "p2c2r/quality.h"

int main(void) {
    p2c2r_quality quality = {.size = sizeof quality};
    p2c2r_quality_options options = {.size = sizeof options, .levels = 1};
    return p2c2r_quality_init(&quality, &options) != P2C2R_OK || p2c2r_quality_frame(&quality, 0, 1000) != 0;
}
