#include "client/play/window.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <SDL.h>

// What is used of SDL2; its interface has kept these since 2.0.5.
#define POINTER(name) __typeof__(SDL_##name) *name
struct sdl {
    POINTER(Init);
    POINTER(Quit);
    POINTER(GetError);
    POINTER(GetCurrentVideoDriver);
    POINTER(CreateWindow);
    POINTER(DestroyWindow);
    POINTER(CreateRenderer);
    POINTER(DestroyRenderer);
    POINTER(CreateTexture);
    POINTER(DestroyTexture);
    POINTER(UpdateTexture);
    POINTER(RenderClear);
    POINTER(RenderCopy);
    POINTER(RenderPresent);
    POINTER(RenderSetLogicalSize);
    POINTER(PollEvent);
    POINTER(GetKeyboardState);
    POINTER(SetHint);
};

#define NAMED(name)                                                                                                    \
    { "SDL_" #name, offsetof(struct sdl, name) }
static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    NAMED(Init),
    NAMED(Quit),
    NAMED(GetError),
    NAMED(GetCurrentVideoDriver),
    NAMED(CreateWindow),
    NAMED(DestroyWindow),
    NAMED(CreateRenderer),
    NAMED(DestroyRenderer),
    NAMED(CreateTexture),
    NAMED(DestroyTexture),
    NAMED(UpdateTexture),
    NAMED(RenderClear),
    NAMED(RenderCopy),
    NAMED(RenderPresent),
    NAMED(RenderSetLogicalSize),
    NAMED(PollEvent),
    NAMED(GetKeyboardState),
    NAMED(SetHint),
};

struct window {
    void *library;
    struct sdl sdl;
    bool begun;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    int row_bytes;
};

static bool load(struct window *win, struct p2_strbuf *why) {
    win->library = dlopen("libSDL2-2.0.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!win->library) {
        p2_strbuf_printf(why, "a window needs SDL2, which is not here: install libsdl2-2.0-0, or play with --headless");
        return false;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = dlsym(win->library, functions[i].name);
        if (!found) {
            p2_strbuf_printf(why, "the SDL2 that is here lacks %s", functions[i].name);
            return false;
        }
        memcpy((char *)&win->sdl + functions[i].offset, &found, sizeof found);
    }
    return true;
}

static bool begin(struct window *win, const char *title, int w, int h, int scale) {
    const struct sdl *sdl = &win->sdl;
    sdl->SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1"); // Ctrl-C ends it as it ends any program
    win->begun = sdl->Init(SDL_INIT_VIDEO) == 0;
    if (!win->begun) return false;
    win->window = sdl->CreateWindow(title, SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, w * scale, h * scale,
                                    SDL_WINDOW_RESIZABLE);
    if (win->window) win->renderer = sdl->CreateRenderer(win->window, -1, 0); // without waiting for the screen
    if (win->renderer)
        win->texture = sdl->CreateTexture(win->renderer, SDL_PIXELFORMAT_RGB24, SDL_TEXTUREACCESS_STREAMING, w, h);
    win->row_bytes = 3 * w;
    return win->texture && sdl->RenderSetLogicalSize(win->renderer, w, h) == 0;
}

// Where there is no screen SDL2 takes to drawing into memory, which is nothing to play on unless it was asked for.
static bool is_unseen(const struct window *win) {
    const char *driver = win->sdl.GetCurrentVideoDriver();
    return driver && strcmp(driver, "offscreen") == 0 && !getenv("SDL_VIDEODRIVER");
}

struct window *window_open(const char *title, uint32_t w, uint32_t h, uint32_t scale, struct p2_strbuf *why) {
    struct window *win = calloc(1, sizeof *win);
    if (!win) {
        p2_strbuf_printf(why, "memory is short");
        return NULL;
    }
    if (load(win, why)) {
        const bool begun = begin(win, title, (int)w, (int)h, (int)scale);
        if (begun && !is_unseen(win)) return win;
        if (begun)
            p2_strbuf_printf(why, "there is no screen here: play with --headless");
        else
            p2_strbuf_printf(why, "there is no window to be had (%s): play with --headless", win->sdl.GetError());
    }
    window_close(&win);
    return NULL;
}

void window_close(struct window **win) {
    struct window *w = *win;
    if (!w) return;
    *win = NULL;
    if (w->texture) w->sdl.DestroyTexture(w->texture);
    if (w->renderer) w->sdl.DestroyRenderer(w->renderer);
    if (w->window) w->sdl.DestroyWindow(w->window);
    if (w->begun) w->sdl.Quit();
    free(w); // the library stays: drivers it has loaded may not be unloaded
}

static void press(SDL_Scancode key, struct window_keys *out) {
    switch (key) {
    case SDL_SCANCODE_ESCAPE: out->end = true; break;
    case SDL_SCANCODE_O: out->offload = true; break;
    case SDL_SCANCODE_L: out->lag = true; break;
    case SDL_SCANCODE_Q: out->quality = true; break;
    case SDL_SCANCODE_SPACE: out->rain = true; break;
    case SDL_SCANCODE_H: out->hide = true; break;
    case SDL_SCANCODE_P: out->picture = true; break;
    default: break;
    }
}

void window_keys(struct window *win, struct window_keys *out) {
    *out = (struct window_keys){0};
    SDL_Event e;
    while (win->sdl.PollEvent(&e)) {
        if (e.type == SDL_QUIT) out->end = true;
        if (e.type == SDL_KEYDOWN && !e.key.repeat) press(e.key.keysym.scancode, out);
    }
    const Uint8 *held = win->sdl.GetKeyboardState(NULL);
    out->east = (float)(held[SDL_SCANCODE_RIGHT] - held[SDL_SCANCODE_LEFT]);
    out->south = (float)(held[SDL_SCANCODE_DOWN] - held[SDL_SCANCODE_UP]);
}

void window_show(struct window *win, const uint8_t *rgb) {
    const struct sdl *sdl = &win->sdl;
    sdl->UpdateTexture(win->texture, NULL, rgb, win->row_bytes);
    sdl->RenderClear(win->renderer);
    sdl->RenderCopy(win->renderer, win->texture, NULL, NULL);
    sdl->RenderPresent(win->renderer);
}
