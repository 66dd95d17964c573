// The public header with nothing before it, as C11.
#include "p2c2r/p2c2r.h"

int main(void) {
    p2c2r_options options = {.size = sizeof options, .coordinator = "no address"};
    p2c2r_client *client = p2c2r_create(&options);
    p2c2r_destroy(&client);
    return client ? 1 : p2c2r_version()[0] == 0;
}
