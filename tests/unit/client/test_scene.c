// Scenes from files: what each kind of file becomes, and a sentence for each that is wrong.
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/scene/scene.h"
#include "image/image.h"
#include "kernels/raytrace/raytrace.h"
#include "os/os.h"

static char folder[64];

static char *path_of(const char *name) {
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t size) {
    assert_int_equal(p2_file_write(path_of(name), bytes, size), P2_OK);
}

static void put_text(const char *name, const char *text) { put(name, text, strlen(text)); }

struct loaded {
    bool ok;
    struct scene scene;
    struct p2_raytrace_scene is;
    char why[512];
};

static struct loaded load(const char *name) {
    struct loaded l = {0};
    struct p2_strbuf why, unused;
    char text[128];
    p2_strbuf_init(&why, l.why, sizeof l.why);
    p2_strbuf_init(&unused, text, sizeof text);
    l.ok = scene_load(path_of(name), &l.scene, &why);
    if (l.ok) assert_int_equal(p2_raytrace_scene_open(l.scene.bytes, l.scene.size, &l.is, &unused), P2_OK);
    return l;
}

static struct loaded load_text(const char *name, const char *text) {
    put_text(name, text);
    struct loaded l = load(name);
    if (!l.ok) fail_msg("%s", l.why);
    return l;
}

static void assert_setting(const struct scene *s, const char *name, const char *value) {
    assert_non_null(scene_setting(s, name));
    assert_string_equal(scene_setting(s, name), value);
}

static void json_becomes_arrays_and_settings(void **state) {
    (void)state;
    struct loaded l = load_text(
        "a.json", "{\"camera\": {\"position\": [0, 1, 5], \"look_at\": [0, 1, 0], \"fov\": 40},"
                  " \"resolution\": [64, 48], \"samples_per_pixel\": 3, \"mode\": \"path\", \"exposure\": 1.5,"
                  " \"sky\": {\"zenith\": [0, 0, 1]},"
                  " \"materials\": {\"m\": {\"type\": \"metal\", \"color\": [1, 0.5, 0], \"fuzz\": 0.25}},"
                  " \"objects\": ["
                  "  {\"type\": \"sphere\", \"position\": [1, 2, 3], \"radius\": 0.5, \"material\": \"m\"},"
                  "  {\"type\": \"plane\", \"position\": [0, -1, 0], \"normal\": [0, 2, 0], \"color\": [1, 0, 0]},"
                  "  {\"type\": \"box\", \"material\": {\"type\": \"glass\"}},"
                  "  {\"type\": \"mesh\", \"vertices\": [[0,0,0],[1,0,0],[0,1,0]], \"triangles\": [[0,1,2]]}],"
                  " \"lights\": [{\"position\": [0, 5, 0], \"color\": [1, 1, 0.5], \"intensity\": 4},"
                  "  {\"type\": \"directional\", \"direction\": [0, -2, 0]},"
                  "  {\"type\": \"area\", \"position\": [0, 4, 0], \"u\": [1, 0, 0], \"v\": [0, 0, 1]}]}");
    const struct raytrace_header *h = l.is.head;
    assert_true(h->materials == 4 && h->spheres == 1 && h->planes == 1 && h->lights == 3);
    assert_true(h->vertices == 24 + 3 && h->triangles == 12 + 1 && h->textures == 0);
    assert_true(l.is.materials[0].kind == RAYTRACE_METAL && l.is.materials[0].fuzz == 0.25f);
    assert_true(l.is.spheres[0].material == 0 && l.is.spheres[0].centre[2] == 3);
    assert_true(l.is.planes[0].normal[1] == 1 && l.is.planes[0].offset == -1);
    assert_int_equal(l.is.materials[l.is.triangles[0].material].kind, RAYTRACE_GLASS);
    assert_true(l.is.lights[0].colour[2] == 2 && l.is.lights[1].at[1] == -1);
    assert_true(h->sky_zenith[2] == 1 && h->sky_zenith[0] == 0);
    assert_setting(&l.scene, "resolution", "64x48");
    assert_setting(&l.scene, "direction", "0,0,-5");
    assert_setting(&l.scene, "samples_per_pixel", "3");
    assert_setting(&l.scene, "exposure", "1.5");
    assert_setting(&l.scene, "fov", "40");
    assert_null(scene_setting(&l.scene, "seed"));
    scene_free(&l.scene);
}

