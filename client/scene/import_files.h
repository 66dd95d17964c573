// What assimp may open: the file it is to read and, of its folder and those below, what that names.
#ifndef CLIENT_SCENE_IMPORT_FILES_H
#define CLIENT_SCENE_IMPORT_FILES_H

#include <assimp/cfileio.h>

#include "build.h"

// Borrows b, which outlives it.
struct aiFileIO files_below(struct build *b);

#endif
