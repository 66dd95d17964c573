#include "fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

static char folder[64];

const char *fixture_folder(void) {
    if (folder[0]) return folder;
    snprintf(folder, sizeof folder, "/tmp/p2c2r-test-XXXXXX");
    P2_CHECK(mkdtemp(folder));
    unsetenv("POCL_CACHE_DIR");
    P2_CHECK(device_prepare_cache(folder) == P2_OK);
    return folder;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void fixture_remove(void) {
    if (folder[0]) nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    folder[0] = 0;
}

bool fixture_open(struct device *d) {
    fixture_folder();
    char text[160];
    struct p2_strbuf why;
    p2_strbuf_init(&why, text, sizeof text);
    return device_open(d, 0, &why) == P2_OK;
}
