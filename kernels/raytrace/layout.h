// What host and device share of raytrace: the parameter block, a scene as it travels, and what a device keeps of it.
#ifndef KERNELS_RAYTRACE_LAYOUT_H
#define KERNELS_RAYTRACE_LAYOUT_H

// ---- a scene as it travels ----
// A header and eight arrays one after another in the order of their counts: 32-bit little-endian words, no gaps,
// nothing behind. Lengths are in the scene's unit, y is up, colours are linear RGB. Every float is finite.

#define RAYTRACE_MAGIC 0x54523250u     // "P2RT"
#define RAYTRACE_VERSION 2u            // 2: planes say where textures lie on them
#define RAYTRACE_BYTES_MAX (64u << 20) // of a scene, and of a result
#define RAYTRACE_MATERIALS_MAX 4096u
#define RAYTRACE_TEXTURES_MAX 256u
#define RAYTRACE_LIGHTS_MAX 16u
#define RAYTRACE_SPHERES_MAX (1u << 16)
#define RAYTRACE_PLANES_MAX 16u
#define RAYTRACE_VERTICES_MAX (1u << 21)
#define RAYTRACE_TRIANGLES_MAX (1u << 21)
#define RAYTRACE_TEXELS_MAX (16u << 20)
#define RAYTRACE_TEXTURE_SIDE_MAX 8192u
#define RAYTRACE_COORDINATE_MAX 1e6f // of a position, an edge, a radius
#define RAYTRACE_RADIANCE_MAX 1e6f
#define RAYTRACE_REPEATS_MAX 1e6f // of a texture on a plane along one unit; of its shift

struct raytrace_header {
    unsigned int magic, version;
    unsigned int materials, textures, lights, spheres, planes, vertices, triangles, texels;
    float sky_zenith[3], sky_horizon[3]; // radiance straight up; of the horizon and all below it
    unsigned int reserved[16];           // 0
};

#define RAYTRACE_DIFFUSE 0u
#define RAYTRACE_METAL 1u
#define RAYTRACE_GLASS 2u
#define RAYTRACE_EMISSIVE 3u
#define RAYTRACE_NO_TEXTURE 0xffffffffu

struct raytrace_material {
    unsigned int kind;
    float colour[3];      // reflected or let through, 0..1; of an emissive one its radiance, 0..RADIANCE_MAX
    float fuzz;           // 0..1: how far a metal's reflections stray
    float refraction;     // 1..4: index of glass
    unsigned int texture; // multiplies colour, or NO_TEXTURE
    unsigned int reserved;
};

struct raytrace_texture {
    unsigned int width, height; // 1..TEXTURE_SIDE_MAX
    unsigned int first_texel;
    unsigned int reserved;
};

#define RAYTRACE_POINT 0u
#define RAYTRACE_DIRECTIONAL 1u
#define RAYTRACE_AREA 2u // a parallelogram that shines to the side its normal u x v points to, and is not seen itself

struct raytrace_light {
    unsigned int kind;
    float at[3];     // place; corner of an area; unit vector a directional light shines along
    float colour[3]; // radiance of a white diffuse surface facing it, of a point light at distance 1; an area's own
    float u[3], v[3];
    unsigned int reserved[3];
};

// A texture lies around a sphere once: columns are longitudes, eastwards, the middle one towards +z; rows latitudes,
// the first at +y.
struct raytrace_sphere {
    float centre[3], radius;
    unsigned int material;
};

struct raytrace_plane {
    float normal[3], offset; // the points p with p . normal = offset; normal has length 1
    unsigned int material;
    float u[4], v[4]; // texture coordinates of p, as a vertex has them: p . (u[0], u[1], u[2]) + u[3], the same of v
};

struct raytrace_vertex {
    float position[3];
    float normal[3]; // of any length; three of length 0: the triangle is flat
    float uv[2];     // 0, 0 is the first texel's outer corner; rows go down; repeats
};

