// The caller's allocator, for the whole process.
#include "p2c2r/memory.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "client/shell/client.h"

static atomic_bool settled; // by the first client or by a call: memory from elsewhere may be about

void p2_memory_settle(void) { atomic_store(&settled, true); }

p2c2r_status p2c2r_set_allocator(const p2c2r_allocator *allocator) {
    p2c2r_allocator a;
    size_t size = 0;
    if (allocator) memcpy(&size, allocator, sizeof size);
    if (!p2_client_take(&a, sizeof a, allocator, size)) return P2C2R_EINVAL;
    if (!a.allocate || !a.allocate_zeroed || !a.reallocate || !a.release) return P2C2R_EINVAL;
    if (atomic_exchange(&settled, true)) return P2C2R_EINVAL;
    p2_mem_hook(&(struct p2_mem_hooks){a.context, a.allocate, a.allocate_zeroed, a.reallocate, a.release});
    if (p2_net_use_mem()) return P2C2R_OK;
    p2_mem_hook(NULL);
    return P2C2R_EINVAL;
}
