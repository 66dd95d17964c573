#include "id.h"

#include "hex.h"

bool p2_id_is_zero(const struct p2_id *id) {
    static const struct p2_id zero;
    return p2_id_equal(id, &zero);
}

void p2_id_text(const struct p2_id *id, char out[static P2_ID_TEXT]) { p2_hex_text(id->b, sizeof id->b, out); }

bool p2_id_parse(const char *text, struct p2_id *out) { return p2_hex_parse(text, out->b, sizeof out->b); }
