// OpenCV's resize behind a C interface.
#ifndef LOADTEST_BENCH_OPPONENT_OPENCV_H
#define LOADTEST_BENCH_OPPONENT_OPENCV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum opencv_filter { OPENCV_LINEAR, OPENCV_CUBIC, OPENCV_LANCZOS4 };

// RGBA pixels w x h to twice the size, into out. threads as for cv::setNumThreads.
void opencv_start(int threads);
void opencv_twice(const uint8_t *pixels, int w, int h, enum opencv_filter filter, uint8_t *out);
const char *opencv_version(void); // static storage

#ifdef __cplusplus
}
#endif

#endif
