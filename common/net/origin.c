// Which web pages may connect. A browser says in Origin where the page that dials comes from, and a page cannot forge
// it; without this check any page a person visits could spend the coordinator on that person's machine (cross-site
// WebSocket hijacking: RFC 6455, section 10.2). Programs that are no browsers send no Origin and are not asked.
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

#define SEPARATORS ", \t"

// The host in "host", "host:port" or "[v6]:port"; false when it is none of these.
static bool host_of(const char *text, char out[static INET6_ADDRSTRLEN + 1]) {
    bool bracketed = *text == '[';
    const char *start = text + bracketed;
    size_t size = strcspn(start, bracketed ? "]" : ":");
    const char *rest = start + size;
    if (bracketed && *rest++ != ']') return false;
    if (size == 0 || size > INET6_ADDRSTRLEN || (*rest && *rest != ':')) return false;
    memcpy(out, start, size);
    out[size] = '\0';
    return rest[strspn(rest, ":0123456789")] == '\0';
}

// By number, or by the one name that browsers never look up.
static bool is_loopback(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcasecmp(host, "localhost") == 0;
}

static bool same_address(const char *a, const char *b) {
    struct in_addr a4, b4;
    struct in6_addr a6, b6;
    if (inet_pton(AF_INET, a, &a4) == 1 && inet_pton(AF_INET, b, &b4) == 1) return a4.s_addr == b4.s_addr;
    if (inet_pton(AF_INET6, a, &a6) != 1 || inet_pton(AF_INET6, b, &b6) != 1) return false;
    return IN6_ARE_ADDR_EQUAL(&a6, &b6);
}

static bool is_listed(const char *list, const char *origin) {
    for (const char *p = list; *p;) {
        p += strspn(p, SEPARATORS);
        size_t word = strcspn(p, SEPARATORS);
        if (word == 1 && *p == '*') return true;
        if (word > 0 && word == strlen(origin) && strncasecmp(p, origin, word) == 0) return true;
        p += word;
    }
    return false;
}

// "null" (files, sandboxed frames: any page can make one) and other schemes (extensions) have no host to go by.
bool p2_origin_allowed(const char *list, const char *origin, const char *host_header) {
    char page[INET6_ADDRSTRLEN + 1], here[INET6_ADDRSTRLEN + 1];
    if (is_listed(list, origin)) return true;
    const char *host = NULL;
    if (strncasecmp(origin, "http://", 7) == 0) host = origin + 7;
    if (strncasecmp(origin, "https://", 8) == 0) host = origin + 8;
    if (!host || !host_of(host, page)) return false;
    if (is_loopback(page)) return true;
    // Not by name: whoever owns a name can let it point here (DNS rebinding), and Host then says the same name.
    return host_of(host_header, here) && same_address(page, here);
}

bool p2_origins_ok(const char *list) {
    if (strlen(list) >= P2_ORIGINS_MAX) return false;
    for (const char *p = list; *p;) {
        p += strspn(p, SEPARATORS);
        size_t word = strcspn(p, SEPARATORS);
        if (word == 0 || (word == 1 && *p == '*')) {
            p += word;
            continue;
        }
        size_t scheme = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
        if (scheme == 0 || strncmp(p + scheme, "://", 3) != 0) return false;
        size_t host = word - scheme - 3;
        if (scheme + 3 >= word || memchr(p + scheme + 3, '/', host)) return false;
        p += word;
    }
    return true;
}

bool p2_loop_allow_origins(struct p2_loop *loop, const char *list) {
    if (!p2_origins_ok(list)) return false;
    snprintf(loop->origins, sizeof loop->origins, "%s", list);
    return true;
}
