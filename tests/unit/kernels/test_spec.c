// The pure half of the task types: names, costs, bounds and refusals, and that the documentation says what the tables
// say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"
#include "kernels/echo/layout.h"
#include "kernels/path/layout.h"
#include "kernels/task_type.h"
#include "kernels/upscale/layout.h"
#include "kernels/upscale/train/known.h"
#include "msg/msg.h"

struct prepared {
    enum p2_err code;
    char why[256];
    struct p2_task_cost cost;
    union {
        struct path_block path;
        struct upscale_block upscale;
        uint8_t bytes[P2_BLOCK_MAX];
    } block;
};

#define MAX_PARAMS 12

// Parameters as "name=value name=value".
static struct prepared prepare(const char *type_name, const char *text, uint64_t payload_size) {
    const struct p2_task_type *type = p2_task_type_find(p2_str(type_name));
    assert_non_null(type);
    struct prepared out = {0};
    struct p2_strbuf why;
    p2_strbuf_init(&why, out.why, sizeof out.why);
    struct p2_param items[MAX_PARAMS];
    struct p2_params list = {.items = items};
    char copy[512], *save = NULL;
    assert_true((size_t)snprintf(copy, sizeof copy, "%s", text) < sizeof copy);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        assert_non_null(value);
        *value++ = 0;
        const struct p2_param_spec *spec = type->params;
        while (spec->name && strcmp(spec->name, word) != 0) spec++;
        struct p2_param *p = &items[list.count++];
        *p = (struct p2_param){.name = p2_str(word), .kind = P2_PARAM_INT, .count = 1};
        if (spec->name) out.code = p2_param_parse(spec, value, p, &why);
        if (out.code) return out;
    }
    out.code = type->prepare(&list, payload_size, out.block.bytes, &out.cost, &why);
    return out;
}

static void names_find_types(void **state) {
    (void)state;
    for (uint32_t i = 0; i < p2_task_type_count; i++) {
        const struct p2_task_type *t = p2_task_types[i];
        assert_ptr_equal(p2_task_type_find(p2_str(t->name)), t);
        for (const char *const *alias = t->aliases; alias && *alias; alias++)
            assert_ptr_equal(p2_task_type_find(p2_str(*alias)), t);
    }
    assert_string_equal(p2_task_type_find(p2_str("echo"))->name, "echo");
    assert_string_equal(p2_task_type_find(p2_str("upscale"))->name, "upscale");
    assert_null(p2_task_type_find(p2_str("")));
    assert_null(p2_task_type_find(p2_str("Echo")));
    assert_null(p2_task_type_find((struct p2_str){"upscale", 6}));
    assert_null(p2_task_type_find((struct p2_str){NULL, 0}));
}

static void size_classes_are_powers_of_two(void **state) {
    (void)state;
    assert_int_equal(p2_size_class(0), 0);
    assert_int_equal(p2_size_class(1), 0);
    assert_int_equal(p2_size_class(2), 1);
    assert_int_equal(p2_size_class(1023), 9);
    assert_int_equal(p2_size_class(1024), 10);
    assert_int_equal(p2_size_class(UINT64_MAX), 63);
}

static void types_are_complete(void **state) {
    (void)state;
    for (uint32_t i = 0; i < p2_task_type_count; i++) {
        const struct p2_task_type *t = p2_task_types[i];
        assert_non_null(t->doc);
        assert_non_null(t->unit);
        assert_true(strlen(t->name) < 32); // word_job.type
        assert_true(t->version >= 1);
        assert_true(t->block_bytes <= P2_BLOCK_MAX);
        assert_true(t->known_answer_count >= 1);
        assert_true(t->payload_bytes_max <= P2_TASK_PAYLOAD_MAX);
        for (const struct p2_param_spec *s = t->params; s->name; s++) {
            assert_non_null(s->doc);
            assert_non_null(s->unit);
            assert_true(!s->required || !s->fallback);
        }
    }
}

