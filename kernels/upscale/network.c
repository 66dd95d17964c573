// The network on the device: in one pass on CPUs, layer by layer and band by band on GPUs.
#include "kernels/upscale/work.h"

// Input pixels of a launch at most. On GPUs two sets of 16 maps of them are in memory.
#define LAUNCH_PIXELS (128u << 10)
#define LAUNCH_PIXELS_GPU (512u << 10)
// Rows of a CPU's work-item: at least so many that making the maps around them twice costs little, and at most.
#define BAND_MIN 24u
#define BAND_MAX 160u
#define ITEMS_PER_UNIT 2u // of a launch for each of the device's units, where bands can be that small

static enum p2_err build_weights(struct exec_slot *slot, struct exec_kept *kept, void *arg) {
    (void)arg;
    cl_mem mem = exec_keep_buffer(slot, kept, 0, sizeof p2_upscale_weights);
    if (!mem) return P2_ERR_DEVICE_MEMORY;
    return exec_upload(slot, mem, p2_upscale_weights, sizeof p2_upscale_weights);
}

static enum p2_err weights(struct work *w, cl_mem *out) {
    struct exec_kept *kept = NULL;
    enum p2_err err =
        exec_keep(w->slot, &(struct exec_keep_want){.key = p2_upscale_weights_digest, .build = build_weights}, &kept);
    if (!err) *out = kept->parts[0].mem;
    return err;
}

// Rows of the launch that begins at row y: what is left, in equal launches of at most as many pixels as may be.
static uint32_t rows_now(const struct work *w, cl_kernel k, uint64_t usual_pixels, uint32_t y) {
    uint64_t pixels = exec_share(w->slot, k, usual_pixels), left = w->shape.in_h - y;
    uint64_t rows = pixels / w->shape.in_w, launches = rows ? (left + rows - 1) / rows : left;
    return (uint32_t)((left + launches - 1) / launches);
}

static enum p2_err on_cpu(struct work *w, cl_mem weights_mem) {
    struct upscale_shape *s = &w->shape;
    cl_kernel k = exec_kernel(w->slot, NETWORK_STRIP);
    uint32_t strips = (uint32_t)upscale_groups(s->in_w, UPSCALE_NET_STRIP);
    s->strip = (uint32_t)upscale_groups(upscale_groups(s->in_w, strips), 8) * 8;
    uint32_t bands = (uint32_t)upscale_groups((size_t)ITEMS_PER_UNIT * exec_facts(w->slot)->compute_units, strips);
    enum p2_err err = P2_OK;
    for (uint32_t y = 0; y < s->in_h && !err; y = s->row_end) {
        uint32_t rows = rows_now(w, k, LAUNCH_PIXELS, y), band = (uint32_t)upscale_groups(rows, bands);
        s->row_begin = y;
        s->row_end = y + rows;
        s->band = band < BAND_MIN ? BAND_MIN : band > BAND_MAX ? BAND_MAX : band;
        err = upscale_args(w, k, (cl_mem[]){w->padded, w->out}, 2, &weights_mem, 1);
        exec_launch_units(w->slot, (uint64_t)rows * s->in_w);
        size_t items[] = {upscale_groups(s->in_w, s->strip), upscale_groups(rows, s->band)};
        if (!err) err = exec_launch(w->slot, k, 2, items, (size_t[]){1, 1});
    }
    return err;
}

// One layer of a band: `around` rows and columns more than its pixels, on both sides together.
static enum p2_err layer(struct work *w, uint32_t kernel, const cl_mem *memory, uint32_t count, uint32_t around) {
    const struct upscale_shape *s = &w->shape;
    cl_kernel k = exec_kernel(w->slot, kernel);
    enum p2_err err = upscale_args(w, k, memory, count - 1, &memory[count - 1], 1);
    if (err) return err;
    uint32_t rows = s->row_end - s->row_begin;
    exec_launch_units(w->slot, (uint64_t)rows * s->in_w);
    return exec_launch(w->slot, k, 2, (size_t[]){s->in_w + around, rows + around}, (size_t[]){32, 4});
}

static enum p2_err on_gpu(struct work *w, cl_mem weights_mem) {
    struct upscale_shape *s = &w->shape;
    uint32_t most = LAUNCH_PIXELS_GPU / s->in_w;
    if (most == 0) most = 1;
    if (most > s->in_h) most = s->in_h;
    s->mid_stride = (s->in_w + 2 * UPSCALE_NET_REACH + 15) / 16 * 16;
    s->mid_rows = most + 2 * UPSCALE_NET_REACH;
    size_t size = (size_t)s->mid_stride * s->mid_rows * UPSCALE_NET_MAPS * sizeof(float);
    cl_mem maps[2] = {exec_buffer(w->slot, size), exec_buffer(w->slot, size)};
    if (!maps[0] || !maps[1]) return P2_ERR_DEVICE_MEMORY;
    cl_kernel slowest = exec_kernel(w->slot, NETWORK_MIDDLE_PIXEL);
    enum p2_err err = P2_OK;
    for (uint32_t y = 0; y < s->in_h && !err; y = s->row_end) {
        s->row_begin = y;
        s->row_end = y + rows_now(w, slowest, (uint64_t)most * s->in_w, y);
        cl_mem first[] = {w->padded, maps[0], weights_mem};
        err = layer(w, NETWORK_FIRST_PIXEL, first, 3, 2 * UPSCALE_NET_REACH);
        for (s->layer = 1; s->layer <= UPSCALE_NET_MIDDLE && !err; s->layer++) {
            cl_mem middle[] = {maps[(s->layer + 1) % 2], maps[s->layer % 2], weights_mem};
            err = layer(w, NETWORK_MIDDLE_PIXEL, middle, 3, 2 * (UPSCALE_NET_REACH - s->layer));
        }
        cl_mem last[] = {maps[UPSCALE_NET_MIDDLE % 2], w->padded, w->out, weights_mem};
        if (!err) err = layer(w, NETWORK_LAST_PIXEL, last, 4, 0);
    }
    return err;
}

enum p2_err upscale_network(struct work *w) {
    cl_mem mem = NULL;
    enum p2_err err = weights(w, &mem);
    if (err) return err;
    return upscale_by_pixels(w) ? on_gpu(w, mem) : on_cpu(w, mem);
}
