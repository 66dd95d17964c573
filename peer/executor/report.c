#include "peer/executor/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/conf.h"
#include "os/os.h"
#include "peer/executor/run.h"

#define KEEP_PERCENT 25u // as of p2c2r-peer when nobody says otherwise

// Names are printable ASCII already.
static void print_json_text(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static struct device_info *list_all(const char *cache_dir, uint32_t *count_out) {
    *count_out = 0;
    if (device_prepare_cache(cache_dir) != P2_OK) {
        fprintf(stderr, "p2c2r-executor: the cache directory %s cannot be written\n", cache_dir);
        return NULL;
    }
    struct device_info *all = calloc(DEVICES_MAX, sizeof *all);
    if (all) *count_out = device_list(all, DEVICES_MAX);
    return all;
}

int report_list(const char *cache_dir) {
    uint32_t count;
    struct device_info *all = list_all(cache_dir, &count);
    if (!all) return P2_EXIT_FAILED;
    for (uint32_t i = 0; i < count; i++) {
        printf("{\"index\":%u,\"kind\":\"%s\",\"name\":", i, device_kind_name(all[i].kind));
        print_json_text(all[i].name);
        printf(",\"driver\":");
        print_json_text(all[i].driver);
        printf(",\"memory_bytes\":%llu,\"compute_units\":%u,\"slots\":%u}\n",
               (unsigned long long)all[i].facts.memory_bytes, all[i].facts.compute_units, all[i].slots);
    }
    free(all);
    return fflush(stdout) == 0 ? P2_EXIT_OK : P2_EXIT_FAILED;
}

static void print_proof(const struct device_info *info, const char *number, const struct proof *p) {
    printf("%s %s (%s): %s: ", number, info->name, device_kind_name(info->kind), p->type->type->name);
    if (p->offered) {
        printf("ok, build %.0f ms%s, test %.0f ms, %.3g %s/s\n", (double)p->build_ns / 1e6,
               p->cached ? " (cached)" : "", (double)p->test_ns / 1e6, (double)p->units_per_second,
               p->type->type->unit);
    } else {
        printf("withheld: %s\n", p->why);
    }
    fflush(stdout);
}

// True when every type is offered.
static bool test_device(const struct serve_options *o, bool fake, uint32_t index) {
    char text[WORD_TEXT] = "", number[16];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    snprintf(number, sizeof number, "%u", index);
    if (fake) snprintf(number, sizeof number, "fake");
    struct device device;
    struct runner *runner = calloc(1, sizeof *runner);
    struct proof *proof = calloc(1, sizeof *proof);
    if (fake) device_open_fake(&device);
    bool opened = runner && proof && (fake || device_open(&device, index, &why) == P2_OK);
    bool good = opened && runner_init(runner, &device, KEEP_PERCENT, &why) == P2_OK;
    if (!good) printf("%s: %s\n", number, text[0] ? text : "no memory");
    struct program_cache cache = {""};
    if (!fake) program_cache_init(&cache, o->cache_dir);
    const struct proof_means means = {.cache = &cache, .anew = true};
    bool ran = good;
    for (uint32_t i = 0; ran && i < o->type_count; i++) {
        proof_make(proof, o->types[i], i, runner_first_slot(runner), &means);
        print_proof(&device.info, number, proof);
        if (!proof->offered) good = false;
        slot_drop_type(runner_first_slot(runner), i);
        proof_drop(proof);
    }
    if (ran) runner_deinit(runner);
    if (opened) device_close(&device);
    free(proof);
    free(runner);
    return good;
}

int report_selftest(const struct serve_options *o, bool one_device) {
    if (one_device && o->fake) return test_device(o, true, 0) ? P2_EXIT_OK : P2_EXIT_FAILED;
    uint32_t count;
    struct device_info *all = list_all(o->cache_dir, &count);
    free(all);
    if (one_device) return test_device(o, false, o->device) ? P2_EXIT_OK : P2_EXIT_FAILED;
    bool good = count > 0;
    if (!good) printf("no OpenCL device\n");
    for (uint32_t i = 0; i < count; i++) {
        if (!test_device(o, false, i)) good = false;
    }
    return good ? P2_EXIT_OK : P2_EXIT_FAILED;
}
