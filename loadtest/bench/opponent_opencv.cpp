#include "loadtest/bench/opponent_opencv.h"

#include <opencv2/core.hpp>
#include <opencv2/core/version.hpp>
#include <opencv2/imgproc.hpp>

void opencv_start(int threads) { cv::setNumThreads(threads); }

void opencv_twice(const uint8_t *pixels, int w, int h, enum opencv_filter filter, uint8_t *out) {
    static const int flags[] = {cv::INTER_LINEAR, cv::INTER_CUBIC, cv::INTER_LANCZOS4};
    const cv::Mat in(h, w, CV_8UC4, const_cast<uint8_t *>(pixels));
    cv::Mat result(2 * h, 2 * w, CV_8UC4, out);
    cv::resize(in, result, result.size(), 0, 0, flags[filter]);
}

const char *opencv_version(void) { return CV_VERSION; }
