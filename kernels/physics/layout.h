// What host and device share of physics: limits, records of the wire, parameter block and the shape of a launch.
#ifndef KERNELS_PHYSICS_LAYOUT_H
#define KERNELS_PHYSICS_LAYOUT_H

#define PHYSICS_BODIES_MAX 65536u
#define PHYSICS_JOINTS_MAX 65536u
#define PHYSICS_BODY_STEPS_MAX 4294967296ull // bodies x steps of a task
#define PHYSICS_STEPS_MAX 1000000u
#define PHYSICS_SUBSTEPS_MAX 16u
#define PHYSICS_LARGE_MAX 256u        // planes, and fixed bodies larger than the largest that moves
#define PHYSICS_CONTACTS_PER_BODY 16u // points of contact in a world, for each body
#define PHYSICS_BYTES_MAX (64u << 20) // of a payload or a result
#define PHYSICS_PLACE_MAX 1e6f        // m from the origin; who gets there stays there
#define PHYSICS_SPEED_MAX 1000.0f     // m/s; faster bodies are slowed to it
#define PHYSICS_SPIN_MAX 1000.0f      // rad/s in a payload
#define PHYSICS_TURN_MAX 2.0f         // rad in a step; faster spin is slowed to it
#define PHYSICS_SIZE_MIN 1e-3f        // m: radii and half extents
#define PHYSICS_SIZE_MAX 1e4f
#define PHYSICS_MASS_MIN 1e-6f // kg
#define PHYSICS_MASS_MAX 1e9f
#define PHYSICS_NAME_MIN 16u // characters of a world's name
#define PHYSICS_NAME_MAX 64u
#define PHYSICS_IMPULSE_MAX 1e15f // N s, of a contact or joint in a payload

// ---- records of the wire: 32-bit little-endian words ----
#define PHYSICS_WORLD_MAGIC 0x57503250u  // "P2PW"
#define PHYSICS_RESULT_MAGIC 0x52503250u // "P2PR"
#define PHYSICS_FORMAT 1u

struct physics_world { // begins a world; bodies, joints and contacts follow
    unsigned int magic, format;
    unsigned int bodies, joints, contacts;
    unsigned int grid;                // log2 of the grid's cells along x, y, z in its three low bytes; 0: to be chosen
    unsigned int step_low, step_high; // steps made so far
    unsigned int reserved[8];         // 0
};

#define PHYSICS_SPHERE 0u
#define PHYSICS_BOX 1u
#define PHYSICS_PLANE 2u

struct physics_body {
    float position[3];       // m; of a plane: a point on it
    unsigned int kind;       // PHYSICS_SPHERE ..
    float orientation[4];    // unit quaternion x y z w; a plane's side that bodies lie on is its local +y
    float velocity[3], mass; // m/s; kg, 0: fixed
    float spin[3], still;    // rad/s in the world's frame; s it has been slow
    float extents[3],
        friction;        // m: half extents; of a sphere the first is its radius and the others are 0, of a plane all
    float restitution;   // 0..1
    unsigned int asleep; // 0 or 1
    unsigned int reserved[2]; // 0
};

struct physics_joint {      // keeps two points of two bodies at a distance
    unsigned int a, b;      // bodies
    float at_a[3], at_b[3]; // m, in each body's frame
    float length;           // m
    float hertz, damping;   // of a spring: its frequency and damping ratio; hertz 0: rigid
    float impulse;          // N s, of the last substep: where the solver goes on
};

struct physics_contact {  // one point at which two bodies touch or are about to
    unsigned int a, b;    // bodies, a < b
    unsigned int feature; // tells the points of a pair apart from step to step
    float push, slide[3]; // N s: along the normal from a to b, and across it, of the last substep
    float separation;     // m at the beginning of the last step; negative: they overlap
};

// ---- how it is solved (ref.c says what they mean) ----
#define PHYSICS_CELL 2.2f             // edge of a grid cell, of the radius of the largest body that moves
#define PHYSICS_MARGIN_MOST 0.2f      // of that radius: how far apart bodies are that can be in contact
#define PHYSICS_MARGIN_LEAST 0.02f    // of the sum of both radii
#define PHYSICS_PUSH_HERTZ 0.25f      // stiffness of contacts, of the substeps per second
#define PHYSICS_PUSH_DAMPING 10.0f    // their damping ratio
#define PHYSICS_PUSH_MOST 3.0f        // m/s: how fast overlap is pushed apart
#define PHYSICS_BOUNCE_LEAST 1.0f     // m/s of approach that bounces
#define PHYSICS_STILL_SPEED 0.05f     // m/s (and rad/s times radius) below which a body counts as slow
#define PHYSICS_STILL_TIME 0.5f       // s a body and all it hangs together with are slow before they sleep
#define PHYSICS_COLOURS 8u            // of cells: parity of x, y, z
#define PHYSICS_JOINT_COLOURS 17u     // of joints; those of the last are solved one after another
#define PHYSICS_CROWD 256u            // sum over cells of (bodies in it)^2 is at most this times bodies
#define PHYSICS_CROWD_FREE (1u << 20) // and this