// The twelve triangles of a box face outwards: seen from its middle, each corner order turns the same way.
static void boxes_are_closed(void **state) {
    (void)state;
    struct loaded l = load_text("box.json", "{\"objects\": [{\"type\": \"box\", \"size\": [2, 3, 4]}]}");
    float volume = 0;
    for (int i = 0; i < 12; i++) {
        const float *p[3];
        for (int k = 0; k < 3; k++) p[k] = l.is.vertices[l.is.triangles[i].vertex[k]].position;
        volume += p[0][0] * (p[1][1] * p[2][2] - p[1][2] * p[2][1]) +
                  p[0][1] * (p[1][2] * p[2][0] - p[1][0] * p[2][2]) + p[0][2] * (p[1][0] * p[2][1] - p[1][1] * p[2][0]);
    }
    assert_float_equal(volume / 6, 24, 1e-4);
    scene_free(&l.scene);
}

static float coordinate(const float axis[4], float x, float y, float z) {
    return axis[0] * x + axis[1] * y + axis[2] * z + axis[3];
}

static void a_texture_begins_where_its_plane_is(void **state) {
    (void)state;
    struct loaded l =
        load_text("tiles.json", "{\"objects\": ["
                                " {\"type\": \"plane\", \"position\": [1, 2, 3], \"u\": [2, 0, 2], \"v\": [0, 0, -4]},"
                                " {\"type\": \"plane\", \"position\": [1, 2, 3], \"normal\": [0, 0, 7]},"
                                " {\"type\": \"plane\", \"position\": [1, 2, 3], \"normal\": [0, -1, 0]}]}");
    static const float spots[][5] = {// of plane 0 its edges; of the others right and down as from the front
                                     {0, 1, 2, 3, 0},      {0, 3, 2, 5, 1}, {0, 1, 2, -1, 0}, {1, 1, 2, 3, 0},
                                     {1, 1.5, 2, 3, 0.5f}, {2, 1, 2, 3, 0}, {2, 0, 2, 3, 1}};
    for (size_t i = 0; i < sizeof spots / sizeof *spots; i++) {
        const float *s = spots[i];
        assert_float_equal(coordinate(l.is.planes[(int)s[0]].u, s[1], s[2], s[3]), s[4], 1e-5);
    }
    assert_float_equal(coordinate(l.is.planes[0].v, 1, 2, -1), 1, 1e-5);
    assert_float_equal(coordinate(l.is.planes[1].v, 1, 1, 3), 1, 1e-5);
    assert_float_equal(coordinate(l.is.planes[2].v, 1, 2, 4), 1, 1e-5);
    scene_free(&l.scene);
}

// Each side of a box has its picture upright, the first texel at the upper left as from outside.
static void a_texture_is_on_each_side_of_a_box(void **state) {
    (void)state;
    struct loaded l = load_text("box.json", "{\"objects\": [{\"type\": \"box\", \"size\": [2, 3, 4]}]}");
    int upper = 0;
    for (int i = 0; i < 24; i++) {
        const struct raytrace_vertex *v = &l.is.vertices[i];
        int side = i / 4;
        if (side / 2 == 1) continue; // neither top nor bottom
        assert_float_equal(v->position[1], v->uv[1] > 0 ? -1.5 : 1.5, 1e-6);
        float right = side == 0   ? v->position[2]
                      : side == 1 ? -v->position[2]
                      : side == 4 ? -v->position[0]
                                  : v->position[0];
        assert_true((right > 0) == (v->uv[0] > 0));
        upper += v->uv[1] == 0;
    }
    assert_int_equal(upper, 8);
    scene_free(&l.scene);
}