struct raytrace_triangle {
    unsigned int vertex[3], material; // both sides are seen
};

// Texels: R, G, B, A bytes, sRGB; A is not looked at.

// ---- the parameter block ----

#define RAYTRACE_SIDE_MAX 16384u
#define RAYTRACE_PIXELS_MAX (16u << 20) // rendered by one task
#define RAYTRACE_SAMPLES_MAX 4096u      // a pixel in one task
#define RAYTRACE_DEPTH_MAX 16u
#define RAYTRACE_RAYS_MAX (1ull << 36)                                // pixels x samples x depth x (1 + LIGHTS_MAX)
#define RAYTRACE_LEVELS_MAX 5u                                        // of the denoiser
#define RAYTRACE_DENOISE_REACH(levels) (2u * ((1u << (levels)) - 1u)) // px it looks to each side

#define RAYTRACE_RGB8 0u // forms of the result
#define RAYTRACE_RGBA8 1u
#define RAYTRACE_PNG 2u
#define RAYTRACE_JPEG 3u
#define RAYTRACE_FLOAT 4u

struct raytrace_camera {
    float position[3];
    float forward[3];
    float right[3], down[3]; // of one pixel at distance 1
};

struct raytrace_block {
    struct raytrace_camera camera;
    unsigned int width, height;  // px of the whole picture
    unsigned int x, y, w, h;     // px of it that come back
    unsigned int path;           // 1: paths; 0: primary and shadow rays
    unsigned int samples, first; // a pixel, and the number of the first
    unsigned int depth;          // rays of a path without its shadow rays, at least 1
    unsigned int seed;
    unsigned int form;                      // of the result
    unsigned int jpeg_quality;              // 1..100
    unsigned int albedo, normals, distance; // 1: planes behind a float result
    unsigned int denoise;                   // levels, 0: none
    unsigned int payload_size;              // 0: the scene is the first blob
    float exposure;                         // factor before 8 bits
};

// ---- what a pixel is, for reference and kernels ----

#define RAYTRACE_AMBIENT 0.5f     // share of the sky that primary mode takes to reach every surface
#define RAYTRACE_OFFSET 5e-5f     // rays leave a surface this far above it, times place and distance
#define RAYTRACE_SHORTEN 0.999f   // shadow rays end before their light
#define RAYTRACE_FAR 1e30f        // distance of a miss
#define RAYTRACE_NONE 0xffffffffu // what a miss hits
#define RAYTRACE_INV_PI 0.31830989f
#define RAYTRACE_BELOW_1 0.99999994f                // of a coordinate that does not repeat
#define RAYTRACE_STREAM_STEP 0x9e3779b9u            // between the random numbers of two decisions
#define RAYTRACE_STREAM_LENS 0xffffu                // the decision where in its pixel a ray begins
#define RAYTRACE_STREAMS (RAYTRACE_LIGHTS_MAX + 1u) // decisions of a bounce: where to go, and a place on every light

// Sums over samples, one plane of floats each; planes from ALBEDO on only where they are asked for.
#define RAYTRACE_RED 0u
#define RAYTRACE_GREEN 1u
#define RAYTRACE_BLUE 2u
#define RAYTRACE_COVER 3u  // samples that met something
#define RAYTRACE_ALBEDO 4u // three
#define RAYTRACE_NORMAL 7u // three
#define RAYTRACE_DISTANCE 10u
#define RAYTRACE_PLANES 11u
#define RAYTRACE_PLANES_PLAIN 4u

// Denoiser (Dammertz, Sewtz, Hanika and Lensch, "Edge-Avoiding A-Trous Wavelet Transform", 2010): colour is divided by
// albedo + FLOOR and compressed to c / (1 + max c), smoothed, and brought back.
#define RAYTRACE_ALBEDO_FLOOR 0.05f
#define RAYTRACE_SIGMA_COLOUR 0.6f // halved with each level
#define RAYTRACE_SIGMA_NORMAL 0.25f
#define RAYTRACE_SIGMA_ALBEDO 0.1f
#define RAYTRACE_SIGMA_DISTANCE 0.02f // times distance and hole