// ---- device memory: one buffer of 32-bit words; offsets of arrays in words, each a multiple of 16 ----
// A strand is the contacts of one cell (ref.c), solved one after another. Sixteen strands of one colour lie side by
// side in a pack: rows of sixteen contacts, field by field, the longest strands first. A lane without a contact has the
// body `bodies`, which has no mass.
#define PHYSICS_LANES 16u
#define PHYSICS_ROW_FIELDS 22u // words of a contact
#define ROW_A 0u
#define ROW_B 1u
#define ROW_FEATURE 2u
#define ROW_N 3u // and y, z
#define ROW_RA 6u
#define ROW_RB 9u
#define ROW_SLIDE 12u
#define ROW_GAP 15u
#define ROW_MN 16u
#define ROW_MT 17u
#define ROW_MU 18u
#define ROW_BOUNCE 19u
#define ROW_PUSH 20u
#define ROW_PEAK 21u

#define PHYSICS_MOVER 16u // words: velocity, 1/m, spin, 1/I, moved, 0, turned, 0
#define PHYSICS_MASS 8u   // words: inverse inertia xx yy zz xy xz yz, 0, 0
#define PHYSICS_START 8u  // words: velocity, 0, spin, 0
#define PHYSICS_LINK 16u  // words of struct link
#define PHYSICS_OLD 9u    // words: struct physics_contact and the next of the same first body
#define PHYSICS_WORKERS                                                                                                \
    64u // work-items of a vector kernel at most; each has sixteen movers to write what has no mass to
#define PHYSICS_NONE 0xffffffffu

// Words of the status.
#define STATUS_FAILED 0u // PHYSICS_CROWDED ..; kernels do nothing then
#define STATUS_ROWS 1u   // rows in use
#define STATUS_PACKS 2u  // first pack of each colour and the end: 9 words
#define STATUS_WORDS 16u
#define PHYSICS_CROWDED 1u  // too many bodies in a cell
#define PHYSICS_OVERFLOW 2u // too many contacts

#define PHYSICS_BUCKETS 64u // strands are sorted by length up to this
#define PHYSICS_GROUP 256u  // work-items of the group kernels

struct physics_shape {
    unsigned int bodies, joints, large, cells;
    unsigned int bits[3];
    unsigned int rows, contacts; // at most
    unsigned int sleeping;
    float cell, margin, step, substep;
    float gravity[3];        // speed it gives in a substep
    float push[3], joint[3]; // softness: rate, mass, impulse
    // Offsets.
    unsigned int body, joint_of, mover, mass, start, ball, cell_of, order, begin, length, strand, pack_row, pack_depth;
    unsigned int row, old, first, link, joint_order, island, rest, woken, large_of, status;
};

#ifndef __OPENCL_VERSION__
// ---- of the host alone ----
#define PHYSICS_STATE 0u // what a result holds behind its head: states, pairs
#define PHYSICS_FULL 1u  // or a world that may be a payload

struct physics_result { // begins a result
    unsigned int magic, format;
    unsigned int content;             // PHYSICS_STATE or PHYSICS_FULL
    unsigned int bodies, pairs;       // pairs of PHYSICS_STATE that touch
    unsigned int awake;               // bodies that move
    unsigned int step_low, step_high; // steps made so far
    double kinetic, potential;        // J; potential above the origin along gravity
    double momentum[3], angular[3];   // kg m/s; kg m^2/s about the origin
    float overlap_mean, overlap_most; // of contacts that overlap: depth over the smaller body's size
    unsigned int touching;            // contacts that overlap
    unsigned int reserved;
};

struct physics_state {
    float position[3], orientation[4], velocity[3], spin[3];
    unsigned int asleep;
};

struct physics_pair {
    unsigned int a, b; // a < b; each pair once, in ascending order
};

// ---- parameter block ----
struct physics_block {
    unsigned int bodies, joints, contacts; // in the world; contacts in the payload
    unsigned int steps, substeps;
    unsigned int content;             // of the result
    unsigned int sleeping;            // bodies may
    unsigned int payload;             // bytes; 0: the world is kept by the peer
    float timestep;                   // s
    float gravity[3];                 // m/s^2
    char world[PHYSICS_NAME_MAX + 1]; // under which the peer keeps it; "": it does not
    unsigned int step_low, step_high; // of a kept world: steps it has made
};

#endif

#endif