// Each known answer is a valid task whose reference result is no larger than promised and equals itself.
static void known_answers_are_valid(void **state) {
    (void)state;
    for (uint32_t i = 0; i < p2_task_type_count; i++) {
        const struct p2_task_type *t = p2_task_types[i];
        for (uint32_t k = 0; k < t->known_answer_count; k++) {
            const struct p2_known_answer *a = &t->known_answers[k];
            struct p2_params list = {.items = a->params, .count = a->param_count};
            uint8_t block[P2_BLOCK_MAX];
            struct p2_task_cost cost;
            char text[256];
            struct p2_strbuf why;
            p2_strbuf_init(&why, text, sizeof text);
            assert_int_equal(t->prepare(&list, a->payload_size, block, &cost, &why), P2_OK);
            assert_true(cost.units >= 1 && cost.timeout_prior_ns > 0);
            uint8_t *out = malloc(cost.result_bytes_max + 1);
            size_t size = 0;
            assert_int_equal(t->reference(block, a->payload, a->payload_size, out, cost.result_bytes_max, &size),
                             P2_OK);
            assert_true(size <= cost.result_bytes_max);
            assert_true(t->equal(block, out, size, out, size));
            assert_false(t->equal(block, out, size, out, size + 1));
            if (size)
                assert_int_equal(t->reference(block, a->payload, a->payload_size, out, size - 1, &size),
                                 P2_ERR_RESULT_TOO_LARGE);
            assert_int_equal(t->reference(block, a->payload, a->payload_size + 1, out, cost.result_bytes_max, &size),
                             P2_ERR_BAD_PAYLOAD);
            free(out);
        }
    }
}

static void echo_takes_any_payload_up_to_its_limit(void **state) {
    (void)state;
    struct prepared p = prepare("echo", "", 0);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.cost.result_bytes_max, 0);
    assert_int_equal(p.cost.units, 1);
    p = prepare("echo", "", ECHO_BYTES_MAX);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.cost.result_bytes_max, ECHO_BYTES_MAX);
    p = prepare("echo", "", (uint64_t)ECHO_BYTES_MAX + 1);
    assert_int_equal(p.code, P2_ERR_TOO_LARGE);
    assert_non_null(strstr(p.why, "limit"));
    assert_int_equal(prepare("echo", "", UINT64_MAX).code, P2_ERR_TOO_LARGE);
    p = prepare("echo", "delay=1", 1);
    assert_int_equal(p.code, P2_ERR_BAD_PARAMETER);
    assert_non_null(strstr(p.why, "delay"));
}

static void upscale_defaults(void **state) {
    (void)state;
    struct prepared p = prepare("upscale", "input_res=3x2 output_res=6x4", 18);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.block.upscale.filter, UPSCALE_ADAPTIVE);
    assert_int_equal(p.block.upscale.channels, 3);
    assert_int_equal(p.block.upscale.in_format, UPSCALE_RAW);
    assert_int_equal(p.block.upscale.out_format, UPSCALE_RAW);
    assert_int_equal(p.block.upscale.jpeg_quality, 85);
    assert_true(p.block.upscale.sharpness == 0.5f);
    assert_int_equal(p.cost.result_bytes_max, 6 * 4 * 3);
}

