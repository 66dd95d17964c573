// What host and device share of upscale: the parameter block of a task and the shape of a launch.
#ifndef KERNELS_UPSCALE_LAYOUT_H
#define KERNELS_UPSCALE_LAYOUT_H

#define UPSCALE_SIDE_MAX 16384u        // px of a side, in and out
#define UPSCALE_PIXELS_MAX (64u << 20) // px of a picture, in and out
#define UPSCALE_RATIO_MAX 4u           // output side over input side
#define UPSCALE_BYTES_MAX (64u << 20)  // of a payload or a result

// Filters.
#define UPSCALE_BILINEAR 0u // fast
#define UPSCALE_BICUBIC 1u  // a = -0.75
#define UPSCALE_LANCZOS 2u  // three lobes
#define UPSCALE_ADAPTIVE 3u // balanced: edge-adaptive, then sharpened
#define UPSCALE_NETWORK 4u  // quality: bicubic and what a convolutional network adds to it

// Picture formats, as in common/image/image.h.
#define UPSCALE_RAW 0u
#define UPSCALE_PNG 1u
#define UPSCALE_JPEG 2u
#define UPSCALE_WEBP 3u
#define UPSCALE_PPM 4u

struct upscale_block {
    unsigned int in_w, in_h, out_w, out_h;
    unsigned int channels; // 3 or 4
    unsigned int filter;
    unsigned int in_format, out_format;
    unsigned int jpeg_quality; // 1..100, of JPEG and WebP results
    float sharpness;           // 0..1, of the adaptive filter
};

// Adaptive filter (ref.c says what they mean).
#define UPSCALE_NOISE 4096.0f   // squared luma steps of a tensor that count as noise
#define UPSCALE_ALONG 0.75f     // how much longer the kernel gets along a clear edge
#define UPSCALE_PEAK 0.1875f    // weight of a neighbour at sharpness 1
#define UPSCALE_HEAD 0.0078125f // contrast below which headroom does not matter

// Network (ref.c says what it means): a 5x5 layer from 3 channels to 16 maps, 3x3 layers from maps to maps, a 3x3 layer
// to 12 values. Its weights are those of each layer, one after another: what is added to each output, then the factors
// by input, row, column and, next to each other, output.
#define UPSCALE_NET_MAPS 16u
#define UPSCALE_NET_MIDDLE 2u // layers from maps to maps
#define UPSCALE_NET_OUT 12u   // value 4c + 2j + i is of channel c, row 2y + j, column 2x + i
#define UPSCALE_NET_FIRST_WEIGHTS (UPSCALE_NET_MAPS * (1u + 3u * 25u))
#define UPSCALE_NET_MIDDLE_WEIGHTS (UPSCALE_NET_MAPS * (1u + UPSCALE_NET_MAPS * 9u)) // of one
#define UPSCALE_NET_LAST_WEIGHTS (UPSCALE_NET_OUT * (1u + UPSCALE_NET_MAPS * 9u))
#define UPSCALE_NET_WEIGHTS                                                                                            \
    (UPSCALE_NET_FIRST_WEIGHTS + UPSCALE_NET_MIDDLE * UPSCALE_NET_MIDDLE_WEIGHTS + UPSCALE_NET_LAST_WEIGHTS)
#define UPSCALE_NET_REACH (UPSCALE_NET_MIDDLE + 1u) // how far around a pixel the first layer's maps count
#define UPSCALE_NET_HALO (UPSCALE_NET_REACH + 2u)   // how far around it pixels do

// ---- device memory ----
// Pictures are worked on as rows of 4-byte pixels with their edge pixels repeated on both sides, so that no filter asks
// where the picture ends. Row r begins at r * stride; its pixel x lies at UPSCALE_MARGIN + x.
#define UPSCALE_MARGIN 16u // px before the first
#define UPSCALE_TAIL 96u   // px after the last, at least: a strip and its taps
// Tables of columns and rows have as many entries as the side and these, which repeat the last: all first columns (for
// the adaptive filter, base columns), then all weights 0..3, then all weights 4..7 (for it, all fractions instead).
#define UPSCALE_TABLE_TAIL 96u
#define UPSCALE_TABLE_WORDS 9u // of one entry
// Planes between the two steps of the adaptive filter: 8.8 fixed point, four planes of mid_rows rows.

#define UPSCALE_STRIP 64u       // output px of a work-item, separable filters
#define UPSCALE_STRIP_TWICE 32u // output px of a work-item, bilinear x2
#define UPSCALE_VECTOR 16u      // output px of a work-item, adaptive filter and sharpening
#define UPSCALE_NET_VECTORS 16u // vectors of a row of maps that a work-item of the network keeps, at most
// Input px of one at most: a whole number of vectors of the result.
#define UPSCALE_NET_STRIP ((16u * UPSCALE_NET_VECTORS - 2u * UPSCALE_NET_REACH) / 8u * 8u)

struct upscale_shape {
    unsigned int in_w, in_h, out_w, out_h, channels;
    unsigned int stride;             // px of a padded row
    unsigned int row_begin, row_end; // output rows of this launch
    unsigned int band;               // output rows of a work-item
    unsigned int mid_stride;         // values of a row of a plane; value x lies at UPSCALE_MARGIN + x
    unsigned int mid_rows;           // rows of a plane
    unsigned int mid_begin;          // output row that is row 0 of the planes
    unsigned int mid_end;            // first output row not in the planes
    float peak;                      // UPSCALE_PEAK times sharpness
    // Of the network, whose rows above are input rows. On GPUs its maps are planes, whose row 0 is row_begin less
    // UPSCALE_NET_REACH and whose value x lies at x + UPSCALE_NET_REACH, less one each for every layer after the first.
    unsigned int strip; // input columns of a work-item, a multiple of 8
    unsigned int layer; // 1 ..: which of those from maps to maps
};

#endif
