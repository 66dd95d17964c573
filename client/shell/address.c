// The list of coordinators in p2c2r_options.
#include <string.h>

#include "base/strbuf.h"
#include "client/shell/client.h"

#define BETWEEN ", \t\r\n"

// "ws://host:port", the port always said, in a form that p2_dial takes.
static bool is_url(const char *url) {
    const char *port = strrchr(url, ':');
    return p2_url_ok(url) && port && port > url + sizeof "ws:" && strspn(port + 1, "0123456789/") == strlen(port + 1);
}

static bool is_known(const struct p2c2r_client *c, const char *url) {
    for (uint32_t i = 0; i < c->line_count; i++) {
        if (strcmp(c->lines[i].url, url) == 0) return true;
    }
    return false;
}

bool p2_client_addresses(struct p2c2r_client *c, const char *list) {
    const char *at = list + strspn(list, BETWEEN);
    struct p2_strbuf all;
    p2_strbuf_init(&all, c->url, sizeof c->url);
    while (*at) {
        size_t n = strcspn(at, BETWEEN);
        if (c->line_count == ROUTE_MAX || n >= CLIENT_URL_BYTES) return false;
        struct line *l = &c->lines[c->line_count];
        *l = (struct line){.client = c, .conn = P2_NO_HANDLE};
        memcpy(l->url, at, n);
        if (!is_url(l->url)) return false;
        at += n;
        at += strspn(at, BETWEEN);
        if (is_known(c, l->url)) continue;
        p2_strbuf_printf(&all, "%s%s", c->line_count ? "," : "", l->url);
        c->line_count++;
    }
    c->line = &c->lines[0];
    return c->line_count > 0;
}
