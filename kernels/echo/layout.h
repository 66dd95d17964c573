// Parameter block of echo, shared by host and device: there is nothing to say but how long the payload is.
#ifndef KERNELS_ECHO_LAYOUT_H
#define KERNELS_ECHO_LAYOUT_H

#define ECHO_BYTES_MAX (64u << 20)
#define ECHO_VECTOR 16u // bytes one work-item copies
#define ECHO_LOCAL 64u  // work-items in a group

struct echo_block {
    unsigned int size; // bytes of payload and result
};

#endif
