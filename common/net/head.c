#include "net/head.h"

#include <ctype.h>
#include <libwebsockets.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"

#define SHA1_BYTES 20u

static const char key_suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, section 1.3

size_t p2_head_end(const uint8_t *text, size_t size) {
    static const char blank[] = "\r\n\r\n";
    const uint8_t *end = memmem(text, size, blank, sizeof blank - 1);
    return end ? (size_t)(end - text) + sizeof blank - 1 : 0;
}

bool p2_head_is(const struct p2_head_part *part, const char *text) {
    return part->size == strlen(text) && strncasecmp(part->at, text, part->size) == 0;
}

static bool is_exactly(const struct p2_head_part *part, const char *text) {
    return part->size == strlen(text) && memcmp(part->at, text, part->size) == 0;
}

bool p2_head_lists(const struct p2_head_part *part, const char *word, bool exactly) {
    for (size_t at = 0; at < part->size;) {
        const char *from = part->at + at;
        const char *comma = memchr(from, ',', part->size - at);
        struct p2_head_part one = {from, comma ? (size_t)(comma - from) : part->size - at};
        at += one.size + 1;
        while (one.size > 0 && (*one.at == ' ' || *one.at == '\t')) one.at++, one.size--;
        while (one.size > 0 && (one.at[one.size - 1] == ' ' || one.at[one.size - 1] == '\t')) one.size--;
        if (exactly ? is_exactly(&one, word) : p2_head_is(&one, word)) return true;
    }
    return false;
}

// ---- parsing --------------------------------------------------------------------------------------------------------

static bool is_token(const struct p2_head_part *part) {
    for (size_t i = 0; i < part->size; i++) {
        unsigned char c = (unsigned char)part->at[i];
        if (!isalnum(c) && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c))) return false;
    }
    return part->size > 0;
}

