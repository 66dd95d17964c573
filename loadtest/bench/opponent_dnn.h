// The layers of upscale's network in oneDNN and in OpenCV dnn, behind a C interface, from values in memory to values in
// memory, without pixels and bicubic: oneDNN the convolutions alone, OpenCV also cuts off what is below zero between
// them.
#ifndef LOADTEST_BENCH_OPPONENT_DNN_H
#define LOADTEST_BENCH_OPPONENT_DNN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dnn_layer {
    int inputs, side, outputs;
    const float *weights; // as upscale's layout.h: what is added to each output, then factors with outputs innermost
};

struct dnn_net; // of either kind

// A net for pictures w x h, ready to run: primitives and graphs made, weights in the layout it likes best. NULL when
// that fails. blocked: the library chooses the layout of pictures and maps; otherwise they are nhwc.
struct dnn_net *onednn_create(const struct dnn_layer *layers, int count, int w, int h, int blocked);
void onednn_run(struct dnn_net *net);
void onednn_destroy(struct dnn_net **net);
struct dnn_net *opencv_dnn_create(const struct dnn_layer *layers, int count, int w, int h);
void opencv_dnn_run(struct dnn_net *net);
void opencv_dnn_destroy(struct dnn_net **net);

void onednn_start(int threads);
const char *onednn_version(void); // static storage

#ifdef __cplusplus
}
#endif

#endif
