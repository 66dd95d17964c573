// The parts of p2c2r upscale: settings, pictures, jobs, report.
#ifndef CLIENT_CLI_UPSCALE_H
#define CLIENT_CLI_UPSCALE_H

#include "bands.h"
#include "base/hist.h"
#include "cli.h"
#include "image/image.h"

struct upscale_settings {
    struct common_settings common;
    const char *out, *size, *quality, *filter, *sharpness, *priority, *format;
    double scale;
    int64_t repeat, in_flight, tiles;
    p2_ns deadline_ns;
    bool psnr, no_cache;
};

// One input file.
struct picture {
    const char *path, *name; // lends argv; name: without folders
    char *out_path;
    uint8_t *bytes; // what is sent: the file, or the same picture turned upright; NULL while not in memory
    size_t size;
    struct p2_image_info in; // of what is sent
    uint32_t out_width, out_height;
    enum p2_image_format answer, out_format; // as it travels; as it is written
    bool written, unwritable;                // was tried
    const char *unread;                      // why its pixels cannot be had, as the traits say
    bool deep;                               // its channels have more bits than the 8 that are sent
};

struct pictures {
    struct picture *items;
    uint32_t count;
    uint64_t kept_bytes;
};

// ---- input.c: files to be sent
int picture_open(struct pictures *p, struct picture *pic);    // reads and checks it; an exit code, and says why not
bool picture_load(struct pictures *p, struct picture *pic);   // says why not
void picture_unload(struct pictures *p, struct picture *pic); // keeps it while memory for that lasts
void pictures_tell_losses(const struct pictures *p); // a line each for bits and transparency that do not return

struct pixels {
    uint8_t *p; // malloc'd; NULL: none
    size_t size;
};
// Raw ones are copied.
struct pixels picture_decode(const uint8_t *bytes, size_t size, const struct p2_image_info *want);

// ---- upscale_bands.c
struct in_bands {
    struct cli_bands bands;
    p2c2r_result result;  // its reason lent by bands, its data by pixels
    struct pixels pixels; // to be freed
};
// Has it computed in bands. P2C2R_OK: out->result says how that ended; else it could not be handed in, said why.
p2c2r_status picture_in_bands(struct pictures *p, struct picture *pic, const struct upscale_settings *s,
                              p2c2r_client *client, struct in_bands *out);

// ---- output.c
int outputs_open(struct pictures *p, const struct upscale_settings *s); // an exit code; what is wrong has been said

// ---- picture.c
// Reads, checks and names everything before anything is sent. An exit code; what is wrong has been said.
int pictures_open(struct pictures *p, const struct upscale_settings *s, char **paths, int count);
void pictures_close(struct pictures *p);
// Writes a result as a file of the wanted format, whole or not at all, at the first repeat. False: it could not, said
// why then.
bool picture_write(struct picture *pic, const void *data, size_t size);
// dB between the written picture and plain bilinear scaling of the same input; negative: not to be had, said why.
double picture_psnr(struct pictures *p, struct picture *pic);

#define PSNR_EQUAL 100.0 // of pictures that are equal, which has no number

// One submission of a picture, and how it went.
struct job {
    uint32_t picture, repeat;
    bool ended;
    p2_ns first_ns, again_ns; // first handed in; not again before
    uint32_t again;           // times handed in after the first
    p2c2r_outcome outcome;
    char code_name[32], reason[257], peer[33];
    uint32_t attempts;
    bool cached;
    uint32_t tiles, hedged; // bands it came in, of them sent twice; 0: it was one task
    uint32_t origin;
    double queue_ms, transfer_ms, processing_ms, kernel_ms, total_ms, psnr_db; // psnr_db: negative when not measured
};

struct report {
    const struct upscale_settings *s;
    uint64_t frames, total, ok, again;
    p2_ns began_ns, ended_ns;
    uint32_t in_flight_most; // at once
    struct p2_hist total_hist;
    struct cli_bar bar;
};

void report_begin(struct report *r, const struct upscale_settings *s, uint64_t total);
void report_sent(struct report *r, uint32_t in_flight);
void report_count(struct report *r, const struct job *j); // counts; redraws progress
void report_line(struct report *r, const struct picture *pic, const struct job *j);
void report_end(struct report *r);

#endif