static bool is_text(const struct p2_head_part *part) {
    for (size_t i = 0; i < part->size; i++) {
        unsigned char c = (unsigned char)part->at[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

// The next line, without its end. False when there is none that ends as lines do.
static bool next_line(struct p2_head_part *rest, struct p2_head_part *line) {
    const char *end = memmem(rest->at, rest->size, "\r\n", 2);
    if (!end) return false;
    *line = (struct p2_head_part){rest->at, (size_t)(end - rest->at)};
    rest->size -= line->size + 2;
    rest->at = end + 2;
    return true;
}

// Takes what stands before the next blank.
static struct p2_head_part next_word(struct p2_head_part *line) {
    const char *blank = memchr(line->at, ' ', line->size);
    struct p2_head_part word = {line->at, blank ? (size_t)(blank - line->at) : line->size};
    size_t skip = word.size + (blank ? 1 : 0);
    line->at += skip;
    line->size -= skip;
    return word;
}

// Of what may be said in several lines, the first stays: sub-protocols and the like that come later are not seen. What
// decides who may connect, or to whom, is not said twice.
static bool keep(struct p2_head *h, const struct p2_head_part *name, const struct p2_head_part *value) {
    const struct {
        const char *name;
        struct p2_head_part *to;
        bool once;
    } known[] = {{"Upgrade", &h->upgrade, false},
                 {"Connection", &h->connection, false},
                 {"Sec-WebSocket-Key", &h->key, true},
                 {"Sec-WebSocket-Accept", &h->accept, true},
                 {"Sec-WebSocket-Version", &h->version, true},
                 {"Sec-WebSocket-Protocol", &h->protocol, false},
                 {"Sec-WebSocket-Extensions", &h->extensions, false},
                 {"Origin", &h->origin, false},
                 {"Host", &h->host, false}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!p2_head_is(name, known[i].name)) continue;
        bool twice = known[i].to->at != NULL;
        if (twice && known[i].once) return false;
        if (twice && known[i].to == &h->origin) h->origin_twice = true;
        if (twice && known[i].to == &h->host) h->host_twice = true;
        if (!twice) *known[i].to = *value;
    }
    return true;
}

static bool parse_fields(struct p2_head_part *rest, struct p2_head *h) {
    struct p2_head_part line;
    while (next_line(rest, &line)) {
        if (line.size == 0) return rest->size == 0;
        const char *colon = memchr(line.at, ':', line.size);
        if (!colon) return false;
        struct p2_head_part name = {line.at, (size_t)(colon - line.at)};
        struct p2_head_part value = {colon + 1, line.size - name.size - 1};
        while (value.size > 0 && (*value.at == ' ' || *value.at == '\t')) value.at++, value.size--;
        while (value.size > 0 && (value.at[value.size - 1] == ' ' || value.at[value.size - 1] == '\t')) value.size--;
        if (!is_token(&name) || !is_text(&value) || !keep(h, &name, &value)) return false;
    }
    return false;
}

bool p2_head_request(const char *text, size_t size, struct p2_head *out) {
    struct p2_head_part rest = {text, size}, line;
    *out = (struct p2_head){.status = 0};
    if (!next_line(&rest, &line)) return false;
    out->method = next_word(&line);
    struct p2_head_part target = next_word(&line);
    if (!is_token(&out->method) || target.size == 0 || *target.at != '/' || !is_text(&target)) return false;
    if (!p2_head_is(&line, "HTTP/1.1") && !p2_head_is(&line, "HTTP/1.0")) return false;
    const char *query = memchr(target.at, '?', target.size);
    out->path = (struct p2_head_part){target.at, query ? (size_t)(query - target.at) : target.size};
    return parse_fields(&rest, out);
}

bool p2_head_answer(const char *text, size_t size, struct p2_head *out) {
    struct p2_head_part rest = {text, size}, line;
    *out = (struct p2_head){.status = 0};
    if (!next_line(&rest, &line)) return false;
    struct p2_head_part version = next_word(&line), status = next_word(&line);
    if (!p2_head_is(&version, "HTTP/1.1") || status.size != 3) return false;
    for (size_t i = 0; i < 3; i++) {
        if (!isdigit((unsigned char)status.at[i])) return false;
        out->status = out->status * 10 + (unsigned)(status.at[i] - '0');
    }
    return is_text(&line) && parse_fields(&rest, out);
}

// ---- the handshake --------------------------------------------------------------------------------------------------

// 16 bytes in base64, whose last character before the padding has but two bits.
static bool is_key(const struct p2_head_part *key) {
    if (key->size != P2_HEAD_KEY_BYTES || key->at[22] != '=' || key->at[23] != '=') return false;
    for (size_t i = 0; i < 22; i++) {
        unsigned char c = (unsigned char)key->at[i];
        if (!isalnum(c) && c != '+' && c != '/') return false;
    }
    return true;
}

bool p2_head_wants_websocket(const struct p2_head *h) {
    return p2_head_is(&h->method, "GET") && p2_head_lists(&h->upgrade, "websocket", false) &&
           p2_head_lists(&h->connection, "Upgrade", false) && p2_head_is(&h->version, "13") && is_key(&h->key);
}

bool p2_head_accepts(const struct p2_head *h, const char key[static P2_HEAD_KEY_BYTES + 1], const char *protocol) {
    char accept[P2_HEAD_ACCEPT_BYTES + 1];
    p2_head_accept(key, accept);
    return h->status == 101 && p2_head_is(&h->upgrade, "websocket") &&
           p2_head_lists(&h->connection, "Upgrade", false) && is_exactly(&h->accept, accept) &&
           is_exactly(&h->protocol, protocol) && h->extensions.size == 0;
}

// lws wants one byte more than it writes.
static void base64(const uint8_t *bytes, size_t size, char *out, size_t out_size) {
    char text[P2_HEAD_ACCEPT_BYTES + 2];
    int n = lws_b64_encode_string((const char *)bytes, (int)size, text, sizeof text);
    P2_CHECK(n == (int)out_size);
    memcpy(out, text, out_size + 1);
}

void p2_head_key(const uint8_t nonce[static P2_HEAD_NONCE_BYTES], char out[static P2_HEAD_KEY_BYTES + 1]) {
    base64(nonce, P2_HEAD_NONCE_BYTES, out, P2_HEAD_KEY_BYTES);
}

void p2_head_accept(const char key[static P2_HEAD_KEY_BYTES], char out[static P2_HEAD_ACCEPT_BYTES + 1]) {
    uint8_t text[P2_HEAD_KEY_BYTES + sizeof key_suffix - 1];
    unsigned char digest[SHA1_BYTES];
    memcpy(text, key, P2_HEAD_KEY_BYTES);
    memcpy(text + P2_HEAD_KEY_BYTES, key_suffix, sizeof key_suffix - 1);
    lws_SHA1(text, sizeof text, digest);
    base64(digest, sizeof digest, out, P2_HEAD_ACCEPT_BYTES);
}