// Turned by 90 degrees about y, x is -z.
static void boxes_and_meshes_are_placed(void **state) {
    (void)state;
    struct loaded l = load_text(
        "placed.json",
        "{\"objects\": [{\"type\": \"box\", \"size\": [2, 4, 6], \"rotation\": [0, 90, 0], \"position\": [10, 0, 0]},"
        " {\"type\": \"mesh\", \"vertices\": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], \"normals\": [[4, 0, 0], [0, 0, 0], "
        "[0, 1, 0]],"
        "  \"triangles\": [[0, 1, 2]], \"rotation\": [0, 90, 0], \"position\": [0, 5, 0], \"scale\": 2}]}");
    for (int i = 0; i < 24; i++) {
        const float *p = l.is.vertices[i].position;
        assert_float_equal(fabsf(p[0] - 10), 3, 1e-5);
        assert_float_equal(fabsf(p[1]), 2, 1e-5);
        assert_float_equal(fabsf(p[2]), 1, 1e-5);
    }
    const struct raytrace_vertex *v = &l.is.vertices[24];
    assert_float_equal(v[0].position[2], -2, 1e-5);
    assert_float_equal(v[0].position[1], 5, 1e-5);
    assert_float_equal(v[1].position[1], 7, 1e-5);
    assert_float_equal(v[0].normal[2], -1, 1e-5);
    assert_true(v[1].normal[0] == 0 && v[1].normal[1] == 0 && v[1].normal[2] == 0);
    scene_free(&l.scene);
}

static void put_picture(const char *name) {
    const uint8_t pixels[2 * 1 * 3] = {255, 0, 0, 0, 0, 255};
    uint8_t file[4096];
    size_t size;
    assert_int_equal(
        p2_image_encode(&(struct p2_image_info){P2_IMAGE_PNG, 2, 1, 3}, pixels, 6, file, sizeof file, &size), P2_OK);
    put(name, file, size);
}

#define QUAD                                                                                                           \
    "mtllib q.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nusemtl q\n"                     \
    "f 1/1 2/2 3/3 4/4\n"

static void an_obj_brings_materials_textures_and_a_view(void **state) {
    (void)state;
    put_picture("q.png");
    put_text("q.mtl", "newmtl q\nKd 0.5 0.25 1\nmap_Kd q.png\n");
    struct loaded l = load_text("q.obj", QUAD);
    assert_true(l.is.head->triangles == 2 && l.is.head->vertices == 4 && l.is.head->textures == 1);
    const struct raytrace_material *m = &l.is.materials[l.is.triangles[0].material];
    assert_true(m->colour[1] == 0.25f && m->texture == 0);
    assert_true(l.is.textures[0].width == 2 && l.is.texels[0] == 0xff0000ffu && l.is.texels[1] == 0xffff0000u);
    for (unsigned i = 0; i < 4; i++) // rows go down
        assert_float_equal(l.is.vertices[i].uv[1], 1 - l.is.vertices[i].position[1], 1e-6);
    assert_int_equal(l.is.head->lights, 1);
    assert_non_null(scene_setting(&l.scene, "position"));
    scene_free(&l.scene);
}

static void what_shines_in_places_reflects(void **state) {
    (void)state;
    put_picture("q.png");
    put_text("q.mtl", "newmtl q\nKd 0.5 0.25 1\nKe 1 2 3\n");
    struct loaded l = load_text("q.obj", QUAD);
    assert_true(l.is.materials[l.is.triangles[0].material].kind == RAYTRACE_EMISSIVE);
    assert_true(l.is.materials[l.is.triangles[0].material].colour[2] == 3);
    scene_free(&l.scene);
    put_text("q.mtl", "newmtl q\nKd 0.5 0.25 1\nKe 1 2 3\nmap_Ke q.png\n");
    l = load_text("q.obj", QUAD);
    assert_true(l.is.materials[l.is.triangles[0].material].kind == RAYTRACE_DIFFUSE);
    assert_true(l.is.materials[l.is.triangles[0].material].colour[2] == 1);
    scene_free(&l.scene);
}

