// The header with nothing before it, as C++17.
#include "p2c2r/quality.h"

int main() {
    p2c2r_quality quality{};
    quality.size = sizeof quality;
    return p2c2r_quality_init(&quality, nullptr) != P2C2R_OK || p2c2r_quality_level(&quality) != P2C2R_LEVEL_FAST;
}
