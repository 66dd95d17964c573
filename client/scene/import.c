// Meshes of Wavefront OBJ and glTF 2.0 files, through assimp.
#include <assimp/cimport.h>
#include <assimp/material.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "geometry.h"
#include "import_files.h"

#define STEPS                                                                                                          \
    (aiProcess_Triangulate | aiProcess_JoinIdenticalVertices | aiProcess_SortByPType | aiProcess_FlipUVs |             \
     aiProcess_ValidateDataStructure)
#define DEGREES 57.29577951308232
#define NODES_DEEP 64

struct import {
    struct build *b;
    const struct aiScene *scene;
    bool whole;          // a scene of its own: camera and lights are taken
    uint32_t material;   // of all meshes, or NO_MATERIAL: theirs
    uint32_t *materials; // of the file, as of the scene
    float lo[3], hi[3];  // of all vertices, as placed
};

static struct affine after(const struct affine *t, const struct aiMatrix4x4 *first) {
    const float f[4][4] = {{first->a1, first->a2, first->a3, first->a4},
                           {first->b1, first->b2, first->b3, first->b4},
                           {first->c1, first->c2, first->c3, first->c4},
                           {0, 0, 0, 1}};
    struct affine out = {0};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < 4; k++) out.m[i][j] += t->m[i][k] * f[k][j];
    return out;
}

static void apply(const struct affine *t, const struct aiVector3D *v, float w, float out[3]) {
    affine_apply(t, (const float[3]){v->x, v->y, v->z}, w, out);
}

// ---- materials ----

static float number_of(const struct aiMaterial *m, const char *key, float otherwise) {
    ai_real value = otherwise;
    unsigned int count = 1;
    return aiGetMaterialFloatArray(m, key, 0, 0, &value, &count) == aiReturn_SUCCESS && isfinite(value) ? value
                                                                                                        : otherwise;
}

static bool colour_of(const struct aiMaterial *m, const char *key, float most, float out[3]) {
    struct aiColor4D c;
    if (aiGetMaterialColor(m, key, 0, 0, &c) != aiReturn_SUCCESS) return false;
    out[0] = fminf(fmaxf(c.r, 0), most); // and 0 for NaN
    out[1] = fminf(fmaxf(c.g, 0), most);
    out[2] = fminf(fmaxf(c.b, 0), most);
    return true;
}

// "*3" is the fourth picture inside the file, others are files beside it.
static bool texture_of(struct import *i, const char *name, uint32_t *out) {
    if (name[0] != '*') return build_texture(i->b, name, out);
    unsigned long at = strtoul(name + 1, NULL, 10);
    if (at >= i->scene->mNumTextures || i->scene->mTextures[at]->mHeight != 0)
        return build_fail(i->b, "texture %s of the file is of no known kind", name);
    const struct aiTexture *t = i->scene->mTextures[at];
    return build_texture_bytes(i->b, name, (const uint8_t *)t->pcData, t->mWidth, out);
}

static bool add_texture(struct import *i, const struct aiMaterial *from, struct raytrace_material *to) {
    static const enum aiTextureType types[] = {aiTextureType_BASE_COLOR, aiTextureType_DIFFUSE};
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        struct aiString path;
        if (aiGetMaterialTexture(from, types[k], 0, &path, NULL, NULL, NULL, NULL, NULL, NULL) == aiReturn_SUCCESS)
            return texture_of(i, path.data, &to->texture);
    }
    return true;
}

static bool add_material(struct import *i, const struct aiMaterial *from) {
    struct raytrace_material m = {
        .kind = RAYTRACE_DIFFUSE, .colour = {0.7f, 0.7f, 0.7f}, .refraction = 1.5f, .texture = RAYTRACE_NO_TEXTURE};
    float shine[3] = {0};
    if (!colour_of(from, "$clr.base", 1, m.colour)) colour_of(from, "$clr.diffuse", 1, m.colour);
    colour_of(from, "$clr.emissive", RAYTRACE_RADIANCE_MAX, shine);
    float index = number_of(from, "$mat.refracti", 1.5f);
    // one that shines in places only, as a picture says, reflects here everywhere
    bool in_places = aiGetMaterialTextureCount(from, aiTextureType_EMISSIVE) > 0;
    if (shine[0] + shine[1] + shine[2] > 0 && !in_places) {
        float strength = number_of(from, "$mat.emissiveIntensity", 1);
        m.kind = RAYTRACE_EMISSIVE;
        for (int c = 0; c < 3; c++) m.colour[c] = fminf(fmaxf(shine[c] * strength, 0), RAYTRACE_RADIANCE_MAX);
    } else if (number_of(from, "$mat.transmission.factor", 0) > 0.5f || number_of(from, "$mat.opacity", 1) < 0.5f) {
        m.kind = RAYTRACE_GLASS;
        m.refraction = index > 1 && index <= 4 ? index : 1.5f;
    } else if (number_of(from, "$mat.metallicFactor", 0) > 0.5f) {
        m.kind = RAYTRACE_METAL;
        m.fuzz = fminf(fmaxf(number_of(from, "$mat.roughnessFactor", 0), 0), 1);
    }
    return add_texture(i, from, &m) && build_add(i->b, MATERIALS, &m, 1);
}

