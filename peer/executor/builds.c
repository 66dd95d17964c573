#include "peer/executor/builds.h"

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
    *b = (struct builds){.device = device, .types = types, .count = count, .proofs = proofs, .means = means};
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    uint32_t cpus = p2_cpu_count(), wanted = cpus > 1 ? cpus - 1 : 0;
    if (wanted > BUILDS_THREADS_MAX) wanted = BUILDS_THREADS_MAX;
    // With fewer, or none, it only takes longer.
    while (b->thread_count < wanted && pthread_create(&b->threads[b->thread_count], NULL, build_main, b) == 0)
        b->thread_count++;
}

void builds_wait(struct builds *b, uint32_t i) {
    pthread_mutex_lock(&b->lock);
    while (!b->proofs[i].built) {
        if (b->next <= i)
            build_next(b);
        else
            pthread_cond_wait(&b->changed, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
}

void builds_end(struct builds *b) {
    pthread_mutex_lock(&b->lock);
    b->next = b->count;
    pthread_mutex_unlock(&b->lock);
    for (uint32_t i = 0; i < b->thread_count; i++) pthread_join(b->threads[i], NULL);
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
}
