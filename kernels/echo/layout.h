// Parameter block of echo, shared by host and device.
#ifndef KERNELS_ECHO_LAYOUT_H
#define KERNELS_ECHO_LAYOUT_H

#define ECHO_BYTES_MAX (64u << 20)
#define ECHO_DIGEST 32u // bytes
#define ECHO_BLOBS_MAX 16u
#define ECHO_VECTOR 16u // bytes one work-item copies
#define ECHO_LOCAL 64u  // work-items in a group

struct echo_block {
    unsigned int size;    // bytes of payload, and of the result unless
    unsigned int digests; // the result is the SHA-256 of each blob
};

#endif
