// A picture cut into bands: decoded here, sent and gathered as rows of pixels, encoded here.
#include <stdio.h>
#include <stdlib.h>

#include "bands.h"
#include "base/err.h"
#include "upscale.h"

static p2c2r_status run(struct cli_bands *b, const struct upscale_settings *s, p2c2r_client *client,
                        p2c2r_result *result) {
    p2c2r_param params[3] = {{"quality", s->quality}};
    uint32_t count = 1;
    if (s->filter) params[count++] = (p2c2r_param){"algorithm", s->filter};
    if (s->sharpness) params[count++] = (p2c2r_param){"sharpness", s->sharpness};
    b->options.kind = P2C2R_UPSCALE;
    b->options.params = params;
    b->options.param_count = count;
    b->options.tiles = (uint32_t)s->tiles;
    b->options.priority = cli_class(s->priority);
    b->options.cache = s->no_cache ? P2C2R_CACHE_BYPASS : 0;
    b->deadline_ns = s->deadline_ns;
    b->common = &s->common;
    p2c2r_status status = cli_bands_run(client, b, result);
    if (status != P2C2R_OK) cli_complain("%s", p2c2r_last_error(client));
    return status;
}

p2c2r_status picture_in_bands(struct pictures *p, struct picture *pic, const struct upscale_settings *s,
                              p2c2r_client *client, struct in_bands *out) {
    *out = (struct in_bands){.pixels = {.size = (size_t)pic->out_width * pic->out_height * pic->in.channels}};
    if (!picture_load(p, pic)) return P2C2R_EINVAL;
    struct pixels in = picture_decode(pic->bytes, pic->size, &pic->in);
    picture_unload(p, pic);
    out->pixels.p = in.p ? malloc(out->pixels.size) : NULL;
    p2c2r_status status = P2C2R_OK;
    if (!in.p) {
        out->result = (p2c2r_result){.outcome = P2C2R_FAILED,
                                     .code = P2_ERR_BAD_PAYLOAD,
                                     .code_name = p2_err_name(P2_ERR_BAD_PAYLOAD),
                                     .reason = "the picture is damaged"};
    } else if (!out->pixels.p) {
        cli_complain("memory is short");
        status = P2C2R_ENOMEM;
    } else {
        out->bands.options = (p2c2r_stream_options){.width = pic->out_width,
                                                    .height = pic->out_height,
                                                    .in_width = pic->in.width,
                                                    .in_height = pic->in.height,
                                                    .channels = pic->in.channels};
        out->bands.frame = (p2c2r_frame){.pixels = in.p, .out = out->pixels.p};
        status = run(&out->bands, s, client, &out->result);
        out->result.data_size = out->pixels.size;
    }
    free(in.p);
    return status;
}