static void upscale_chooses_its_filter(void **state) {
    (void)state;
    static const struct {
        const char *words;
        uint32_t filter;
    } cases[] = {
        {"quality=fast", UPSCALE_BILINEAR},
        {"quality=balanced", UPSCALE_ADAPTIVE},
        {"quality=quality", UPSCALE_NETWORK},
        {"algorithm=bicubic", UPSCALE_BICUBIC},
        {"algorithm=lanczos", UPSCALE_LANCZOS},
        {"algorithm=ml", UPSCALE_NETWORK},
        {"quality=fast algorithm=bicubic", UPSCALE_BICUBIC},
        {"quality=quality algorithm=bicubic", UPSCALE_BICUBIC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        snprintf(text, sizeof text, "input_res=3x2 output_res=6x4 %s", cases[i].words);
        struct prepared p = prepare("upscale", text, 18);
        assert_int_equal(p.code, P2_OK);
        assert_int_equal(p.block.upscale.filter, cases[i].filter);
    }
}

// From one and a half times on, where twice the picture is not above the limits of one; otherwise Lanczos.
static void upscale_has_sizes_for_its_network(void **state) {
    (void)state;
    static const struct {
        const char *sizes;
        uint32_t filter;
    } cases[] = {
        {"input_res=1x1 output_res=2x2", UPSCALE_NETWORK},
        {"input_res=100x50 output_res=400x200", UPSCALE_NETWORK},
        {"input_res=100x50 output_res=150x75", UPSCALE_NETWORK},
        {"input_res=100x50 output_res=149x100", UPSCALE_LANCZOS},
        {"input_res=100x50 output_res=200x74", UPSCALE_LANCZOS},
        {"input_res=8192x2048 output_res=16384x4096", UPSCALE_NETWORK},
        {"input_res=10000x10 output_res=15000x15", UPSCALE_LANCZOS},
        {"input_res=5000x4000 output_res=7500x6000", UPSCALE_LANCZOS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s format=png quality=quality", cases[i].sizes);
        struct prepared p = prepare("upscale", text, 100);
        if (p.code != P2_OK || p.block.upscale.filter != cases[i].filter) fail_msg("case %zu: %s", i, p.why);
    }
}

// What PyTorch made of a picture with these weights is what the reference makes of it: layout, order and scale are
// theirs.
static void upscale_network_is_the_one_that_was_trained(void **state) {
    (void)state;
    const struct p2_task_type *t = p2_task_type_find(p2_str("upscale"));
    struct prepared p = prepare("upscale", "input_res=8x6 output_res=16x12 algorithm=ml", sizeof upscale_known_picture);
    assert_int_equal(p.code, P2_OK);
    uint8_t out[sizeof upscale_known_result];
    size_t size;
    assert_int_equal(
        t->reference(p.block.bytes, upscale_known_picture, sizeof upscale_known_picture, out, sizeof out, &size),
        P2_OK);
    assert_int_equal(size, sizeof upscale_known_result);
    assert_memory_equal(out, upscale_known_result, size);
}

static void upscale_result_format_follows_the_payload(void **state) {
    (void)state;
    struct prepared p = prepare("upscale", "input_res=30x20 output_res=60x40 format=png", 900);
    assert_int_equal(p.block.upscale.out_format, UPSCALE_PNG);
    p = prepare("upscale", "input_res=30x20 output_res=60x40 format=png result_format=jpeg", 900);
    assert_int_equal(p.block.upscale.in_format, UPSCALE_PNG);
    assert_int_equal(p.block.upscale.out_format, UPSCALE_JPEG);
}

static void upscale_refuses(void **state) {
    (void)state;
    static const struct {
        const char *params;
        uint64_t payload;
        enum p2_err code;
        const char *says;
    } cases[] = {
        {"", 18, P2_ERR_BAD_PARAMETER, "input_res"},
        {"input_res=3x2", 18, P2_ERR_BAD_PARAMETER, "output_res"},
        {"input_res=0x2 output_res=6x4", 0, P2_ERR_BAD_PARAMETER, "input_res"},
        {"input_res=16385x1 output_res=16385x1", 49155, P2_ERR_BAD_PARAMETER, "input_res"},
        {"input_res=3x2 output_res=2x4", 18, P2_ERR_BAD_PARAMETER, "output_res"},
        {"input_res=3x2 output_res=6x1", 18, P2_ERR_BAD_PARAMETER, "1 to 4 times"},
        {"input_res=3x2 output_res=13x8", 18, P2_ERR_BAD_PARAMETER, "1 to 4 times"},
        {"input_res=3x2 output_res=12x9", 18, P2_ERR_BAD_PARAMETER, "1 to 4 times"},
        {"input_res=16384x4096 output_res=16384x4097 format=png", 9, P2_ERR_TOO_LARGE, "million pixels"},
        {"input_res=3x2 output_res=6x4", 17, P2_ERR_BAD_PARAMETER, "18"},
        {"input_res=3x2 output_res=6x4", 19, P2_ERR_BAD_PARAMETER, "18"},
        {"input_res=3x2 output_res=6x4 channels=4", 18, P2_ERR_BAD_PARAMETER, "24"},
        {"input_res=3x2 output_res=6x4 channels=2", 12, P2_ERR_BAD_PARAMETER, "channels"},
        {"input_res=3x2 output_res=6x4 format=png", 0, P2_ERR_BAD_PARAMETER, "empty"},
        {"input_res=3x2 output_res=6x4 format=gif", 18, P2_ERR_BAD_PARAMETER, "format"},
        {"input_res=3x2 output_res=6x4 quality=best", 18, P2_ERR_BAD_PARAMETER, "quality"},
        {"input_res=3x2 output_res=6x4 sharpness=1.5", 18, P2_ERR_BAD_PARAMETER, "sharpness"},
        {"input_res=3x2 output_res=6x4 jpeg_quality=0", 18, P2_ERR_BAD_PARAMETER, "jpeg_quality"},
        {"input_res=3x2 output_res=6x4 colour=1", 18, P2_ERR_BAD_PARAMETER, "colour"},
        {"input_res=2900x2000 output_res=5800x4000", 17400000, P2_ERR_TOO_LARGE, "result"},
        {"input_res=3x2 output_res=6x4 format=png", UINT64_MAX, P2_ERR_TOO_LARGE, "limit"},
        {"input_res=16384x1 output_res=16384x4 result_format=webp", 49152, P2_ERR_TOO_LARGE, "WebP"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct prepared p = prepare("upscale", cases[i].params, cases[i].payload);
        if (p.code != cases[i].code || !strstr(p.why, cases[i].says)) fail_msg("case %zu: %d %s", i, p.code, p.why);
    }
}

static void upscale_reaches_its_limits(void **state) {
    (void)state;
    struct prepared p = prepare("upscale", "input_res=16384x1 output_res=16384x4", 49152);
    assert_int_equal(p.code, P2_OK);
    p = prepare("upscale", "input_res=4096x4096 output_res=16384x4096 format=jpeg channels=4", 64u << 20);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.cost.result_bytes_max, UPSCALE_BYTES_MAX);
    assert_true(p.cost.timeout_prior_ns > P2_SEC);
    p = prepare("upscale", "input_res=2048x2048 output_res=4096x4096 channels=4", 16u << 20);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.cost.result_bytes_max, 64u << 20);
}

static void upscale_costs_grow_with_the_work(void **state) {
    (void)state;
    uint64_t last = 0;
    static const char *const rising[] = {"quality=fast",
                                         "algorithm=bicubic",
                                         "algorithm=lanczos",
                                         "quality=balanced",
                                         "quality=balanced result_format=jpeg",
                                         "quality=quality",
                                         "quality=balanced result_format=png"};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++) {
        char text[128];
        snprintf(text, sizeof text, "input_res=960x540 output_res=1920x1080 %s", rising[i]);
        struct prepared p = prepare("upscale", text, 960 * 540 * 3);
        assert_int_equal(p.code, P2_OK);
        assert_true(p.cost.units > last);
        assert_int_equal(p.cost.size_class, p2_size_class(p.cost.units));
        last = p.cost.units;
    }
    p2_ns fast =
        prepare("upscale", "input_res=960x540 output_res=1920x1080 quality=fast", 960 * 540 * 3).cost.timeout_prior_ns;
    p2_ns quality = prepare("upscale", "input_res=960x540 output_res=1920x1080 quality=quality", 960 * 540 * 3)
                        .cost.timeout_prior_ns;
    assert_int_equal(fast, 100 * P2_MS);
    assert_int_equal(quality, P2_SEC);
}

