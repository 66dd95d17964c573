#include "bands.h"

#include "os/os.h"

#define PAUSE_NS (50 * P2_MS) // before a picture is handed in again
#define PAUSE_MAX_NS P2_SEC

// One try: a stream of one frame.
static p2c2r_status try_once(p2c2r_client *client, struct cli_bands *b, p2_ns left_ns) {
    b->options.size = sizeof b->options;
    b->options.deadline_ms = p2_ns_max(left_ns, P2_MS) / P2_MS;
    b->options.frames_max = 1;
    b->options.no_coarse = 1;
    b->frame.size = sizeof b->frame;
    b->done = (p2c2r_frame_done){.size = sizeof b->done};
    p2c2r_stream *stream = p2c2r_stream_create(client, &b->options);
    if (!stream) return P2C2R_EINVAL;
    uint64_t number;
    p2c2r_status status = p2c2r_stream_submit(stream, &b->frame, &number);
    while (status == P2C2R_OK && p2c2r_stream_poll(stream, &b->done, 1, P2_SEC / P2_US) == 0) continue;
    p2c2r_stream_destroy(&stream);
    return status;
}

static p2c2r_result result_of(const struct cli_bands *b, p2_ns took) {
    const p2c2r_frame_done *d = &b->done;
    return (p2c2r_result){.size = sizeof(p2c2r_result),
                          .user = b->frame.user,
                          .outcome = d->missing,
                          .code = d->code,
                          .code_name = d->code_name,
                          .reason = d->reason,
                          .retryable = d->retryable,
                          .data = b->frame.out,
                          .kernel_us = d->kernel_us,
                          .total_us = took / P2_US};
}

p2c2r_status cli_bands_run(p2c2r_client *client, struct cli_bands *b, p2c2r_result *result) {
    p2_ns began = p2_clock_now(), tried = 0, pause = PAUSE_NS;
    bool any_done = false;
    for (b->again = 0;; b->again++) {
        p2c2r_status status = try_once(client, b, b->deadline_ns - tried);
        if (status != P2C2R_OK) return status;
        tried = p2_clock_now() - began;
        *result = result_of(b, tried);
        any_done = any_done || b->done.outcome == P2C2R_DONE;
        if (tried + pause >= b->deadline_ns || !cli_again(result, any_done, tried, b->common)) return P2C2R_OK;
        p2c2r_poll(client, NULL, 0, pause / P2_US); // it has no tickets of its own: this is a wait that keeps the link
        tried = p2_clock_now() - began;
        pause = p2_ns_min(2 * pause, PAUSE_MAX_NS);
    }
}