static void a_mesh_is_placed_and_painted(void **state) {
    (void)state;
    put_text("p.obj", "v 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\n");
    struct loaded l =
        load_text("p.json", "{\"objects\": [{\"type\": \"mesh\", \"file\": \"p.obj\", \"scale\": 2,"
                            " \"rotation\": [0, 90, 0], \"position\": [10, 0, 0], \"color\": [0, 1, 0]}]}");
    assert_int_equal(l.is.head->triangles, 1);
    assert_int_equal(l.is.head->lights, 0);
    assert_int_equal(l.is.head->materials, 1);
    bool found = false;
    for (unsigned i = 0; i < 3; i++) { // x turned about y by 90 degrees is -z
        const float *p = l.is.vertices[i].position;
        found |= p[0] > 9.99f && p[0] < 10.01f && p[2] > -2.01f && p[2] < -1.99f;
    }
    assert_true(found);
    scene_free(&l.scene);
}

// A triangle, moved by its node; a metal; a camera.
static void a_gltf_brings_its_nodes_materials_and_camera(void **state) {
    (void)state;
    struct loaded l = load_text(
        "t.gltf",
        "{\"asset\": {\"version\": \"2.0\"}, \"scene\": 0, \"scenes\": [{\"nodes\": [0, 1]}],"
        " \"nodes\": [{\"mesh\": 0, \"translation\": [0, 0, -7]}, {\"camera\": 0, \"translation\": [0, 2, 0]}],"
        " \"cameras\": [{\"type\": \"perspective\", \"perspective\": {\"yfov\": 0.8, \"znear\": 0.1}}],"
        " \"materials\": [{\"pbrMetallicRoughness\": {\"baseColorFactor\": [1, 0.5, 0.25, 1],"
        " \"metallicFactor\": 1, \"roughnessFactor\": 0.5}}],"
        " \"meshes\": [{\"primitives\": [{\"attributes\": {\"POSITION\": 0}, \"material\": 0}]}],"
        " \"accessors\": [{\"bufferView\": 0, \"componentType\": 5126, \"count\": 3, \"type\": \"VEC3\","
        " \"min\": [0, 0, 0], \"max\": [1, 1, 0]}],"
        " \"bufferViews\": [{\"buffer\": 0, \"byteLength\": 36}],"
        " \"buffers\": [{\"byteLength\": 36, \"uri\": \"data:application/octet-stream;base64,"
        "AAAAAAAAAAAAAAAAAACAPwAAAAAAAAAAAAAAAAAAgD8AAAAA\"}]}");
    assert_int_equal(l.is.head->triangles, 1);
    assert_true(l.is.vertices[0].position[2] == -7);
    const struct raytrace_material *m = &l.is.materials[l.is.triangles[0].material];
    assert_true(m->kind == RAYTRACE_METAL && m->colour[2] == 0.25f && m->fuzz == 0.5f);
    assert_setting(&l.scene, "position", "0,2,0");
    double fov = strtod(scene_setting(&l.scene, "fov"), NULL);
    assert_true(fov > 20 && fov < 70);
    scene_free(&l.scene);
}

// The triangle of t.gltf with its numbers in another file.
static void put_gltf(const char *name, const char *numbers) {
    char text[1024];
    snprintf(
        text, sizeof text,
        "{\"asset\": {\"version\": \"2.0\"}, \"scene\": 0, \"scenes\": [{\"nodes\": [0]}], \"nodes\": [{\"mesh\": 0}],"
        " \"meshes\": [{\"primitives\": [{\"attributes\": {\"POSITION\": 0}}]}],"
        " \"accessors\": [{\"bufferView\": 0, \"componentType\": 5126, \"count\": 3, \"type\": \"VEC3\"}],"
        " \"bufferViews\": [{\"buffer\": 0, \"byteLength\": 36}],"
        " \"buffers\": [{\"byteLength\": 36, \"uri\": \"%s\"}]}",
        numbers);
    put_text(name, text);
}