// The bound of prepare() is the codec's or more, wherever neither reaches the overall limit.
static void upscale_bounds_cover_the_codecs(void **state) {
    (void)state;
    static const uint32_t sides[] = {1, 2, 7, 8, 15, 16, 17, 31, 100, 255, 1000, 1920};
    for (uint32_t f = UPSCALE_PNG; f <= UPSCALE_PPM; f++)
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
            for (size_t j = 0; j < sizeof sides / sizeof *sides; j++)
                for (uint32_t channels = 3; channels <= 4; channels++) {
                    char text[160];
                    snprintf(text, sizeof text, "input_res=%ux%u output_res=%ux%u format=%s channels=%u", sides[i],
                             sides[j], sides[i], sides[j], p2_image_format_name((enum p2_image_format)f), channels);
                    struct prepared p = prepare("upscale", text, 100);
                    size_t bound = p2_image_encode_bound((enum p2_image_format)f, sides[i], sides[j], channels);
                    assert_int_equal(p.code, P2_OK);
                    assert_true(p.cost.result_bytes_max >= bound);
                }
}

static void upscale_results_agree_within_one_level(void **state) {
    (void)state;
    const struct p2_task_type *t = p2_task_type_find(p2_str("upscale"));
    struct prepared p = prepare("upscale", "input_res=1x1 output_res=1x1", 3);
    const uint8_t a[] = {0, 100, 255}, near[] = {1, 99, 254}, far[] = {2, 100, 255};
    assert_true(t->equal(p.block.bytes, a, 3, near, 3));
    assert_false(t->equal(p.block.bytes, a, 3, far, 3));
    assert_false(t->equal(p.block.bytes, a, 3, near, 2));
    p = prepare("upscale", "input_res=1x1 output_res=3x3 quality=quality", 3); // rounded twice
    assert_true(t->equal(p.block.bytes, a, 3, far, 3));
    assert_false(t->equal(p.block.bytes, a, 3, (const uint8_t[]){3, 100, 255}, 3));
}

