#include "loadtest/bench/opponent_dnn.h"

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <unordered_map>
#include <vector>

using dnnl::memory;
using tag = memory::format_tag;

struct dnn_net {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};
    std::vector<dnnl::convolution_forward> steps;
    std::vector<std::unordered_map<int, memory>> arguments;
};

static memory::desc desc(const memory::dims &dims, tag layout) { return {dims, memory::data_type::f32, layout}; }

// The factors as the library wants them, and what is added.
static void add_weights(dnn_net &net, const dnn_layer &l, const dnnl::convolution_forward::primitive_desc &p,
                        std::unordered_map<int, memory> &arguments) {
    memory plain(desc({l.outputs, l.inputs, l.side, l.side}, tag::ihwo), net.engine),
        best(p.weights_desc(), net.engine);
    memory added(p.bias_desc(), net.engine);
    const float *factors = l.weights + l.outputs;
    std::copy(l.weights, factors, static_cast<float *>(added.get_data_handle()));
    std::copy(factors, factors + l.inputs * l.side * l.side * l.outputs, static_cast<float *>(plain.get_data_handle()));
    dnnl::reorder(plain, best).execute(net.stream, plain, best);
    net.stream.wait();
    arguments.insert({{DNNL_ARG_WEIGHTS, best}, {DNNL_ARG_BIAS, added}});
}

static memory filled(const memory::desc &d, const dnnl::engine &engine) {
    memory m(d, engine);
    float *values = static_cast<float *>(m.get_data_handle());
    for (size_t i = 0; i < d.get_size() / sizeof(float); i++) values[i] = static_cast<float>(i % 251);
    return m;
}

static void add_layer(dnn_net &net, const dnn_layer &l, int w, int h, bool blocked) {
    tag layout = blocked ? tag::any : tag::nhwc;
    int around = l.side / 2;
    dnnl::convolution_forward::desc d(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
                                      desc({1, l.inputs, h, w}, layout),
                                      desc({l.outputs, l.inputs, l.side, l.side}, tag::any), desc({l.outputs}, tag::a),
                                      desc({1, l.outputs, h, w}, layout), {1, 1}, {around, around}, {around, around});
    dnnl::convolution_forward::primitive_desc p(d, net.engine);
    std::unordered_map<int, memory> arguments;
    bool follows = !net.arguments.empty() && net.arguments.back().at(DNNL_ARG_DST).get_desc() == p.src_desc();
    memory from = follows ? net.arguments.back().at(DNNL_ARG_DST) : filled(p.src_desc(), net.engine);
    arguments.insert({{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, filled(p.dst_desc(), net.engine)}});
    add_weights(net, l, p, arguments);
    net.steps.emplace_back(p);
    net.arguments.push_back(arguments);
}

dnn_net *onednn_create(const dnn_layer *layers, int count, int w, int h, int blocked) {
    dnn_net *net = nullptr;
    try {
        net = new dnn_net;
        for (int i = 0; i < count; i++) add_layer(*net, layers[i], w, h, blocked != 0);
        return net;
    } catch (const std::exception &) {
        delete net;
        return nullptr;
    }
}

void onednn_run(dnn_net *net) {
    for (size_t i = 0; i < net->steps.size(); i++) net->steps[i].execute(net->stream, net->arguments[i]);
    net->stream.wait();
}

void onednn_destroy(dnn_net **net) {
    delete *net;
    *net = nullptr;
}

void onednn_start(int threads) { omp_set_num_threads(threads); }

const char *onednn_version(void) {
    static char text[32];
    const dnnl_version_t *v = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
    return text;
}
