#include "peer/executor/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "os/os.h"

// One job in memory like a cell's, so that the way taken is the one that jobs take.
struct trial {
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
    struct p2_task_cost cost;
    uint8_t *in, *out, *expected;
    size_t in_size, out_size;
    cl_mem in_view, out_view;
};

static uint8_t *aligned_bytes(size_t size) {
    size_t rounded;
    if (__builtin_add_overflow(size, DEVICE_VIEW_ALIGN - 1, &rounded)) return NULL;
    rounded -= rounded % DEVICE_VIEW_ALIGN;
    return aligned_alloc(DEVICE_VIEW_ALIGN, rounded ? rounded : DEVICE_VIEW_ALIGN);
}

static void trial_drop(struct trial *t) {
    if (t->in_view) clReleaseMemObject(t->in_view);
    if (t->out_view) clReleaseMemObject(t->out_view);
    free(t->in);
    free(t->out);
    free(t->expected);
}

// A payload of NULL stands for pseudo-random bytes. The trial is to be dropped also when false is returned.
static bool trial_init(struct trial *t, const struct device *d, const struct p2_task_type *type,
                       const struct p2_known_answer *a, struct p2_strbuf *why) {
    memset(t, 0, sizeof *t);
    const struct p2_params params = {a->params, a->param_count};
    if (type->prepare(&params, a->payload_size, t->block, &t->cost, why) != P2_OK) return false;
    t->in_size = a->payload_size;
    t->out_size = (size_t)t->cost.result_bytes_max;
    t->in = aligned_bytes(t->in_size);
    t->out = aligned_bytes(t->out_size);
    if (!t->in || !t->out) {
        p2_strbuf_printf(why, "no memory for a job of %zu bytes", t->in_size);
        return false;
    }
    if (a->payload) {
        memcpy(t->in, a->payload, t->in_size);
    } else {
        struct p2_rng rng;
        p2_rng_init(&rng, 1);
        for (size_t i = 0; i < t->in_size; i++) t->in[i] = (uint8_t)p2_rng_next(&rng);
    }
    // What a kernel leaves unwritten must not pass for an answer.
    memset(t->out, 0xa5, t->out_size);
    t->in_view = device_view(d, t->in, t->in_size);
    t->out_view = device_view(d, t->out, t->out_size);
    return true;
}

static void trial_run(const struct trial *t, struct exec_slot *slot, uint32_t index, const struct exec_type *type,
                      struct slot_outcome *out) {
    const struct slot_job job = {
        .job = {.block = t->block, .in = t->in, .in_size = t->in_size, .out = t->out, .out_capacity = t->out_size},
        .in_view = t->in_view,
        .out_view = t->out_view,
        .in_capacity = t->in_size,
        .deadline_ns = P2_NEVER,
    };
    slot_run(slot, index, type, &job, out);
}

// Of one proof: what is known from an earlier start, and what this one finds.
struct attempt {
    struct proof *proof;
    const struct proof_means *means;
    struct exec_slot *slot;
    uint32_t index;
    bool has_key;
    struct p2_digest key;
    struct verdict earlier, found; // earlier.count 0: there is none
};

static void say_step(const struct attempt *a, const char *step, float part) {
    if (a->means->on_step) a->means->on_step(a->means->arg, step, part);
}

// Not said when an earlier start had it: then it takes no time.
static void say_answer(const struct attempt *a, uint32_t number, uint32_t count) {
    char text[64];
    snprintf(text, sizeof text, "known answer %u of %u", number + 1, count);
    if (a->earlier.count == 0) say_step(a, text, 0.6f + 0.3f * (float)number / (float)count);
}

static bool answer_by_reference(struct trial *t, const struct p2_task_type *type, size_t size) {
    size_t expected_size = 0;
    t->expected = aligned_bytes(t->out_size);
    return t->expected &&
           type->reference(t->block, t->in, t->in_size, t->expected, t->out_size, &expected_size) == P2_OK &&
           type->equal(t->block, t->out, size, t->expected, expected_size);
}

static bool answer_is_right(struct attempt *a, uint32_t number, struct p2_strbuf *why) {
    const struct exec_type *type = a->proof->type;
    struct trial t;
    struct slot_outcome outcome;
    say_answer(a, number, type->type->known_answer_count);
    bool good = trial_init(&t, a->slot->device, type->type, &type->type->known_answers[number], why);
    if (good) {
        trial_run(&t, a->slot, a->index, type, &outcome);
        good = outcome.code == P2_OK;
        if (!good) p2_strbuf_printf(why, "known answer %u: %s", number, outcome.why);
    }
    if (good) {
        struct p2_digest result;
        p2_sha256(t.out, outcome.result_size, &result);
        bool as_before = a->earlier.count && p2_digest_equal(&result, &a->earlier.results[number]);
        if (!as_before) a->proof->known = false;
        if (number < VERDICT_ANSWERS_MAX) a->found.results[number] = result;
        good = as_before || answer_by_reference(&t, type->type, outcome.result_size);
        if (!good) p2_strbuf_printf(why, "known answer %u came out wrong", number);
    }
    trial_drop(&t);
    return good;
}

