// Feeds every file of the directories given to a target, where libFuzzer is not there to do it. A finding aborts, after
// the name of the file that caused it.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define INPUT_MAX (8u << 20)

static int feed(const char *path) {
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);
    if (!f || !bytes) {
        perror(path);
        exit(1);
    }
    size_t size = fread(bytes, 1, INPUT_MAX, f);
    fclose(f);
    fprintf(stderr, "%s\n", path);
    uint8_t *exact = malloc(size ? size : 1); // a sanitizer sees any step beyond it
    if (!exact) exit(1);
    for (size_t i = 0; i < size; i++) exact[i] = bytes[i];
    free(bytes);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

int main(int argc, char **argv) {
    int fed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *d = opendir(argv[i]);
        for (struct dirent *entry; d && (entry = readdir(d));) {
            char path[1024];
            if (entry->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            fed += feed(path);
        }
        if (d) closedir(d);
    }
    printf("%d inputs\n", fed);
    return fed ? 0 : 1; // an empty corpus proves nothing
}