static void path_defaults(void **state) {
    (void)state;
    struct prepared p = prepare("path", "map_size=30x20 start=1x2 goal=29x19", 600);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.block.path.cost_max, 1);
    assert_int_equal(p.block.path.neighbours, 8);
    assert_int_equal(p.block.path.algorithm, PATH_ASTAR);
    assert_int_equal(p.block.path.result, PATH_PATHS);
    assert_int_equal(p.block.path.steps, 600);
    assert_int_equal(p.cost.result_bytes_max, 20 + 600);
    p = prepare("path", "map_size=300x200 map=blob goals=2 agents=9", 2 * 4 + 9 * 8);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.block.path.steps, 16 * 500);
    assert_int_equal(p.cost.result_bytes_max, 9 * (20 + 8000));
}

static void path_refuses(void **state) {
    (void)state;
    static const struct {
        const char *params;
        uint64_t payload;
        enum p2_err code;
        const char *says;
    } cases[] = {
        {"start=0x0 goal=1x1", 4, P2_ERR_BAD_PARAMETER, "map_size"},
        {"map_size=0x2 start=0x0 goal=1x1", 0, P2_ERR_BAD_PARAMETER, "map_size"},
        {"map_size=16385x1 start=0x0 goal=1x1", 16385, P2_ERR_BAD_PARAMETER, "map_size"},
        {"map_size=4097x4096 start=0x0 goal=1x1", 4097 * 4096, P2_ERR_TOO_LARGE, "16 million"},
        {"map_size=4096x4096 start=0x0 goal=1x1 cost_max=65", 1 << 24, P2_ERR_TOO_LARGE, "up to 64"},
        {"map_size=2x2 start=0x0 goal=1x1 cost_max=0", 4, P2_ERR_BAD_PARAMETER, "cost_max"},
        {"map_size=2x2 start=0x0 goal=1x1 cost_max=256", 4, P2_ERR_BAD_PARAMETER, "cost_max"},
        {"map_size=2x2 start=0x0 goal=1x1 neighbours=6", 4, P2_ERR_BAD_PARAMETER, "4 or 8"},
        {"map_size=2x2 start=0x0 goal=1x1 algorithm=bfs", 4, P2_ERR_BAD_PARAMETER, "algorithm"},
        {"map_size=2x2", 4, P2_ERR_BAD_PARAMETER, "no goal"},
        {"map_size=2x2 start=0x0", 4, P2_ERR_BAD_PARAMETER, "no goal"},
        {"map_size=2x2 goal=0x0", 4, P2_ERR_BAD_PARAMETER, "start"},
        {"map_size=2x2 start=2x0 goal=0x0", 4, P2_ERR_BAD_PARAMETER, "start lies outside"},
        {"map_size=2x2 start=0x0 goal=0x2", 4, P2_ERR_BAD_PARAMETER, "goal lies outside"},
        {"map_size=2x2 start=0x0 goal=0x0 goals=1", 8, P2_ERR_BAD_PARAMETER, "one of the two"},
        {"map_size=2x2 goals=1 result=directions agents=1", 16, P2_ERR_BAD_PARAMETER, "no agents"},
        {"map_size=2x2 start=0x0 goal=0x0", 3, P2_ERR_BAD_PARAMETER, "3 bytes"},
        {"map_size=2x2 start=0x0 goal=0x0", 5, P2_ERR_BAD_PARAMETER, "are 4"},
        {"map_size=2x2 start=0x0 goal=0x0 map=open", 4, P2_ERR_BAD_PARAMETER, "are 0"},
        {"map_size=2x2 goals=1 agents=1 obstacles=1", 19, P2_ERR_BAD_PARAMETER, "are 20"},
        {"map_size=2x2 goals=65537 agents=1", 19, P2_ERR_BAD_PARAMETER, "goals"},
        {"map_size=2x2 goals=1 agents=65537", 19, P2_ERR_BAD_PARAMETER, "agents"},
        {"map_size=2x2 goal=0x0 obstacles=4194305", 19, P2_ERR_BAD_PARAMETER, "obstacles"},
        {"map_size=2x2 start=0x0 goal=0x0", UINT64_MAX, P2_ERR_TOO_LARGE, "limit"},
        {"map_size=4096x4096 goal=0x0 result=distances", 1 << 24, P2_ERR_TOO_LARGE, "directions"},
        {"map_size=1024x1024 map=blob goals=1 agents=65536", 4 + 8 * 65536, P2_ERR_TOO_LARGE, "fewer agents"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct prepared p = prepare("ai_pathfinding", cases[i].params, cases[i].payload);
        if (p.code != cases[i].code || !strstr(p.why, cases[i].says)) fail_msg("case %zu: %d %s", i, p.code, p.why);
    }
}

static void path_reaches_its_limits(void **state) {
    (void)state;
    struct prepared p = prepare("path", "map_size=4096x4096 goal=4095x4095 result=directions cost_max=64", 1 << 24);
    assert_int_equal(p.code, P2_OK);
    assert_int_equal(p.cost.result_bytes_max, 1 << 24);
    p = prepare("path", "map_size=16384x1024 start=0x0 goal=16383x1023 steps=16777216", 1 << 24);
    assert_int_equal(p.code, P2_OK);
    p = prepare("path", "map_size=4096x2048 goal=0x0 result=distances", 1 << 23);
    assert_int_equal(p.cost.result_bytes_max, 64u << 20);
    p = prepare("path", "map_size=64x64 map=blob goals=65536 agents=65536 obstacles=4194304 steps=1000",
                65536 * 12 + 4194304 * 4);
    assert_int_equal(p.code, P2_OK);
}

// Answers agree when they are the same bytes; who found a path may differ.
static void path_results_agree_but_for_the_algorithm(void **state) {
    (void)state;
    const struct p2_task_type *t = p2_task_type_find(p2_str("path"));
    struct prepared p = prepare("path", "map_size=2x2 start=0x0 goal=0x0", 4);
    uint8_t a[21] = {0}, b[21] = {0};
    assert_true(t->equal(p.block.bytes, a, 21, b, 21));
    b[16] = PATH_FIELD;
    assert_true(t->equal(p.block.bytes, a, 21, b, 21));
    assert_false(t->equal(p.block.bytes, a, 21, b, 20));
    assert_false(t->equal(p.block.bytes, a, 10, b, 10));
    static const int counted[] = {0, 7, 8, 15, 20};
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        memset(b, 0, sizeof b);
        b[counted[i]] = 1;
        assert_false(t->equal(p.block.bytes, a, 21, b, 21));
    }
}

