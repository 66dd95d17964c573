// Compiled for this processor with all optimisation. What is computed is that of kernels/raytrace/ref_trace.c.
#include "loadtest/bench/opponent_embree.h"

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include <embree3/rtcore.h>

namespace {

constexpr int Lanes = 16;
constexpr float Offset = 5e-5f, Shorten = 0.999f, Ambient = 0.5f;

struct Vec {
    float x, y, z;
};
Vec vec(const float *v) { return {v[0], v[1], v[2]}; }
Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
Vec operator*(Vec a, Vec b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
Vec operator*(Vec a, float k) { return {a.x * k, a.y * k, a.z * k}; }
float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Vec unit(Vec a) { return a * (1 / std::sqrt(dot(a, a))); }

// Threads that stay; work is handed out in small pieces.
class Pool {
  public:
    explicit Pool(int threads) {
        for (int i = 1; i < threads; i++) others.emplace_back([this] { serve(); });
    }
    ~Pool() {
        {
            std::lock_guard<std::mutex> hold(lock);
            ending = true;
        }
        begun.notify_all();
        for (auto &t : others) t.join();
    }
    void run(uint32_t pieces, const std::function<void(uint32_t)> &work) {
        {
            std::lock_guard<std::mutex> hold(lock);
            task = &work;
            count = pieces;
            next = 0;
            busy = static_cast<int>(others.size());
            turn++;
        }
        begun.notify_all();
        help();
        std::unique_lock<std::mutex> hold(lock);
        done.wait(hold, [this] { return busy == 0; });
    }

  private:
    void help() {
        for (uint32_t i; (i = next++) < count;) (*task)(i);
    }
    void serve() {
        uint64_t seen = 0;
        std::unique_lock<std::mutex> hold(lock);
        for (;;) {
            begun.wait(hold, [&] { return ending || turn != seen; });
            if (ending) return;
            seen = turn;
            hold.unlock();
            help();
            hold.lock();
            if (--busy == 0) done.notify_one();
        }
    }
    std::vector<std::thread> others;
    std::mutex lock;
    std::condition_variable begun, done;
    const std::function<void(uint32_t)> *task = nullptr;
    std::atomic<uint32_t> next{0};
    uint32_t count = 0;
    int busy = 0;
    uint64_t turn = 0;
    bool ending = false;
};

float curved(float x) {
    x = std::fmin(std::fmax(x, 0.0f), 1.0f);
    float a = std::sqrt(x), b = std::sqrt(a), c = std::sqrt(b);
    float y = 0.662002687f * a + 0.684122060f * b - 0.323583601f * c - 0.0225411470f * x;
    return (x < 0.0031308f ? 12.92f * x : y) * 255 + 0.5f;
}

} // namespace

struct embree {
    embree_scene is;
    RTCDevice device;
    RTCScene scene;
    Pool pool;
    std::atomic<uint64_t> rays{0};
    explicit embree(const embree_scene &s, int threads) : is(s), pool(threads) {}