// ---- meshes ----

static bool add_vertices(struct import *i, const struct aiMesh *mesh, const struct affine *t) {
    const struct affine turn = affine_for_normals(t);
    for (unsigned int k = 0; k < mesh->mNumVertices; k++) {
        struct raytrace_vertex v = {0};
        apply(t, &mesh->mVertices[k], 1, v.position);
        for (int a = 0; a < 3; a++) {
            i->lo[a] = fminf(i->lo[a], v.position[a]);
            i->hi[a] = fmaxf(i->hi[a], v.position[a]);
        }
        if (mesh->mNormals) {
            apply(&turn, &mesh->mNormals[k], 0, v.normal);
            vec_unit(v.normal);
        }
        if (mesh->mTextureCoords[0]) {
            v.uv[0] = mesh->mTextureCoords[0][k].x;
            v.uv[1] = mesh->mTextureCoords[0][k].y;
        }
        if (!build_add(i->b, VERTICES, &v, 1)) return false;
    }
    return true;
}

static bool add_mesh(struct import *i, const struct aiMesh *mesh, const struct affine *t) {
    if (!(mesh->mPrimitiveTypes & aiPrimitiveType_TRIANGLE)) return true; // points and lines are not seen
    uint32_t first = build_count(i->b, VERTICES);
    uint32_t material = i->material == NO_MATERIAL ? i->materials[mesh->mMaterialIndex] : i->material;
    if (!add_vertices(i, mesh, t)) return false;
    for (unsigned int k = 0; k < mesh->mNumFaces; k++) {
        const struct aiFace *face = &mesh->mFaces[k];
        if (face->mNumIndices != 3) continue;
        const struct raytrace_triangle triangle = {
            {first + face->mIndices[0], first + face->mIndices[1], first + face->mIndices[2]}, material};
        if (!build_add(i->b, TRIANGLES, &triangle, 1)) return false;
    }
    return true;
}

// ---- lights and camera ----

static void set_vector(struct build *b, const char *name, const float v[3]) {
    build_set(b, name, "%.7g,%.7g,%.7g", (double)v[0], (double)v[1], (double)v[2]);
}

// Lights and cameras of glTF stand where their node is and look along its -z.
static bool add_light(struct import *i, const struct aiLight *l, const struct affine *t) {
    struct raytrace_light light = {.kind = RAYTRACE_POINT,
                                   .colour = {l->mColorDiffuse.r, l->mColorDiffuse.g, l->mColorDiffuse.b}};
    static const struct aiVector3D here, ahead = {0, 0, -1};
    if (l->mType == aiLightSource_DIRECTIONAL) {
        light.kind = RAYTRACE_DIRECTIONAL;
        apply(t, &ahead, 0, light.at);
        if (!vec_unit(light.at)) return true;
    } else if (l->mType == aiLightSource_POINT || l->mType == aiLightSource_SPOT) {
        apply(t, &here, 1, light.at);
    } else {
        return true;
    }
    return build_add(i->b, LIGHTS, &light, 1);
}

static void take_camera(const struct import *i, const struct aiCamera *c, const struct affine *t) {
    static const struct aiVector3D here, ahead = {0, 0, -1}, above = {0, 1, 0};
    float position[3], direction[3], up[3], aspect = c->mAspect > 0 ? c->mAspect : 16.0f / 9;
    apply(t, &here, 1, position);
    apply(t, &ahead, 0, direction);
    apply(t, &above, 0, up);
    set_vector(i->b, "position", position);
    set_vector(i->b, "direction", direction);
    set_vector(i->b, "up", up);
    double fov = 2 * atan(tan((double)c->mHorizontalFOV / 2) / (double)aspect) * DEGREES;
    if (fov >= 1 && fov <= 170) build_set(i->b, "fov", "%.6g", fov);
}