// A mesh file from a stranger names files of its folder and below, and no others are opened.
static void mesh_files_open_nothing_elsewhere(void **state) {
    (void)state;
    static const float corners[9] = {0, 0, 0, 1, 0, 0, 0, 1, 0};
    char uri[200];
    assert_true(mkdir(path_of("sub"), 0700) == 0 || errno == EEXIST);
    put("n.bin", corners, sizeof corners);
    put("sub/n.bin", corners, sizeof corners);
    static const char *const inside[] = {"n.bin", "sub/n.bin"}, *const outside[] = {"../n.bin", "./../n.bin",
                                                                                    "x/../../n.bin"};
    for (size_t i = 0; i < 2; i++) {
        put_gltf("n.gltf", inside[i]);
        struct loaded l = load("n.gltf");
        if (!l.ok) fail_msg("%s: %s", inside[i], l.why);
        assert_int_equal(l.is.head->triangles, 1);
        scene_free(&l.scene);
    }
    for (size_t i = 0; i < 4; i++) {
        snprintf(uri, sizeof uri, "%s", i < 3 ? outside[i] : path_of("n.bin"));
        put_gltf("sub/n.gltf", uri);
        struct loaded l = load("sub/n.gltf");
        if (l.ok) fail_msg("%s was opened", uri);
    }
    put_text("q.mtl", "newmtl q\nKd 0.5 0.25 1\n");
    put_text("sub/q.obj", "mtllib ../q.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl q\nf 1 2 3\n");
    struct loaded l = load("sub/q.obj");
    if (!l.ok) fail_msg("%s", l.why);
    for (unsigned i = 0; i < l.is.head->materials; i++) assert_true(l.is.materials[i].colour[1] != 0.25f);
    scene_free(&l.scene);
}

static void a_packed_scene_is_taken_as_it_is(void **state) {
    (void)state;
    struct loaded l = load_text("b.json", "{\"objects\": [{\"type\": \"sphere\"}]}");
    put("b.p2rt", l.scene.bytes, l.scene.size);
    struct loaded again = load("b.p2rt");
    assert_true(again.ok && again.scene.size == l.scene.size && again.scene.spheres == 1);
    assert_memory_equal(again.scene.bytes, l.scene.bytes, l.scene.size);
    scene_free(&again.scene);
    put("b.p2rt", l.scene.bytes, l.scene.size - 4);
    again = load("b.p2rt");
    assert_false(again.ok);
    assert_non_null(strstr(again.why, "by its counts"));
    scene_free(&l.scene);
}

