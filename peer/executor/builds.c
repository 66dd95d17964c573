#include "peer/executor/builds.h"

#include "base/check.h"
#include "os/os.h"

// Builds the next one. Called and returns with the lock.
static void build_next(struct builds *b) {
    uint32_t i = b->next++;
    pthread_mutex_unlock(&b->lock);
    struct proof done = {0};
    proof_build(&done, b->types[i], b->device, b->means);
    pthread_mutex_lock(&b->lock);
    b->proofs[i] = done;
    pthread_cond_broadcast(&b->changed);
}

static void *build_main(void *arg) {
    struct builds *b = arg;
    pthread_mutex_lock(&b->lock);
    while (b->next < b->count) build_next(b);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

void builds_start(struct builds *b, const struct device *device, const struct exec_type *const *types, uint32_t count,
                  struct proof *proofs, const struct proof_means *means) {
    P2_CHECK(count <= SLOT_TYPES_MAX);
    *b = (struct builds){.device = device, .types = types, .count = count, .proofs = proofs, .means = means};
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    // With fewer, or none, it only takes longer.
    uint32_t cpus = p2_cpu_count(), wanted = cpus < BUILDS_THREADS_MAX ? cpus : BUILDS_THREADS_MAX;
    while (b->thread_count < wanted && pthread_create(&b->threads[b->thread_count], NULL, build_main, b) == 0)
        b->thread_count++;
}

// The first that is built and was not given; false when there is none. Called with the lock.
static bool find_built(const struct builds *b, uint32_t *out) {
    for (uint32_t i = 0; i < b->next; i++) {
        *out = i;
        if (b->proofs[i].built && !b->given[i]) return true;
    }
    return false;
}

bool builds_next(struct builds *b, uint32_t *out) {
    pthread_mutex_lock(&b->lock);
    bool found = b->given_count < b->count;
    while (found && !find_built(b, out)) {
        if (b->thread_count == 0)
            build_next(b);
        else
            pthread_cond_wait(&b->changed, &b->lock);
    }
    if (found) {
        b->given[*out] = true;
        b->given_count++;
    }
    pthread_mutex_unlock(&b->lock);
    return found;
}

void builds_end(struct builds *b) {
    pthread_mutex_lock(&b->lock);
    b->next = b->count;
    pthread_mutex_unlock(&b->lock);
    for (uint32_t i = 0; i < b->thread_count; i++) pthread_join(b->threads[i], NULL);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
}