// The light of a file that brings none: a sun from above, behind the viewer's left.
static bool add_sun(struct import *i) {
    const struct raytrace_light sun = {
        .kind = RAYTRACE_DIRECTIONAL, .at = {0.36f, -0.8f, -0.48f}, .colour = {0.9f, 0.88f, 0.82f}};
    return build_count(i->b, LIGHTS) > 0 || build_add(i->b, LIGHTS, &sun, 1);
}

// From the front, above and to the right, so that a sphere around everything fills the picture.
static void view_all(const struct import *i) {
    float middle[3], radius = 0, position[3], direction[3];
    const float from[3] = {0.45f, 0.35f, 0.82f};
    for (int a = 0; a < 3; a++) {
        middle[a] = (i->lo[a] + i->hi[a]) / 2;
        radius += (i->hi[a] - i->lo[a]) * (i->hi[a] - i->lo[a]) / 4;
    }
    radius = sqrtf(radius);
    for (int a = 0; a < 3; a++) {
        position[a] = middle[a] + 2.3f * radius * from[a];
        direction[a] = -from[a];
    }
    set_vector(i->b, "position", position);
    set_vector(i->b, "direction", direction);
    build_set(i->b, "fov", "50");
}

// ---- files ----

static bool is_named(const struct aiNode *node, const struct aiString *name) {
    return strcmp(node->mName.data, name->data) == 0;
}

// What stands at a node and below it; nodes deeper than NODES_DEEP are refused.
static bool add_node(struct import *i, const struct aiNode *node, const struct affine *above, uint32_t depth) {
    const struct affine t = after(above, &node->mTransformation);
    bool ok = depth < NODES_DEEP || build_fail(i->b, "the nodes of the file are nested more than %d deep", NODES_DEEP);
    for (unsigned int k = 0; k < node->mNumMeshes && ok; k++) ok = add_mesh(i, i->scene->mMeshes[node->mMeshes[k]], &t);
    for (unsigned int k = 0; i->whole && k < i->scene->mNumLights && ok; k++)
        if (is_named(node, &i->scene->mLights[k]->mName)) ok = add_light(i, i->scene->mLights[k], &t);
    if (i->whole && i->scene->mNumCameras && is_named(node, &i->scene->mCameras[0]->mName))
        take_camera(i, i->scene->mCameras[0], &t);
    for (unsigned int k = 0; k < node->mNumChildren && ok; k++) ok = add_node(i, node->mChildren[k], &t, depth + 1);
    return ok;
}

static bool add_all(struct import *i, const struct placement *t) {
    bool ok = true;
    for (unsigned int k = 0; k < i->scene->mNumMaterials && ok && i->material == NO_MATERIAL; k++) {
        i->materials[k] = build_count(i->b, MATERIALS);
        ok = add_material(i, i->scene->mMaterials[k]);
    }
    const struct affine all = affine_of(t);
    ok = ok && add_node(i, i->scene->mRootNode, &all, 0);
    if (!ok || !i->whole) return ok;
    if (!scene_setting(i->b->scene, "position")) view_all(i);
    return add_sun(i);
}

bool build_import(struct build *b, const char *name, const struct placement *t, uint32_t material) {
    char *path = build_path(b, name);
    if (!path) return false;
    struct aiFileIO files = files_below(b);
    struct import i = {.b = b,
                       .scene = aiImportFileEx(path, STEPS, &files),
                       .whole = !t,
                       .material = material,
                       .lo = {INFINITY, INFINITY, INFINITY},
                       .hi = {-INFINITY, -INFINITY, -INFINITY}};
    bool ok = false;
    if (!i.scene || i.scene->mNumMeshes == 0) {
        build_fail(b, "%s: %s", path, i.scene ? "there are no meshes in it" : aiGetErrorString());
    } else {
        i.materials = calloc(i.scene->mNumMaterials + 1, sizeof *i.materials);
        ok = i.materials ? add_all(&i, t) : build_fail(b, "memory is short");
    }
    free(i.materials);
    aiReleaseImport(i.scene);
    free(path);
    return ok;
}