    Vec sky(Vec d) const {
        Vec h = vec(is.horizon), z = vec(is.zenith);
        return h + (z - h) * std::fmax(d.y, 0.0f);
    }
};

namespace {

RTCIntersectContext context(RTCIntersectContextFlags flags) {
    RTCIntersectContext c;
    rtcInitIntersectContext(&c);
    c.flags = flags;
    return c;
}

// ---- packets of 4x4 ----

// What packets carry between their two rays, as arrays that compilers make vectors of.
struct Lit {
    float cosine[Lanes], ambient_y[Lanes];
    alignas(64) int lit[Lanes], seen[Lanes];
};

void begin(RTCRayHit16 &r, const embree_view &v, uint32_t x, uint32_t y) {
    for (int i = 0; i < Lanes; i++) {
        float right = static_cast<float>(x + i % 4) + 0.5f - 0.5f * static_cast<float>(v.width);
        float down = static_cast<float>(y + i / 4) + 0.5f - 0.5f * static_cast<float>(v.height);
        float dx = v.forward[0] + v.right[0] * right + v.down[0] * down;
        float dy = v.forward[1] + v.right[1] * right + v.down[1] * down;
        float dz = v.forward[2] + v.right[2] * right + v.down[2] * down;
        float scale = 1 / std::sqrt(dx * dx + dy * dy + dz * dz);
        r.ray.org_x[i] = v.position[0];
        r.ray.org_y[i] = v.position[1];
        r.ray.org_z[i] = v.position[2];
        r.ray.dir_x[i] = dx * scale;
        r.ray.dir_y[i] = dy * scale;
        r.ray.dir_z[i] = dz * scale;
        r.ray.tnear[i] = r.ray.time[i] = 0;
        r.ray.tfar[i] = std::numeric_limits<float>::infinity();
        r.ray.mask[i] = ~0u;
        r.ray.flags[i] = 0;
        r.hit.geomID[i] = r.hit.instID[0][i] = RTC_INVALID_GEOMETRY_ID;
    }
}

void aim(const embree &e, const RTCRayHit16 &r, RTCRay16 &s, Lit &l) {
    for (int i = 0; i < Lanes; i++) {
        float t = r.ray.tfar[i], nx = r.hit.Ng_x[i], ny = r.hit.Ng_y[i], nz = r.hit.Ng_z[i];
        float dx = r.ray.dir_x[i], dy = r.ray.dir_y[i], dz = r.ray.dir_z[i];
        l.seen[i] = r.hit.geomID[i] != RTC_INVALID_GEOMETRY_ID ? -1 : 0;
        float px = r.ray.org_x[i] + dx * t, py = r.ray.org_y[i] + dy * t, pz = r.ray.org_z[i] + dz * t;
        float scale = 1 / std::sqrt(nx * nx + ny * ny + nz * nz);
        scale = dx * nx + dy * ny + dz * nz > 0 ? -scale : scale;
        nx *= scale;
        ny *= scale;
        nz *= scale;
        float lx = e.is.light[0] - px, ly = e.is.light[1] - py, lz = e.is.light[2] - pz;
        float square = lx * lx + ly * ly + lz * lz, far = std::sqrt(square);
        float rise = Offset * (std::fmax(std::fabs(px), std::fmax(std::fabs(py), std::fabs(pz))) + t);
        float cosine = (lx * nx + ly * ny + lz * nz) / far;
        l.ambient_y[i] = ny;
        l.cosine[i] = cosine / square;
        l.lit[i] = l.seen[i] && cosine > 0 ? -1 : 0;
        s.org_x[i] = px + nx * rise;
        s.org_y[i] = py + ny * rise;
        s.org_z[i] = pz + nz * rise;
        s.dir_x[i] = lx / far;
        s.dir_y[i] = ly / far;
        s.dir_z[i] = lz / far;
        s.tnear[i] = s.time[i] = 0;
        s.tfar[i] = far * Shorten;
        s.mask[i] = ~0u;
        s.flags[i] = 0;
    }
}

void shade(const embree &e, const RTCRayHit16 &r, const RTCRay16 &s, const Lit &l, float bytes[3][Lanes]) {
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < Lanes; i++) {
            float up = l.seen[i] ? l.ambient_y[i] : r.ray.dir_y[i];
            float sky = e.is.horizon[c] + (e.is.zenith[c] - e.is.horizon[c]) * std::fmax(up, 0.0f);
            float direct = l.lit[i] && s.tfar[i] > 0 ? l.cosine[i] * e.is.light_colour[c] : 0.0f;
            bytes[c][i] = curved(l.seen[i] ? e.is.colour[c] * (direct + Ambient * sky) : sky);
        }
}

void packet(embree &e, const embree_view &v, uint32_t x, uint32_t y, uint8_t *rgb) {
    alignas(64) int all[Lanes];
    alignas(64) RTCRayHit16 r;
    alignas(64) RTCRay16 s;
    Lit l;
    float bytes[3][Lanes];
    for (int &i : all) i = -1;
    begin(r, v, x, y);
    RTCIntersectContext coherent = context(RTC_INTERSECT_CONTEXT_FLAG_COHERENT);
    rtcIntersect16(all, e.scene, &coherent, &r);
    aim(e, r, s, l);
    rtcOccluded16(l.lit, e.scene, &coherent, &s);
    shade(e, r, s, l, bytes);
    uint64_t shadows = 0;
    for (int i = 0; i < Lanes; i++) {
        shadows += l.lit[i] ? 1 : 0;
        uint8_t *to = rgb + (static_cast<size_t>(y + i / 4) * v.width + x + i % 4) * 3;
        for (int c = 0; c < 3; c++) to[c] = static_cast<uint8_t>(bytes[c][i]);
    }
    e.rays += Lanes + shadows;
}

// ---- paths, ray by ray ----

struct Random {
    float a, b;
};

Random random_of(uint32_t x, uint32_t y, uint32_t key) {
    uint32_t z = 1013904223u, w = key * 1664525u + 1013904223u;
    x = x * 1664525u + 1013904223u;
    y = y * 1664525u + 1013904223u;
    x += y * w;
    y += z * x;
    z += x * y;
    w += y * z;
    x ^= x >> 16;
    y ^= y >> 16;
    z ^= z >> 16;
    w ^= w >> 16;
    x += y * w;
    y += z * x;
    return {static_cast<float>(x >> 8) * 0x1p-24f, static_cast<float>(y >> 8) * 0x1p-24f};
}

// The light that reaches a surface straight.
float direct(embree &e, RTCIntersectContext &c, Vec at, Vec normal, float rise) {
    Vec to = vec(e.is.light) - at;
    float square = dot(to, to), far = std::sqrt(square), cosine = dot(to, normal) / far;
    if (cosine <= 0) return 0;
    Vec from = at + normal * rise;
    to = to * (1 / far);
    RTCRay s{};
    s.org_x = from.x;
    s.org_y = from.y;
    s.org_z = from.z;
    s.dir_x = to.x;
    s.dir_y = to.y;
    s.dir_z = to.z;
    s.tfar = far * Shorten;
    s.mask = ~0u;
    rtcOccluded1(e.scene, &c, &s);
    return s.tfar < 0 ? 0 : cosine / square;
}

struct Pixel {
    uint32_t x, y, depth;
};

Vec path(embree &e, Vec origin, Vec d, Pixel pixel, uint64_t &rays) {
    Vec light{0, 0, 0}, throughput{1, 1, 1};
    RTCIntersectContext c = context(RTC_INTERSECT_CONTEXT_FLAG_INCOHERENT);
    for (uint32_t bounce = 0; bounce < pixel.depth; bounce++) {
        RTCRayHit r{};
        r.ray.org_x = origin.x;
        r.ray.org_y = origin.y;
        r.ray.org_z = origin.z;
        r.ray.dir_x = d.x;
        r.ray.dir_y = d.y;
        r.ray.dir_z = d.z;
        r.ray.tfar = std::numeric_limits<float>::infinity();
        r.ray.mask = ~0u;
        r.hit.geomID = r.hit.instID[0] = RTC_INVALID_GEOMETRY_ID;
        rtcIntersect1(e.scene, &c, &r);
        rays++;
        if (r.hit.geomID == RTC_INVALID_GEOMETRY_ID) return light + throughput * e.sky(d);
        Vec normal = unit({r.hit.Ng_x, r.hit.Ng_y, r.hit.Ng_z}), at = origin + d * r.ray.tfar;
        if (dot(d, normal) > 0) normal = normal * -1;
        float reach = std::fmax(std::fabs(at.x), std::fmax(std::fabs(at.y), std::fabs(at.z)));
        float rise = Offset * (reach + r.ray.tfar);
        float share = direct(e, c, at, normal, rise);
        rays++;
        light = light + throughput * vec(e.is.colour) * vec(e.is.light_colour) * share;
        Random n = random_of(pixel.x, pixel.y, bounce * 17 * 0x9e3779b9u);
        float z = 1 - 2 * n.a, ring = std::sqrt(std::fmax(1 - z * z, 0.0f)), turn = 6.2831853f * (n.b - 0.5f);
        d = unit(normal + Vec{ring * std::cos(turn), ring * std::sin(turn), z} * 0.9999f);
        origin = at + normal * rise;
        throughput = throughput * vec(e.is.colour);
    }
    return light;
}

void paths_of_row(embree &e, const embree_view &v, uint32_t depth, uint32_t y, uint8_t *rgb) {
    uint64_t rays = 0;
    for (uint32_t x = 0; x < v.width; x++) {
        float right = static_cast<float>(x) + 0.5f - 0.5f * static_cast<float>(v.width);
        float down = static_cast<float>(y) + 0.5f - 0.5f * static_cast<float>(v.height);
        Vec d = unit(vec(v.forward) + vec(v.right) * right + vec(v.down) * down);
        Vec light = path(e, vec(v.position), d, {x, y, depth}, rays);
        uint8_t *to = rgb + (static_cast<size_t>(y) * v.width + x) * 3;
        to[0] = static_cast<uint8_t>(curved(light.x));
        to[1] = static_cast<uint8_t>(curved(light.y));
        to[2] = static_cast<uint8_t>(curved(light.z));
    }
    e.rays += rays;
}

void add(embree &e, RTCGeometry g) {
    rtcCommitGeometry(g);
    rtcAttachGeometry(e.scene, g);
    rtcReleaseGeometry(g);
}

} // namespace