static void wrong_files_have_a_sentence(void **state) {
    (void)state;
    put_text("empty.obj", "v 0 0 0\n");
    put_text("noise.png", "no picture");
    static const struct {
        const char *name, *text, *says;
    } cases[] = {
        {"w.json", "{\"objects\": [", "line 1"},
        {"w.json", "[]", "object"},
        {"w.json", "{\"colour\": 1}", "has no \"colour\""},
        {"w.json", "{\"objects\": {}}", "list"},
        {"w.json", "{\"objects\": [{\"type\": \"torus\"}]}", "type"},
        {"w.json", "{\"objects\": [{\"type\": \"sphere\", \"size\": 2}]}", "objects 0 has no \"size\""},
        {"w.json", "{\"objects\": [{\"type\": \"sphere\", \"radius\": \"big\"}]}", "radius"},
        {"w.json", "{\"objects\": [{\"type\": \"sphere\", \"radius\": -1}]}", "sphere 0"},
        {"w.json", "{\"objects\": [{\"type\": \"sphere\", \"position\": [1e30, 0, 0]}]}", "sphere 0"},
        {"w.json", "{\"objects\": [{\"type\": \"sphere\", \"position\": [1, 0]}]}", "three numbers"},
        {"w.json", "{\"objects\": [{\"type\": \"sphere\", \"material\": \"gold\"}]}", "no material \"gold\""},
        {"w.json", "{\"objects\": [{\"type\": \"plane\", \"normal\": [0, 0, 0]}]}", "normal"},
        {"w.json", "{\"objects\": [{\"type\": \"plane\", \"u\": [0, 1, 0]}]}", "edge along"},
        {"w.json", "{\"objects\": [{\"type\": \"plane\", \"u\": [1e-9, 0, 0]}]}", "plane 0"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"vertices\": [[0,0,0]], \"triangles\": [[0,0,1]]}]}",
         "triangle 0"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"vertices\": [[0,0,0]], \"triangles\": [[0,0,\"0\"]]}]}",
         "triangle 0"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"vertices\": [[0,0,null]], \"triangles\": []}]}", "vertex 0"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"file\": 7}]}", "neither"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"vertices\": [[0,0,0]]}]}", "neither"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"vertices\": [[0,0]], \"triangles\": []}]}", "vertex 0"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"vertices\": [[0,0,0]], \"uvs\": [], \"triangles\": []}]}",
         "uvs"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"file\": \"none.obj\"}]}", "none.obj"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"file\": \"../q.obj\"}]}", "folder"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"file\": \"/etc/q.obj\"}]}", "folder"},
        {"w.json", "{\"objects\": [{\"type\": \"mesh\", \"file\": \"empty.obj\"}]}", "empty.obj"},
        {"w.json", "{\"materials\": {\"a\": {\"texture\": \"noise.png\"}}}", "noise.png"},
        {"w.json", "{\"materials\": {\"a\": {\"color\": [2, 0, 0]}}}", "material 0"},
        {"w.json", "{\"materials\": {\"a\": {\"refraction\": 0.5}}}", "material 0"},
        {"w.json", "{\"lights\": [{\"type\": \"directional\"}]}", "direction"},
        {"w.json", "{\"camera\": {\"position\": [0, 0, \"x\"]}}", "position"},
        {"w.json", "{\"resolution\": [64]}", "resolution"},
        {"w.json", "{\"samples_per_pixel\": []}", "samples_per_pixel"},
        {"w.obj", "", "w.obj"},
        {"w.glb", "glTF nonsense", "w.glb"},
        {"w.p2rt", "P2RT", "header"},
        {"w.fbx", "", "ends in"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text(cases[i].name, cases[i].text);
        struct loaded l = load(cases[i].name);
        if (l.ok || !strstr(l.why, cases[i].says)) fail_msg("case %zu: %d %s", i, l.ok, l.why);
        assert_null(l.scene.bytes);
    }
    struct loaded l = load("absent.json");
    assert_false(l.ok);
}

int main(void) {
    snprintf(folder, sizeof folder, "/tmp/p2-scene-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_becomes_arrays_and_settings),
        cmocka_unit_test(boxes_are_closed),
        cmocka_unit_test(a_texture_begins_where_its_plane_is),
        cmocka_unit_test(boxes_and_meshes_are_placed),
        cmocka_unit_test(a_texture_is_on_each_side_of_a_box),
        cmocka_unit_test(an_obj_brings_materials_textures_and_a_view),
        cmocka_unit_test(what_shines_in_places_reflects),
        cmocka_unit_test(a_mesh_is_placed_and_painted),
        cmocka_unit_test(a_gltf_brings_its_nodes_materials_and_camera),
        cmocka_unit_test(mesh_files_open_nothing_elsewhere),
        cmocka_unit_test(a_packed_scene_is_taken_as_it_is),
        cmocka_unit_test(wrong_files_have_a_sentence),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const files[] = {"sub/n.bin", "sub/n.gltf", "sub/q.obj",  "n.bin",  "n.gltf", "placed.json",
                                        "a.json",    "box.json",   "tiles.json", "q.png",  "q.mtl",  "q.obj",
                                        "p.obj",     "p.json",     "t.gltf",     "b.json", "b.p2rt", "empty.obj",
                                        "noise.png", "w.json",     "w.obj",      "w.glb",  "w.p2rt", "w.fbx"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) unlink(path_of(files[i]));
    rmdir(path_of("sub"));
    rmdir(folder);
    return failed;
}
