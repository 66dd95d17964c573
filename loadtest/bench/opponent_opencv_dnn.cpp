#include "loadtest/bench/opponent_dnn.h"

#include <opencv2/dnn.hpp>

namespace {
struct net {
    cv::dnn::Net layers;
    cv::Mat input;
};
} // namespace

static void add_layer(cv::dnn::Net &to, const dnn_layer &l, int index, bool last) {
    const int dims[] = {l.outputs, l.inputs, l.side, l.side};
    cv::Mat factors(4, dims, CV_32F), added(1, l.outputs, CV_32F);
    const float *from = l.weights + l.outputs;
    const int taps = l.inputs * l.side * l.side;
    for (int o = 0; o < l.outputs; o++) {
        added.at<float>(0, o) = l.weights[o];
        for (int t = 0; t < taps; t++) factors.ptr<float>()[o * taps + t] = from[t * l.outputs + o];
    }
    cv::dnn::LayerParams p;
    p.set("kernel_size", l.side);
    p.set("pad", l.side / 2);
    p.set("num_output", l.outputs);
    p.set("bias_term", true);
    p.blobs = {factors, added};
    to.addLayerToPrev("layer" + std::to_string(index), "Convolution", p);
    cv::dnn::LayerParams none;
    if (!last) to.addLayerToPrev("cut" + std::to_string(index), "ReLU", none);
}

dnn_net *opencv_dnn_create(const dnn_layer *layers, int count, int w, int h) {
    net *n = new net;
    for (int i = 0; i < count; i++) add_layer(n->layers, layers[i], i, i + 1 == count);
    n->layers.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
    n->layers.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
    const int dims[] = {1, layers[0].inputs, h, w};
    n->input = cv::Mat(4, dims, CV_32F, cv::Scalar(100));
    return reinterpret_cast<dnn_net *>(n);
}

void opencv_dnn_run(dnn_net *handle) {
    net *n = reinterpret_cast<net *>(handle);
    n->layers.setInput(n->input);
    (void)n->layers.forward();
}

void opencv_dnn_destroy(dnn_net **handle) {
    delete reinterpret_cast<net *>(*handle);
    *handle = nullptr;
}