// ---- what a device keeps of a scene ----

// What shading needs to know of a primitive: triangles, then spheres, then planes.
#define RAYTRACE_SMOOTH 0x80000000u // flags of material
#define RAYTRACE_TEXTURED 0x40000000u
#define RAYTRACE_MATERIAL 0x3fffffffu
struct raytrace_prim {
    float at[3];           // normal; of a sphere its centre
    float inverse_radius;  // 0: flat
    unsigned int material; // and flags
    unsigned int vertex[3];
};

#define RAYTRACE_LANES 16u
#define RAYTRACE_TREE_DEPTH 32u // of the binary tree at most
#define RAYTRACE_STACK (RAYTRACE_TREE_DEPTH * (RAYTRACE_LANES - 1u) + 2u)

// References in trees: LEAF and a block or range, or the index of a node.
#define RAYTRACE_LEAF 0x80000000u
#define RAYTRACE_ROUND 0x40000000u // a leaf of spheres
#define RAYTRACE_INDEX 0x3fffffffu

// For 16 lanes: 16 boxes, tested by one ray or one bundle of rays at once. Boxes that are none: lo above hi.
struct raytrace_wide {
    float lo[3][16], hi[3][16];
    unsigned int child[16];
};
// 16 triangles (a corner and the edges from it) or spheres (centre, radius); none: edges 0, radius below 0.
struct raytrace_pack {
    float v[9][16];
    unsigned int prim[16];
};

// For one ray: two boxes and what they hold; a leaf is COUNT_BITS of a count less one and an index of leaves.
struct raytrace_pair {
    float lo[2][3], hi[2][3];
    unsigned int child[2];
    unsigned int padding[2];
};
#define RAYTRACE_COUNT_BITS 4u
struct raytrace_leaf {
    float v[9]; // as of a pack
    unsigned int prim;
};

// Blocks of 4 px along one side that a launch takes: `run` of them from `begin` on, and again at each `step` after it.
#define RAYTRACE_BLOCK 4u
struct raytrace_comb {
    unsigned int begin, run, step;
};

// What a launch is given.
struct raytrace_frame {
    struct raytrace_camera camera;
    unsigned int width, height;
    unsigned int x, y, w, h;               // rendered: what comes back and what the denoiser looks at around it
    unsigned int stride, plane;            // floats of a row and of a plane of sums
    struct raytrace_comb columns, rows;    // of this launch, counted from x and y
    unsigned int sample_begin, sample_end; // of this launch
    unsigned int first;                    // the task's first: sums begin with it
    unsigned int path, depth, seed;
    unsigned int features;                    // 1: albedo, normal and distance are summed
    unsigned int spheres_first, planes_first; // as primitives
    unsigned int planes, lights;              // how many
    unsigned int materials_at, textures_at, lights_at, planes_at, vertices_at, texels_at; // words of the scene
    unsigned int root;                                                                    // of the tree, or NONE
    float zenith[3], horizon[3];
};

// Sums begin this many floats into their buffer, and end as many before its end: vectors read beyond rows.
#define RAYTRACE_MARGIN 64u

struct raytrace_finish {
    unsigned int w, h;                      // rendered
    unsigned int stride, plane;             // as of raytrace_frame
    unsigned int x, y, out_w, out_h;        // what comes back of it
    unsigned int row_begin, row_end;        // of this launch: of what is rendered or, in the last step, comes back
    unsigned int channels;                  // of 8-bit results: 3 or 4
    unsigned int hole;                      // px between taps of this level of the denoiser
    unsigned int denoised;                  // 1: colours are to be brought back
    unsigned int albedo, normals, distance; // planes that follow a float result
    float scale;                            // 1 / samples
    float exposure;
    float inverse_colour; // 1 / sigma of colour, squared, at this level
};

#endif