// ---- the pages in kernels/README.md say what the tables say ----

static char *read_whole(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("cannot open %s", path);
    char *text = calloc(1, 1 << 20);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    assert_true(size > 0);
    fclose(file);
    return text;
}

static void describe(const struct p2_param_spec *s, char *out, size_t capacity) {
    static const char *const kinds[] = {"", "whole number", "number", "text", "whole numbers", "numbers"};
    struct p2_strbuf b;
    p2_strbuf_init(&b, out, capacity);
    p2_strbuf_printf(&b, "| `%s` | ", s->name);
    if (s->count > 1) p2_strbuf_printf(&b, "%u ", s->count);
    p2_strbuf_printf(&b, "%s", kinds[s->kind]);
    if (s->choices) p2_strbuf_printf(&b, ":");
    for (uint32_t i = 0; s->choices && s->choices[i]; i++) p2_strbuf_printf(&b, "%s %s", i ? "," : "", s->choices[i]);
    if (!s->choices && s->kind != P2_PARAM_TEXT) p2_strbuf_printf(&b, ", %g to %g", s->min, s->max);
    p2_strbuf_printf(&b, " | %s | %s |", s->required ? "required" : s->fallback ? s->fallback : "none", s->doc);
    assert_false(b.cut);
}

static const char *readme;