embree *embree_open(const embree_scene *scene, int threads) {
    auto *e = new embree(*scene, threads);
    e->device = rtcNewDevice(nullptr);
    e->scene = rtcNewScene(e->device);
    if (scene->triangle_count) {
        RTCGeometry g = rtcNewGeometry(e->device, RTC_GEOMETRY_TYPE_TRIANGLE);
        rtcSetSharedGeometryBuffer(g, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, scene->vertices, 0,
                                   8 * sizeof(float), scene->vertex_count);
        rtcSetSharedGeometryBuffer(g, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, scene->triangles, 0,
                                   4 * sizeof(uint32_t), scene->triangle_count);
        add(*e, g);
    }
    if (scene->sphere_count) {
        RTCGeometry g = rtcNewGeometry(e->device, RTC_GEOMETRY_TYPE_SPHERE_POINT);
        rtcSetSharedGeometryBuffer(g, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT4, scene->spheres, 0,
                                   4 * sizeof(float), scene->sphere_count);
        add(*e, g);
    }
    rtcCommitScene(e->scene);
    return e;
}

void embree_close(embree *e) {
    rtcReleaseScene(e->scene);
    rtcReleaseDevice(e->device);
    delete e;
}

void embree_primary(embree *e, const embree_view *view, uint8_t *rgb) {
    e->rays = 0;
    e->pool.run(view->height / 4, [&](uint32_t row) {
        for (uint32_t x = 0; x + 4 <= view->width; x += 4) packet(*e, *view, x, 4 * row, rgb);
    });
}

void embree_paths(embree *e, const embree_view *view, uint32_t depth, uint8_t *rgb) {
    e->rays = 0;
    e->pool.run(view->height, [&](uint32_t y) { paths_of_row(*e, *view, depth, y, rgb); });
}

uint64_t embree_rays(const embree *e) { return e->rays; }
const char *embree_version(void) { return RTC_VERSION_STRING; }