static uint64_t units_of(const struct exec_type *type, const struct p2_known_answer *a) {
    _Alignas(64) uint8_t block[P2_BLOCK_MAX];
    char text[1];
    struct p2_strbuf none;
    p2_strbuf_init(&none, text, sizeof text);
    struct p2_task_cost cost = {0};
    const struct p2_params params = {a->params, a->param_count};
    return type->type->prepare(&params, a->payload_size, block, &cost, &none) == P2_OK ? cost.units : 0;
}

static struct p2_known_answer bench_job(const struct exec_type *type) {
    if (type->bench_params || type->bench_payload_size) {
        return (struct p2_known_answer){.params = type->bench_params,
                                        .param_count = type->bench_param_count,
                                        .payload_size = type->bench_payload_size};
    }
    const struct p2_known_answer *best = &type->type->known_answers[0];
    for (uint32_t i = 1; i < type->type->known_answer_count; i++) {
        const struct p2_known_answer *a = &type->type->known_answers[i];
        if (units_of(type, a) > units_of(type, best)) best = a;
    }
    return *best;
}

// The best of the runs that fit the budget: what disturbs a run only ever makes it slower.
static bool measure(struct proof *p, uint32_t index, struct exec_slot *slot, struct p2_strbuf *why) {
    struct p2_known_answer job = bench_job(p->type);
    struct trial t;
    struct slot_outcome outcome;
    p2_ns best = P2_NEVER;
    bool good = trial_init(&t, slot->device, p->type->type, &job, why);
    p2_ns start = p2_clock_now(), now = start;
    for (uint32_t since = 0; good && since < MEASURE_SETTLED && now - start < MEASURE_NS; since++) {
        trial_run(&t, slot, index, p->type, &outcome);
        p2_ns after = p2_clock_now();
        p2_ns took = p2_ns_max(after - now, 1);
        if (took < best - best / 20) since = 0;
        best = p2_ns_min(best, took);
        now = after;
        good = outcome.code == P2_OK;
        if (!good) p2_strbuf_printf(why, "measuring: %s", outcome.why);
    }
    if (good) {
        double rate = (double)t.cost.units * 1e9 / (double)best;
        p->units_per_second = rate < 1 ? 1 : rate > 1e18 ? (uint64_t)1e18 : (uint64_t)rate;
    }
    trial_drop(&t);
    return good;
}

static bool warm_up(struct attempt *a, struct p2_strbuf *why) {
    struct slot_outcome outcome;
    slot_warm(a->slot, a->index, a->proof->type, &outcome);
    if (outcome.code != P2_OK) p2_strbuf_printf(why, "warming: %s", outcome.why);
    return outcome.code == P2_OK;
}

static bool test(struct attempt *a, struct p2_strbuf *why) {
    struct proof *p = a->proof;
    uint32_t count = p->type->type->known_answer_count;
    if (!warm_up(a, why)) return false;
    if (count == 0) {
        p2_strbuf_printf(why, "it has no known answer");
        return false;
    }
    p->known = a->earlier.count == count;
    if (!p->known) a->earlier.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!answer_is_right(a, i, why)) return false;
    }
    p->units_per_second = a->earlier.units_per_second;
    if (p->known) return true;
    say_step(a, "measuring", 0.9f);
    if (!measure(p, a->index, a->slot, why)) return false;
    a->found.count = count;
    a->found.units_per_second = p->units_per_second;
    if (a->has_key && count <= VERDICT_ANSWERS_MAX) verdict_store(a->means->cache, &a->key, &a->found);
    return true;
}

struct compiling {
    const struct proof_means *means;
    const struct exec_type *type;
};

static void on_compile(void *arg) {
    const struct compiling *c = arg;
    if (c->means->on_compile) c->means->on_compile(c->means->arg, c->type);
}

void proof_build(struct proof *p, const struct exec_type *type, const struct device *device,
                 const struct proof_means *means) {
    struct p2_strbuf why;
    p2_strbuf_init(&why, p->why, sizeof p->why);
    p2_ns start = p2_clock_now();
    p->type = type;
    if (type->source && !device_is_fake(device)) {
        struct compiling compiling = {means, type};
        struct program_cache cache = *means->cache;
        cache.on_compile = on_compile;
        cache.arg = &compiling;
        (void)program_build(device, &cache, type->source, &p->program, &p->cached, &why);
    }
    p->build_ns = p2_clock_now() - start;
    p->built = true;
}

void proof_make(struct proof *p, const struct exec_type *type, uint32_t index, struct exec_slot *slot,
                const struct proof_means *means) {
    if (!p->built || p->type != type) {
        *p = (struct proof){0};
        proof_build(p, type, slot->device, means);
    }
    p->built = false;
    struct attempt a = {.proof = p, .means = means, .slot = slot, .index = index};
    struct p2_strbuf why;
    p2_ns built = p2_clock_now();
    bool good = !p->why[0];
    if (good) {
        p2_strbuf_init(&why, p->why, sizeof p->why);
        a.has_key = verdict_key(slot->device, type, &a.key);
        if (a.has_key && !means->anew) (void)verdict_load(means->cache, &a.key, &a.earlier);
        good = slot_add_type(slot, index, type, p->program, &why) == P2_OK && test(&a, &why);
    }
    p->offered = good;
    p->test_ns = p2_clock_now() - built;
    if (p->offered) return;
    slot_drop_type(slot, index);
    proof_drop(p);
}

void proof_drop(struct proof *p) {
    if (p->program) clReleaseProgram(p->program);
    p->program = NULL;
}
