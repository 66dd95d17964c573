#include "loadtest/bench/bench_ceiling.h"

#define RUNS 12 // the best counts
#define LOCAL 64
#define FMA_ROUNDS 4096 // as in the source
#define FMA_CHAINS 12   // enough to hide the latency of each

// As kernels are here: vectors for CPUs, scalars for GPUs.
static const char source[] =
    "#if VECTORS\n"
    "#define REAL float16\n"
    "#else\n"
    "#define REAL float\n"
    "#endif\n"
    "__kernel void copy(__global const REAL *in, __global REAL *out, uint size, uint strip) {\n"
    "    size_t first = get_global_id(0) * strip;\n"
    "    for (uint i = 0; i < strip; i++)\n"
    "        if (first + i < size) out[first + i] = in[first + i];\n"
    "}\n"
    "__kernel void fused(__global REAL *out, float by) {\n"
    "    REAL x = (REAL)(by), y = (REAL)(1.0f - by), s = (REAL)((float)get_global_id(0));\n"
    "    REAL a = s, b = s + 1, c = s + 2, d = s + 3, e = s + 4, f = s + 5, g = s + 6, h = s + 7;\n"
    "    REAL i = s + 8, j = s + 9, k = s + 10, l = s + 11;\n"
    "    for (int n = 0; n < 4096; n++) {\n"
    "        a = fma(a, x, y); b = fma(b, x, y); c = fma(c, x, y); d = fma(d, x, y);\n"
    "        e = fma(e, x, y); f = fma(f, x, y); g = fma(g, x, y); h = fma(h, x, y);\n"
    "        i = fma(i, x, y); j = fma(j, x, y); k = fma(k, x, y); l = fma(l, x, y);\n"
    "    }\n"
    "    out[get_global_id(0)] = a + b + c + d + e + f + g + h + i + j + k + l;\n"
    "}\n";

struct run {
    struct exec_slot *slot;
    cl_program program;
    cl_kernel copy, fused;
    cl_mem from, to;
    size_t lanes; // floats of a work-item
};

// Seconds of the best of some launches of k; 0 when one fails.
static double best_launch(const struct run *r, cl_kernel k, size_t items, size_t local) {
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        cl_event event;
        if (clEnqueueNDRangeKernel(r->slot->queue, k, 1, NULL, &items, &local, 0, NULL, &event) != CL_SUCCESS) return 0;
        cl_ulong start = 0, end = 0;
        cl_int e = clWaitForEvents(1, &event);
        if (!e) e = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
        if (!e) e = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
        clReleaseEvent(event);
        if (e || end <= start) return 0;
        double took = (double)(end - start) / 1e9;
        if (best == 0 || took < best) best = took;
    }
    return best;
}

static bool measure_copy(const struct run *r, size_t bytes, double *out) {
    bool cpu = exec_facts(r->slot)->is_cpu;
    cl_uint count = (cl_uint)(bytes / (r->lanes * sizeof(float))), strip = cpu ? 4096 : 1;
    size_t local = cpu ? 1 : LOCAL, items = count / strip;
    cl_int e = clSetKernelArg(r->copy, 0, sizeof r->from, &r->from);
    e |= clSetKernelArg(r->copy, 1, sizeof r->to, &r->to);
    e |= clSetKernelArg(r->copy, 2, sizeof count, &count);
    e |= clSetKernelArg(r->copy, 3, sizeof strip, &strip);
    double seconds = e ? 0 : best_launch(r, r->copy, items, local);
    *out = seconds > 0 ? 2.0 * (double)bytes / seconds : 0;
    return seconds > 0;
}

static bool measure_fused(const struct run *r, double *out) {
    const struct exec_device_facts *facts = exec_facts(r->slot);
    size_t local = facts->is_cpu ? 1 : LOCAL, items = facts->is_cpu ? 64 : (size_t)facts->compute_units * 2048;
    float by = 0.5f;
    cl_int e = clSetKernelArg(r->fused, 0, sizeof r->to, &r->to);
    e |= clSetKernelArg(r->fused, 1, sizeof by, &by);
    double seconds = e ? 0 : best_launch(r, r->fused, items, local);
    *out = seconds > 0 ? 2.0 * FMA_CHAINS * FMA_ROUNDS * (double)(items * r->lanes) / seconds : 0;
    return seconds > 0;
}

static void drop(struct run *r) {
    if (r->copy) clReleaseKernel(r->copy);
    if (r->fused) clReleaseKernel(r->fused);
    if (r->program) clReleaseProgram(r->program);
    if (r->from) clReleaseMemObject(r->from);
    if (r->to) clReleaseMemObject(r->to);
}

bool bench_ceiling_measure(struct exec_slot *slot, struct bench_ceiling *out, struct p2_strbuf *why) {
    const struct device *d = slot->device;
    bool cpu = d->info.facts.is_cpu;
    struct run r = {.slot = slot, .lanes = cpu ? 16 : 1};
    size_t bytes = (size_t)(cpu ? 128 : 512) << 20;
    while (bytes > d->info.facts.buffer_bytes_max / 4) bytes /= 2;
    const char *text = source;
    cl_int e = CL_SUCCESS;
    r.program = clCreateProgramWithSource(d->context, 1, &text, NULL, &e);
    if (r.program) e = clBuildProgram(r.program, 1, &d->info.id, cpu ? "-DVECTORS=1" : "-DVECTORS=0", NULL, NULL);
    if (!e) r.copy = clCreateKernel(r.program, "copy", &e);
    if (!e) r.fused = clCreateKernel(r.program, "fused", &e);
    if (!e) r.from = clCreateBuffer(d->context, CL_MEM_READ_WRITE, bytes, NULL, &e);
    if (!e) r.to = clCreateBuffer(d->context, CL_MEM_READ_WRITE, bytes, NULL, &e);
    const float zero = 0;
    if (!e) e = clEnqueueFillBuffer(slot->queue, r.from, &zero, sizeof zero, 0, bytes, 0, NULL, NULL);
    bool good = !e && measure_copy(&r, bytes, &out->bytes_per_s) && measure_fused(&r, &out->flops);
    if (!good) p2_strbuf_printf(why, "the device's ceilings cannot be measured (OpenCL error %d)", e);
    drop(&r);
    return good;
}