static void documentation_matches_the_tables(void **state) {
    (void)state;
    char *text = read_whole(readme);
    for (uint32_t i = 0; i < p2_task_type_count; i++) {
        const struct p2_task_type *t = p2_task_types[i];
        if (!strstr(text, t->doc)) fail_msg("%s lacks: %s", readme, t->doc);
        for (const struct p2_param_spec *s = t->params; s->name; s++) {
            char line[512];
            describe(s, line, sizeof line);
            if (!strstr(text, line)) fail_msg("%s lacks the line: %s", readme, line);
        }
    }
    free(text);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    readme = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_find_types),
        cmocka_unit_test(size_classes_are_powers_of_two),
        cmocka_unit_test(types_are_complete),
        cmocka_unit_test(known_answers_are_valid),
        cmocka_unit_test(echo_takes_any_payload_up_to_its_limit),
        cmocka_unit_test(upscale_defaults),
        cmocka_unit_test(upscale_chooses_its_filter),
        cmocka_unit_test(upscale_has_sizes_for_its_network),
        cmocka_unit_test(upscale_network_is_the_one_that_was_trained),
        cmocka_unit_test(upscale_result_format_follows_the_payload),
        cmocka_unit_test(upscale_refuses),
        cmocka_unit_test(upscale_reaches_its_limits),
        cmocka_unit_test(upscale_costs_grow_with_the_work),
        cmocka_unit_test(upscale_bounds_cover_the_codecs),
        cmocka_unit_test(upscale_results_agree_within_one_level),
        cmocka_unit_test(path_defaults),
        cmocka_unit_test(path_refuses),
        cmocka_unit_test(path_reaches_its_limits),
        cmocka_unit_test(path_results_agree_but_for_the_algorithm),
        cmocka_unit_test(documentation_matches_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
